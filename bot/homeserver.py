"""The homeserver, as a port: what the bot may ask of it and what it hears from it.

Two implementations are in use: ``nio_homeserver`` talks to a real one; ``rehearsal`` says what would be done.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NewType, Protocol

from app.wording.message import Message
from bot.media import Media
from bot.room_state import KeptRoom, StateEvent, Told
from kit.errors import Forbidden, HomeserverUnavailable
from kit.identifiers import RoomId, UserId
from reputation.enforcement.rooms import Acl, RoomSeen
from reputation.lists.policy_events import TYPES

EventId = NewType("EventId", str)
"""A Matrix event id, ``$…``."""


def txn_of(cause: str) -> str:
    """Return the transaction id of what has one cause: a homeserver does it once, however often it is asked to."""
    return hashlib.sha256(cause.encode()).hexdigest()[:32]


class Denied(Forbidden):
    """The homeserver said no for good: ``status`` and ``body`` are its answer, as it came."""

    def __init__(self, status: int, body: Mapping[str, Any]) -> None:
        """Keep the answer verbatim."""
        super().__init__("homeserver_denied", f"the homeserver answered {status} {body.get('errcode', '')}")
        self.status = status
        self.body = dict(body)


class ElsewhereAway(HomeserverUnavailable):
    """Somebody's own homeserver does not answer; ours does."""


class SlowDown(HomeserverUnavailable):
    """The homeserver wants to be left alone with this for a while, longer than is waited for on the spot."""

    def __init__(self, seconds: float) -> None:
        """Keep for how long."""
        super().__init__(f"the homeserver asks to wait {seconds:.0f} s")
        self.seconds = seconds


@dataclass(frozen=True, slots=True)
class Said:
    """Somebody wrote something; ``body`` is as it was sent, of any length and content, ``html`` what apps show instead.

    ``mentions`` are the people whose names they picked from a list (at most ten): an app writes a picked name as it is
    displayed, and the id behind it stands only here.
    """

    room: RoomId
    event: EventId
    sender: UserId
    body: str
    at: datetime
    mentions: tuple[UserId, ...] = ()
    html: str | None = None
    kind: str = "m.text"
    """``m.notice`` is what programs say, which nobody answers; ``m.emote`` what somebody says they do.

    ``m.image``, ``m.video``, ``m.audio``, ``m.file``, ``m.sticker`` are no texts: their body is a caption, or a name.
    """
    named: object = None
    """``m.mentions`` as it came, of any shape; ``None`` where there is none."""
    replies_to: EventId | None = None
    """The message to which it is an answer, by its writer's own wish."""


@dataclass(frozen=True, slots=True)
class Reacted:
    """Somebody put a reaction ``key`` on the message ``to``."""

    room: RoomId
    event: EventId
    sender: UserId
    to: EventId
    key: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Edited:
    """Somebody changed what the message ``of`` says; ``body`` and ``html`` are what apps show from then on.

    ``fallback`` is what apps show that know no edits.
    """

    room: RoomId
    event: EventId
    sender: UserId
    of: EventId
    body: str
    at: datetime
    fallback: str = ""
    html: str | None = None
    kind: str = "m.text"
    named: object = None


