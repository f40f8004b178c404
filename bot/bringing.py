"""Bringing: enters rooms that spaces hold or for which others were closed, where whoever commands may ban."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Final, Protocol

import structlog

from bot.away import Away
from bot.crossing import Crossing
from bot.homeserver import Denied, Homeserver, SlowDown
from bot.views import View, Views, servers_of
from kit.errors import Conflict, HomeserverUnavailable, Invalid, NotFound
from kit.identifiers import RoomId, UserId
from reputation.enforcement.rooms import RoomSeen
from reputation.moderation import Protected

LOG = structlog.get_logger(__name__)

_AT_ONCE: Final = 5
"""Rooms of a space that are entered in one round: others wait for what else is to be done."""
_HOPS: Final = 3
_MOST_REMEMBERED: Final = 10_000


class Brings(Protocol):
    """Who looks after what is brought."""

    async def rooms(self) -> Mapping[RoomId, Protected]:
        """Return the rooms that are looked after."""
        ...

    async def seen(self, number: int) -> list[View]:
        """Return the rooms that a management room looks after as they are."""
        ...

    async def commanding(self, number: int) -> frozenset[UserId]:
        """Return who commands from a management room."""
        ...

    async def protect(self, management: int, seen: RoomSeen, *, space: RoomId | None = None) -> Protected:
        """Look after a room that we are in. Raises ``Conflict``, ``NotFound``."""
        ...

    async def unprotect(self, room: RoomId) -> bool:
        """Look after a room no more."""
        ...

    async def leave(self, room: RoomId) -> None:
        """Leave a room that nobody else wants us in."""
        ...


class Bringing:
    """Enters what rooms bring that are looked after, a few at a time."""

    def __init__(self, homeserver: Homeserver, cross: Crossing, views: Views, warden: Brings) -> None:
        """Enter through ``homeserver``, on behalf of ``warden``."""
        self._homeserver = homeserver
        self._cross = cross
        self._views = views
        self._warden = warden
        self._entering: set[int] = set()
        self._enter_at = 0.0
        self._not_ours: OrderedDict[RoomId, None] = OrderedDict()
        self._away = Away(views.time)

    def due(self, number: int) -> None:
        """Look for what the rooms of a management room bring in the next round."""
        self._entering.add(number)

    def asked_into(self, room: RoomId) -> None:
        """Note that somebody who may asked us into a room: it is ours whatever was found before."""
        self._not_ours.pop(room, None)

    async def round(self) -> None:
        """Enter some of it, unless the homeserver asked to be left alone with this."""
        if self._views.time() >= self._enter_at:
            for number in list(self._entering):
                await self._enter(number)

    async def _enter(self, number: int) -> None:
        """Enter some of the rooms that a management room is to look after, too: a few, and others in the next round.

        Where the homeserver asks to be left alone with this, only this waits.
        """
        self._entering.discard(number)
        try:
            views = await self._warden.seen(number)
            for seen in [view.seen for view in views if view.seen.successor is not None]:
                await self._moved(seen.room)
            if not await self._spaces(number, views):
                self._entering.add(number)
        except HomeserverUnavailable as away:
            self._entering.add(number)
            if not isinstance(away, SlowDown):
                raise
            self._enter_at = self._views.time() + away.seconds

    async def _spaces(self, number: int, views: Iterable[View]) -> bool:
        """Enter what a space has come to hold, and leave what it holds no more; ``False`` where more is to be done.

        A room for which a closed one was left is held where that one is: whoever keeps the space may not know of it.
        """
        entered, rooms = 0, await self._warden.rooms()
        known = {view.seen.room: view.seen for view in views}
        for seen in [view.seen for view in views if view.seen.space and view.seen.successor is None]:
            inside = {one.room for one in rooms.values() if one.space == seen.room and one.management == number}
            for room in inside - set(seen.children):
                if room in known and known[room].predecessor not in seen.children:
                    await self._warden.unprotect(room)
            for room, via in seen.children.items():
                if room in await self._warden.rooms() or room == seen.room or not self._to_try(room):
                    continue
                if await self._put_out(number, room):
                    continue
                if entered >= _AT_ONCE:
                    return False
                entered += 1
                await self._enters(number, room, via, space=seen.room)
        return True

    async def _put_out(self, number: int, room: RoomId) -> bool:
        """Tell whether we were put out of a room: we come back only when we are asked in.

        Asked anew of each room that is not looked after: it is noted as that ends, which may be a moment ago.
        """
        return (await self._cross.read(lambda work: work.moderation.beside.outside(number))).get(room, False)

    async def _moved(self, room: RoomId) -> None:
        """Look after the room for which one was closed, where whoever manages it may.

        Where we may not enter it, or not yet, the old one is what is looked after.
        """
        known, seen = (await self._warden.rooms())[room], (await self._views.of(room)).seen
        if seen.successor is None or not self._to_try(seen.successor):
            return
        found = await self._enters(known.management, seen.successor, servers_of(seen), space=known.space, of=room)
        if found is None:
            return
        with suppress(Conflict, NotFound):
            await self._cross.work(lambda work: work.moderation.follow(room, found.room))
        self._views.drop(room)
        self._note_not_ours(room)

    async def _enters(
        self,
        management: int,
        room: RoomId,
        via: Iterable[str],
        *,
        space: RoomId | None,
        of: RoomId | None = None,
        hops: int = _HOPS,
    ) -> Protected | None:
        """Enter a room that others brought, and look after it where our management may; else leave it alone.

        Of one that is closed, the one for which it was is entered, through so many ``hops``. ``of``: the room was
        brought by one that is looked after and was closed for it.
        """
        try:
            await self._homeserver.join(room, tuple(via))
            view = await self._views.anew(room)
        except (Denied, Invalid) as error:
            LOG.info("room_not_entered", room=room, reason=type(error).__name__)
            self._note_not_ours(room)
            return None
        except SlowDown:
            raise
        except HomeserverUnavailable:  # that of the room, perhaps: all else that is held does not wait for it
            self._away.failed(room)
            return None
        self._away.answered(room)
        successor = view.seen.successor
        if successor is not None:
            self._note_not_ours(room)
            await self._warden.leave(room)
            if not hops or successor in await self._warden.rooms() or not self._to_try(successor):
                return None
            last = room if of is not None and view.seen.predecessor == of else None
            via = servers_of(view.seen)
            return await self._enters(management, successor, via, space=space, of=last, hops=hops - 1)
        if not await self._may(management, view.seen, of):
            LOG.info("room_not_ours", room=room)
        else:
            with suppress(Conflict, NotFound):
                return await self._warden.protect(management, view.seen, space=space)
        self._note_not_ours(room)
        await self._warden.leave(room)
        return None

    async def _may(self, management: int, seen: RoomSeen, of: RoomId | None) -> bool:
        """Tell whether somebody who commands may ban in a room, or it was made for one that is looked after.

        Our own power alone says nothing: others gave it to us, and whoever keeps a space may put their room into it.
        """
        powers = seen.powers
        if of is not None and seen.predecessor == of and powers.of(self._homeserver.me) >= powers.ban:
            return True
        return any(powers.of(user) >= powers.ban for user in await self._warden.commanding(management))

    def _to_try(self, room: RoomId) -> bool:
        return room not in self._not_ours and not self._away.seconds(room)

    def _note_not_ours(self, room: RoomId) -> None:
        self._not_ours[room] = None
        while len(self._not_ours) > _MOST_REMEMBERED:
            self._not_ours.popitem(last=False)
