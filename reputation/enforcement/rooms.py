"""Rooms as enforcement sees them (pure): who is in one, who may do what there, and which servers it denies.

Matrix specification, client-server API: "Room events" (``m.room.member``, ``m.room.power_levels``,
``m.room.server_acl``), "Spaces", and "Room version 12" for creators, who may do everything.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from kit.identifiers import RoomId, UserId

MODERATOR: Final = 50
"""The level from which somebody is treated as one of those who look after a room."""
ABOVE_ALL: Final = 2**53
"""What creators have since room version 12: more than any level that can be written."""


class Membership(StrEnum):
    """How somebody stands to a room."""

    JOIN = "join"
    INVITE = "invite"
    KNOCK = "knock"
    LEAVE = "leave"
    BAN = "ban"


@dataclass(frozen=True, slots=True)
class Member:
    """How somebody stands to a room, who made it so, and what they said why."""

    membership: Membership
    by: UserId
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Powers:
    """Who may do what; the defaults are those of a room that says nothing (specification, ``m.room.power_levels``)."""

    users: Mapping[UserId, int] = field(default_factory=dict)
    users_default: int = 0
    ban: int = 50
    kick: int = 50
    redact: int = 50
    state_default: int = 50
    events_default: int = 0
    events: Mapping[str, int] = field(default_factory=dict)
    invite: int = 0
    creators: frozenset[UserId] = frozenset()
    """Whoever made a room of version 12 or newer; nobody in older ones."""

    def of(self, user: UserId) -> int:
        """Return somebody's level."""
        return ABOVE_ALL if user in self.creators else self.users.get(user, self.users_default)

    def for_state(self, kind: str) -> int:
        """Return the level that sending a state event of some type takes."""
        return self.events.get(kind, self.state_default)

    def looks_after(self, user: UserId) -> bool:
        """Tell whether somebody is one of those who look after the room: nothing is ever done to them."""
        return self.of(user) >= MODERATOR or self.of(user) > self.users_default


@dataclass(frozen=True, slots=True)
class Acl:
    """Which servers may take part (``m.room.server_acl``); patterns as they stand in the event, in its order."""

    allow: tuple[str, ...] = ("*",)
    deny: tuple[str, ...] = ()
    ip_literals: bool = True


@dataclass(frozen=True, slots=True)
class RoomSeen:
    """A room that we are in, as its homeserver tells of it; ``members`` holds everybody who ever was in it."""

    room: RoomId
    members: Mapping[UserId, Member]
    powers: Powers
    acl: Acl | None = None
    name: str | None = None
    encrypted: bool = False
    public: bool = False
    space: bool = False
    children: Mapping[RoomId, tuple[str, ...]] = field(default_factory=dict)
    """A space's rooms, each with the servers by which it can be entered."""
    successor: RoomId | None = None
    """The room for which it was closed."""
    predecessor: RoomId | None = None
    """The room that, it says, was closed for it."""

    def joined(self) -> frozenset[UserId]:
        """Return who is in it."""
        return frozenset(user for user, member in self.members.items() if member.membership is Membership.JOIN)
