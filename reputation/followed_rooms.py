"""Followed rooms, in one transaction: lists that stand in Matrix rooms, which the bot enters, reads and leaves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final
from urllib.parse import parse_qs, unquote

from sqlalchemy import select
from sqlalchemy.orm import Session

from kit.errors import Invalid, NotFound
from kit.identifiers import RoomId, parse_room_id, parse_server_name
from reputation.leaving import leave
from reputation.list_tables import FollowedListRow, FollowedRoomRow

MOST_VIA: Final = 10
_LINK: Final = "https://matrix.to/#/"
_LONGEST_ALIAS: Final = 255


class Standing(StrEnum):
    """How the bot stands to a room."""

    AWAITED = "awaited"
    """It is to enter, as soon as it is let in."""
    IN = "in"
    """It is there, or was when it looked last."""
    OUT = "out"
    """It was put out, and comes again only where somebody invites it or an operator has it try."""
    BANNED = "banned"
    """The same, and it may not come before somebody allows it again."""


@dataclass(frozen=True, slots=True)
class FollowedRoom:
    """Where a list stands that stands in a room; ``due``: it is to be read now."""

    list: int
    name: str
    source: str
    room: RoomId | None
    via: tuple[str, ...]
    standing: Standing
    successor: RoomId | None
    moved_from: RoomId | None
    moved_at: datetime | None
    due: bool

    def rooms(self) -> frozenset[RoomId]:
        """Return the rooms that the bot is in, or wants to be in, because of it."""
        return frozenset(room for room in (self.room, self.successor) if room is not None)


def room_source(source: str, via: Sequence[str] = ()) -> tuple[str, tuple[str, ...]] | None:
    """Read a source that is a room: its id, its alias, or a link by matrix.to; ``None`` where it is none.

    Returned are the id or alias, and servers by which the room can be entered. Raises ``Invalid`` where it begins like
    one and is none.
    """
    if source.startswith(_LINK):
        path, _, query = source.removeprefix(_LINK).partition("?")
        via = (*via, *parse_qs(query).get("via", ()))
        source = unquote(path.partition("/")[0])
        if source[:1] not in ("!", "#"):
            raise Invalid("list_room", "That link leads to no room.")
    if source[:1] not in ("!", "#"):
        return None
    servers = tuple(dict.fromkeys(str(parse_server_name(server)) for server in via))
    if source.startswith("!"):
        room = parse_room_id(source)
        own = room.partition(":")[2]
        servers = tuple(dict.fromkeys((*servers, *([own] if own else []))))
    else:
        name, colon, server = source[1:].partition(":")
        if not name or not colon or not source.isprintable() or len(source.encode()) > _LONGEST_ALIAS:
            raise Invalid("list_room", "A room's alias looks like #name:server.")
        parse_server_name(server)
    return source, servers[:MOST_VIA]


class FollowedRooms:
    """The rooms in which followed lists stand."""

    def __init__(self, session: Session, now: datetime) -> None:
        """Work in ``session``, at ``now``."""
        self._session = session
        self._now = now

    def begin(self, number: int, source: str, via: Sequence[str]) -> None:
        """Have the bot enter the room in which a list stands."""
        room = source if source.startswith("!") else None
        row = FollowedRoomRow(list=number, room=room, via=" ".join(via), standing=Standing.AWAITED)
        self._session.add(row)
        self._session.flush()

    def all(self) -> list[FollowedRoom]:
        """Return all of them, those first that wait longest."""
        query = (
            select(FollowedRoomRow, FollowedListRow)
            .join(FollowedListRow, FollowedListRow.id == FollowedRoomRow.list)
            .order_by(FollowedListRow.due_at, FollowedListRow.id)
        )
        return [self._shown(row, of) for row, of in self._session.execute(query)]

    def rooms(self) -> frozenset[RoomId]:
        """Return all rooms that the bot is in, or wants to be in, to read a list."""
        return frozenset(room for one in self.all() for room in one.rooms())

    def resolved(self, number: int, room: RoomId, via: Sequence[str]) -> None:
        """Note which room an alias leads to."""
        row = self._row(number)
        row.room, row.via = room, " ".join(via[:MOST_VIA])

    def stands(self, number: int, standing: Standing) -> None:
        """Note how the bot stands to the room."""
        self._row(number).standing = standing

    def again(self, number: int) -> None:
        """Have the bot try to enter a room that it was put out of."""
        row = self._session.get(FollowedRoomRow, number)
        if row is not None and row.standing in (Standing.OUT, Standing.BANNED):
            row.standing = Standing.AWAITED

    def closed(self, number: int, successor: RoomId | None) -> None:
        """Note for which room it was closed; the bot is not there yet."""
        self._row(number).successor = successor

    def moved(self, number: int, room: RoomId, via: Sequence[str]) -> None:
        """Note that the list stands in another room from now on, and have the bot leave the one before."""
        row = self._row(number)
        if row.room is not None:
            self._leave(row, row.room)
        row.moved_from, row.moved_at = row.room, self._now
        row.room, row.via, row.standing, row.successor = room, " ".join(via[:MOST_VIA]), Standing.IN, None

    def end(self, number: int) -> None:
        """Have the bot leave where it is because of a list; nothing where that is no room, or was done."""
        row = self._session.get(FollowedRoomRow, number)
        if row is None:
            return
        for room in (row.room, row.successor):
            if room is not None:
                self._leave(row, room)
        self._session.delete(row)
        self._session.flush()

    def _leave(self, row: FollowedRoomRow, room: str) -> None:
        # Two lists that stand in one room may end in the same moment, and only after the second one is it left.
        leave(self._session, RoomId(room), since=self._now, now=self._now, why=f"list {row.list}")

    def _row(self, number: int) -> FollowedRoomRow:
        row = self._session.get(FollowedRoomRow, number, with_for_update=True, populate_existing=True)
        if row is None:
            raise NotFound("list_unknown", "That list is followed no more.")
        return row

    def _shown(self, row: FollowedRoomRow, of: FollowedListRow) -> FollowedRoom:
        def _id(room: str | None) -> RoomId | None:
            return None if room is None else RoomId(room)

        due = of.due_at is not None and of.due_at <= self._now
        return FollowedRoom(
            row.list,
            of.name,
            of.source,
            _id(row.room),
            tuple(row.via.split()),
            Standing(row.standing),
            _id(row.successor),
            _id(row.moved_from),
            row.moved_at,
            due,
        )
