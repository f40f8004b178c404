"""Watched rooms, in one transaction: which rooms the bot reads, who asked it into each, and when that ends.

The bot leaves a room after the transaction that ends it: the outbox tells it to, whichever process wrote that.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import ColumnElement, delete, func, select
from sqlalchemy.orm import Session

from kit.errors import Conflict
from kit.identifiers import PersonId, RoomId
from reputation.leaving import leave
from reputation.tables import FilterRow, WatchedRoomRow

MOST_ROOMS: Final = 20
"""Rooms that one person may have read for them."""


@dataclass(frozen=True, slots=True)
class Watched:
    """A room that is read, for whom, and since when."""

    room: RoomId
    person: PersonId
    since: datetime


class WatchedRooms:
    """The rooms that are read for people's filters."""

    def __init__(self, session: Session, now: datetime) -> None:
        """Work in ``session``, at ``now``."""
        self._session = session
        self._now = now

    def watch(self, person: PersonId, room: RoomId, *, most: int) -> Watched | None:
        """Let a room be read because a person asked; ``None`` for whoever has no filter. Lock the person first.

        Raises ``Conflict`` where they have enough of them, or all people together have (``most``).
        """
        if self._session.get(FilterRow, person) is None:
            return None
        row = self._session.get(WatchedRoomRow, room, populate_existing=True)
        if row is not None and row.person == person:
            return _watched(row)
        theirs = self._count(WatchedRoomRow.person == person)
        if theirs >= MOST_ROOMS:
            message = f"I read {MOST_ROOMS} rooms for you already: let me leave one first."
            raise Conflict("watched_enough", message, most=MOST_ROOMS)
        if row is None and self._count() >= most:
            raise Conflict("watched_full", "I read as many rooms as I can.")
        if row is None:
            row = WatchedRoomRow(room=room, person=person, since=self._now)
            self._session.add(row)
        else:  # whoever asked before is not there any more, or the bot would be
            row.person, row.since = person, self._now
        self._session.flush()
        return _watched(row)

    def all(self) -> list[Watched]:
        """Return all of them."""
        return [_watched(row) for row in self._session.scalars(select(WatchedRoomRow))]

    def find(self, room: RoomId) -> Watched | None:
        """Return what is known of one room."""
        row = self._session.get(WatchedRoomRow, room, populate_existing=True)
        return None if row is None else _watched(row)

    def of(self, person: PersonId) -> list[Watched]:
        """Return those that a person asked the bot into, oldest first."""
        query = select(WatchedRoomRow).where(WatchedRoomRow.person == person)
        return [_watched(row) for row in self._session.scalars(query.order_by(WatchedRoomRow.since))]

    def end(self, room: RoomId) -> bool:
        """Note that a room is not read any more; ``False`` where it was not."""
        gone = delete(WatchedRoomRow).where(WatchedRoomRow.room == room).returning(WatchedRoomRow.room)
        return self._session.execute(gone.execution_options(synchronize_session=False)).first() is not None

    def end_all(self, person: PersonId) -> int:
        """End all that a person asked for, and have the bot leave them; return how many."""
        rooms = self.of(person)
        for one in rooms:
            self._leave(one)
        return len(rooms)

    def leave(self, room: RoomId) -> None:
        """End one and have the bot leave it, whatever becomes of the process that noted it."""
        found = self.find(room)
        if found is not None:
            self._leave(found)

    def _leave(self, one: Watched) -> None:
        self.end(one.room)
        leave(self._session, one.room, whose=f"person {one.person}", since=one.since, now=self._now)

    def _count(self, *which: ColumnElement[bool]) -> int:
        return self._session.scalar(select(func.count()).select_from(WatchedRoomRow).where(*which)) or 0


def _watched(row: WatchedRoomRow) -> Watched:
    return Watched(RoomId(row.room), PersonId(row.person), row.since)
