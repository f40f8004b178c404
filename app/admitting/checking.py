"""Checking (pure): whether people can be admitted to a room that somebody sells admission to.

Matrix specification, client-server API: ``m.room.power_levels`` (``invite``, ``kick``), ``m.room.tombstone``.
"""

from __future__ import annotations

from kit.identifiers import UserId
from payments.content.places import Trouble
from reputation.enforcement.rooms import Membership, RoomSeen


def trouble(seen: RoomSeen, seller: UserId | None, *, me: UserId, taken: bool) -> Trouble | None:
    """Return what stands in the way; ``None`` where nothing does. ``taken``: we have this room for something else.

    The bot does nothing in the seller's name that the seller could not do: both may invite, and put people out.
    """
    if taken:
        return Trouble.TAKEN
    if seen.successor is not None:
        return Trouble.MOVED
    if not _may(seen, me):
        return Trouble.POWER
    return None if seller is not None and _may(seen, seller) else Trouble.SELLER


def _may(seen: RoomSeen, user: UserId) -> bool:
    member, level = seen.members.get(user), seen.powers.of(user)
    there = member is not None and member.membership is Membership.JOIN
    return there and level >= seen.powers.invite and level >= seen.powers.kick
