"""Acquaintances: whom a person knows, by what their own homeserver says of them; pure, and nothing of it is trusted.

Somebody is known by a direct chat that the person is still in, or by a small room that nobody enters without being
asked. Who may enter a room by being in another one is left out: that other room may be open to all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Final

from kit.errors import Invalid
from kit.identifiers import RoomId, UserId, parse_room_id, parse_user_id

MOST_PEOPLE: Final = 5_000
"""People who are taken in at most, as many as Earnest remembers."""
MOST_ROOMS: Final = 5_000
"""Rooms that are looked into at most."""
_MOST_READ: Final = 50_000
"""Entries of one answer that are read at most."""

_BY_INVITATION: Final = frozenset({"invite", "knock", "private"})
_BY_ANOTHER_ROOM: Final = frozenset({"restricted", "knock_restricted"})


class Room(StrEnum):
    """What became of a room that was looked into; the values say why nobody of one that was left out is taken."""

    PRIVATE = "private"
    OPEN = "open to anybody"
    SHARED = "open to the members of other rooms"
    LARGE = "too large"
    UNREAD = "not readable"


@dataclass(frozen=True, slots=True)
class Tie:
    """By what somebody is known: a direct chat, and how many private rooms."""

    direct: bool = False
    rooms: int = 0


@dataclass
class Acquaintances:
    """Whom ``own`` knows, as far as it was read; ``full``: there were more than are taken."""

    own: UserId
    ignored: frozenset[UserId] = frozenset()
    people: dict[UserId, Tie] = field(default_factory=dict)
    rooms: dict[Room, int] = field(default_factory=dict)
    full: bool = False

    def meet_direct(self, content: object, joined: Sequence[RoomId]) -> None:
        """Take in ``m.direct``: whoever has a direct chat in it that the person is still in."""
        still = frozenset(joined)
        for text, rooms in _entries(content):
            if isinstance(rooms, list) and any(isinstance(room, str) and room in still for room in rooms[:_MOST_READ]):
                self._meet(text, direct=True)

    def meet_room(self, kind: Room, members: Sequence[UserId] = ()) -> None:
        """Take in a room, and of a private one its members."""
        self.rooms[kind] = self.rooms.get(kind, 0) + 1
        for member in members if kind is Room.PRIVATE else ():
            self._meet(member, direct=False)

    def _meet(self, text: object, *, direct: bool) -> None:
        user = _user(text)
        if user is None or user == self.own or user in self.ignored:
            return
        before = self.people.get(user)
        if before is None and len(self.people) >= MOST_PEOPLE:
            self.full = True
            return
        tie = before or Tie()
        self.people[user] = replace(tie, direct=True) if direct else replace(tie, rooms=tie.rooms + 1)


def ignored_in(content: object) -> frozenset[UserId]:
    """Return whom ``m.ignored_user_list`` names: whoever is ignored is not somebody to let in."""
    found = content.get("ignored_users") if isinstance(content, dict) else None
    return frozenset(user for text, _ in _entries(found) if (user := _user(text)) is not None)


def joined_in(answer: object) -> list[RoomId]:
    """Return the rooms that ``joined_rooms`` names; raises ``Invalid`` where it says something else."""
    rooms = answer.get("joined_rooms") if isinstance(answer, dict) else None
    if not isinstance(rooms, list):
        raise Invalid("answer_malformed", "The homeserver does not say which rooms there are.")
    found: dict[RoomId, None] = {}
    for text in rooms[:_MOST_READ]:
        try:
            found[parse_room_id(text if isinstance(text, str) else "")] = None
        except Invalid:
            continue
    return list(found)[:MOST_ROOMS]


def kind_of(rule: object, visibility: object) -> Room:
    """Tell by its rule of joining, and by who may read its past, what a room is; what is not known is not private."""
    asked = rule.get("join_rule") if isinstance(rule, dict) else None
    read = visibility.get("history_visibility") if isinstance(visibility, dict) else None
    if not isinstance(asked, str):
        return Room.UNREAD
    if asked in _BY_ANOTHER_ROOM:
        return Room.SHARED
    return Room.PRIVATE if asked in _BY_INVITATION and read != "world_readable" else Room.OPEN


def members_in(answer: object) -> list[UserId] | None:
    """Return whom ``joined_members`` names; ``None`` where it says something else."""
    members = answer.get("joined") if isinstance(answer, dict) else None
    if not isinstance(members, dict):
        return None
    return [user for text, _ in _entries(members) if (user := _user(text)) is not None]


def _entries(content: object) -> list[tuple[object, object]]:
    found: Mapping[Any, Any] = content if isinstance(content, dict) else {}
    return list(found.items())[:_MOST_READ]


def _user(text: object) -> UserId | None:
    try:
        return parse_user_id(text) if isinstance(text, str) else None
    except Invalid:
        return None
