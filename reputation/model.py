"""Who may reach whom, as values: tenants, knocks, doors, and the facts that a verdict rests on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal

from contracts.events import Terms
from kit.amounts import ZERO, Amount
from kit.identifiers import Address, Hash32, PersonId, RoomId, ServerName, TenantId, UserId
from ledger.model import Level
from payments.stakes.model import Answer, Price, Quote, Stake
from reputation.policy import Holding
from reputation.policy_rules import Explained, Policy
from reputation.pricing import NO_PRESSURE, USUAL, Caps, Pressure
from reputation.verdict import Reason, Verdict

ONE_KNOCK = timedelta(seconds=60)
"""Calls about one inviter, invitee and room this close to each other are one knock (a federated invite makes two)."""
RETRY_WINDOW = timedelta(minutes=5)
"""How long the one pending invite may be repeated in its own room: a homeserver tries again for about four minutes."""
KNOCKS_KEPT = timedelta(days=30)
"""How long a knock that was not let through is remembered after the last one of its pair."""

_A_LARGE_SUM = Amount(100 * 10**18)

INVITED_KEPT = timedelta(days=365)
"""How long it is remembered that a person invited another, after it last mattered."""
USE_NOTED = timedelta(days=1)
"""How exactly it is noted when that last was."""
MOST_INVITED = 5_000
"""Whom one person invited, at most; beyond it the least used go. Inviting made-up names fills no more."""
MOST_IMPORTED = 5_000
"""Whom one person knew before, at most: importing made-up names fills no more, either."""
MOST_PRUNED = 500
"""Rows of a kind that are taken out in one transaction, so that no writer waits long."""

OnDeadline = Literal["open", "closed"]


@dataclass(frozen=True, slots=True)
class Tenant:
    """A homeserver that calls our gate; believed only about its own users. A leaving one is always answered "allow"."""

    id: TenantId
    server_name: ServerName
    bearer_sha256: bytes
    on_deadline: OnDeadline
    leaving: bool


@dataclass(frozen=True, slots=True)
class Knock:
    """An attempt to reach somebody, as a tenant told it. ``federated``: by the callback of remote invites alone.

    ``proven``: the inviter's own homeserver signed it. Of an invite by way of an e-mail address or a phone number, the
    tenant has not looked at that when it asks.
    """

    tenant: TenantId
    tenant_server: ServerName
    inviter: UserId
    invitee: UserId
    room: RoomId
    at: datetime
    federated: bool
    proven: bool = True
    told: Mapping[str, object] = field(default_factory=dict)
    """What the inviter's homeserver said of the invite, as facts for rules: names of ``conditions.facts``."""


class DoorMode(StrEnum):
    """What a door does with strangers."""

    OPEN = "open"
    ASK = "ask"
    CLOSED = "closed"
    RULES = "rules"
    """Its owner wrote a document, and the rules in it say."""


@dataclass(frozen=True, slots=True)
class Door:
    """What a person asks of strangers, in base units; a fee goes to ``fee_payee``, an address they linked.

    ``policy``: the rules of a door that has some; what it asks then differs from one stranger to another.
    """

    mode: DoorMode = DoorMode.OPEN
    stake: Amount = ZERO
    fee: Amount = ZERO
    fee_payee: Address | None = None
    caps: Caps = USUAL
    policy: Policy | None = None

    @property
    def price(self) -> Price:
        """What passing it costs while it asks everybody the same."""
        return Price(self.stake, self.fee)

    @property
    def prices(self) -> tuple[Price, ...]:
        """All prices that it may ask of a stranger; none where it never asks for a stake or a fee."""
        if self.policy is not None:
            held = [action.price for action in self.policy.actions if isinstance(action, Holding)]
        else:
            held = [self.price] if self.mode is DoorMode.ASK else []
        return tuple(price for price in held if price.stake or price.fee)

    def asking(self, own: Price) -> Door:
        """Return the door as it is for whom it asks this of; one of three modes asks everybody the same."""
        if self.policy is None:
            return self
        return Door(DoorMode.ASK, own.stake, own.fee, self.fee_payee, self.caps)


class ContactWhy(StrEnum):
    """How a person came to know another."""

    INVITED = "invited"
    ACCEPTED = "accepted"
    IMPORTED = "imported"
    """They told us that they knew them before we came."""


