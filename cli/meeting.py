"""Meeting: asks a homeserver, during a visit, whom its user knows; a few questions a room, and no more than that."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from cli.acquaintances import Acquaintances, Room, ignored_in, joined_in, kind_of, members_in
from cli.one_login import Visit, account_path, room_path
from kit.errors import PeerUnavailable
from kit.identifiers import RoomId, UserId

LARGEST_ROOM: Final = 50
"""Members of the largest room that counts: who shares a larger one need not know each other."""
_RULES, _PAST, _MEMBERS = "state/m.room.join_rules", "state/m.room.history_visibility", "joined_members"

Step = Callable[[int, int], None]
"""Told how many rooms were looked into, of how many."""


def meet(visit: Visit, *, largest: int, step: Step) -> Acquaintances:
    """Return whom the visit's user knows. Raises as ``Visit.ask`` does."""
    known = Acquaintances(visit.user, ignored_in(visit.ask(account_path(visit.user, "m.ignored_user_list"))))
    joined = joined_in(visit.ask("/joined_rooms"))
    known.meet_direct(visit.ask(account_path(visit.user, "m.direct")), joined)
    for done, room in enumerate(joined):
        step(done, len(joined))
        known.meet_room(*_look_into(visit, room, largest))
    step(len(joined), len(joined))
    return known


def _look_into(visit: Visit, room: RoomId, largest: int) -> tuple[Room, list[UserId]]:
    try:
        rule = visit.ask(room_path(room, _RULES))
        kind = kind_of(rule, None)
        if kind is not Room.PRIVATE:
            return kind, []
        members = members_in(visit.ask(room_path(room, _MEMBERS)))
        if members is None:
            return Room.UNREAD, []
        if len(members) > largest:
            return Room.LARGE, []
        return kind_of(rule, visit.ask(room_path(room, _PAST))), members
    except PeerUnavailable:  # it says more than is read, as a large room does
        return Room.LARGE, []
