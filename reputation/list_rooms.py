"""Rooms that mirror published lists, in one transaction: which are asked for, which version each has, which is due."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from kit.changes import touch
from kit.clock import growing
from kit.identifiers import PersonId, RoomId
from reputation.leaving import leave
from reputation.publishing_tables import ListRoomRow, PublishedListRow

TOPIC: Final = "list_rooms"
"""What the change counter counts them under."""
SOONER: Final = timedelta(seconds=30)
"""How long it takes until a mirror that failed is tried again; each time in a row twice as long."""
LATEST: Final = timedelta(hours=6)


@dataclass(frozen=True, slots=True)
class Mirror:
    """A room that is to show a list: ``room`` is ``None`` until it is made."""

    list: int
    public_id: str
    author: PersonId
    name: str
    title: str
    version: int
    written: int
    retired: bool
    expired: bool
    room: RoomId | None
    alias: str | None


class ListRooms:
    """The mirrors."""

    def __init__(self, session: Session, now: datetime) -> None:
        """Work in ``session``, at ``now``."""
        self._session = session
        self._now = now

    def ask(self, number: int) -> RoomId | None:
        """Let a list have a room; return the one that it has already."""
        row = self._session.get(ListRoomRow, number)
        if row is None:
            row = ListRoomRow(list=number, written=0, asked_at=self._now, due_at=self._now)
            self._session.add(row)
            self._session.flush()
        row.due_at = self._now
        touch(self._session, TOPIC)
        return None if row.room is None else RoomId(row.room)

    def room(self, number: int) -> RoomId | None:
        """Return the room of a list, if it has one."""
        row = self._session.get(ListRoomRow, number)
        return None if row is None or row.room is None else RoomId(row.room)

    def due(self, limit: int = 20) -> list[Mirror]:
        """Return some that do not have the newest version, those that wait longest first."""
        over = PublishedListRow.expires_at <= self._now
        holds = or_(PublishedListRow.expires_at.is_(None), PublishedListRow.expires_at > self._now)
        unmade = and_(ListRoomRow.room.is_(None), PublishedListRow.retired_at.is_(None))
        made = ListRoomRow.room.is_not(None)
        behind = or_(
            unmade,
            and_(made, holds, ListRoomRow.written != PublishedListRow.version),
            and_(made, over, ListRoomRow.written != -PublishedListRow.version),
        )
        query = (
            select(ListRoomRow, PublishedListRow)
            .join(PublishedListRow, PublishedListRow.id == ListRoomRow.list)
            .where(behind, ListRoomRow.due_at <= self._now)
            .order_by(ListRoomRow.due_at)
            .limit(limit)
        )
        return [self._mirror(row, list_) for row, list_ in self._session.execute(query)]

    def made(self, number: int, room: RoomId, alias: str | None) -> None:
        """Note the room of a list."""
        row = self._session.get_one(ListRoomRow, number)
        row.room, row.alias = room, alias

    def mirror(self, number: int) -> Mirror:
        """Return one, as it is now."""
        row = self._session.get_one(ListRoomRow, number)
        return self._mirror(row, self._session.get_one(PublishedListRow, number))

    def mirrored(self, mirror: Mirror) -> None:
        """Note that a room shows what its list said: nothing, where the list has expired."""
        row = self._session.get_one(ListRoomRow, mirror.list)
        row.written, row.error = -mirror.version if mirror.expired else mirror.version, None
        row.failures = 0

    def goes_on(self, mirror: Mirror, *, seconds: float = 0.0) -> None:
        """Note that more is to be done in a room, after so long; those that wait meanwhile come first."""
        row = self._session.get_one(ListRoomRow, mirror.list)
        row.due_at, row.failures = self._now + timedelta(seconds=seconds), 0

    def moved(self, number: int, room: RoomId) -> None:
        """Note the room for which a list's room was closed, and have the bot leave that one."""
        row = self._session.get_one(ListRoomRow, number)
        if row.room is not None:
            leave(self._session, RoomId(row.room), whose=f"mirror {number}", since=self._now, now=self._now)
        row.room = room
        touch(self._session, TOPIC)

    def failed(self, number: int, why: str) -> None:
        """Note why a room does not show the newest version yet; it is tried again later, and ever later."""
        row = self._session.get_one(ListRoomRow, number)
        row.error, row.due_at = why[:200], self._now + growing(SOONER, row.failures, LATEST)
        row.failures += 1

    def find(self, number: int) -> tuple[RoomId | None, str | None] | None:
        """Return a list's room, and what went wrong last; ``None`` where none was asked for."""
        row = self._session.get(ListRoomRow, number)
        return None if row is None else (None if row.room is None else RoomId(row.room), row.error)

    def all(self) -> frozenset[RoomId]:
        """Return all rooms that show lists."""
        query = select(ListRoomRow.room).where(ListRoomRow.room.is_not(None))
        return frozenset(RoomId(str(room)) for room in self._session.scalars(query))

    def _mirror(self, row: ListRoomRow, one: PublishedListRow) -> Mirror:
        return Mirror(
            list=row.list,
            public_id=one.public_id,
            author=PersonId(one.person),
            name=one.name,
            title=one.title,
            version=one.version,
            written=row.written,
            retired=one.retired_at is not None,
            expired=one.expires_at is not None and one.expires_at <= self._now,
            room=None if row.room is None else RoomId(row.room),
            alias=row.alias,
        )
