"""Rich text: what somebody wrote with its formatting, as safe HTML and as plain text; pure.

Only tags that Matrix names for messages stay (client-server API, "m.room.message msgtypes"), without attributes but for
where a link leads. Nothing is loaded from anywhere: pictures go. What is odd costs no more than what is not: each
character is looked at a bounded number of times (Python's own reader of HTML takes seconds for some of them).
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from typing import Final, NamedTuple

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
_RAW: Final = frozenset({"script", "style"})
"""Tags in which nothing else is one."""
_TAG: Final = re.compile(r"</?([A-Za-z][A-Za-z0-9-]{0,30})(?=[\s/>])", re.ASCII)
_NEXT: Final = re.compile(r"=\s*([\"'])|>", re.ASCII)
"""What comes next in a tag: a value in quotes, or its end."""
_HREF: Final = re.compile(r"\shref\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'>]+))", re.ASCII | re.IGNORECASE)


def cleaned(written: str) -> str:
    """Return somebody's HTML as HTML that may be shown: every tag is closed, all else is escaped."""
    return _read(written).html()


def plain(written: str) -> str:
    """Return what somebody's HTML says, without any tag."""
    return _read(written).plain()


class _Tag(NamedTuple):
    """A tag; ``href``: where a link leads."""

    name: str
    opens: bool
    href: str


class _Reader:
    def __init__(self) -> None:
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

    def opened(self, tag: str, where: str) -> None:
        if tag in _UNSAID:
            self._unsaid += 1
        if self._unsaid or tag not in _TAGS or len(self._open) >= _DEEPEST:
            return
        if tag in _LINES:
            self._plain.append("\n")
        if tag in _EMPTY:
            self._put(f"<{tag}>")
            return
        good = where.lower().startswith(_LINKS) and len(where) <= _LONGEST_LINK and not any(map(is_hidden, where))
        if self._put(f'<a href="{html.escape(where)}">' if good else f"<{tag}>"):
            self._open.append(tag)

    def closed(self, tag: str) -> None:
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

    def said(self, data: str) -> None:
        if self._unsaid:
            return
        shown = "".join(one for one in html.unescape(data) if one in "\n\t" or not is_hidden(one))
        if self._put(html.escape(shown, quote=False)):
            self._plain.append(shown)

    def _put(self, part: str) -> bool:
        self._length += len(part)
        if self._length > LONGEST:
            return False
        self._html.append(part)
        return True


def _read(written: str) -> _Reader:
    reader = _Reader()
    for part in _parts(written[:LONGEST]):
        if isinstance(part, str):
            reader.said(part)
        elif part.opens:
            reader.opened(part.name, part.href)
        else:
            reader.closed(part.name)
    return reader


def _parts(written: str) -> Iterator[str | _Tag]:
    """Give what is said and the tags between; whatever never ends is said as it stands, or is a comment to the end."""
    at = 0
    while at < len(written):
        begins = written.find("<", at)
        if begins < 0:
            break
        if begins > at:
            yield written[at:begins]
        if written.startswith("<!--", begins):
            ends = written.find("-->", begins + 4)
            if ends < 0:
                return
            at = ends + 3
            continue
        found = _TAG.match(written, begins)
        if found is None:
            yield "<"
            at = begins + 1
            continue
        ends = _end_of_tag(written, found.end())
        if ends < 0:
            at = begins
            break
        name, opens = found[1].lower(), written[begins + 1] != "/"
        yield _Tag(name, opens, _href(written[found.end() : ends]) if name == "a" and opens else "")
        at = ends + 1
        if opens and name in _RAW:
            closing = re.compile(f"</{name}", re.ASCII | re.IGNORECASE).search(written, at)
            if closing is None:
                return
            at = closing.start()
    yield written[at:]


def _end_of_tag(written: str, at: int) -> int:
    """Return where the tag ends, of which the name ended at ``at``; -1 where it does not."""
    while (found := _NEXT.search(written, at)) is not None:
        if found[1] is None:
            return found.start()
        at = written.find(found[1], found.end()) + 1
        if not at:
            return -1
    return -1


def _href(attributes: str) -> str:
    found = _HREF.search(attributes[: 2 * _LONGEST_LINK])
    return "" if found is None else html.unescape(next(one for one in found.groups() if one is not None))