@dataclass(frozen=True, slots=True)
class OpensAt:
    """At which level a stake opens its door: ``large`` where stake and fee together are more than ``above``.

    A door can be closed again when its stake leaves the chain; an invite that came through it cannot be taken back.
    """

    small: Level = Level.SEEN
    large: Level = Level.SAFE
    above: Amount = _A_LARGE_SUM

    def level_for(self, terms: Terms) -> Level:
        """Return the level that a stake's block must reach; a larger stake never opens sooner than a small one."""
        if terms.amount + terms.fee <= self.above.base_units or self.small.reaches(self.large):
            return self.small
        return self.large


class GrantState(StrEnum):
    """Where a grant stands: ``OPEN`` or ``UNCONFIRMED`` exactly while its stake is open and unanswered."""

    OPEN = "open"
    UNCONFIRMED = "unconfirmed"
    """Its stake is on the chain, but not yet at the level at which this door opens."""
    ACCEPTED = "accepted"
    ENDED = "ended"


LIVE = frozenset({GrantState.OPEN, GrantState.UNCONFIRMED})
"""The states of a grant that waits for its recipient's answer."""


@dataclass(frozen=True, slots=True)
class Grant:
    """What one open stake lets its pair do until ``closes_at`` (chain time): one pending invite, once confirmed."""

    stake_id: Hash32
    closes_at: int
    confirmed: bool = True
    pending_room: RoomId | None = None
    pending_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """All that a verdict rests on besides knock and door; ``grants`` are the pair's live ones, first closing first.

    Of a stranger who would be asked for a price it says more: the pressure that raises it, when earlier stakes of the
    pair ended unanswered since the last answer (chain time, first first), and the price that they were told and that
    could still be paid.
    """

    chain_time: int
    bot: UserId | None = None
    leaving: bool = False
    called_spam: bool = False
    exempt: bool = False
    contact: ContactWhy | None = None
    grants: tuple[Grant, ...] = ()
    pressure: Pressure = NO_PRESSURE
    lapsed: tuple[int, ...] = ()
    quoted: Price | None = None


@dataclass(frozen=True, slots=True)
class GateAnswer:
    """A verdict, the quote to pay where it holds, and ``pair`` (stranger, recipient) where the knock was counted."""

    verdict: Verdict
    quote: Quote | None = None
    pair: tuple[PersonId, PersonId] | None = None
    fleeting: bool = False
    """Whether it rests on facts that change without its recipient doing anything: others' words, the time of day."""


@dataclass(frozen=True, slots=True)
class Repeats:
    """Knocks of one pair that met the same verdict again and are yet to be counted: how many, and the last of them."""

    stranger: PersonId
    recipient: PersonId
    count: int
    room: RoomId
    at: datetime


@dataclass(frozen=True, slots=True)
class AnswerOutcome:
    """What an answer did: to which stakes, and until when (chain time) a spam verdict's forfeit can be undone.

    ``asked``: it answered a sentence of theirs too.
    """

    answer: Answer
    stranger: PersonId
    stakes: tuple[Stake, ...]
    undo_until: int | None = None
    asked: bool = False

    @property
    def declined(self) -> bool:
        """Whether it left a stranger outside who had but asked."""
        return self.asked and self.answer is Answer.RETURN and not self.stakes


@dataclass(frozen=True, slots=True)
class Waiting:
    """A stranger whose stake waits for an answer, which must come before ``answers_close`` (chain time).

    ``confirmed``: the chain is sure enough of the stake for the door to be open.
    """

    stranger: PersonId
    stake: Stake
    confirmed: bool
    room: RoomId | None
    since: datetime | None
    answers_close: int


@dataclass(frozen=True, slots=True)
class KnockCount:
    """How often one stranger was not let through, and why the last time."""

    stranger: PersonId
    count: int
    first_at: datetime
    last_at: datetime
    codes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Why:
    """What a knock of one person at another's door would meet now, and what that rests on."""

    verdict: Verdict
    door: Door
    facts: Facts
    knocks: KnockCount | None
    rules: Explained | None = None
    """What the rules of the door say, each that was come to; ``None`` for a door without."""

    @property
    def because(self) -> tuple[Reason, ...]:
        """The verdict's reasons."""
        return self.verdict.because
