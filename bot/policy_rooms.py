"""Policy rooms: the lists that stand in Matrix rooms are read by the bot, followed as they change, and left in the end.

A change is told by the homeserver; the room is read anew a moment later, however many changes there were. What was
missed, for whatever reason, is made up for when the process starts, and every six hours.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from http import HTTPStatus
from typing import Any, Final

import structlog

from app import lists
from app.container import Work
from bot.crossing import Crossing, Rooms
from bot.homeserver import Denied, Entered, Happening, Homeserver, Invited, Left, Missed, Moved, Redacted, Stated
from bot.room_state import StateEvent
from kit.errors import EarnestError, HomeserverUnavailable, Invalid, NotFound, Unavailable
from kit.identifiers import RoomId, UserId, server_of
from reputation.enforcement.reading import room_in, user_in
from reputation.followed import EVERY
from reputation.followed_rooms import FollowedRoom, Standing
from reputation.lists.model import plain
from reputation.lists.policy_events import TYPES, read_events

LOG = structlog.get_logger(__name__)

_LOOK_SECONDS: Final = 1.0
_QUIET: Final = 1.0
"""Seconds without another change after which a room is read anew."""
_LONGEST: Final = 10.0
"""Seconds after a change that it is read in any case."""
_REST: Final = 5.0
"""Times as long as a reading took, it rests."""
_TOMBSTONE: Final = "m.room.tombstone"
_KINDS: Final = frozenset({*TYPES, _TOMBSTONE})
_BETWEEN_MOVES: Final = timedelta(hours=1)
"""How long a list stands in one room at least: two rooms that were closed for each other are no treadmill."""
_SOONER: Final = timedelta(seconds=30)
"""How long a room waits that could not be read; in a row twice as long, up to six hours."""
_AWAY: Final = timedelta(minutes=1)
_LATEST: Final = timedelta(hours=1)
_BANNED: Final = "The bot is banned there."
_LONGEST_CODE: Final = 60
_STRANGE: Final = (HTTPStatus.NOT_FOUND, HTTPStatus.BAD_REQUEST)


class _Trouble(Exception):
    """A list cannot be read now."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


@dataclass(frozen=True, slots=True)
class _Change:
    first: float
    last: float


