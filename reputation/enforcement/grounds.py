"""Grounds (pure): what a plan leaves behind of a management room's rooms, for whoever plans without seeing them."""

from __future__ import annotations

from collections.abc import Iterable

from kit.identifiers import UserId
from reputation.enforcement.model import Ground, Rules, host_of
from reputation.enforcement.rooms import Membership, RoomSeen
from reputation.enforcement.wanting import THERE


def ground(rooms: Iterable[RoomSeen], rules: Rules) -> Ground:
    """Return what is to be known of rooms that all belong to one management room."""
    rooms = list(rooms)
    keepers = keepers_of(rooms) | rules.spared | {rules.me}
    servers = frozenset(map(host_of, at_home(rooms, keepers) | rules.spared | {rules.me}))
    joined = {user for room in rooms for user, one in room.members.items() if one.membership is Membership.JOIN} - {
        rules.me
    }
    return Ground(len(joined), keepers, servers)


def keepers_of(rooms: Iterable[RoomSeen]) -> frozenset[UserId]:
    """Return who looks after any of the rooms: nothing is done to them in the others either."""
    found = set[UserId]()
    for room in rooms:
        found |= room.powers.creators
        found |= {user for user in room.powers.users if room.powers.looks_after(user)}
    return frozenset(found)


def at_home(rooms: Iterable[RoomSeen], keepers: frozenset[UserId]) -> frozenset[UserId]:
    """Return those of them who are in any of the rooms."""
    return frozenset(
        user
        for room in rooms
        for user in keepers
        if (member := room.members.get(user)) is not None and member.membership in THERE
    )