@dataclass(frozen=True, slots=True)
class Polled:
    """Somebody asked all in a room something; ``texts`` are the question and the answers to choose from."""

    room: RoomId
    event: EventId
    sender: UserId
    texts: tuple[str, ...]
    at: datetime
    named: object = None


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Somebody wrote what we have no key for, and the key did not come."""

    room: RoomId
    event: EventId
    sender: UserId
    at: datetime


@dataclass(frozen=True, slots=True)
class Invited:
    """Somebody invited us."""

    room: RoomId
    inviter: UserId


@dataclass(frozen=True, slots=True)
class Entered:
    """We are in a room into which ``inviter`` had invited us; where we died as we entered, this is all that tells."""

    room: RoomId
    inviter: UserId


@dataclass(frozen=True, slots=True)
class Left:
    """A member left a room, declined to come, or was put out; it may be us."""

    room: RoomId
    user: UserId
    banned: bool = False
    """Whether they may not come again."""


@dataclass(frozen=True, slots=True)
class Joined:
    """Somebody else came into a room; whoever only changed their name may be told of too."""

    room: RoomId
    user: UserId


@dataclass(frozen=True, slots=True)
class Stated:
    """Somebody else changed what a room says of itself, or anybody a rule: one event of the types in ``STATED``."""

    room: RoomId
    kind: str
    key: str


@dataclass(frozen=True, slots=True)
class Missed:
    """More happened in a room than is told at once: what it says of itself is to be looked at anew."""

    room: RoomId


@dataclass(frozen=True, slots=True)
class Moved:
    """A room was closed for another one, to which whoever closed it invites those who should come along."""

    room: RoomId
    successor: RoomId | None = None


@dataclass(frozen=True, slots=True)
class Redacted:
    """A message was taken back."""

    room: RoomId
    event: EventId


@dataclass(frozen=True, slots=True)
class Look:
    """What can be seen of a room that we are in: who is (nobody who is only invited), and how it is."""

    joined: frozenset[UserId]
    encrypted: bool | None = None
    public: bool | None = None
    name: str | None = None
    topic: str | None = None


Happening = (
    Said
    | Edited
    | Polled
    | Reacted
    | Unreadable
    | Invited
    | Entered
    | Joined
    | Left
    | Stated
    | Missed
    | Moved
    | Redacted
)
Written = Said | Edited | Polled | Reacted | Unreadable
"""What has an event of its own, which a homeserver may tell twice."""
Handler = Callable[[Happening], Awaitable[None]]
STATED = frozenset({"m.room.power_levels", "m.room.server_acl", "m.room.join_rules", "m.space.child", *TYPES})
"""Types of state of whose change the bot is told: what enforcement goes by, who may enter, rules of policy rooms."""


class Homeserver(Media, Protocol):
    """A homeserver, used as one account.

    Every method raises ``HomeserverUnavailable`` where it does not answer, and ``Denied`` where it says no for good.
    """

    @property
    def me(self) -> UserId:
        """Our own Matrix id."""
        ...

    @property
    def late(self) -> bool:
        """Whether what is handed over now may be older than it seems: it is of the first sync after we were away."""
        ...

    async def listen(self, on: Handler, stop: asyncio.Event) -> None:
        """Hand every happening to ``on``, in order, until ``stop``; then return.

        A happening is delivered at least once: what ``on`` had not finished when the process died comes again. The
        past before the very first call is not told. An exception of ``on`` ends the listening and comes out here.
        Invitations stand aside: somebody else's homeserver may take its time with them, so they are handed over beside
        the rest, and again for a while where ``on`` raises ``HomeserverUnavailable``.
        """
        ...

    async def create_room(
        self,
        *,
        name: str | None = None,
        encrypted: bool = True,
        topic: str | None = None,
        kind: str | None = None,
        public: bool = False,
        alias: str | None = None,
        levels: Mapping[str, int] | None = None,
    ) -> RoomId:
        """Make a room with nobody else in it, and say where it is.

        ``kind`` is its type, as ``m.space``. Whoever wishes may enter a ``public`` one and read all of it; others are
        entered by invitation. ``alias`` is what stands between ``#`` and ``:``. ``levels`` are of what may be done
        there (``events_default`` and the like), not of people: theirs are set afterwards, for how creators stand among
        them depends on the room's version.
        """
        ...

    async def create_kept(self, such: KeptRoom) -> RoomId:
        """Make a room with nobody else in it, not encrypted, of which we keep who is in it; say where it is."""
        ...

    async def invite(self, room: RoomId, user: UserId, *, direct: bool = False) -> dict[str, Any] | None:
        """Invite somebody, ``direct`` marking the room as a direct chat; a refusal's JSON is returned verbatim.

        Raises ``ElsewhereAway`` where it is the other's homeserver that does not answer.
        """
        ...

    async def send(self, room: RoomId, message: Message, *, txn: str) -> EventId:
        """Send a message, encrypted where the room is; the same ``txn`` is sent once only.

        Raises ``ElsewhereAway`` where somebody's homeserver does not say for which devices it is to be encrypted.
        """
        ...

    async def reply(self, room: RoomId, to: EventId, message: Message, *, txn: str) -> EventId:
        """Do the same, as an answer to a message."""
        ...

    async def react(self, room: RoomId, event: EventId, key: str, *, txn: str) -> EventId:
        """Put a reaction on a message; the same ``txn`` is sent once only."""
        ...

    async def members(self, room: RoomId) -> frozenset[UserId]:
        """Return who is in a room or invited to it, ourselves included; asked of the server each time."""
        ...

    async def look(self, room: RoomId) -> Look:
        """Look around in a room; asked of the server each time."""
        ...

    async def state(self, room: RoomId) -> RoomSeen:
        """Look at all that a room says of itself and who is in it; asked of the server each time, in one request.

        Raises ``Invalid`` where that is more than 64 MiB.
        """
        ...

    async def events(self, room: RoomId, kinds: Collection[str]) -> list[StateEvent]:
        """Return a room's state of some types, half a million events at most; asked of the server each time.

        Raises ``Invalid`` where all its state is more than 256 MiB.
        """
        ...

    async def newest(self, room: RoomId, most: int) -> list[Said]:
        """Return the newest messages of a room that can be read now, oldest first, of its last ``most`` events."""
        ...

    async def message(self, room: RoomId, event: EventId) -> Told | None:
        """Return one message of a room, whenever it was said; ``None`` where that is an event that nobody wrote."""
        ...

    async def joined_rooms(self) -> list[RoomId]:
        """Return the rooms that we are in."""
        ...

    async def resolve(self, alias: str) -> tuple[RoomId, tuple[str, ...]]:
        """Return the room of an alias, ``#…``, and servers by which it can be entered."""
        ...

    async def join(self, room: RoomId, via: Sequence[str] = ()) -> None:
        """Enter a room, by one of the servers ``via`` where ours is not in it yet; being there already is no error."""
        ...

    async def leave(self, room: RoomId, *, reason: str = "") -> None:
        """Leave a room, or decline to come, and forget it; having left already is no error."""
        ...

    # What is so already is asked for first, and not done again: each returns whether it did anything.

    async def ban(self, room: RoomId, user: UserId, *, reason: str = "") -> bool:
        """Ban somebody, whether they are there or not; who is banned already stays so, by whoever did it."""
        ...

    async def unban(self, room: RoomId, user: UserId, *, reason: str = "") -> bool:
        """Let somebody who is banned come again."""
        ...

    async def kick(self, room: RoomId, user: UserId, *, reason: str = "") -> bool:
        """Put somebody out, or take back that they were invited."""
        ...

    async def redact(self, room: RoomId, event: EventId, *, reason: str = "", txn: str) -> bool:
        """Take a message of anybody's back; the same ``txn`` is sent once only."""
        ...

    async def set_level(self, room: RoomId, user: UserId, level: int) -> bool:
        """Give somebody a level; where everybody has it, nothing stands of them any more."""
        ...

    async def set_levels(self, room: RoomId, levels: Mapping[UserId, int]) -> bool:
        """Give several people levels, in one event; where everybody has theirs, nothing stands of them any more."""
        ...

    async def set_acl(self, room: RoomId, acl: Acl) -> bool:
        """Say which servers may take part. To have none denied any more, ``Acl()`` is set."""
        ...

    async def put_state(self, room: RoomId, kind: str, key: str, content: Mapping[str, Any]) -> EventId:
        """Write one event of a room's state; a homeserver makes none anew where we wrote the same before."""
        ...

    async def written_by(self, room: RoomId, user: UserId, most: int) -> list[EventId]:
        """Return somebody's messages and reactions that were not taken back, newest first, of their last 2,000."""
        ...

    async def set_profile(self, user: UserId, name: str, value: Mapping[str, Any] | None) -> None:
        """Write a field of the profile of somebody on our homeserver, or take it out; as its administrator.

        Raises ``Denied`` where we have no administrator's token, or it is none.
        """
        ...

    async def close(self) -> None:
        """Let go of connections and files."""
        ...