class PolicyRooms:
    """Reads the followed lists that stand in rooms."""

    def __init__(self, homeserver: Homeserver, cross: Crossing, *, time: Callable[[], float]) -> None:
        """Read through ``homeserver``; ``time`` is a clock that never runs backwards, in seconds."""
        self._homeserver = homeserver
        self._cross = cross
        self._time = time
        self._rooms: frozenset[RoomId] | None = None
        self._changed: dict[RoomId, _Change] = {}
        self._rests: dict[RoomId, float] = {}
        self._begun = False
        self.readings = 0
        """How often a room was read."""

    # ------------------------------------------------------------------------------------------------ hearing

    async def takes(self, happening: Happening) -> bool:
        """Take what happens in a room in which a list stands; ``False`` for all other rooms."""
        if self._rooms is None or isinstance(happening, Invited | Entered):  # nobody may have looked since
            self._rooms = await self._cross.read(lambda work: work.followed.rooms.rooms())
        room = happening.room
        if room not in self._rooms:
            return False
        match happening:
            case Invited() | Entered():
                await self._enter(room)
            case Stated() if happening.kind in TYPES:
                self._change(room)
            case Redacted() | Missed() | Moved():
                self._change(room)
            case Left() if happening.user == self._homeserver.me:
                standing = Standing.BANNED if happening.banned else Standing.OUT
                await self._cross.work(partial(_put_out, room=room, standing=standing))
                self._change(room)
            case _:
                pass
        return True

    async def _enter(self, room: RoomId) -> None:
        try:
            await self._homeserver.join(room)
        except Denied as denied:
            LOG.info("policy_room_denied", room=room, status=denied.status)
            return
        await self._cross.work(partial(_let_in, room=room))
        self._change(room)

    def _hear_of(self, room: RoomId) -> None:
        """Take what happens in a room from now on, not only from the next look on: it may change as it is read."""
        self._rooms = (self._rooms or frozenset()) | {room}

    def _change(self, room: RoomId) -> None:
        before = self._changed.get(room)
        self._changed[room] = _Change(self._time() if before is None else before.first, self._time())

    # ------------------------------------------------------------------------------------------------ reading

    async def run(self, stop: asyncio.Event) -> None:
        """Read what is due until ``stop``; what goes wrong comes round again."""
        while not stop.is_set():
            try:
                await self.look()
            except Exception as error:  # noqa: BLE001 - what others wrote stands in no log
                LOG.warning("policy_rooms_wait", reason=type(error).__name__)
            try:
                await asyncio.wait_for(stop.wait(), _LOOK_SECONDS)
            except TimeoutError:
                continue

    async def look(self) -> None:
        """Read the rooms that are due, or that have changed."""
        found = await self._cross.read(lambda work: work.followed.rooms.all())
        self._rooms = frozenset(room for one in found for room in one.rooms())
        if not self._begun:
            for room in self._rooms:
                self._change(room)
            self._begun = True
        self._changed = {room: change for room, change in self._changed.items() if room in self._rooms}
        self._rests = {room: until for room, until in self._rests.items() if room in self._rooms}
        due = [one for one in found if one.due or any(self._ripe(room) for room in one.rooms())]
        if not due:
            return
        try:
            joined = frozenset(await self._homeserver.joined_rooms())
        except HomeserverUnavailable:
            for one in due:
                await self._failed(one, "The homeserver does not answer.", _AWAY, _AWAY)
            raise
        for one in due:
            try:
                await self._read(one, joined)
            except Unavailable:
                raise
            except Exception as error:  # noqa: BLE001 - one list stops no other
                await self._failed(one, f"The bot could not read it: {type(error).__name__}.")

    def _ripe(self, room: RoomId) -> bool:
        change, now = self._changed.get(room), self._time()
        if change is None or now < self._rests.get(room, now):
            return False
        return now - change.last >= _QUIET or now - change.first >= _LONGEST

    async def _read(self, one: FollowedRoom, joined: frozenset[RoomId]) -> None:
        """Read one list, and note what stands in the way; what changes meanwhile has it read once more."""
        for room in one.rooms():
            self._changed.pop(room, None)
        began = self._time()
        try:
            room = await self._arrive(one, joined)
            left_behind = await self._take(one, room)
        except NotFound:
            return  # followed no more
        except (_Trouble, Denied, Invalid) as trouble:
            await self._failed(one, trouble.why if isinstance(trouble, _Trouble) else trouble.message)
        except HomeserverUnavailable:
            await self._failed(one, "A homeserver does not answer: ours, or all that know the room.", _AWAY, _LATEST)
        except Unavailable:
            for room in one.rooms():
                self._change(room)
            raise
        else:
            if left_behind:
                await self._failed(one, left_behind)
        now = self._time()
        for room in one.rooms():
            self._rests[room] = now + _REST * (now - began)

    async def _failed(self, one: FollowedRoom, why: str, pause: timedelta = _SOONER, latest: timedelta = EVERY) -> None:
        LOG.warning("policy_room_unread", name=one.name, why=why)
        await self._cross.work(partial(_note_failure, name=one.name, why=why, pause=pause, latest=latest))

    async def _arrive(self, one: FollowedRoom, joined: frozenset[RoomId]) -> RoomId:
        """Be in the room, and return which that is. Raises ``_Trouble`` where we cannot."""
        room, via = one.room, one.via
        if room is None:
            room, via = await self._resolve(one)
        if room in joined:
            if one.standing is not Standing.IN:
                await self._cross.work(partial(_stands, number=one.list, standing=Standing.IN))
            return room
        if one.successor is not None and one.successor in joined:  # put out where it was, and let in where it is
            await self._cross.work(partial(_moved, number=one.list, room=one.successor, via=via))
            return one.successor
        if one.standing is Standing.AWAITED:
            await self._join(room, via)
            await self._cross.work(partial(_stands, number=one.list, standing=Standing.IN))
            return room
        if one.standing is Standing.IN:
            await self._cross.work(partial(_stands, number=one.list, standing=Standing.OUT))
        if one.standing is Standing.BANNED:
            raise _Trouble(_BANNED)
        again = f"invite it again, or have it try by `earnest list refresh {one.name}`"
        raise _Trouble(f"The bot was put out: {again}.")

    async def _resolve(self, one: FollowedRoom) -> tuple[RoomId, tuple[str, ...]]:
        try:
            room, via = await self._homeserver.resolve(one.source)
        except Denied as denied:
            raise _Trouble(f"The alias leads to no room ({_code(denied)}).") from denied
        via = tuple(dict.fromkeys((*one.via, *via)))
        await self._cross.work(partial(_resolved, number=one.list, room=room, via=via))
        self._hear_of(room)
        return room, via

    async def _join(self, room: RoomId, via: Sequence[str]) -> None:
        try:
            await self._homeserver.join(room, via)
        except Denied as denied:
            if denied.status in _STRANGE:
                raise _Trouble(
                    f"No homeserver that we know knows the room ({_code(denied)}): `--via` names one."
                ) from denied
            if "banned" in str(denied.body.get("error", "")):  # no code tells it
                raise _Trouble(_BANNED) from denied
            raise _Trouble(
                f"The bot is not let in: let somebody there invite {self._homeserver.me} ({_code(denied)})."
            ) from denied

    async def _take(self, one: FollowedRoom, room: RoomId) -> str | None:
        """Read a room and keep what changed; go where its list went. Return why we could not go there."""
        events, trouble = await self._homeserver.events(room, _KINDS), None
        self.readings += 1
        tomb = next((event for event in events if event.kind == _TOMBSTONE and not event.key), None)
        successor = None if tomb is None else room_in(tomb.content, "replacement_room")
        if tomb is not None and successor is not None and successor != room:
            try:
                events = await self._move(one, successor, user_in(tomb.sender))
            except _Trouble as stays:
                trouble = stays.why
        elif one.successor is not None:
            await self._cross.work(partial(_closed, number=one.list, successor=None))
        await self._cross.several(partial(_keep, one=one, events=events, bot=self._homeserver.me))
        return trouble

    async def _move(self, one: FollowedRoom, successor: RoomId, closer: UserId | None) -> list[StateEvent]:
        """Enter the room for which another was closed, read it, and follow it from then on."""
        now = await self._cross.read(lambda work: work.now)
        if one.moved_at is not None and now - one.moved_at < _BETWEEN_MOVES:
            raise _Trouble("It was closed for another room, and had come from another one within this hour.")
        await self._cross.work(partial(_closed, number=one.list, successor=successor))
        self._hear_of(successor)
        servers = [*([server_of(closer)] if closer is not None else []), *([successor.partition(":")[2]])]
        via = tuple(dict.fromkeys(server for server in (*servers, *one.via) if server))
        try:
            await self._join(successor, via)
            events = await self._homeserver.events(successor, _KINDS)
        except (_Trouble, Denied, HomeserverUnavailable) as error:
            why = error.why if isinstance(error, _Trouble) else "It cannot be read."
            raise _Trouble(f"It was closed for {successor}, which is not followed yet. {why}") from error
        self.readings += 1
        await self._cross.work(partial(_moved, number=one.list, room=successor, via=via))
        LOG.info("policy_room_moved", name=one.name, to=successor)
        return events


