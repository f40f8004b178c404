"""Authoring (pure): what people say of their own lists and put into them, checked before anything is written."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from kit.errors import Invalid
from kit.identifiers import PersonId
from reputation.lists.dangers import Found, breadth
from reputation.lists.model import Entry, Fault, Subject, checked, plain
from reputation.lists.signed import LONGEST_DESCRIPTION, LONGEST_LICENCE, LONGEST_TITLE, USUAL, Definition
from reputation.lists.verifying import check_language, read_definitions

MOST_LISTS: Final = 10
"""Lists that one person publishes."""
MOST_AT_ONCE: Final = 200
"""Entries that are changed in one go: each costs a quarter of a millisecond while others wait to write."""
NEGATIONS_KEPT: Final = timedelta(days=180)
"""How long it is remembered that something was taken back."""
RECENT: Final = timedelta(days=1)
"""Longer than anybody takes to read a list from its beginning."""
NAME: Final = re.compile(r"[a-z][a-z0-9_-]{0,52}")
LICENCE: Final = "CC0-1.0"
HIDDEN: Final = "sha256:"
_DIGEST_BYTES: Final = 32
_FARTHEST: Final = timedelta(days=3_650)

Key = tuple[str, str]
"""Of whom an entry speaks: the kind of subject, and the entity as it is kept."""


@dataclass(frozen=True, slots=True)
class Description:
    """What a list is, in its author's words; ``expires_at``: when nothing in it counts any more, unless said anew.

    ``public``: whether it is shown among all lists; whoever knows its address may read it in any case.
    """

    title: str
    description: str = ""
    licence: str = LICENCE
    language: str = "en"
    expires_at: datetime | None = None
    public: bool = True
    definitions: Mapping[str, Definition] = field(default_factory=lambda: USUAL)


@dataclass(frozen=True, slots=True)
class Said:
    """What an author says of a subject: one of the list's labels, with a reason, until a time."""

    subject: Subject
    entity: str | None
    value: str
    reason: str = ""
    below: bool = False
    until: datetime | None = None
    sha256: bytes | None = None


@dataclass(frozen=True, slots=True)
class Published:
    """A list that somebody publishes; ``name`` is its author's own name for it, ``id`` everybody's."""

    number: int
    id: str
    person: PersonId
    name: str
    described: Description
    version: int
    entries: int
    created_at: datetime
    changed_at: datetime
    retired_at: datetime | None


@dataclass(frozen=True, slots=True)
class Changed:
    """What came of a change: how many labels were said, taken back, or stood already; and what to look at twice."""

    version: int
    said: int
    back: int
    same: int
    dangers: tuple[Found, ...] = ()


@dataclass(frozen=True, slots=True)
class Page:
    """Some labels of a list and its header, signed; ``next`` is where to go on, now if there is ``more``."""

    header: Mapping[str, Any]
    labels: Sequence[Mapping[str, Any]]
    next: int
    more: bool


def check_description(described: Description, now: datetime) -> None:
    """Make sure that what is said of a list can be shown. Raises ``Invalid``."""
    for what, text, most, least in (
        ("title", described.title, LONGEST_TITLE, 1),
        ("description", described.description, LONGEST_DESCRIPTION, 0),
        ("licence", described.licence, LONGEST_LICENCE, 1),
    ):
        if not least <= len(text) <= most or not text.isprintable() or text.strip() != text:
            raise Invalid(f"list_{what}", f"A list's {what} is one line of text, {most} characters at most.", most=most)
    check_language(described.language)
    read_definitions({value: definition.shown() for value, definition in described.definitions.items()})
    if described.expires_at is not None and not now < described.expires_at <= now + _FARTHEST:
        raise Invalid("list_expiry", "A list expires later than now, and within ten years.")


def check_said(said: Said, definitions: Mapping[str, Definition], now: datetime) -> Said:
    """Return what is to be said as it is kept.

    Raises ``Invalid`` for a label that the list does not define, somebody who cannot be named so, a time that is past,
    and what hits everybody, or all below a name that nobody owns.
    """
    entry = entry_in(said, definitions)
    if isinstance(entry, Fault):
        code = entry.code
        message = f"{entry.shown or 'An entry'} cannot stand in a list ({code})."
        raise Invalid("entry_unreadable", message, why=code, entity=entry.shown)
    danger = breadth(entry)
    if danger is not None:
        message = f"{entry.name} would hit nearly everybody ({danger})."
        raise Invalid("entry_dangerous", message, danger=danger.value, entity=entry.name)
    if said.until is not None and not now < said.until <= now + _FARTHEST:
        raise Invalid("entry_expiry", "An entry ends later than now, and within ten years.")
    return Said(said.subject, entry.entity, said.value, plain(said.reason), said.below, said.until, sha256=entry.sha256)


def entry_in(said: Said, definitions: Mapping[str, Definition]) -> Entry | Fault:
    """Return what is said as an entry, or what is wrong with it. Raises ``Invalid`` for an undefined label."""
    if said.value not in definitions:
        raise Invalid("label_undefined", f"The list defines no label {said.value[:30]!r}.", label=said.value[:30])
    recommendation = definitions[said.value].recommendation
    if said.entity is not None:
        below = said.below and said.subject is Subject.SERVER
        return checked(said.subject, said.entity, recommendation, reason=said.reason, below=below)
    if said.sha256 is None or len(said.sha256) != _DIGEST_BYTES or said.below:
        return Fault("hash", "")
    return Entry(said.subject, None, recommendation, plain(said.reason), sha256=said.sha256)


def key_of(said: Said) -> Key:
    """Return of whom it speaks, as it is kept, however it is written."""
    if said.entity is None:
        return said.subject.value, f"{HIDDEN}{(said.sha256 or b'').hex()}"
    entity = said.entity.strip()
    return said.subject.value, entity.lower().rstrip(".") if said.subject is Subject.SERVER else entity


def hidden_of(entity: str) -> bytes | None:
    """Return the hash that an entity that is kept stands for; ``None`` where it is a name."""
    return bytes.fromhex(entity.removeprefix(HIDDEN)) if entity.startswith(HIDDEN) else None
