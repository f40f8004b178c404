"""Enforcement's words (pure): consequences, subscriptions, vetoes, what lists say of somebody, and what was done."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from kit.identifiers import PersonId, RoomId, UserId, server_of
from reputation.lists.model import Recommendation, Subject

WINDOW: Final = timedelta(days=7)
"""How long what a list has done counts towards its share."""
USUAL_SHARE: Final = 5
"""Percent of the people in the protected rooms."""
LEAST_SHARE: Final = 3
"""People on whom a list may act in any case: of twenty, five percent are one."""
AGAIN_AFTER: Final = timedelta(hours=6)
"""When what the homeserver refused is tried again."""


class Consequence(StrEnum):
    """What can follow in a room."""

    WARN = "warn"
    REDACT = "redact"
    MUTE = "mute"
    KICK = "kick"
    BAN = "ban"
    DENY = "deny"
    """A server may not take part."""


UNDOABLE: Final = frozenset({Consequence.MUTE, Consequence.BAN, Consequence.DENY})
CONFIRMED: Final = frozenset({Consequence.REDACT, Consequence.KICK})
"""What cannot be undone, and waits for a yes."""


PUBLISHED: Final = frozenset({Consequence.BAN, Consequence.DENY})
"""What a policy room can say for another bot to do; beside one, we do none of it in the rooms ourselves."""


class Mode(StrEnum):
    """How far a list may go by itself."""

    NOTIFY = "notify"
    APPROVE = "approve"
    ACT = "act"


class State(StrEnum):
    """What became of a consequence; the last three are the end of it."""

    NOTED = "noted"
    """It would have been done, were the mode another."""
    ASKED = "asked"
    REFUSED = "refused"
    OWED = "owed"
    APPLIED = "applied"
    FAILED = "failed"
    LIFTED = "lifted"
    """Somebody else took back what we did: that is respected."""
    UNDOING = "undoing"
    UNDONE = "undone"
    DROPPED = "dropped"
    """Nothing of it was done, or nothing of it can be undone, and nobody wants it any more."""
    STUCK = "stuck"
    """It was to be undone, and cannot be: the homeserver said no each time, or we were put out."""


CLOSED: Final = frozenset({State.UNDONE, State.DROPPED, State.STUCK})
ACTED: Final = frozenset(
    {State.OWED, State.APPLIED, State.FAILED, State.LIFTED, State.UNDOING, State.UNDONE, State.STUCK}
)
"""What counts towards a share, once it was owed."""


class Why(StrEnum):
    """Why something is asked, undone, or left alone."""

    APPROVE = "approve"
    SHARE = "share"
    CONFIRM = "confirm"
    NO_CAUSE = "no_cause"
    VETOED = "vetoed"
    OURSELVES = "ourselves"
    KEEPER = "keeper"
    """They look after a room."""
    SERVER_OF_KEEPERS = "server_of_keepers"
    """The server of somebody who looks after a room, or ours."""
    NO_POWER = "no_power"
    ALREADY = "already"
    TOO_FEW = "too_few"
    """Too few lists say so."""
    REFUSED = "refused"
    LIFTED = "lifted"
    FAILED = "failed"
    FULL = "full"
    """The room's ACL holds no more: people of that server are acted on one by one."""


Follows = Mapping[Recommendation, frozenset[Consequence]]
"""What follows from what a list recommends."""

OF_PEOPLE: Final[Follows] = {
    Recommendation.BAN: frozenset({Consequence.BAN}),
    Recommendation.TAKEDOWN: frozenset({Consequence.BAN, Consequence.REDACT}),
    Recommendation.LIMIT: frozenset(),
}
OF_SERVERS: Final[Follows] = {
    Recommendation.BAN: frozenset({Consequence.DENY}),
    Recommendation.TAKEDOWN: frozenset({Consequence.DENY}),
    Recommendation.LIMIT: frozenset(),
}


@dataclass(frozen=True, slots=True)
class Subscription:
    """A list that may act in the rooms of a management room. ``share`` is in percent.

    ``trusted`` is the number of the person as whose word the list counts, and ``trust`` how they stand with whoever
    subscribed (0 to 1; ``None``: nobody looked yet).
    """

    list: int
    name: str
    mode: Mode = Mode.NOTIFY
    weight: int = 1
    people: Follows = field(default_factory=lambda: OF_PEOPLE)
    servers: Follows = field(default_factory=lambda: OF_SERVERS)
    share: int = USUAL_SHARE
    until: datetime | None = None
    trusted: PersonId | None = None
    trust: float | None = None

    @property
    def counts(self) -> float:
        """How much its word counts towards what must agree: its weight, as far as its author is trusted."""
        return self.weight if self.trusted is None else self.weight * (self.trust or 0.0)


@dataclass(frozen=True, slots=True)
class Word:
    """What one list says of somebody or of a server, by the entry that says it; ``entity`` as it is kept.

    With ``rooms`` it holds there alone, whether they are there still or not.
    """

    list: int
    subject: Subject
    entity: str
    recommendation: Recommendation
    reason: str = ""
    rooms: frozenset[RoomId] | None = None


