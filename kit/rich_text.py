"""Rich text: what somebody wrote with its formatting, as safe HTML and as plain text; pure.

Only tags that Matrix names for messages stay (client-server API, "m.room.message msgtypes"), without attributes but for
where a link leads. Nothing is loaded from anywhere: pictures go.
"""

from __future__ import annotations

import html
from html.parser import HTMLParser
from typing import Final

from kit.identifiers import is_hidden

LONGEST: Final = 60_000
"""Characters that are read, and that come out."""
_LINES: Final = frozenset(
    {"blockquote", "br", "hr", "li", "ol", "p", "pre", "table", "tr", "ul", *(f"h{level}" for level in range(1, 7))}
)
_TAGS: Final = _LINES | {
    *("a", "b", "code", "del", "em", "i", "s", "strong", "sub", "sup", "tbody", "td", "th", "thead", "u"),
}
_EMPTY: Final = frozenset({"br", "hr"})
_UNSAID: Final = frozenset({"mx-reply", "script", "style", "title", "template"})
"""Tags that go with all that is in them."""
_LINKS: Final = ("https://", "http://", "mailto:", "matrix:")
_LONGEST_LINK: Final = 2_000
_DEEPEST: Final = 40


def cleaned(written: str) -> str:
    """Return somebody's HTML as HTML that may be shown: every tag is closed, all else is escaped."""
    return _read(written).html()


def plain(written: str) -> str:
    """Return what somebody's HTML says, without any tag."""
    return _read(written).plain()


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._html: list[str] = []
        self._plain: list[str] = []
        self._open: list[str] = []
        self._unsaid = 0
        self._length = 0

    def html(self) -> str:
        return "".join([*self._html, *(f"</{tag}>" for tag in reversed(self._open))])

    def plain(self) -> str:
        lines = "".join(self._plain).split("\n")
        return "\n".join(line.strip() for line in lines).strip()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _UNSAID:
            self._unsaid += 1
        if self._unsaid or tag not in _TAGS or len(self._open) >= _DEEPEST:
            return
        if tag in _LINES:
            self._plain.append("\n")
        if tag in _EMPTY:
            self._put(f"<{tag}>")
            return
        where = next((value for name, value in attrs if name == "href" and value), "") if tag == "a" else ""
        good = where.lower().startswith(_LINKS) and len(where) <= _LONGEST_LINK and not any(map(is_hidden, where))
        if self._put(f'<a href="{html.escape(where)}">' if good else f"<{tag}>"):
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in _UNSAID:
            self._unsaid = max(0, self._unsaid - 1)
        if self._unsaid or tag not in self._open:
            return
        while True:
            closed = self._open.pop()
            self._html.append(f"</{closed}>")
            if closed in _LINES:
                self._plain.append("\n")
            if closed == tag:
                return

    def handle_data(self, data: str) -> None:
        if self._unsaid:
            return
        said = "".join(one for one in data if one in "\n\t" or not is_hidden(one))
        if self._put(html.escape(said, quote=False)):
            self._plain.append(said)

    def _put(self, part: str) -> bool:
        self._length += len(part)
        if self._length > LONGEST:
            return False
        self._html.append(part)
        return True


def _read(written: str) -> _Reader:
    reader = _Reader()
    reader.feed(written[:LONGEST])
    reader.close()
    return reader
