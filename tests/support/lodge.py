"""A rehearsed homeserver that keeps what it is told of rooms: people come and go there, and a bot may die on it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bot.homeserver import EventId
from bot.rehearsal import Rehearsal
from bot.room_state import KeptRoom, StateEvent, made_as
from kit.identifiers import RoomId, UserId
from reputation.enforcement.levels import with_level
from reputation.enforcement.reading import read_room
from reputation.enforcement.rooms import Membership, RoomSeen
from tests.support.knocks import BOT

_POWERS = "m.room.power_levels"


class Died(BaseException):
    """The process is gone; nothing of ours catches it."""


class Lodge(Rehearsal):
    """Rooms as a real homeserver has them. ``dies_at`` is the deed at which whoever asks dies, after it with ``.5``."""

    def __init__(self, lines: list[str] | None = None) -> None:
        """Begin with no room."""
        super().__init__(BOT, (lines if lines is not None else list[str]()).append)
        self.deeds = 0
        self.dies_at: float | None = None
        self.fails: dict[str, Exception] = {}
        self.refuses: set[UserId] = set()
        self.done: list[tuple[str, str, str]] = []
        self.profiles: dict[UserId, Mapping[str, Any]] = {}

    def _deed(self, what: str, room: str, whom: str, half: float = 0.0) -> None:
        if half:
            self.done.append((what, room, whom))
        else:
            self.deeds += 1
        if self.dies_at == self.deeds + half:
            raise Died
        if what in self.fails and not half:
            raise self.fails[what]

    # ---------------------------------------------------------------------------------------- what the bot does

    async def create_kept(self, such: KeptRoom) -> RoomId:
        """Make a room."""
        self._deed("create", such.purpose, such.name)
        room = await super().create_kept(such)
        self.states[room] = []
        self._put(room, "m.room.create", "", {**made_as(such), "room_version": "12"})
        self._put(room, "m.room.member", BOT, {"membership": "join"})
        self._put(room, _POWERS, "", {**such.levels, "users": {}})
        self._put(room, "m.room.name", "", {"name": such.name})
        self._deed("create", such.purpose, such.name, 0.5)
        return room

    async def invite(self, room: RoomId, user: UserId, *, direct: bool = False) -> dict[str, Any] | None:
        """Invite somebody; chats are as they are rehearsed."""
        if direct:
            return await super().invite(room, user, direct=direct)
        self._deed("invite", room, user)
        if user in self.refuses:
            return {"errcode": "M_FORBIDDEN"}
        self._put(room, "m.room.member", user, {"membership": "invite"})
        self._deed("invite", room, user, 0.5)
        return None

    async def kick(self, room: RoomId, user: UserId, *, reason: str = "") -> bool:
        """Put somebody out."""
        self._deed("kick", room, user)
        there = self.membership(room, user) in (Membership.JOIN, Membership.INVITE, Membership.KNOCK)
        if there:
            self._put(room, "m.room.member", user, {"membership": "leave", "reason": reason})
        self._deed("kick", room, user, 0.5)
        return there

    async def set_levels(self, room: RoomId, levels: Mapping[UserId, int]) -> bool:
        """Give levels."""
        self._deed("levels", room, ",".join(sorted(levels)))
        for user, level in levels.items():
            content = self.content(room, _POWERS)
            self._put(room, _POWERS, "", with_level(content, user, level) or content)
        self._deed("levels", room, ",".join(sorted(levels)), 0.5)
        return True

    async def put_state(self, room: RoomId, kind: str, key: str, content: Mapping[str, Any]) -> EventId:
        """Write state."""
        self._deed(kind, room, key)
        self._put(room, kind, key, content)
        self._deed(kind, room, key, 0.5)
        return EventId("$written")

    async def set_profile(self, user: UserId, name: str, value: Mapping[str, Any] | None) -> None:
        """Write a profile."""
        self._deed("profile", name, user)
        if value is None:
            self.profiles.pop(user, None)
        else:
            self.profiles[user] = dict(value)
        self._deed("profile", name, user, 0.5)

    # ---------------------------------------------------------------------------------------- what others do

    def _put(self, room: RoomId, kind: str, key: str, content: Mapping[str, Any], sender: str = BOT) -> None:
        others = [one for one in self.states.get(room, []) if (one.kind, one.key) != (kind, key)]
        self.states[room] = [*others, StateEvent(kind, key, sender, dict(content))]

    def puts(self, room: RoomId, kind: str, key: str, content: Mapping[str, Any], by: UserId) -> None:
        """Let somebody write state."""
        self._put(room, kind, key, content, by)

    def comes(self, room: RoomId, user: UserId) -> None:
        """Let somebody come in."""
        self._put(room, "m.room.member", user, {"membership": "join"}, user)

    def goes(self, room: RoomId, user: UserId, by: UserId | None = None) -> None:
        """Let somebody leave, or be put out by somebody else."""
        self._put(room, "m.room.member", user, {"membership": "leave"}, by or user)

    # ---------------------------------------------------------------------------------------- looking

    def content(self, room: RoomId, kind: str, key: str = "") -> Mapping[str, Any]:
        """What a room says of itself."""
        return next((one.content for one in self.states[room] if (one.kind, one.key) == (kind, key)), {})

    def seen(self, room: RoomId) -> RoomSeen:
        """A room, read."""
        told = [
            {"type": one.kind, "state_key": one.key, "sender": one.sender, "content": one.content}
            for one in self.states[room]
        ]
        return read_room(room, told)

    def membership(self, room: RoomId, user: UserId) -> Membership | None:
        """How somebody stands to a room."""
        member = self.seen(room).members.get(user)
        return None if member is None else member.membership

    def kept(self, key: str) -> RoomId:
        """The one room that was made for a purpose."""
        purpose = f"supporters:{key}"
        (found,) = [
            room
            for room, state in self.states.items()
            if any(one.kind == "m.room.create" and purpose in one.content.values() for one in state)
        ]
        return found
