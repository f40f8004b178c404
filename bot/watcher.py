"""The watcher: reads the rooms that the bot was asked into for people's own filters, and never speaks there but once.

What it hears waits in memory, is put to filters some at a time beside everything else, and is gone: a bot that is
killed forgets what waited. Too many messages at once are passed over and counted.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Final

import structlog
from prometheus_client import Counter

from app.container import Work
from app.wording import filters as wording
from app.wording.buttons import Letter
from app.wording.reader import Service
from bot import watching
from bot.crossing import Crossing
from bot.homeserver import (
    Denied,
    Entered,
    Happening,
    Homeserver,
    Invited,
    Left,
    Moved,
    Redacted,
    Said,
    Unreadable,
)
from bot.letters import post
from bot.purposes import purposes
from bot.readers import reader_of
from kit import outbox
from kit.errors import Conflict, HomeserverUnavailable, Unavailable
from kit.identifiers import PersonId, RoomId, UserId
from kit.throttle import Throttle
from reputation.screening import Crews, Screened, Screening
from reputation.seeing import Place, Recent
from reputation.watched import LEAVE, Watched

LOG = structlog.get_logger(__name__)
MESSAGES = Counter("earnest_messages_heard", "Messages in rooms that are read, by what became of them", ["outcome"])

MOST_MEMBERS: Final = 5_000
"""People in a room that is read."""
_BURST, _SECONDS = 60, 2.0
"""Messages of one room: sixty at once, then one every two seconds; the others are passed over."""
_MOST_WAITING: Final = 2_000
_AT_ONCE: Final = 50
"""Messages of a room that are put to filters in one go."""
_KEPT_AT_ONCE: Final = 20
"""Sightings that are kept in one transaction."""
_FRESH: Final = 60.0
"""Seconds for which it is believed who is in a room; who leaves is noted at once."""
_SLOWER: Final = 50
"""Of so many members more, a second longer: all of them are asked for."""
_QUIET: Final = 3_600.0
"""Seconds more for which that is believed of a room in which nobody writes."""
_LOOK_SECONDS: Final = 1.0
_PATIENCE: Final = 10.0
"""Seconds that reading a room once more for a draft may take: all who write to us wait meanwhile."""
_MOST_TRIED: Final = 5
"""Rooms in which a draft is tried, those that somebody asked us into last."""
_MOST_REMEMBERED: Final = 10_000


@dataclass
class _Heap:
    """What was heard in a room and not looked at yet."""

    messages: deque[Said] = field(default_factory=deque)
    unread: int = 0
    passed: int = 0


@dataclass(frozen=True, slots=True)
class _Seen:
    place: Place
    until: float


class Watcher:
    """Listens in rooms for those in it who have a filter."""

    def __init__(
        self, homeserver: Homeserver, cross: Crossing, service: Service, *, time: Callable[[], float], most: int
    ) -> None:
        """Read through ``homeserver``, at most ``most`` rooms."""
        self._homeserver = homeserver
        self._cross = cross
        self._service = service
        self._time = time
        self._most = most
        self._throttle = Throttle(_BURST, _SECONDS, time)
        self._rooms: dict[RoomId, Watched] | None = None
        self._places: dict[RoomId, _Seen] = {}
        self._heaps: dict[RoomId, _Heap] = {}
        self._crews = Crews()
        self._heard: OrderedDict[str, None] = OrderedDict()
        self._gone: OrderedDict[str, None] = OrderedDict()
        self._unsaid: set[RoomId] = set()
        self._departed: OrderedDict[tuple[RoomId, UserId], float] = OrderedDict()
        self._keeping = asyncio.Lock()

    # ------------------------------------------------------------------------------------------------ rooms

    async def stays(self, room: RoomId, inviter: UserId) -> bool:
        """Stay in a group where whoever invited us has a filter, and say there once what we do; ``False``: leave.

        Raises ``Conflict`` where as many rooms are read as may be, or there are too many people in this one.
        """
        look = await self._homeserver.look(room)
        if inviter not in look.joined or self._most == 0:
            return False
        if len(look.joined) > MOST_MEMBERS:
            message = f"I read rooms of up to {MOST_MEMBERS} people."
            raise Conflict("watched_crowded", message, most=MOST_MEMBERS)
        watched = await self._cross.work(partial(watching.watch, room=room, inviter=inviter, most=self._most))
        if watched is None:
            return False
        rooms = await self._known()
        rooms[room] = watched
        self._unsaid.add(room)  # where it cannot be said yet, nothing is read yet
        try:
            await self._say(watched, inviter)
        except Denied:  # who may not say what they do here does not do it
            await self._end(room)
            return False
        self._unsaid.discard(room)
        return True

    async def _say(self, watched: Watched, inviter: UserId) -> None:
        reader = await self._cross.read(lambda work: reader_of(work, self._service, watched.person))
        letter = Letter(wording.reads_here(reader, inviter))
        cause = f"watch:{watched.room}:{watched.since.isoformat()}"
        await post(self._homeserver, self._cross, room=watched.room, person=watched.person, letter=letter, cause=cause)

    async def _known(self) -> dict[RoomId, Watched]:
        if self._rooms is None:
            found = await self._cross.read(lambda work: work.filters.rooms.all())
            self._rooms = {one.room: one for one in found}
        return self._rooms

    async def _end(self, room: RoomId) -> None:
        """Read a room no more."""
        await self._cross.work(lambda work: work.filters.rooms.end(room))
        self._drop(room)

    def _drop(self, room: RoomId) -> None:
        (self._rooms or {}).pop(room, None)
        self._places.pop(room, None)
        self._heaps.pop(room, None)
        self._unsaid.discard(room)

    async def _part(self, room: RoomId) -> None:
        """End a room and leave it; where the homeserver does not answer, or we die, that is owed."""
        await self._cross.work(lambda work: work.filters.rooms.leave(room))
        self._drop(room)
        with suppress(HomeserverUnavailable):
            await self.leave_owed()

    # ------------------------------------------------------------------------------------------------ hearing

    async def takes(self, happening: Happening) -> bool:
        """Take what happens in a room that is read; ``False`` for all other rooms."""
        watched = (await self._known()).get(happening.room)
        if watched is None or isinstance(happening, Invited | Entered):  # whoever invites us anew is to be answered
            return False
        match happening:
            case Said() | Unreadable() if happening.room in self._unsaid:
                pass
            case Said():
                self._said(happening)
            case Unreadable():
                self._heap(happening.room).unread += 1
            case Redacted():
                await self._redacted(happening)
            case Left():
                await self._left(happening, watched)
            case Moved():
                await self._part(happening.room)
            case _:
                pass
        return True

    def _said(self, said: Said) -> None:
        heap = self._heap(said.room)
        if not _new(self._heard, said.event):
            return
        waiting = sum(len(each.messages) for each in self._heaps.values())
        if waiting >= _MOST_WAITING or not self._throttle.take(said.room):
            heap.passed += 1
        else:
            heap.messages.append(said)

    def _heap(self, room: RoomId) -> _Heap:
        return self._heaps.setdefault(room, _Heap())

    async def _redacted(self, redacted: Redacted) -> None:
        _new(self._gone, redacted.event)
        async with self._keeping:  # what is being kept at this moment is there afterwards
            room, event = redacted.room, redacted.event
            if await self._cross.read(lambda work: work.filters.sightings.holds(room, event)):
                await self._cross.work(lambda work: work.filters.sightings.redacted(room, event))

    async def _left(self, left: Left, watched: Watched) -> None:
        self._departed[left.room, left.user] = self._time()
        while len(self._departed) > _MOST_REMEMBERED:
            self._departed.popitem(last=False)
        seen = self._places.get(left.room)
        if seen is not None:
            place = replace(seen.place, joined=seen.place.joined - {left.user})
            self._places[left.room] = replace(seen, place=place)
        if left.user == self._homeserver.me:
            await self._end(left.room)
            return
        asked = await self._cross.read(lambda work: work.people.mxid(watched.person))
        if asked in (None, left.user):
            await self._part(left.room)

    # ------------------------------------------------------------------------------------------------ looking

    async def run(self, stop: asyncio.Event) -> None:
        """Look at what was heard, and leave what is to be left, until ``stop``; what goes wrong comes round again."""
        while not stop.is_set():
            try:
                await self.leave_owed()
                await self.look()
                await self._look_ahead()
            except Exception as error:  # noqa: BLE001 - nothing of what was heard may stand in a log
                LOG.warning("watcher_waits", reason=type(error).__name__)
            try:
                await asyncio.wait_for(stop.wait(), _LOOK_SECONDS)
            except TimeoutError:
                continue
        await self.look()

    async def look(self) -> None:
        """Put all that was heard to filters."""
        for room in list(self._heaps):
            heap = self._heaps.pop(room)
            try:
                place = await self._place(room)
                if place is not None:
                    await self._screen(place, heap)
            except Unavailable:
                newer = self._heap(room)
                newer.messages.extendleft(reversed(heap.messages))
                newer.unread, newer.passed = newer.unread + heap.unread, newer.passed + heap.passed
                raise

    async def _screen(self, place: Place, heap: _Heap) -> None:
        messages = list(heap.messages)
        for start in range(0, max(len(messages), 1), _AT_ONCE):
            some = messages[start : start + _AT_ONCE]
            counts = (heap.unread, heap.passed) if not start else (0, 0)
            for outcome, count in (("looked_at", len(some)), ("unread", counts[0]), ("passed_over", counts[1])):
                MESSAGES.labels(outcome).inc(count)
            found = await self._cross.read(partial(self._screened, place=place, some=some, counts=counts))
            await self._keep(found)
            heap.unread = heap.passed = 0
            for _ in some:
                heap.messages.popleft()

    def _screened(self, work: Work, *, place: Place, some: Sequence[Said], counts: tuple[int, int]) -> Screened:
        screening = Screening(
            work.session, people=work.people, knowing=work.knowing, filters=work.filters, crews=self._crews
        )
        found = screening.screen(place, [watching.spoken(said, work.now) for said in some], self._shared)
        if any(counts):
            for viewer in screening.viewers(place):
                tally = found.tally(viewer, place.room)
                tally.unread, tally.passed = counts
        return found

    async def _keep(self, found: Screened) -> None:
        if not found.tallies:
            return
        tallies = found.tallies
        for start in range(0, max(len(found.sightings), 1), _KEPT_AT_ONCE):
            async with self._keeping:
                some = [one for one in found.sightings[start : start + _KEPT_AT_ONCE] if one.event not in self._gone]
                counted = tallies if not start else {}
                await self._cross.work(partial(watching.record, seen=some, tallies=counted))

    async def _place(self, room: RoomId) -> Place | None:
        """Return what is known of a room; ``None`` where it is none of ours any more, and left."""
        seen, watched = self._places.get(room), (await self._known()).get(room)
        if watched is None:
            return None
        if seen is not None and seen.until > self._time():
            return seen.place
        began = self._time()
        try:
            look = await self._homeserver.look(room)
        except Denied:  # we are not there any more
            await self._end(room)
            return None
        asked, numbers = await self._cross.read(partial(watching.who, watched=watched, joined=sorted(look.joined)))
        # Who left while we looked may stand in the answer still.
        away = {user for (of, user), at in self._departed.items() if of == room and at >= began}
        joined = look.joined - away
        if (await self._known()).get(room) != watched:
            return None
        if asked not in joined or len(joined) > MOST_MEMBERS:
            await self._part(room)
            return None
        place = Place(room, joined, numbers, look.encrypted, look.public, look.name, look.topic)
        self._places[room] = _Seen(place, self._time() + _FRESH + len(joined) / _SLOWER)
        return place

    async def _look_ahead(self) -> None:
        """Look around in one more room: who is in which with whom is known once that was done in all of them.

        Where nobody writes, newcomers are found by looking again, now and then.
        """
        for room in await self._known():
            seen = self._places.get(room)
            if seen is None or seen.until + _QUIET < self._time():
                await self._place(room)
                return

    def _shared(self, one: UserId, other: UserId) -> int | None:
        rooms = self._rooms or {}
        if len(self._places) < len(rooms):
            return None
        return sum(one in seen.place.joined and other in seen.place.joined for seen in list(self._places.values()))

    async def recent(self, person: PersonId) -> tuple[Recent, ...]:
        """Return what was said last in the rooms that somebody asked us into, since they did; nothing of it is kept."""
        rooms = await self._cross.read(lambda work: work.filters.rooms.of(person))
        now = await self._cross.read(lambda work: work.now)
        found = await asyncio.gather(*(self._recent(watched, now) for watched in rooms[-_MOST_TRIED:]))
        return tuple(one for one in found if one is not None)

    async def _recent(self, watched: Watched, now: datetime) -> Recent | None:
        if watched.room in self._unsaid:
            return None
        try:
            async with asyncio.timeout(_PATIENCE):
                place = await self._place(watched.room)
                said = [] if place is None else await self._homeserver.newest(watched.room, _AT_ONCE)
        except (HomeserverUnavailable, TimeoutError):  # one room's trouble keeps nobody's commands waiting
            return None
        if place is None:
            return None
        # What was said before is none of theirs, perhaps: they may not have been there. Messages have whole seconds.
        since = watched.since.replace(microsecond=0)
        return Recent(place, tuple(watching.spoken(one, now) for one in said if one.at >= since))

    # ------------------------------------------------------------------------------------------------ leaving

    async def leave_owed(self) -> None:
        """Leave the rooms that are read for nobody any more."""
        if not await self._cross.read(lambda work: outbox.waits(work.session, LEAVE, work.now)):
            return
        effects = await self._cross.work(lambda work: outbox.claim(work.session, kinds=(LEAVE,), now=work.now))
        for effect in effects:
            room = RoomId(str(effect.payload["room"]))
            if room not in await self._cross.read(purposes):
                self._drop(room)
                try:
                    await self._homeserver.leave(room)
                except HomeserverUnavailable:
                    await self._cross.work(partial(watching.later, effect=effect))
                    raise
            await self._cross.work(partial(watching.done, effect=effect))


def _new(known: OrderedDict[str, None], key: str) -> bool:
    """Note something, of the last 10,000; ``False`` where it was noted before."""
    if key in known:
        return False
    known[key] = None
    while len(known) > _MOST_REMEMBERED:
        known.popitem(last=False)
    return True
