"""Messages: a plain text and its HTML twin, made from one template; all foreign text is escaped and isolated.

Templates know four marks: ``**bold**``, ```code```, a line that begins with ``- `` (a list item) and the line break.
Values are put in after the marks are read, so a value can never become a mark, a tag or the direction of other text.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass

from kit.identifiers import isolate

LONGEST_MESSAGE = 5_000
"""Characters of a message's plain text; the rest is cut. Matrix allows 65,536 bytes for a whole event, both twins and
their encryption included."""
_LONGEST_HTML = 16_000
LONGEST_FOREIGN = 300
"""Characters shown of any text that somebody else chose; a Matrix id is at most 255 bytes."""

_MARKS = re.compile(r"\*\*(.+?)\*\*|`([^`\n]+)`")
_HOLE = re.compile(r"\{([a-z_]+)\}")
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")


@dataclass(frozen=True, slots=True)
class Message:
    """What a person reads: ``plain`` for clients without HTML, ``html`` in Matrix's subset of it."""

    plain: str
    html: str


@dataclass(frozen=True, slots=True)
class Safe:
    """A text of our own making (a number, a date, a link that we made): put in as it is, yet escaped in HTML."""

    text: str


@dataclass(frozen=True, slots=True)
class Link:
    """A link of our own making, shown whole so that it can be checked and copied."""

    url: str


@dataclass(frozen=True, slots=True)
class Literal:
    """Something to be typed or compared letter by letter (a command, a code): monospaced where that can be shown."""

    text: str


Value = str | int | Safe | Link | Literal | Message
"""What may fill a hole. A bare ``str`` counts as foreign: it is cut, isolated and escaped."""


def foreign(text: str) -> str:
    """Return somebody else's text fit to stand in ours: no control characters, cut to ``LONGEST_FOREIGN``, isolated."""
    single = _CONTROLS.sub("\N{REPLACEMENT CHARACTER}", text.replace("\n", " ").replace("\t", " "))
    if len(single) > LONGEST_FOREIGN:
        single = single[: LONGEST_FOREIGN - 1] + "…"
    return isolate(single)


def render(template: str, values: Mapping[str, Value] | None = None) -> Message:
    """Fill the holes of ``template`` (``{name}``) and give both twins; an unknown hole raises ``KeyError``."""
    filled = values or {}
    plain = _HOLE.sub(lambda hole: _plain(filled[hole.group(1)]), _MARKS.sub(_without_marks, template))
    marked = _MARKS.sub(_with_tags, html.escape(template, quote=False))
    rich = _HOLE.sub(lambda hole: _html(filled[hole.group(1)]), _lines(marked))
    return _cut(Message(plain.strip("\n"), rich))


def block(text: str) -> Message:
    """Show a text of several lines letter by letter, as a document is."""
    return Message(text, f"<pre><code>{html.escape(text)}</code></pre>")


def join(messages: list[Message]) -> Message:
    """Put messages under one another, with an empty line between."""
    return _cut(Message("\n\n".join(m.plain for m in messages), "".join(_paragraph(m.html) for m in messages)))


def _cut(message: Message) -> Message:
    if len(message.plain) <= LONGEST_MESSAGE and len(message.html) <= _LONGEST_HTML:
        return message
    plain = message.plain
    if len(plain) > LONGEST_MESSAGE:
        plain = plain[: LONGEST_MESSAGE - 1] + "…"
    return Message(plain, html.escape(plain, quote=False).replace("\n", "<br>"))


def _paragraph(rich: str) -> str:
    held = any(tag in rich for tag in ("<p>", "<ul>", "<pre>"))  # none may stand in a paragraph
    return rich if held else f"<p>{rich}</p>"


def _without_marks(mark: re.Match[str]) -> str:
    return mark.group(1) or mark.group(2)


def _with_tags(mark: re.Match[str]) -> str:
    return f"<strong>{mark.group(1)}</strong>" if mark.group(1) else f"<code>{mark.group(2)}</code>"


def _lines(marked: str) -> str:
    """Turn line breaks into ``<br>`` and runs of ``- `` lines into lists."""
    parts: list[str] = []
    items: list[str] = []
    texts: list[str] = []
    for line in marked.strip("\n").split("\n"):
        if line.startswith("- "):
            if texts:
                parts.append("<br>".join(texts))
                texts = []
            items.append(f"<li>{line[2:]}</li>")
            continue
        if items:
            parts.append("<ul>" + "".join(items) + "</ul>")
            items = []
        texts.append(line)
    if items:
        parts.append("<ul>" + "".join(items) + "</ul>")
    if texts:
        parts.append("<br>".join(texts))
    return "".join(parts)


def _plain(value: Value) -> str:
    match value:
        case Message():
            return value.plain
        case Safe() | Literal():
            return value.text
        case Link():
            return value.url
        case int():
            return str(value)
        case str():
            return foreign(value)


def _html(value: Value) -> str:
    match value:
        case Message():
            return value.html
        case Safe():
            return html.escape(value.text)
        case Literal():
            return f"<code>{html.escape(value.text)}</code>"
        case Link():
            target = html.escape(value.url)
            return f'<a href="{target}">{target}</a>'
        case int():
            return str(value)
        case str():
            return html.escape(foreign(value))
