"""Followed lists, in transactions: which lists of others this service reads, and what stands in them.

A list may have 200,000 entries, and no writing transaction may take long: so what changed is written in slices, and who
reads the entries is told when the last one is written.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from kit.changes import touch
from kit.clock import growing
from kit.database import write_many
from kit.errors import Conflict, Invalid, NotFound
from reputation.followed_rooms import FollowedRooms, room_source
from reputation.followed_services import FollowedServices
from reputation.list_tables import FollowedListRow, ListEntryRow
from reputation.lists.model import Entry, Recommendation, Subject

TOPIC: Final = "lists"
"""What the change counter counts them under."""
MOST_LISTS: Final = 50
SLICE: Final = 1_000
"""Entries that are written, or taken out, in one transaction."""
EVERY: Final = timedelta(hours=6)
"""How often a list that stands on the web, or in a room, is read again."""
SOONER: Final = timedelta(minutes=30)
"""The same after it could not be read."""
LONGEST_SOURCE: Final = 2_000
_SOME: Final = 500
_NAME: Final = re.compile(r"[a-z][a-z0-9_-]{0,52}")
_HIDDEN: Final = "sha256:"
_SUBJECTS: Final = {one.value: one for one in Subject}
_RECOMMENDATIONS: Final = {one.value: one for one in Recommendation}
"""By their values: a list has many entries, and a look-up is a fifth of a call."""

Key = tuple[str, str]
"""Of whom an entry speaks: the kind of subject, and the entity as it is kept."""


@dataclass(frozen=True, slots=True)
class FollowedList:
    """A list of others: under which name rules ask for it, where it stands, and what became of it."""

    id: int
    name: str
    source: str
    form: str
    entries: int
    left_out: int
    read_at: datetime | None
    error: str | None


class Followed:
    """The lists that are followed."""

    def __init__(self, session: Session, now: datetime) -> None:
        """Work in ``session``, at ``now``."""
        self._session = session
        self._now = now
        self.rooms = FollowedRooms(session, now)
        self.services = FollowedServices(session, now)

    def follow(self, name: str, source: str, via: Sequence[str] = ()) -> FollowedList:
        """Begin to follow what stands at ``source``; nothing is read yet. Raises ``Invalid``, ``Conflict``.

        A room (its id, its alias, a link by matrix.to) is entered by the bot, by one of the servers ``via`` where its
        homeserver is not in it.
        """
        place = room_source(source, via)
        source, via = place or (source, ())
        if not _NAME.fullmatch(name):
            raise Invalid("list_name", "A list's name has small letters, digits, - and _, and begins with a letter.")
        if len(source) > LONGEST_SOURCE:
            raise Invalid("list_source", f"Where a list stands is {LONGEST_SOURCE} characters at most.")
        if self._session.scalar(select(FollowedListRow.id).where(FollowedListRow.name == name)) is not None:
            raise Conflict("list_followed", f"A list of the name {name} is followed already.", name=name)
        if (self._session.scalar(select(func.count()).select_from(FollowedListRow)) or 0) >= MOST_LISTS:
            raise Conflict("lists_full", f"{MOST_LISTS} lists are followed already.", most=MOST_LISTS)
        row = FollowedListRow(
            name=name, source=source, form="", entries=0, left_out=0, followed_at=self._now, due_at=self._now
        )
        self._session.add(row)
        self._session.flush()
        if place is not None:
            self.rooms.begin(row.id, source, via)
        return _shown(row)

    def all(self) -> list[FollowedList]:
        """Return them by name."""
        return [_shown(row) for row in self._session.scalars(select(FollowedListRow).order_by(FollowedListRow.name))]

    def find(self, name: str) -> FollowedList:
        """Return the list of a name. Raises ``NotFound``."""
        return _shown(self._row(name))

    def due(self) -> list[FollowedList]:
        """Return those that are to be read again now, but for rooms: those the bot reads."""
        query = select(FollowedListRow).where(FollowedListRow.due_at <= self._now).order_by(FollowedListRow.due_at)
        return [_shown(row) for row in self._session.scalars(query) if not in_a_room(row.source)]

    def kept(self, number: int) -> dict[Key, tuple[str, bool, str]]:
        """Return what is kept of each entity: the recommendation, whether those below are meant, and the reason."""
        row = ListEntryRow
        query = select(row.subject, row.entity, row.recommendation, row.below, row.reason).where(row.list == number)
        return {
            (subject, entity): (recommendation, below, reason)
            for subject, entity, recommendation, below, reason in self._session.execute(query)
        }

    def begin(self, name: str) -> None:
        """Begin to read a list again: until it is read to its end, or fails, it is due."""
        self._row(name).due_at = self._now

    def write(self, number: int, entries: Sequence[Entry]) -> None:
        """Write some entries, in the place of what is kept of the same entities; at most a slice.

        Raises ``NotFound`` where the list is followed no more.
        """
        self.take_out(number, [key_of(entry) for entry in entries])
        columns: dict[str, Sequence[Any]] = {
            "list": [number] * len(entries),
            "subject": [entry.subject.value for entry in entries],
            "entity": [key_of(entry)[1] for entry in entries],
            "recommendation": [entry.recommendation.value for entry in entries],
            "below": [entry.below for entry in entries],
            "reason": [entry.reason for entry in entries],
        }
        write_many(self._session, ListEntryRow, columns)

    def lock(self, number: int) -> None:
        """Let nobody else write a list's entries before the commit. Raises ``NotFound``."""
        mine = select(FollowedListRow.id).where(FollowedListRow.id == number)
        if self._session.scalar(mine.with_for_update()) is None:  # else two who read it at once would write the same
            raise NotFound("list_unknown", "That list is followed no more.")

    def take_out(self, number: int, keys: Sequence[Key]) -> None:
        """Take some entries out; at most a slice. Until the list is read to its end, it counts as not read."""
        self._take_out(number, keys)
        unread = update(FollowedListRow).where(FollowedListRow.id == number).values(read_at=None)
        self._session.execute(unread.execution_options(synchronize_session="fetch"))

    def _take_out(self, number: int, keys: Sequence[Key]) -> None:
        self.lock(number)
        by_subject: dict[str, list[str]] = {}
        for subject, entity in keys:  # where pairs are asked for, SQLite goes through the whole list
            by_subject.setdefault(subject, []).append(entity)
        for subject, entities in by_subject.items():
            for begin in range(0, len(entities), _SOME):
                some = ListEntryRow.entity.in_(entities[begin : begin + _SOME])
                self._delete(
                    delete(ListEntryRow).where(ListEntryRow.list == number, ListEntryRow.subject == subject, some)
                )

    def read(self, name: str, *, form: str, entries: int, left_out: int, again: bool) -> None:
        """Note that a list was read to its end, and tell those who keep it in memory where it was written.

        ``again``: it may change.
        """
        row = self._row(name)
        written = row.read_at is None
        row.form, row.entries, row.left_out = form, entries, left_out
        row.read_at, row.error, row.failures = self._now, None, 0
        row.due_at = self._now + EVERY if again else None
        if written:  # by us, or by whoever died before this
            touch(self._session, TOPIC)

    def end(self, number: int) -> bool:
        """Take out a slice of the entries of a list whose time is over; ``False``: call it again."""
        query = select(ListEntryRow.subject, ListEntryRow.entity).where(ListEntryRow.list == number).limit(SLICE)
        keys = [(subject, entity) for subject, entity in self._session.execute(query)]
        self._take_out(number, keys)
        if len(keys) == SLICE:
            return False
        row = self._session.get_one(FollowedListRow, number)
        row.entries = 0
        self.services.expired(number)
        touch(self._session, TOPIC)
        return True

    def end_some(self, limit: int) -> int:
        """Take out some entries whose own time is over; return how many."""
        found = self.services.ended(limit)
        for number, keys in sorted(found.items()):
            self._take_out(number, keys)
            self._session.get_one(FollowedListRow, number).entries -= len(keys)
        if found:
            touch(self._session, TOPIC)
        return sum(map(len, found.values()))

    def failed(self, name: str, why: str, *, pause: timedelta = SOONER, latest: timedelta = EVERY) -> None:
        """Note that a list could not be read, and is to be after ``pause``, in a row twice as long, up to ``latest``.

        What was kept of it stays.
        """
        row = self._row(name)
        row.error, row.due_at = why[:200], self._now + growing(pause, row.failures, latest)
        row.failures += 1

    def unfollow(self, name: str) -> bool:
        """Take out a slice of a list's entries, and with the last one the list; ``False``: call it again."""
        row = self._row(name)
        row.due_at = None
        self.rooms.end(row.id)  # first, so that nothing is read any more meanwhile
        query = select(ListEntryRow.subject, ListEntryRow.entity).where(ListEntryRow.list == row.id).limit(SLICE)
        keys = [(subject, entity) for subject, entity in self._session.execute(query)]
        self._take_out(row.id, keys)
        labels = self.services.some(row.id, SLICE)
        self.services.take_out(row.id, labels)
        if SLICE in (len(keys), len(labels)):
            return False
        self.services.forget(row.id)
        self._session.delete(row)
        touch(self._session, TOPIC)
        return True

    def entries(self, number: int) -> Iterator[Entry]:
        """Go through a list's entries."""
        row = ListEntryRow
        query = select(row.subject, row.entity, row.recommendation, row.below, row.reason).where(row.list == number)
        for subject, entity, recommendation, below, reason in self._session.execute(query):
            hidden = bytes.fromhex(entity.removeprefix(_HIDDEN)) if entity.startswith(_HIDDEN) else None
            yield Entry(
                _SUBJECTS[subject],
                entity if hidden is None else None,
                _RECOMMENDATIONS[recommendation],
                reason,
                sha256=hidden,
                below=below,
            )

    def _row(self, name: str) -> FollowedListRow:
        row = self._session.scalar(select(FollowedListRow).where(FollowedListRow.name == name))
        if row is None:
            raise NotFound("list_unknown", f"No list of the name {name} is followed.", name=name)
        return row

    def _delete(self, statement: object) -> None:
        self._session.execute(statement.execution_options(synchronize_session=False))  # type: ignore[attr-defined]


def in_a_room(source: str) -> bool:
    """Tell whether a list stands in a Matrix room: its source is the room's id or alias."""
    return source[:1] in ("!", "#")


def key_of(entry: Entry) -> Key:
    """Return of whom an entry speaks, as it is kept."""
    kept = entry.entity if entry.entity is not None else f"{_HIDDEN}{(entry.sha256 or b'').hex()}"
    return entry.subject.value, kept


def _shown(row: FollowedListRow) -> FollowedList:
    return FollowedList(row.id, row.name, row.source, row.form, row.entries, row.left_out, row.read_at, row.error)
