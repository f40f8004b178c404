"""Documents in words: a door, a filter or protections after they were set or undone, as written, and the versions."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from app.wording import rules
from app.wording.catalogue import marked
from app.wording.message import LONGEST_MESSAGE, Literal, Message, block, join
from app.wording.reader import Reader
from reputation.filter_presets import NOTHING
from reputation.model import Door
from reputation.policy import Document, DoorDocument, FilterDocument, ProtectionsDocument
from reputation.policy_changes import changes
from reputation.policy_doors import document_of
from reputation.protections.presets import NOTHING as NO_PROTECTIONS
from reputation.versions import Version

_PREFIX: Final = "!earnest"
"""Before commands of management rooms, where protections are set."""
LONGEST_SHOWN: Final = 3_000
"""Characters of a document that is shown in the chat."""
_MOST_VERSIONS: Final = 8
_LONGEST_CONDITION: Final = 150
"""Characters of a condition in a sentence; the document has all of them."""


_Document = TypeVar("_Document", DoorDocument, FilterDocument, ProtectionsDocument)


@dataclass(frozen=True, slots=True)
class _Kind:
    """What is said of documents of one kind, and the commands that are for them."""

    was: str
    never: str
    how: str
    """How a document is sent back."""
    path: str | None
    """Where it is got over HTTP, where it is."""


_KINDS: Mapping[str, _Kind] = {
    "door": _Kind(
        marked("Your door is what it was. What changed:"),
        marked("You never changed your door: it is open, as everybody's is at first."),
        marked("As a document. Change it and send it back after {set_}; {try_} only tries it:"),
        "/v1/me/door/document",
    ),
    "filter": _Kind(
        marked("Your filter is what it was. What changed:"),
        marked("You never set a filter."),
        marked("As a document. Change it and send it back after {set_}:"),
        "/v1/me/filter",
    ),
    "protections": _Kind(
        marked("The protections are what they were. What changed:"),
        marked("Nobody ever set protections here."),
        marked("As a document. Change it and send it back after {set_}; {try_} only tries it:"),
        None,
    ),
}


_FIRST: Final[Mapping[str, Document]] = {
    "door": document_of(Door()),
    "filter": NOTHING,
    "protections": NO_PROTECTIONS,
}


def first_of(kind: str) -> Document:
    """Return what somebody's document of a kind is before they ever set one."""
    return _FIRST[kind]


def now_set(reader: Reader, shown: Message, before: Document, after: Document) -> Message:
    """Say what a document is after it was set, and how that is undone."""
    if before == after:
        return join([shown, reader.say(marked("It was so before: nothing is different."))])
    return join([shown, reader.say(marked("{undo} takes this back."), undo=_command(after.kind, "undo"))])


def gone_back(reader: Reader, shown: Message, before: Document, after: Document) -> Message:
    """Say what going back to an earlier version changed."""
    if before == after:
        return now_set(reader, shown, before, after)
    told = rules.changed(changes(before, after), reader)
    return join([reader.say(_KINDS[after.kind].was), told, now_set(reader, shown, before, after)])


def document(reader: Reader, standing: Document, told: Message) -> Message:
    """Show a document as it is written, below ``told``; one that is too long for a chat is got elsewhere."""
    text, kind = as_text(standing), standing.kind
    path = _KINDS[kind].path
    if len(text) > LONGEST_SHOWN and path is None:
        return join([reader.say(marked("As a document it is too long for a chat.")), told])
    if len(text) > LONGEST_SHOWN:
        long = marked(
            "As a document it is too long for a chat ({count} characters): {cli} prints it, and {api} answers it."
        )
        cli, api = Literal(f"earnest {kind} show --json"), Literal(f"GET {path}")
        return join([reader.say(long, count=len(text), cli=cli, api=api), told])
    head = reader.say(_KINDS[kind].how, set_=_command(kind, "set"), try_=_command(kind, "try"))
    written = join([head, block(text)])
    # A document that is cut is none: where there is no room for both, it says the same by itself.
    fits = len(told.plain) + len(written.plain) < LONGEST_MESSAGE
    return join([told, written]) if fits else written


def as_text(standing: Document) -> str:
    """Write a document as JSON that shows all that is in it."""
    text = json.dumps(standing.model_dump(mode="json", exclude_none=True), ensure_ascii=False, indent=2)
    return "".join(one if one.isprintable() or one == "\n" else json.dumps(one)[1:-1] for one in text)


def versions(reader: Reader, kind: str, kept: Sequence[Version[_Document]]) -> Message:
    """List the versions of a document, newest first, each with what it changed."""
    if not kept:
        return reader.say(_KINDS[kind].never)
    parts = []
    for place, version in enumerate(kept[:_MOST_VERSIONS]):
        stands = marked("**{number}**, {when}; this one stands:") if place == 0 else marked("**{number}**, {when}:")
        head = reader.say(stands, number=version.number, when=reader.when(version.since))
        if place + 1 < len(kept):
            before: Document = kept[place + 1].document
        elif version.number == 1:
            before = first_of(kind)
        else:
            parts.append(head)
            continue
        told = rules.changed(changes(before, version.document), reader)
        parts.append(reader.say("{head}\n{told}", head=head, told=told))
    if len(kept) > _MOST_VERSIONS:
        parts.append(reader.say(marked("… and {count} older ones"), count=len(kept) - _MOST_VERSIONS))
    back = marked("{undo} goes back to what was before the last change, {back} to any of these.")
    last = _command(kind, f"back {kept[-1].number}")
    parts.append(reader.say(back, undo=_command(kind, "undo"), back=last))
    return join(parts)


def condition(when: str) -> Literal:
    """Show a condition in a sentence, cut where it is long."""
    single = " ".join(when.split())
    return Literal(single if len(single) <= _LONGEST_CONDITION else single[: _LONGEST_CONDITION - 1] + "…")


def _command(kind: str, words: str) -> Literal:
    prefix = f"{_PREFIX} " if kind == "protections" else ""
    return Literal(f"{prefix}{kind} {words}")