def _code(denied: Denied) -> str:
    return f"{denied.status} {plain(str(denied.body.get('errcode', '')))[:_LONGEST_CODE]}".strip()


def _raw(event: StateEvent) -> Mapping[str, Any]:
    return {"type": event.kind, "state_key": event.key, "content": event.content}


def _keep(rooms: Rooms, *, one: FollowedRoom, events: Sequence[StateEvent], bot: UserId) -> None:
    with rooms.read() as work:
        kept = work.followed.find(one.name)
    found = lists.take(rooms.read, rooms.work, kept, read_events([_raw(event) for event in events]), bot)
    LOG.info("list_read", name=one.name, written=len(found.written), gone=len(found.gone))


def _note_failure(work: Work, *, name: str, why: str, pause: timedelta, latest: timedelta) -> None:
    try:
        work.followed.failed(name, why, pause=pause, latest=latest)
    except EarnestError:
        return  # followed no more


def _stands(work: Work, *, number: int, standing: Standing) -> None:
    work.followed.rooms.stands(number, standing)


def _resolved(work: Work, *, number: int, room: RoomId, via: Sequence[str]) -> None:
    work.followed.rooms.resolved(number, room, via)


def _closed(work: Work, *, number: int, successor: RoomId | None) -> None:
    work.followed.rooms.closed(number, successor)


def _moved(work: Work, *, number: int, room: RoomId, via: Sequence[str]) -> None:
    work.followed.rooms.moved(number, room, via)


def _let_in(work: Work, *, room: RoomId) -> None:
    for one in work.followed.rooms.all():
        if one.room == room:
            work.followed.rooms.stands(one.list, Standing.IN)


def _put_out(work: Work, *, room: RoomId, standing: Standing) -> None:
    for one in work.followed.rooms.all():
        if one.room == room and one.standing is not Standing.AWAITED:
            work.followed.rooms.stands(one.list, standing)
