"""Supporting: makes the supporters' space and its rooms, and keeps them equal to who supports the cause.

A room is looked at, what lacks is planned, and done one by one; whoever dies in the midst looks again. A room of ours
that was made and not noted is found by what it says for good of its purpose.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Final

import structlog
from prometheus_client import Counter

from app.container import Work
from app.supporting.planning import KINDS, SPACE, Ask, Grade, PutOut, Step, Wanted, Write, plan
from app.supporting.service import Hall
from app.supporting.wanting import Described
from app.wording import supporting as wording
from bot.away import Away
from bot.crossing import Crossing
from bot.entering import Entering
from bot.homeserver import (
    Denied,
    ElsewhereAway,
    Entered,
    Happening,
    Homeserver,
    Invited,
    Joined,
    Left,
    Missed,
    Moved,
    SlowDown,
    Stated,
)
from bot.profiles import owe_profiles, write_profiles
from bot.purposes import purposes
from bot.room_state import PURPOSE, KeptRoom, StateEvent
from kit.changes import counters
from kit.errors import Invalid
from kit.identifiers import PersonId, RoomId, server_of
from payments.flair.model import TOPIC
from reputation.enforcement.reading import KINDS as OF_ROOMS
from reputation.enforcement.reading import read_room

LOG = structlog.get_logger(__name__)
STEPS = Counter("earnest_supporters_steps", "What was done in supporters' rooms", ["what"])

_LOOK_SECONDS: Final = 0.5
_QUIET: Final = 1.0
"""Seconds without another change in a room after which it is looked at."""
_ANYWAY: Final = 600.0
"""Seconds after which each room is looked at in any case."""
_READ_ANYWAY: Final = 10.0
"""Seconds after which it is asked anew who is to be where: tiers end by themselves."""
_REST: Final = 20.0
"""Times as long as that took, it rests."""
_PAUSE: Final = 5.0
_LONGEST_PAUSE: Final = 60.0
_AT_ONCE: Final = 500
"""Steps of one round; then it is asked anew who is to be where."""
_TOLD_AT_ONCE: Final = 50
_NAME: Final = "m.room.name"
_SPACE_KIND: Final = "m.space"
_LEVELS: Final = {"events_default": 0, "state_default": 50, "invite": 50}
_READ_ONLY: Final = _LEVELS | {"events_default": 50}
"""In the space nobody talks, and in a room with posts those alone who look after it."""


@dataclass(slots=True)
class _Seen:
    """When a room was looked at, and as what it was wanted then; ``changed`` is when something happened there last.

    ``again`` is when it is to be looked at once more, for somebody's homeserver did not answer; ``asked`` are those who
    were asked in by then.
    """

    at: float
    wanted: Wanted
    changed: float | None = None
    again: float = float("inf")
    asked: frozenset[PersonId] = frozenset()


class Supporting:
    """Keeps the rooms of supporters."""

    def __init__(self, homeserver: Homeserver, cross: Crossing, *, time: Callable[[], float], rooms: Entering) -> None:
        """Work through ``homeserver``; ``rooms`` is held while a room is made and noted."""
        self._homeserver = homeserver
        self._cross = cross
        self._time = time
        self._entering = rooms
        self._away = Away(time)
        self._rooms: frozenset[RoomId] | None = None
        self._seen: dict[RoomId, _Seen] = {}
        self._again: dict[RoomId, float] = {}
        self._asked: dict[RoomId, set[PersonId]] = defaultdict(set)
        self._halls: list[Hall] = []
        self._counter = -1
        self._read_at = self._not_before = float("-inf")
        self._rest = 0.0

    # ------------------------------------------------------------------------------------------------ hearing

    async def takes(self, happening: Happening) -> bool:
        """Take what happens in a room of supporters; ``False`` for all other rooms."""
        if self._rooms is None:
            self._rooms = await self._cross.read(lambda work: work.support.rooms())
        room = happening.room
        if room not in self._rooms:
            return False
        match happening:
            case Invited() | Entered():  # whoever put us out asks us in again
                await self._homeserver.join(room)
                self._seen.pop(room, None)
            case Joined() | Left() | Stated() | Missed() | Moved():
                if room in self._seen:
                    self._seen[room].changed = self._time()
            case _:
                pass
        return True

    # ------------------------------------------------------------------------------------------------ keeping

    async def run(self, stop: asyncio.Event) -> None:
        """Keep them until ``stop``; what goes wrong comes round again."""
        while not stop.is_set():
            if self._time() >= self._not_before:
                try:
                    await self.round()
                except SlowDown as slow:
                    self._not_before = self._time() + min(slow.seconds, _LONGEST_PAUSE)
                    LOG.info("supporting_slowed", seconds=slow.seconds)
                except Exception as error:  # noqa: BLE001 - people's names stand in no log
                    LOG.warning("supporting_waits", reason=type(error).__name__)
                    self._not_before = self._time() + _PAUSE
            try:
                await asyncio.wait_for(stop.wait(), _LOOK_SECONDS)
            except TimeoutError:
                continue

    async def round(self) -> None:
        """Read what changed, make the rooms that lack, tell people what there is to tell, and do what is due."""
        await self._read()
        await write_profiles(self._homeserver, self._cross)
        for hall in self._halls:
            if hall.room is None and hall.wants is not None and not self._away.seconds(hall.key):
                await self._make(hall.wants)
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
                )
        if any(self._asked.values()):
            self._read_at = float("-inf")

    async def _read(self) -> None:
        """Read who is to be where, if that may have changed, and owe people what there is to tell them."""
        now = self._time()
        counter = await self._cross.read(lambda work: counters(work.session).get(TOPIC, 0))
        if counter == self._counter and now - self._read_at < max(_READ_ANYWAY, self._rest):
            return
        me = self._homeserver.me
        if await self._cross.read(lambda work: work.support.newcomers()):
            await self._cross.work(_number_stewards)
        untold = await self._cross.read(lambda work: work.support.untold())
        for begin in range(0, len(untold), _TOLD_AT_ONCE):
            await self._cross.work(partial(_tell, people=untold[begin : begin + _TOLD_AT_ONCE]))
        await owe_profiles(self._cross)
        self._halls = await self._cross.read(lambda work: work.support.halls(me))
        self._rooms = frozenset(hall.room for hall in self._halls if hall.room is not None)
        self._counter, self._read_at = counter, now
        self._rest = _REST * (self._time() - now)

    def _is_due(self, hall: Hall) -> bool:
        seen, now = self._seen.get(hall.room or RoomId("")), self._time()
        if seen is None or seen.wanted != hall.wanted or now - seen.at >= _ANYWAY:
            return True
        if not seen.asked <= hall.asked.keys():  # whoever left, and wishes to come again now, was never asked
            return True
        if now >= seen.again or (hall.wants is not None and hall.named != hall.wants.title):
            return True
        return seen.changed is not None and now - seen.changed >= _QUIET

    async def _look(self, hall: Hall, room: RoomId) -> tuple[Step, ...] | None:
        """Plan for a room; ``None`` where it cannot be seen."""
        try:
            events = await self._homeserver.events(room, OF_ROOMS | KINDS)
        except (Denied, Invalid) as error:
            LOG.warning("supporters_room_unseen", room=room, reason=error.code)
            await self._troubled(hall, f"The bot cannot see it: {error.message}")
            self._seen[room] = _Seen(self._time(), hall.wanted)
            return None
        seen = read_room(room, [_raw(event) for event in events])
        states = {(event.kind, event.key): event.content for event in events}
        now = await self._cross.read(lambda work: work.now)
        await self._troubled(hall, None)
        if hall.wants is not None and hall.number is not None and hall.named != hall.wants.title:
            await self._homeserver.put_state(room, _NAME, "", {"name": hall.wants.title})
            await self._cross.work(partial(_note_name, number=hall.number, title=hall.wants.title))
        return await self._cross.aside(
            partial(plan, seen, states, hall.wanted, hall.asked, me=self._homeserver.me, now=now)
        )

    async def _troubled(self, hall: Hall, why: str | None) -> None:
        if hall.number is not None:
            await self._cross.work(partial(_note_trouble, number=hall.number, why=why))

    # ------------------------------------------------------------------------------------------------ making

    async def _make(self, wants: Described) -> None:
        """Have a room: the one that was made and not noted, else a new one."""
        async with self._entering:
            try:
                room = await self._stray(_purpose(wants)) or await self._homeserver.create_kept(self._such(wants))
            except Denied as denied:
                LOG.warning("supporters_room_not_made", key=wants.key, status=denied.status)
                self._away.failed(wants.key)
                return
            await self._cross.work(partial(_note_made, wants=wants, room=room))
        self._away.answered(wants.key)
        self._rooms = (self._rooms or frozenset()) | {room}
        self._read_at = float("-inf")
        LOG.info("supporters_room_made", key=wants.key, room=room)

    def _such(self, wants: Described) -> KeptRoom:
        space = next((hall.room for hall in self._halls if hall.key == SPACE), None)
        return KeptRoom(
            wants.title,
            _purpose(wants),
            topic=wants.topic or None,
            kind=_SPACE_KIND if wants.key == SPACE else None,
            within=space if wants.open else None,
            levels=_READ_ONLY if wants.posts or wants.key == SPACE else _LEVELS,
        )

    async def _stray(self, purpose: str) -> RoomId | None:
        """Return the room that we made for a purpose and did not note."""
        known = await self._cross.read(purposes)
        for room in await self._homeserver.joined_rooms():
            if room in known or room in self._entering.rooms:
                continue
            made = await self._homeserver.events(room, {"m.room.create"})
            if any(one.sender == self._homeserver.me and one.content.get(PURPOSE) == purpose for one in made):
                return room
        return None

    # ------------------------------------------------------------------------------------------------ doing

    async def _do(self, hall: Hall, steps: Iterable[Step]) -> None:
        for step in steps:
            if hall.room is None or hall.number is None:
                return
            try:
                await self._step(hall.room, hall.number, step)
            except Denied as denied:
                LOG.warning("supporters_step_denied", room=hall.room, what=type(step).__name__, status=denied.status)
                await self._troubled(hall, f"The homeserver says no to the bot there: {denied.message}")
            STEPS.labels(type(step).__name__).inc()

    async def _step(self, room: RoomId, number: int, step: Step) -> None:
        match step:
            case Write():
                await self._homeserver.put_state(room, step.kind, step.key, step.content)
            case PutOut():
                await self._homeserver.kick(room, step.user, reason=wording.PUT_OUT)
            case Grade():
                await self._homeserver.set_levels(room, step.levels)
            case Ask():
                await self._ask(room, number, step)

    async def _ask(self, room: RoomId, number: int, step: Ask) -> None:
        guest, server = step.guest, server_of(step.guest.user)
        if not self._away.seconds(server):
            await self._cross.work(partial(_note_asked, number=number, person=guest.person, since=guest.since))
            self._asked[room].add(guest.person)
            try:
                refused = await self._homeserver.invite(room, guest.user)
            except ElsewhereAway:
                self._away.failed(server)
            else:
                self._away.answered(server)
                if refused is not None:
                    LOG.info("supporter_not_asked", room=room, errcode=refused.get("errcode"))
                    await self._cross.work(partial(_note_refused, number=number, person=guest.person))
                else:
                    await self._cross.work(partial(_note_reached, number=number, person=guest.person))
                return
        again = self._time() + self._away.seconds(server)
        self._again[room] = min(again, self._again.get(room, again))


def _purpose(wants: Described) -> str:
    return f"supporters:{wants.key}"


def _raw(event: StateEvent) -> dict[str, object]:
    return {"type": event.kind, "state_key": event.key, "sender": event.sender, "content": event.content}


def _number_stewards(work: Work) -> None:
    work.people.numbers(work.support.newcomers())


def _tell(work: Work, *, people: list[PersonId]) -> None:
    for person in people:
        work.support.tell(person)


def _note_trouble(work: Work, *, number: int, why: str | None) -> None:
    work.support.troubled(number, why)


def _note_name(work: Work, *, number: int, title: str) -> None:
    work.support.renamed(number, title)


def _note_made(work: Work, *, wants: Described, room: RoomId) -> None:
    work.support.made(wants, room)


def _note_asked(work: Work, *, number: int, person: PersonId, since: datetime) -> None:
    work.support.asks(number, person, since)


def _note_reached(work: Work, *, number: int, person: PersonId) -> None:
    work.support.reached(number, person)


def _note_refused(work: Work, *, number: int, person: PersonId) -> None:
    work.support.refused(number, person)
