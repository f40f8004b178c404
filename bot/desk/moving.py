"""Moving: goes on in the room for which a management room was closed, where somebody commands who did before."""

from __future__ import annotations

from contextlib import suppress

import structlog

from app.wording import desk as wording
from app.wording.reader import Service
from bot.crossing import Crossing
from bot.entering import Entering
from bot.homeserver import Denied, Homeserver, txn_of
from bot.readers import reader_of
from bot.views import Views, servers_of
from bot.warden import Warden
from kit.errors import Invalid
from kit.identifiers import RoomId, UserId
from reputation.enforcement.rooms import MODERATOR, Membership, RoomSeen
from reputation.moderation import Management

LOG = structlog.get_logger(__name__)


class Moving:
    """Management rooms that were closed for others."""

    def __init__(
        self,
        homeserver: Homeserver,
        cross: Crossing,
        service: Service,
        *,
        warden: Warden,
        views: Views,
        rooms: Entering,
    ) -> None:
        """Enter through ``homeserver``; ``rooms`` knows of what is just being entered."""
        self._homeserver = homeserver
        self._cross = cross
        self._service = service
        self._warden = warden
        self._views = views
        self._rooms = rooms
        self._not_ours: dict[int, RoomId] = {}
        """For which room each was closed that is none of ours."""

    async def follow(self, one: Management, room: RoomId) -> bool:
        """Go on in the room for which one was closed; ``False`` where there is none. Raises what ``join`` does."""
        seen = (await self._views.of(room)).seen
        new = seen.successor
        if new is None or self._not_ours.get(one.id) == new:
            return False
        self._rooms.rooms.add(new)
        try:
            await self._homeserver.join(new, servers_of(seen))
            view = await self._views.anew(new)
            if not _succeeds(seen, view.seen, self._homeserver.me):
                LOG.warning("desk_not_followed", management=one.id, room=new)
                self._not_ours[one.id] = new
                await self._warden.leave(new)
                return False
            await self._cross.work(lambda work: work.moderation.moved(one.id, new))
        finally:
            self._rooms.rooms.discard(new)
        self._views.drop(room)
        reader = await self._cross.read(lambda work: reader_of(work, self._service, one.owner))
        await self._homeserver.send(new, wording.moved(reader), txn=txn_of(f"desk-moved:{one.id}:{new}"))
        return True

    async def asked_into(self, room: RoomId) -> bool:
        """Tell whether we were asked into the room for which a management room was closed, and go on there."""
        for one in list((await self._warden.managements()).values()):
            if one.room is None or one.ended_at is not None:
                continue
            with suppress(Denied, Invalid):
                if (await self._views.of(one.room)).seen.successor == room:
                    self._not_ours.pop(one.id, None)
                    return await self.follow(one, one.room)
        return False


def _succeeds(old: RoomSeen, new: RoomSeen, me: UserId) -> bool:
    """Tell whether a room stands for a closed management room: it says so, and somebody commands there who did."""
    commanded = {user for user in old.joined() if user != me and old.powers.of(user) >= MODERATOR}
    there = {user for user, one in new.members.items() if one.membership in (Membership.JOIN, Membership.INVITE)}
    return new.predecessor == old.room and any(new.powers.of(user) >= MODERATOR for user in commanded & there)
