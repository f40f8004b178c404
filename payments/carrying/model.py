"""What we carry to the chain for people without ether, as values (pure): what it may cost, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from kit.identifiers import Address, Hash32, PersonId

_CLAIMS_A_DAY: Final = 2
"""Anybody may ask for anybody's: no more roots than these count at a time."""
_PART_FOR_CLAIMS: Final = 4


@dataclass(frozen=True, slots=True)
class RelayLimits:
    """How much is carried in 24 hours.

    ``per_day`` for each person and each wallet, gas for all of it (``budget``, in gwei), and so many of them
    ``together``. Settlements have limits of their own (``settlements``; none: they are not carried), and count against
    nothing else. Claims of rewards take a quarter of ``budget`` at most, and of one payee two.
    """

    per_day: int
    budget: int
    together: int = 2000
    settlements: RelayLimits | None = None

    @property
    def off(self) -> bool:
        """Tell whether nothing is carried at all."""
        return not (self.per_day and self.budget and self.together)

    def of(self, cargo: Cargo) -> RelayLimits:
        """Return the limits of a cargo."""
        if cargo is Cargo.SETTLEMENT:
            return self.settlements or RelayLimits(0, 0)
        if cargo is Cargo.CLAIM:
            return RelayLimits(min(self.per_day, _CLAIMS_A_DAY), self.budget // _PART_FOR_CLAIMS, self.together)
        return self


class Outcome(StrEnum):
    """What became of something that we carried."""

    DONE = "opened"
    """It is on the chain for good, whoever carried it there. (The word is from when only stakes were carried.)"""
    REVERTED = "reverted"
    """It was mined and failed: what was signed was good no longer. Its gas is lost."""
    TOO_LATE = "too_late"
    """Its time was over before it was mined."""
    WOULD_REVERT = "would_revert"
    """It was not sent: the node says that it would fail now."""
    WITHDRAWN = "quote_gone"
    """It was not sent: what it was for stood no more."""

    @property
    def may_try_again(self) -> bool:
        """Tell whether the same signature may be sent in again: nothing was lost by it."""
        return self is Outcome.WOULD_REVERT

    def may_be_tried(self, cargo: Cargo) -> bool:
        """Tell the same of a cargo: nobody signed for a claim, so that no time and no wish of anybody's is over."""
        never_sent = self in (Outcome.TOO_LATE, Outcome.WITHDRAWN)
        return self.may_try_again or (cargo is Cargo.CLAIM and never_sent)


class CarriedState(StrEnum):
    """Where something that we carry stands."""

    QUEUED = "queued"
    SENT = "sent"
    MINED = "mined"
    DONE = "opened"
    FAILED = "failed"


class Cargo(StrEnum):
    """What is carried."""

    STAKE = "stake"
    GIFT = "gift"
    SETTLEMENT = "settlement"
    """A payment that a program signed for whatever it buys (x402)."""

    CLAIM = "claim"
    """A reward: nobody signed for it, and it goes to its payee whoever asks."""

    PURCHASE = "purchase"
    """Something that is bought by the contract."""

    TIP = "tip"
    """Somebody who is tipped by the contract."""

    @property
    def counted_with(self) -> tuple[Cargo, ...]:
        """Return which cargoes are counted together."""
        signed = (Cargo.STAKE, Cargo.GIFT, Cargo.PURCHASE, Cargo.TIP)
        return signed if self in signed else (self,)

    @property
    def paid_with(self) -> tuple[Cargo, ...]:
        """Return for which cargoes one budget pays."""
        return (self,) if self is Cargo.SETTLEMENT else tuple(one for one in Cargo if one is not Cargo.SETTLEMENT)


@dataclass(frozen=True, slots=True)
class Carried:
    """Something that ``payer`` signed and we carry; ``due`` leaves the payer's wallet, in base units of ``asset``.

    ``id``: of the stake, gift or purchase, which is its EIP-3009 nonce, of the settlement, or of a payee under a root.
    ``payer`` of a claim is its payee, and nothing is due. ``about``: a stake's quote.
    ``person``: whose it is, where that is known. ``target``: where a stake goes back to, or a gift or payment goes.
    ``gwei``: gas that is set aside for it or, once it has an ``outcome``, that it took. ``asset``: ``None`` is our own.
    """

    id: Hash32
    cargo: Cargo
    about: str | None
    person: PersonId | None
    payer: Address
    target: Address
    due: int
    gwei: int
    created_at: datetime
    outcome: Outcome | None = None
    asset: Address | None = None


@dataclass(frozen=True, slots=True)
class Bar:
    """Somebody, and a wallet, for whom we carry nothing since something of theirs (of that id) cost us its gas."""

    id: Hash32
    payer: Address
    person: PersonId | None
    gwei: int
    barred_at: datetime
