"""Admitting: keeps who bought admission in the rooms that they bought, for as long as they did, and nobody else out."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import ClassVar, Final

import structlog
from prometheus_client import Counter

from app.admitting.service import OUT, Ending, Found, Hall, look
from app.container import Work
from app.supporting.planning import Guest, Step
from app.wording import admitting as wording
from bot.homeserver import Denied, Entered, Happening, Invited, Joined, Left, Missed, Moved, Stated
from bot.keeping import Keeper
from kit import outbox
from kit.errors import HomeserverUnavailable
from kit.identifiers import RoomId, UserId
from kit.outbox import Effect
from payments.content.admissions import TOPIC
from payments.content.places import Place, Trouble
from reputation.enforcement.rooms import RoomSeen

LOG = structlog.get_logger(__name__)

_TOLD_AT_ONCE: Final = 50


class Admitting(Keeper[Hall]):
    """Keeps the rooms that people sell admission to."""

    topic: ClassVar[str] = TOPIC
    put_out: ClassVar[str] = wording.PUT_OUT
    steps: ClassVar[Counter] = Counter("earnest_admissions_steps", "What was done in rooms that are sold", ["what"])

    async def takes(self, happening: Happening) -> bool:
        """Take what happens in a room that admission to is sold, where the bot is for nothing else."""
        if self._rooms is None:
            self._rooms = await self._cross.read(lambda work: work.admitting.heard_in())
        room = happening.room
        if isinstance(happening, Invited | Entered):
            inviter = happening.inviter
            if not await self._cross.read(lambda work: work.admitting.awaits(room, inviter)):
                return False
            await self._homeserver.join(room)
            self._rooms |= {room}
            self._seen.pop(room, None)
            return True
        if isinstance(happening, Left) and room in self._rooms:
            user = happening.user
            if await self._cross.read(lambda work: work.admitting.left(room, user)):
                await self._cross.work(lambda work: work.admitting.left(room, user))
        if isinstance(happening, Joined | Left | Stated | Missed | Moved):
            self._happened(room)
        return room in self._rooms

    async def _find(self) -> list[Hall]:
        ending = await self._cross.read(lambda work: work.admitting.ending())
        for begin in range(0, len(ending), _TOLD_AT_ONCE):
            await self._cross.work(partial(_remind, some=ending[begin : begin + _TOLD_AT_ONCE]))
        if await self._cross.read(lambda work: work.admitting.over()):  # what a reading transaction writes is lost
            await self._cross.work(lambda work: work.admitting.over())
        return await self._cross.read(lambda work: work.admitting.halls())

    def _takes_all(self, hall: Hall) -> bool:
        return not hall.taken

    async def _prepare(self) -> None:
        """Put out who was forgotten."""
        if not await self._cross.read(lambda work: outbox.waits(work.session, OUT, work.now)):
            return
        for effect in await self._cross.work(lambda work: outbox.claim(work.session, kinds=(OUT,), now=work.now)):
            room, user = RoomId(effect.payload["room"]), UserId(effect.payload["user"])
            try:
                await self._homeserver.kick(room, user, reason=wording.PUT_OUT)
            except HomeserverUnavailable as error:
                await self._cross.work(partial(_failed, effect=effect, why=str(error), for_good=False))
                raise
            except Denied as denied:
                await self._cross.work(partial(_failed, effect=effect, why=denied.message, for_good=True))
            else:
                await self._cross.work(partial(_done, effect=effect))

    async def _unseen(self, hall: Hall, why: str) -> None:
        LOG.info("sold_room_unseen", room=hall.room, why=why)
        await self._checked(hall, None)

    async def _looked(self, hall: Hall, seen: RoomSeen) -> bool:
        return not await self._checked(hall, seen)

    async def _checked(self, hall: Hall, seen: RoomSeen | None) -> bool:
        """Note how a room stands; tell whether it does otherwise than was known."""
        me = self._homeserver.me
        found = await self._cross.read(lambda work: work.admitting.checks(hall, seen, me))
        if found:
            await self._cross.work(partial(_check, found=found))
        return bool(found)

    async def _planned(self, hall: Hall, seen: RoomSeen, steps: Sequence[Step]) -> None:
        found = look(hall, seen, steps, self._homeserver.me)
        if found:
            await self._cross.work(partial(_note, hall=hall, found=found))

    async def _denied(self, hall: Hall, why: str) -> None:
        LOG.info("sold_room_denied", room=hall.room, why=why)

    async def _gone(self, hall: Hall, user: UserId) -> None:
        people = [person for person, name in hall.names.items() if name == user]
        await self._cross.work(lambda work: work.admitting.kept.parted(RoomId(hall.key), people))

    def _asks(self, work: Work, hall: Hall, guest: Guest) -> None:
        work.admitting.asks(hall, guest)

    def _reached(self, work: Work, hall: Hall, guest: Guest) -> None:
        work.admitting.reached(hall, guest)

    def _refused(self, work: Work, hall: Hall, guest: Guest) -> None:
        work.admitting.kept.refused(RoomId(hall.key), guest.person)

    def _missed(self, work: Work, hall: Hall, guest: Guest) -> None:
        work.admitting.kept.missed(RoomId(hall.key), guest.person)


def _remind(work: Work, *, some: Sequence[Ending]) -> None:
    work.admitting.remind(some)


def _check(work: Work, *, found: Sequence[tuple[Place, Trouble | None]]) -> None:
    work.admitting.checked(found)


def _note(work: Work, *, hall: Hall, found: Found) -> None:
    work.admitting.noted(hall, found)


def _done(work: Work, *, effect: Effect) -> None:
    outbox.mark_done(work.session, effect, now=work.now)
    outbox.wipe(work.session, effect)


def _failed(work: Work, *, effect: Effect, why: str, for_good: bool) -> None:
    outbox.mark_failed(work.session, effect, error=why, now=work.now, for_good=for_good)
    if for_good:
        outbox.wipe(work.session, effect)
