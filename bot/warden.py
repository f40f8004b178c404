"""The warden: looks after rooms for those who manage them: sees who is there, has a plan made, and has it applied.

All that matters is written down before it is done, so that a bot that is killed goes on where it was. What is kept in
memory is how rooms looked, and which of them are to be planned for anew.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Final

import structlog

from app import protecting
from app.container import Container, Work
from bot.applying import Applying
from bot.away import Away
from bot.bringing import Bringing
from bot.crossing import Crossing
from bot.guards import Guards
from bot.homeserver import Denied, Happening, Homeserver, Invited, Joined, Left, Missed, Moved, Stated
from bot.managed import read_managed
from bot.purposes import purposes
from bot.views import View, Views
from kit.errors import Invalid, NotFound
from kit.identifiers import RoomId, UserId
from reputation.enforcement.powers import lacking
from reputation.enforcement.rooms import MODERATOR, RoomSeen
from reputation.moderation import Management, Protected

LOG = structlog.get_logger(__name__)

_LONGEST_WAIT: Final = 60.0
"""Seconds for which a management room waits whose rooms could not be seen, or planned for."""


class Warden:
    """Looks after protected rooms."""

    def __init__(
        self, homeserver: Homeserver, cross: Crossing, container: Container, *, applying: Applying, views: Views
    ) -> None:
        """Look through ``views``, enter and leave through ``homeserver``."""
        self._homeserver = homeserver
        self._cross = cross
        self._container = container
        self._applying = applying
        self._views = views
        self.guards = Guards(homeserver, cross, container, views)
        self._ends: dict[int, datetime] = {}
        self._managements: dict[int, Management] = {}
        self._rooms: dict[RoomId, Protected] = {}
        self._due: dict[int, set[RoomId] | None] = {}
        self._bringing = Bringing(homeserver, cross, views, self)
        self._away = Away(views.time, longest=_LONGEST_WAIT)
        self._counters: tuple[int, int] | None = None

    # ------------------------------------------------------------------------------------------------ what there is

    async def managements(self) -> Mapping[int, Management]:
        """Return the management rooms there are."""
        await self._follow()
        return self._managements

    async def rooms(self) -> Mapping[RoomId, Protected]:
        """Return the rooms that are looked after."""
        await self._follow()
        return self._rooms

    async def _follow(self) -> None:
        """Bring what is kept in memory to where the database is, and note what that asks to be planned anew."""
        found = await self._cross.read(partial(read_managed, before=self._counters))
        if found is None:
            return
        self._counters = found.counters
        holding = {one.management for one in found.protected}
        self._managements = {
            one.id: one
            for one in found.managements
            if one.ended_at is None or one.room is not None or one.id in holding
        }
        gone, self._rooms = self._rooms, {one.room: one for one in found.protected}
        for room in gone.keys() - self._rooms.keys():
            self.guards.ended(room)
        self.guards.load(self._managements, {n: guard for n, guard in found.guards.items() if guard is not None})
        for number in self._managements if found.about is None else found.about:
            self._due[number] = None

    def _want(self, room: RoomId) -> None:
        """Have a room planned for anew."""
        known = self._rooms.get(room)
        if known is not None:
            due = self._due.setdefault(known.management, set())
            if due is not None:
                due.add(room)

    # ------------------------------------------------------------------------------------------------ hearing

    async def takes(self, happening: Happening) -> bool:
        """Hear what happens in a room that is looked after; ``False`` for all others."""
        room = happening.room
        if room not in await self.rooms():
            return False
        match happening:
            case Joined(_, user):
                self._views.came(room, user)
            case Left(_, user) if user == self._homeserver.me:
                await self._lost(room)
                return True
            case Invited():  # we were put out, and nobody told us: whoever asks us in anew is to be answered
                return False
            case Left() | Stated() | Missed() | Moved():
                self._views.changed(room)
            case _:
                await self._guard(happening)
                return True
        self._want(room)
        await self._guard(happening)
        return True

    async def _guard(self, happening: Happening) -> None:
        known = self._rooms.get(happening.room)
        here = None if known is None else self._managements.get(known.management)
        if here is not None:
            await self.guards.hear(here, happening)

    async def _lost(self, room: RoomId) -> None:
        """Look after a room no more, from which we were put out: nothing can be done or undone there."""
        await self._cross.work(lambda work: work.moderation.abandon(room))
        self._views.drop(room)

    # ------------------------------------------------------------------------------------------------ entering

    async def stays(self, room: RoomId, inviter: UserId) -> Management | None:
        """Look after a room into which somebody asked us who manages rooms, and may ban there; else return ``None``.

        Raises ``Conflict`` where it is looked after from elsewhere, or too many are.
        """
        person = await self._cross.read(lambda work: work.people.find(inviter))
        mine = [] if person is None else [one for one in (await self.managements()).values() if one.owner == person]
        living = [one for one in mine if one.ended_at is None]
        if not living:
            return None
        view = await self._views.anew(room)
        if not (view.seen.name or view.seen.public or view.seen.space) and len(view.seen.joined()) <= 2:  # noqa: PLR2004
            return None  # that is a chat
        if view.seen.powers.of(inviter) < view.seen.powers.ban:
            return None
        known = await self._which(living, view.seen)
        await self.protect(known.id, view.seen)
        self._bringing.asked_into(room)
        return known

    async def _which(self, some: Sequence[Management], seen: RoomSeen) -> Management:
        """Return from where to look after a room: where it is waited for, or the one was that it stands for."""
        before = self._rooms.get(seen.predecessor) if seen.predecessor is not None else None

        def _waiting(work: Work) -> set[int]:
            return {one.id for one in some if seen.room in work.moderation.beside.outside(one.id)}

        waiting = await self._cross.read(_waiting)
        fit = (one for one in some if one.id in waiting or (before is not None and one.id == before.management))
        return next(fit, some[-1])

    async def manages(self, user: UserId) -> bool:
        """Tell whether somebody has a management room, and may ask us into many rooms at once."""
        person = await self._cross.read(lambda work: work.people.find(user))
        managements = (await self.managements()).values()
        return person is not None and any(one.owner == person and one.ended_at is None for one in managements)

    async def protect(self, management: int, seen: RoomSeen, *, space: RoomId | None = None) -> Protected:
        """Look after a room that we are in. Raises ``Conflict``, ``NotFound``."""
        lacks = lacking(seen, self._homeserver.me)

        def _protect(work: Work) -> Protected:
            found = work.moderation.protect(management, seen.room, space=space, is_space=seen.space)
            work.moderation.lacking(seen.room, lacks)
            return replace(found, lacks=lacks)

        return await self._cross.work(_protect)

    async def unprotect(self, room: RoomId) -> bool:
        """Look after a room no more: what was done there is undone, and then the bot leaves."""
        found = await self._cross.work(lambda work: work.moderation.unprotect(room))
        self._views.drop(room)
        return found

    async def leave(self, room: RoomId) -> None:
        """Leave a room that nobody else wants us in."""
        self._views.drop(room)
        if room not in await self._cross.read(purposes):
            await self._homeserver.leave(room)

    async def view(self, room: RoomId) -> View:
        """Return a room as it is known to be, or look."""
        return await self._views.of(room)

    async def look(self, room: RoomId) -> View:
        """Look at a room."""
        return await self._views.anew(room)

    def time(self) -> float:
        """Return the time by the clock that measures: seconds."""
        return self._views.time()

    def name_of(self, room: RoomId) -> str | None:
        """Return what a room called itself when it was seen last."""
        return self._views.name_of(room)

    # ------------------------------------------------------------------------------------------------ planning

    async def round(self) -> bool:
        """Plan for what changed, and do some of what is owed; ``False`` where nothing was left to do."""
        await self.guards.note()
        await self._follow()
        now = self._container.clock()
        for number in [number for number, end in self._ends.items() if end <= now]:
            del self._ends[number]
            self._due[number] = None
        for room in self._rooms:
            if self._views.is_due(room):
                self._want(room)
        planned = False
        for number in [number for number in self._due if not self._away.seconds(str(number))]:
            planned = await self._plan_or_wait(number) or planned
        applied = await self._applying.apply() > 0
        await self._bringing.round()
        return applied or planned

    async def _plan_or_wait(self, number: int) -> bool:
        """Plan for one management room; what goes wrong there keeps no other waiting, and comes round again."""
        try:
            planned = await self._plan(number)
        except Exception as error:  # noqa: BLE001 - what rooms say of themselves may stand in no log
            LOG.warning("plan_waits", management=number, reason=type(error).__name__)
            self._due[number] = None
            self._away.failed(str(number))
            return False
        self._away.answered(str(number))
        return planned

    async def _plan(self, number: int) -> bool:
        only = self._due.pop(number)
        known = self._managements.get(number)
        if known is None:
            return False
        if known.ended_at is not None and only == set() and await self._undoes(number):
            self._due[number] = set()
            return False
        now = self._container.clock()
        try:
            views = await self.seen(number)
            found = await self._cross.aside(
                partial(
                    protecting.plan,
                    self._container,
                    number,
                    [view.seen for view in views],
                    min((view.at for view in views), default=self._container.clock()),
                    only=only,
                    looked={view.seen.room: view.at for view in views},
                    spared=await self.spared(number),
                )
            )
        except NotFound:
            return False
        await self._look_ahead(number, now)
        if known.ended_at is None:
            self._bringing.due(number)
        elif not found.changes:
            await self._end(known)
        return bool(found.changes)

    async def _look_ahead(self, number: int, now: datetime) -> None:
        """Note when next something that a rule did is over, and to be planned for."""
        end = await self._cross.read(lambda work: work.moderation.outcomes.next_end(number, now))
        if end is None:
            self._ends.pop(number, None)
        else:
            self._ends[number] = end

    async def spared(self, number: int) -> frozenset[UserId]:
        """Return whoever is in a management room: nothing is done to them in the rooms that they may look after."""
        seen = await self._desk(number)
        return frozenset() if seen is None else seen.joined()

    async def commanding(self, number: int) -> frozenset[UserId]:
        """Return who commands from a management room, whoever made it with them."""
        known, seen = (await self.managements()).get(number), await self._desk(number)
        owner = None if known is None else await self._cross.read(lambda work: work.people.mxid(known.owner))
        some = set() if seen is None else {user for user in seen.joined() if seen.powers.of(user) >= MODERATOR}
        return frozenset(some if owner is None else some | {owner}) - {self._homeserver.me}

    async def _desk(self, number: int) -> RoomSeen | None:
        known = (await self.managements()).get(number)
        if known is not None and known.room is not None:
            with suppress(Denied, Invalid):
                return (await self._views.of(known.room)).seen
        return None

    async def seen(self, number: int) -> list[View]:
        """Return the rooms that a management room looks after as they are; those that we are not in are left out."""
        views = []
        for one in [each for each in (await self.rooms()).values() if each.management == number]:
            try:
                views.append(await self._views.of(one.room))
            except Denied:
                await self._lost(one.room)
            except Invalid as error:
                LOG.warning("room_unseen", room=one.room, reason=error.code)
        return views

    async def _end(self, known: Management) -> None:
        """Leave the rooms of a management room that is ended, once all is undone, and the management room itself."""
        if await self._undoes(known.id):
            self._due[known.id] = set()
            return
        if await self._cross.read(lambda work: work.desks.owes(known.id)):
            self._due[known.id] = set()
            return
        await self._cross.work(lambda work: work.moderation.gone(known.id))

    async def _undoes(self, number: int) -> bool:
        return await self._cross.read(lambda work: work.moderation.consequences.waits(number))
