"""Keeping: rooms that are to hold certain people, whatever these are there for, are looked at and kept so.

A room is looked at, what lacks is planned, and done one by one; whoever dies in the midst looks again.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, Final, Generic, TypeVar

import structlog
from prometheus_client import Counter

from app.container import Work
from app.supporting.planning import KINDS, Ask, Grade, Guest, Kept, Place, PutOut, Step, Wanted, Write, plan
from bot.away import Away
from bot.crossing import Crossing
from bot.homeserver import Denied, ElsewhereAway, Homeserver, SlowDown
from bot.room_state import StateEvent
from kit.changes import counters
from kit.errors import Invalid
from kit.identifiers import PersonId, RoomId, UserId, server_of
from reputation.enforcement.reading import KINDS as OF_ROOMS
from reputation.enforcement.reading import read_room
from reputation.enforcement.rooms import RoomSeen

LOG = structlog.get_logger(__name__)

_LOOK_SECONDS: Final = 0.5
_QUIET: Final = 1.0
"""Seconds without another change in a room after which it is looked at."""
_ANYWAY: Final = 600.0
"""Seconds after which each room is looked at in any case."""
_READ_ANYWAY: Final = 10.0
"""Seconds after which it is asked anew who is to be where: their time ends by itself."""
_REST: Final = 20.0
"""Times as long as that took, it rests."""
_PAUSE: Final = 5.0
_LONGEST_PAUSE: Final = 60.0
_AT_ONCE: Final = 500
"""Steps of one round; then it is asked anew who is to be where."""

_Kept = TypeVar("_Kept", bound=Kept)


@dataclass(slots=True)
class _Seen:
    """When a room was looked at, and as what it was wanted then; ``changed`` is when something happened there last.

    ``again`` is when it is to be looked at once more, for somebody's homeserver did not answer; ``asked`` are those who
    were asked in by then. ``took`` is how long the look took.
    """

    at: float
    wanted: Wanted
    changed: float | None = None
    again: float = float("inf")
    asked: frozenset[PersonId] = frozenset()
    took: float = 0.0


class Keeper(ABC, Generic[_Kept]):
    """Keeps rooms equal to whom they are to have; whoever inherits says which rooms, and notes what is done."""

    topic: ClassVar[str]
    """What the change counter counts under, where others are to be in rooms."""
    put_out: ClassVar[str]
    """What stands beside somebody's leaving, in their app."""
    steps: ClassVar[Counter]

    def __init__(self, homeserver: Homeserver, cross: Crossing, *, time: Callable[[], float]) -> None:
        """Work through ``homeserver``; ``time`` is in seconds and never runs backwards."""
        self._homeserver = homeserver
        self._cross = cross
        self._time = time
        self._away = Away(time)
        self._rooms: frozenset[RoomId] | None = None
        self._halls: list[_Kept] = []
        self._seen: dict[RoomId, _Seen] = {}
        self._again: dict[RoomId, float] = {}
        self._asked: dict[RoomId, set[PersonId]] = defaultdict(set)
        self._took: dict[RoomId, float] = {}
        self._counter = -1
        self._read_at = self._not_before = float("-inf")
        self._rest = 0.0

    # ------------------------------------------------------------------------------------------------ what they are

    @abstractmethod
    async def _find(self) -> list[_Kept]:
        """Return the rooms, once people are owed what there is to tell them; read anew each time."""

    def _takes_all(self, hall: _Kept) -> bool:  # noqa: ARG002 - as others say
        """Tell whether all that happens in a room is the keeper's."""
        return True

    async def _prepare(self) -> None:
        """Do what comes before any room is looked at."""

    @abstractmethod
    async def _unseen(self, hall: _Kept, why: str) -> None:
        """Note that a room cannot be seen."""

    @abstractmethod
    async def _looked(self, hall: _Kept, seen: RoomSeen) -> bool:
        """Note that a room can be seen, before anything is done; ``False``: it is to be asked anew what is wanted."""

    async def _planned(self, hall: _Kept, seen: RoomSeen, steps: Sequence[Step]) -> None:
        """Note what a look told beside what is to be done."""

    @abstractmethod
    async def _denied(self, hall: _Kept, why: str) -> None:
        """Note that the homeserver said no to something there."""

    @abstractmethod
    def _asks(self, work: Work, hall: _Kept, guest: Guest) -> None:
        """Note that somebody is asked in, before it is done."""

    @abstractmethod
    def _reached(self, work: Work, hall: _Kept, guest: Guest) -> None:
        """Note that somebody was asked in."""

    @abstractmethod
    def _refused(self, work: Work, hall: _Kept, guest: Guest) -> None:
        """Note that somebody cannot be asked in for a while."""

    def _missed(self, work: Work, hall: _Kept, guest: Guest) -> None:
        """Note that somebody was not asked in."""

    async def _gone(self, hall: _Kept, user: UserId) -> None:
        """Note that somebody was put out."""

    # ------------------------------------------------------------------------------------------------ keeping

    def _happened(self, room: RoomId) -> None:
        """Note that something happened in a room."""
        if room in self._seen:
            self._seen[room].changed = self._time()

    async def run(self, stop: asyncio.Event) -> None:
        """Keep them until ``stop``; what goes wrong comes round again."""
        while not stop.is_set():
            if self._time() >= self._not_before:
                try:
                    await self.round()
                except SlowDown as slow:
                    self._not_before = self._time() + min(slow.seconds, _LONGEST_PAUSE)
                    LOG.info("keeping_slowed", rooms=self.topic, seconds=slow.seconds)
                except Exception as error:  # noqa: BLE001 - people's names stand in no log
                    LOG.warning("keeping_waits", rooms=self.topic, reason=type(error).__name__)
                    self._not_before = self._time() + _PAUSE
            try:
                await asyncio.wait_for(stop.wait(), _LOOK_SECONDS)
            except TimeoutError:
                continue

    async def round(self) -> None:
        """Read what changed, tell people what there is to tell, and do what is due."""
        await self._read()
        await self._prepare()
        await self._read()
        began = self._time()
        plans = [(hall, await self._look(hall, hall.room)) for hall in self._halls if hall.room and self._is_due(hall)]
        left, self._again, self._asked = _AT_ONCE, {}, defaultdict(set)
        for kind in (Write, PutOut, Grade, Ask):  # who goes is gone everywhere before anybody is asked in anywhere
            for hall, steps in plans:
                some = [step for step in steps or () if isinstance(step, kind)]
                await self._do(hall, some[:left])
                left -= len(some[:left])
        for hall, steps in plans:
            if steps is not None and hall.room is not None:
                before = self._seen.get(hall.room)
                heard = None if before is None or before.changed is None or before.changed < began else before.changed
                self._seen[hall.room] = _Seen(
                    self._time(),
                    hall.wanted,
                    changed=self._time() if left <= 0 else heard,
                    again=self._again.get(hall.room, float("inf")),
                    asked=frozenset(hall.asked) | self._asked[hall.room],
                    took=self._took.get(hall.room, 0.0),
                )
        if any(self._asked.values()):
            self._read_at = float("-inf")

    async def _read(self) -> None:
        """Read who is to be where, if that may have changed."""
        now = self._time()
        counter = await self._cross.read(lambda work: counters(work.session).get(self.topic, 0))
        if counter == self._counter and now - self._read_at < max(_READ_ANYWAY, self._rest):
            return
        self._halls = await self._find()
        self._rooms = frozenset(hall.room for hall in self._halls if hall.room is not None and self._takes_all(hall))
        self._counter, self._read_at = counter, now
        self._rest = _REST * (self._time() - now)

    def _is_due(self, hall: _Kept) -> bool:
        seen, now = self._seen.get(hall.room or RoomId("")), self._time()
        if seen is None or seen.wanted != hall.wanted or now - seen.at >= _ANYWAY:
            return True
        if not seen.asked <= hall.asked.keys():  # whoever left, and wishes to come again now, was never asked
            return True
        rested = now - seen.at >= _REST * seen.took  # a great room in which much happens keeps no other one waiting
        return now >= seen.again or (rested and seen.changed is not None and now - seen.changed >= _QUIET)

    async def _look(self, hall: _Kept, room: RoomId) -> tuple[Step, ...] | None:
        """Plan for a room; ``None`` where it cannot be seen, or is to be looked at anew."""
        began = self._time()
        try:
            events = await self._homeserver.events(room, OF_ROOMS | KINDS)
        except (Denied, Invalid) as error:
            LOG.warning("kept_room_unseen", room=room, reason=error.code)
            self._seen[room] = _Seen(self._time(), hall.wanted)
            await self._unseen(hall, error.message)
            return None
        seen = read_room(room, [_raw(event) for event in events])
        if not await self._looked(hall, seen):
            self._read_at = float("-inf")
            return None
        now = await self._cross.read(lambda work: work.now)
        steps = await self._cross.aside(
            partial(plan, seen, _states(events), hall.wanted, hall.asked, me=self._homeserver.me, now=now)
        )
        await self._planned(hall, seen, steps)
        self._took[room] = self._time() - began
        return steps

    # ------------------------------------------------------------------------------------------------ doing

    async def _do(self, hall: _Kept, steps: Iterable[Step]) -> None:
        for step in steps:
            if hall.room is None:
                return
            try:
                await self._step(hall, hall.room, step)
            except Denied as denied:
                LOG.warning("keeping_denied", room=hall.room, what=type(step).__name__, status=denied.status)
                await self._denied(hall, denied.message)
            self.steps.labels(type(step).__name__).inc()

    async def _step(self, hall: _Kept, room: RoomId, step: Step) -> None:
        match step:
            case Write():
                await self._homeserver.put_state(room, step.kind, step.key, step.content)
            case PutOut():
                await self._homeserver.kick(room, step.user, reason=self.put_out)
                await self._gone(hall, step.user)
            case Grade():
                await self._homeserver.set_levels(room, step.levels)
            case Ask():
                await self._ask(hall, room, step.guest)

    async def _ask(self, hall: _Kept, room: RoomId, guest: Guest) -> None:
        server = server_of(guest.user)
        if not self._away.seconds(server):
            await self._cross.work(partial(self._asks, hall=hall, guest=guest))
            self._asked[room].add(guest.person)
            try:
                refused = await self._homeserver.invite(room, guest.user)
            except Denied:
                await self._cross.work(partial(self._missed, hall=hall, guest=guest))
                raise
            except ElsewhereAway:  # their homeserver may have taken it all the same: whoever comes then comes by us
                self._away.failed(server)
            else:
                self._away.answered(server)
                if refused is not None:
                    LOG.info("guest_not_asked", room=room, errcode=refused.get("errcode"))
                await self._cross.work(
                    partial(self._reached if refused is None else self._refused, hall=hall, guest=guest)
                )
                return
        again = self._time() + self._away.seconds(server)
        self._again[room] = min(again, self._again.get(room, again))


def _states(events: Iterable[StateEvent]) -> Mapping[Place, Mapping[str, Any]]:
    return {(event.kind, event.key): event.content for event in events}


def _raw(event: StateEvent) -> dict[str, object]:
    return {"type": event.kind, "state_key": event.key, "sender": event.sender, "content": event.content}