@dataclass(frozen=True, slots=True)
class Words:
    """What lists say, by list: of people themselves, and of servers (without their ports).

    ``beforehand``: those of the servers that are to be denied though nobody of them is in a room.
    """

    people: Mapping[UserId, Mapping[int, Word]] = field(default_factory=dict)
    servers: Mapping[str, Mapping[int, Word]] = field(default_factory=dict)
    beforehand: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Veto:
    """What no list, or not this one, is to act on: somebody, a server, or whatever one entry hits."""

    list: int | None = None
    user: UserId | None = None
    server: str | None = None
    subject: Subject | None = None
    entity: str | None = None


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a consequence is wanted: which list says what, by which entry."""

    list: int
    name: str
    subject: Subject
    entity: str
    recommendation: Recommendation
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Before:
    """What was there before: somebody's membership, and for a mute their level (``None``: the default) and ours."""

    membership: str | None = None
    level: int | None = None
    set_to: int | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """A consequence as it is written down; ``target`` is a Matrix id, or a server where it is a denial.

    ``why`` is why it was asked; ``approved``: somebody who looks after the rooms said yes.
    """

    id: int
    room: RoomId
    what: Consequence
    target: str
    state: State
    at: datetime
    causes: tuple[Cause, ...] = ()
    approved: bool = False
    why: Why | None = None
    before: Before = field(default_factory=Before)
    published: bool = False
    """It is done by what a policy room says, and not by us in the room."""


@dataclass(frozen=True, slots=True)
class Ground:
    """How many people were in the rooms, who looks after any of them, and whose servers are never denied.

    ``people`` do not count the bot.
    """

    people: int = 0
    keepers: frozenset[UserId] = frozenset()
    servers: frozenset[str] = frozenset()


NOWHERE: Final = Ground()


@dataclass(frozen=True, slots=True)
class Rules:
    """How a management room wants lists to act: ``threshold`` is the sum of weights that must agree.

    ``me`` is the bot, ``spared`` whoever else is never acted on, ``rehearsing`` makes every mode ``notify``;
    ``confirm`` has redactions and kicks wait for a yes. ``beside``: another bot bans and denies, by what we publish.
    ``ground`` tells of the rooms where not all of them are seen.
    """

    me: UserId
    subscriptions: tuple[Subscription, ...] = ()
    vetoes: tuple[Veto, ...] = ()
    threshold: int = 1
    confirm: bool = True
    rehearsing: bool = False
    spared: frozenset[UserId] = frozenset()
    beside: bool = False
    ground: Ground = NOWHERE


class Does(StrEnum):
    """What a step of a plan does with a consequence."""

    DO = "do"
    UNDO = "undo"
    ASK = "ask"
    NOTE = "note"
    LIFT = "lift"
    """Note that somebody else took it back."""
    DROP = "drop"
    KEEP = "keep"
    """It stays, with other causes than before."""
    LEAVE = "leave"
    """Nothing is done, and ``why`` says why."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step; ``row`` is the consequence that is written down already, and ``was`` its state when this was planned.

    ``people``: of how many it counts towards a share.
    """

    does: Does
    room: RoomId
    what: Consequence
    target: str
    causes: tuple[Cause, ...] = ()
    why: Why | None = None
    row: int | None = None
    was: State | None = None
    before: Before = field(default_factory=Before)
    people: int = 1


@dataclass(frozen=True, slots=True)
class Share:
    """How much of its share a list has used up, would use with this plan, and may use: people."""

    list: int
    name: str
    used: int
    wanted: int
    allowed: int

    @property
    def exceeded(self) -> bool:
        """Tell whether the plan goes beyond it."""
        return self.wanted > 0 and self.used + self.wanted > self.allowed


@dataclass(frozen=True, slots=True)
class Plan:
    """What would be done: a plan changes nothing."""

    steps: tuple[Step, ...] = ()
    shares: tuple[Share, ...] = ()
    people: int = 0
    """Of so many people in the rooms."""

    def of(self, *does: Does) -> list[Step]:
        """Return the steps of some kinds."""
        return [step for step in self.steps if step.does in does]

    @property
    def changes(self) -> list[Step]:
        """Return the steps that change what is written down."""
        return [step for step in self.steps if step.does is not Does.LEAVE]


def host_of(user: UserId) -> str:
    """Return the server of somebody as an ACL knows it: without its port, in lower case."""
    return host(server_of(user))


def host(server: str) -> str:
    """Return a server's name without its port, in lower case."""
    name, colon, port = server.rpartition(":")
    return (name if colon and port.isdigit() and not name.endswith(":") else server).lower()


def merged(causes: Iterable[Cause]) -> tuple[Cause, ...]:
    """Return causes in one order, one of each list: what is said of somebody themselves goes first."""
    found: dict[int, Cause] = {}
    for cause in sorted(causes, key=lambda one: (one.list, one.subject is not Subject.USER, one.entity)):
        found.setdefault(cause.list, cause)
    return tuple(found.values())
