"""What stands in the rows of published lists, as values, and the other way round."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement

from kit.clock import unix
from kit.identifiers import PersonId
from reputation.lists.authoring import Description, Key, Published, Said, entry_in, hidden_of
from reputation.lists.model import Entry, Subject
from reputation.lists.signed import Definition, Label
from reputation.lists.verifying import read_definitions
from reputation.publishing_tables import PublishedEntryRow, PublishedListRow

_SOME: Final = 500


def columns(described: Description) -> dict[str, Any]:
    """Return what is said of a list as its row has it."""
    return {
        "title": described.title,
        "description": described.description,
        "licence": described.licence,
        "language": described.language,
        "definitions": {value: definition.shown() for value, definition in described.definitions.items()},
        "public": described.public,
        "expires_at": described.expires_at,
    }


def published(row: PublishedListRow) -> Published:
    """Return a list."""
    return Published(
        number=row.id,
        id=row.public_id,
        person=PersonId(row.person),
        name=row.name,
        described=Description(
            title=row.title,
            description=row.description,
            licence=row.licence,
            language=row.language,
            expires_at=row.expires_at,
            public=row.public,
            definitions=read_definitions(row.definitions),
        ),
        version=row.version,
        entries=row.entries,
        created_at=row.created_at,
        changed_at=row.changed_at,
        retired_at=row.retired_at,
    )


def label(row: PublishedEntryRow, public_id: str, author: str) -> Label:
    """Return the label that a row holds."""
    hidden = hidden_of(row.entity)
    return Label(
        author=author,
        list=public_id,
        subject=Subject(row.subject),
        entity=row.entity if hidden is None else None,
        sha256=hidden,
        below=row.below,
        value=row.value,
        version=row.version,
        since=unix(row.since),
        reason=row.reason,
        until=None if row.until is None else unix(row.until),
        negates=row.negated,
    )


def same(row: PublishedEntryRow, said: Said) -> bool:
    """Tell whether a row says this already."""
    return not row.negated and (row.value, row.below, row.reason, row.until) == (
        said.value,
        said.below,
        said.reason,
        said.until,
    )


def kept(row: PublishedEntryRow) -> list[Any]:
    """Return what a row says of its subject, as it is kept for undoing."""
    return [row.value, row.reason, row.below, None if row.until is None else row.until.isoformat()]


def said_before(subject: str, entity: str, rest: list[Any] | None, now: datetime) -> Said | None:
    """Return what was said of a subject; ``None`` where nothing was, or its time is over by now."""
    if rest is None:
        return None
    value, reason, below, end = rest
    until = None if end is None else datetime.fromisoformat(end)
    if until is not None and until <= now:
        return None
    hidden = hidden_of(entity)
    return Said(Subject(subject), entity if hidden is None else None, value, reason, below, until, sha256=hidden)


def entries(said: Iterable[Said], definitions: Mapping[str, Definition]) -> Iterator[Entry]:
    """Go through what is said as entries; each was checked."""
    for one in said:
        entry = entry_in(one, definitions)
        if isinstance(entry, Entry):
            yield entry


def in_parts(number: int, keys: Sequence[Key]) -> Iterator[tuple[ColumnElement[bool], ...]]:
    """Give which entries of a list are meant, some at a time, so that each question is answered by the key alone.

    SQLite goes through the whole list where pairs are asked for.
    """
    by_subject: dict[str, list[str]] = {}
    for subject, entity in keys:
        by_subject.setdefault(subject, []).append(entity)
    for subject, entities in by_subject.items():
        for begin in range(0, len(entities), _SOME):
            some = PublishedEntryRow.entity.in_(entities[begin : begin + _SOME])
            yield PublishedEntryRow.list == number, PublishedEntryRow.subject == subject, some
