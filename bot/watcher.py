"""The watcher: reads the rooms that the bot was asked into for people's own filters, and never speaks there but once.

What it hears waits in memory, is put to filters some at a time beside everything else, and is gone: a bot that is
killed forgets what waited. Too many messages at once are passed over and counted.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Final

import structlog
from prometheus_client import Counter

from app.container import Work
from app.wording import filters as wording
from app.wording.buttons import Letter
from app.wording.reader import Service
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
from bot.readers import reader_of
from kit import outbox
from kit.errors import Conflict, HomeserverUnavailable
from kit.identifiers import PersonId, RoomId, UserId
from kit.outbox import Effect
from kit.throttle import Throttle
from reputation.screening import Crews, Screened, Screening
from reputation.seeing import Place, Recent, Sighting, Spoken, text_of
from reputation.sightings import Tally
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
_LOOK_SECONDS: Final = 1.0
_AWAY: Final = timedelta(seconds=5)
_MOST_TRIED: Final = 5
"""Rooms in which a draft is tried, those that somebody asked us into last."""
_MOST_REMEMBERED: Final = 10_000
_LATE: Final = timedelta(days=1)
"""How much earlier than it is heard a message is believed to be sent: its sender's homeserver may claim anything."""
_MOST_MENTIONS: Final = 10


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
        watched = await self._cross.work(partial(_watch, room=room, inviter=inviter, most=self._most))
        if watched is None:
            return False
        rooms = await self._known()
        rooms[room] = watched
        try:
            await self._say(watched, inviter)
        except Denied:  # who may not say what they do here does not do it
            await self._end(room)
            return False
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

    # ------------------------------------------------------------------------------------------------ hearing

    async def takes(self, happening: Happening) -> bool:
        """Take what happens in a room that is read; ``False`` for all other rooms."""
        watched = (await self._known()).get(happening.room)
        if watched is None or isinstance(happening, Invited | Entered):  # whoever invites us anew is to be answered
            return False
        match happening:
            case Said():
                self._said(happening)
            case Unreadable():
                self._heap(happening.room).unread += 1
            case Redacted():
                await self._redacted(happening)
            case Left():
                await self._left(happening, watched)
            case Moved():
                await self._end(happening.room)
                await self._homeserver.leave(happening.room)
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
        seen = self._places.get(left.room)
        if seen is not None:
            place = replace(seen.place, joined=seen.place.joined - {left.user})
            self._places[left.room] = replace(seen, place=place)
        if left.user == self._homeserver.me:
            await self._end(left.room)
            return
        asked = await self._cross.read(lambda work: work.people.mxid(watched.person))
        if asked in (None, left.user):
            await self._end(left.room)
            await self._homeserver.leave(left.room)

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
            except HomeserverUnavailable:
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

    def _screened(self, work: Work, *, place: Place, some: Sequence[Said], counts: tuple[int, int]) -> Screened:
        screening = Screening(
            work.session, people=work.people, knowing=work.knowing, filters=work.filters, crews=self._crews
        )
        found = screening.screen(place, [_spoken(said, work.now) for said in some], self._shared)
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
                await self._cross.work(partial(_record, seen=some, tallies=counted))

    async def _place(self, room: RoomId) -> Place | None:
        """Return what is known of a room; ``None`` where it is none of ours any more, and left."""
        seen, watched = self._places.get(room), (await self._known()).get(room)
        if watched is None:
            return None
        if seen is not None and seen.until > self._time():
            return seen.place
        try:
            look = await self._homeserver.look(room)
        except Denied:  # we are not there any more
            await self._end(room)
            return None
        asked, numbers = await self._cross.read(partial(_who, watched=watched, joined=sorted(look.joined)))
        if asked not in look.joined or len(look.joined) > MOST_MEMBERS:
            await self._end(room)
            await self._homeserver.leave(room)
            return None
        place = Place(room, look.joined, numbers, look.encrypted, look.public, look.name, look.topic)
        self._places[room] = _Seen(place, self._time() + _FRESH + len(look.joined) / _SLOWER)
        return place

    async def _look_ahead(self) -> None:
        """Look around in one more room: who is in which with whom is known once that was done in all of them."""
        for room in await self._known():
            if room not in self._places:
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
        place = await self._place(watched.room)
        if place is None:
            return None
        said = await self._homeserver.newest(watched.room, _AT_ONCE)
        # What was said before is none of theirs, perhaps: they may not have been there. Messages have whole seconds.
        since = watched.since.replace(microsecond=0)
        return Recent(place, tuple(_spoken(one, now) for one in said if one.at >= since))

    # ------------------------------------------------------------------------------------------------ leaving

    async def leave_owed(self) -> None:
        """Leave the rooms that are read for nobody any more."""
        if not await self._cross.read(lambda work: outbox.waits(work.session, LEAVE, work.now)):
            return
        effects = await self._cross.work(lambda work: outbox.claim(work.session, kinds=(LEAVE,), now=work.now))
        for effect in effects:
            room = RoomId(str(effect.payload["room"]))
            if await self._cross.read(partial(_watched, room=room)) is None:
                self._drop(room)
                try:
                    await self._homeserver.leave(room)
                except HomeserverUnavailable:
                    await self._cross.work(partial(_later, effect=effect))
                    raise
            await self._cross.work(partial(_done, effect=effect))


def _watch(work: Work, *, room: RoomId, inviter: UserId, most: int) -> Watched | None:
    person = work.people.find(inviter)
    if person is None:
        return None
    work.people.lock(person)
    return work.filters.rooms.watch(person, room, most=most)


def _who(work: Work, *, watched: Watched, joined: Sequence[UserId]) -> tuple[UserId | None, dict[UserId, PersonId]]:
    numbers: dict[UserId, PersonId] = {}
    for start in range(0, len(joined), 1_000):
        numbers |= work.people.find_all(joined[start : start + 1_000])
    return work.people.mxid(watched.person), numbers


def _spoken(said: Said, now: datetime) -> Spoken:
    at = said.at if now - _LATE <= said.at <= now else now
    all_named, text = len(said.mentions) < _MOST_MENTIONS, text_of(said.body, said.html)
    return Spoken(said.event, said.sender, text, at, said.mentions, all_named, said.kind)


def _watched(work: Work, *, room: RoomId) -> Watched | None:
    return work.filters.rooms.find(room)


def _record(work: Work, *, seen: Sequence[Sighting], tallies: Mapping[PersonId, Mapping[RoomId, Tally]]) -> int:
    return work.filters.sightings.record(seen, tallies)


def _later(work: Work, *, effect: Effect) -> None:
    outbox.release(work.session, effect, pause=_AWAY, now=work.now)


def _done(work: Work, *, effect: Effect) -> None:
    outbox.mark_done(work.session, effect, now=work.now)
    outbox.wipe(work.session, effect)


def _new(known: OrderedDict[str, None], key: str) -> bool:
    """Note something, of the last 10,000; ``False`` where it was noted before."""
    if key in known:
        return False
    known[key] = None
    while len(known) > _MOST_REMEMBERED:
        known.popitem(last=False)
    return True
