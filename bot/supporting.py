"""Supporting: makes the supporters' space and its rooms, and keeps them equal to who supports the cause.

A room of ours that was made and not noted is found by what it says for good of its purpose.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import ClassVar, Final

import structlog
from prometheus_client import Counter

from app.container import Work
from app.supporting.planning import SPACE, Guest
from app.supporting.service import Hall
from app.supporting.wanting import Described
from app.wording import supporting as wording
from bot.crossing import Crossing
from bot.entering import Entering
from bot.homeserver import Denied, Entered, Happening, Homeserver, Invited, Joined, Left, Missed, Moved, Stated
from bot.keeping import Keeper
from bot.profiles import owe_profiles, write_profiles
from bot.purposes import purposes
from bot.room_state import PURPOSE, KeptRoom
from kit.identifiers import PersonId, RoomId
from payments.flair.model import TOPIC
from reputation.enforcement.rooms import RoomSeen

LOG = structlog.get_logger(__name__)

_TOLD_AT_ONCE: Final = 50
_NAME: Final = "m.room.name"
_SPACE_KIND: Final = "m.space"
_LEVELS: Final = {"events_default": 0, "state_default": 50, "invite": 50}
_READ_ONLY: Final = _LEVELS | {"events_default": 50}
"""In the space nobody talks, and in a room with posts those alone who look after it."""


class Supporting(Keeper[Hall]):
    """Keeps the rooms of supporters."""

    topic: ClassVar[str] = TOPIC
    put_out: ClassVar[str] = wording.PUT_OUT
    steps: ClassVar[Counter] = Counter("earnest_supporters_steps", "What was done in supporters' rooms", ["what"])

    def __init__(self, homeserver: Homeserver, cross: Crossing, *, time: Callable[[], float], rooms: Entering) -> None:
        """Work through ``homeserver``; ``rooms`` is held while a room is made and noted."""
        super().__init__(homeserver, cross, time=time)
        self._entering = rooms

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
                self._happened(room)
            case _:
                pass
        return True

    # ------------------------------------------------------------------------------------------------ keeping

    async def _find(self) -> list[Hall]:
        if await self._cross.read(lambda work: work.support.newcomers()):
            await self._cross.work(_number_stewards)
        untold = await self._cross.read(lambda work: work.support.untold())
        for begin in range(0, len(untold), _TOLD_AT_ONCE):
            await self._cross.work(partial(_tell, people=untold[begin : begin + _TOLD_AT_ONCE]))
        await owe_profiles(self._cross)
        me = self._homeserver.me
        return await self._cross.read(lambda work: work.support.halls(me))

    async def _prepare(self) -> None:
        """Write profiles, and make the rooms that lack."""
        await write_profiles(self._homeserver, self._cross)
        for hall in self._halls:
            if hall.room is None and hall.wants is not None and not self._away.seconds(hall.key):
                await self._make(hall.wants)

    def _is_due(self, hall: Hall) -> bool:
        return super()._is_due(hall) or (hall.wants is not None and hall.named != hall.wants.title)

    async def _unseen(self, hall: Hall, why: str) -> None:
        await self._troubled(hall, f"The bot cannot see it: {why}")

    async def _looked(self, hall: Hall, seen: RoomSeen) -> bool:
        await self._troubled(hall, None)
        if hall.wants is not None and hall.number is not None and hall.named != hall.wants.title:
            await self._homeserver.put_state(seen.room, _NAME, "", {"name": hall.wants.title})
            await self._cross.work(partial(_note_name, number=hall.number, title=hall.wants.title))
        return True

    async def _denied(self, hall: Hall, why: str) -> None:
        await self._troubled(hall, f"The homeserver says no to the bot there: {why}")

    async def _troubled(self, hall: Hall, why: str | None) -> None:
        if hall.number is not None:
            await self._cross.work(partial(_note_trouble, number=hall.number, why=why))

    def _asks(self, work: Work, hall: Hall, guest: Guest) -> None:
        if hall.number is not None:
            work.support.asks(hall.number, guest.person, guest.since)

    def _reached(self, work: Work, hall: Hall, guest: Guest) -> None:
        if hall.number is not None:
            work.support.reached(hall.number, guest.person)

    def _refused(self, work: Work, hall: Hall, guest: Guest) -> None:
        if hall.number is not None:
            work.support.refused(hall.number, guest.person)

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


def _purpose(wants: Described) -> str:
    return f"supporters:{wants.key}"


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
