"""The warden: looks after rooms for those who manage them: sees who is there, has a plan made, and has it applied.

All that matters is written down before it is done, so that a bot that is killed goes on where it was. What is kept in
memory is how rooms looked, and which of them are to be planned for anew.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Final

import structlog

from app import protecting
from app.container import Container, Work
from bot.applying import Applying
from bot.crossing import Crossing
from bot.guards import Guards
from bot.homeserver import Denied, Happening, Homeserver, Joined, Left, Missed, Moved, SlowDown, Stated
from bot.managed import read_managed
from bot.purposes import purposes
from bot.views import View, Views, servers_of
from kit.errors import Conflict, HomeserverUnavailable, Invalid, NotFound
from kit.identifiers import RoomId, UserId
from reputation.enforcement.powers import lacking
from reputation.enforcement.rooms import RoomSeen
from reputation.moderation import Management, Protected

LOG = structlog.get_logger(__name__)

_AT_ONCE: Final = 5
"""Rooms of a space that are entered in one round: others wait for what else is to be done."""
_HOPS: Final = 3
_MOST_REMEMBERED: Final = 10_000


class Warden:
    """Looks after protected rooms."""

    def __init__(
        self,
        homeserver: Homeserver,
        cross: Crossing,
        container: Container,
        *,
        applying: Applying,
        views: Views,
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
        self._entering: set[int] = set()
        self._enter_at = 0.0
        self._counters: tuple[int, int] | None = None
        self._not_ours: OrderedDict[RoomId, None] = OrderedDict()

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
        self._managements = {one.id: one for one in found.managements if one.ended_at is None or one.room is not None}
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
            case Left() | Stated() | Missed():
                self._views.changed(room)
            case Moved():
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

    async def _moved(self, room: RoomId) -> None:
        """Look after the room for which one was closed, where whoever manages it may.

        Where we may not enter it, or not yet, the old one is what is looked after.
        """
        known, seen = self._rooms[room], (await self._views.of(room)).seen
        if seen.successor is None or seen.successor in self._not_ours:
            return
        if not await self._enters(known.management, seen.successor, servers_of(seen), space=known.space):
            return
        successor = seen.successor
        with suppress(Conflict, NotFound):
            await self._cross.work(lambda work: work.moderation.follow(room, successor))
        self._views.drop(room)
        self._note_not_ours(room)

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
        self._not_ours.pop(room, None)
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

    async def _enters(
        self, management: int, room: RoomId, via: Iterable[str], *, space: RoomId | None, hops: int = _HOPS
    ) -> Protected | None:
        """Enter a room that others brought, and look after it where our management may; else leave it alone.

        Of one that is closed, the one for which it was is entered, through so many ``hops``.
        """
        try:
            await self._homeserver.join(room, tuple(via))
            view = await self._views.anew(room)
        except (Denied, Invalid) as error:
            LOG.info("room_not_entered", room=room, reason=type(error).__name__)
            self._note_not_ours(room)
            return None
        successor = view.seen.successor
        if successor is not None:
            self._note_not_ours(room)
            await self.leave(room)
            if not hops or successor in self._rooms or successor in self._not_ours:
                return None
            return await self._enters(management, successor, servers_of(view.seen), space=space, hops=hops - 1)
        owner = await self._owner(management)
        powers = view.seen.powers
        if max(powers.of(self._homeserver.me), powers.of(owner) if owner is not None else 0) < powers.ban:
            LOG.info("room_not_ours", room=room)
        else:
            with suppress(Conflict, NotFound):
                return await self.protect(management, view.seen, space=space)
        self._note_not_ours(room)
        await self.leave(room)
        return None

    async def _owner(self, management: int) -> UserId | None:
        known = (await self.managements()).get(management)
        return None if known is None else await self._cross.read(lambda work: work.people.mxid(known.owner))

    def _note_not_ours(self, room: RoomId) -> None:
        self._not_ours[room] = None
        while len(self._not_ours) > _MOST_REMEMBERED:
            self._not_ours.popitem(last=False)

    async def leave(self, room: RoomId) -> None:
        """Leave a room that nobody else wants us in."""
        self._views.drop(room)
        if room not in await self._cross.read(purposes):
            await self._homeserver.leave(room)

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
        for number in list(self._due):
            planned = await self._plan(number) or planned
        applied = await self._applying.apply() > 0
        if self._views.time() >= self._enter_at:
            for number in list(self._entering):
                await self._enter(number)
        return applied or planned

    async def _plan(self, number: int) -> bool:
        only = self._due.pop(number)
        known = self._managements.get(number)
        if known is None:
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
        except HomeserverUnavailable:
            self._due[number] = None
            raise
        await self._look_ahead(number, now)
        if known.ended_at is None:
            self._entering.add(number)
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
        known = (await self.managements()).get(number)
        if known is None or known.room is None:
            return frozenset()
        with suppress(Denied, Invalid):
            return (await self._views.of(known.room)).seen.joined()
        return frozenset()

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

    async def _enter(self, number: int) -> None:
        """Enter some of the rooms that a management room is to look after, too: a few, and others in the next round.

        Where the homeserver asks to be left alone with this, only this waits.
        """
        self._entering.discard(number)
        try:
            views = await self.seen(number)
            for seen in [view.seen for view in views if view.seen.successor is not None]:
                await self._moved(seen.room)
            outside = await self._cross.read(lambda work: work.moderation.beside.outside(number))
            if not await self._spaces(number, views, {room for room, put_out in outside.items() if put_out}):
                self._entering.add(number)
        except HomeserverUnavailable as away:
            self._entering.add(number)
            if not isinstance(away, SlowDown):
                raise
            self._enter_at = self._views.time() + away.seconds

    async def _spaces(self, number: int, views: Iterable[View], unwanted: Collection[RoomId]) -> bool:
        """Enter what a space has come to hold, and leave what it holds no more; ``False`` where more is to be done.

        What is ``unwanted`` we were put out of: we come back only when we are asked in.

        A room for which a closed one was left is held where that one is: whoever keeps the space may not know of it.
        """
        entered = 0
        known = {view.seen.room: view.seen for view in views}
        for seen in [view.seen for view in views if view.seen.space and view.seen.successor is None]:
            inside = {one.room for one in self._rooms.values() if one.space == seen.room and one.management == number}
            for room in inside - set(seen.children):
                if room in known and known[room].predecessor not in seen.children:
                    await self.unprotect(room)
            for room, via in seen.children.items():
                if room in self._rooms or room in self._not_ours or room in unwanted or room == seen.room:
                    continue
                if entered >= _AT_ONCE:
                    return False
                entered += 1
                await self._enters(number, room, via, space=seen.room)
        return True

    async def _end(self, known: Management) -> None:
        """Leave the rooms of a management room that is ended, once all is undone, and the management room itself."""
        if await self._cross.read(lambda work: work.moderation.consequences.waits(known.id)):
            self._due[known.id] = set()
            return
        await self._cross.work(lambda work: work.moderation.gone(known.id))
