"""Outlook (pure): what a person thinks of strangers before anybody spoke of them, and whom it takes to be heard."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from kit.errors import Invalid
from payments.stakes.model import Price
from reputation.trust.formula import MOST_QUORUM, PRODUCT


class Strangers(StrEnum):
    """What somebody of whom nothing is known is thought of."""

    OPEN = "open"
    NEUTRAL = "neutral"
    WARY = "wary"
    CLOSED = "closed"


PRIORS: Final[Mapping[Strangers, float]] = {
    Strangers.OPEN: PRODUCT.prior,
    Strangers.NEUTRAL: 0.5,
    Strangers.WARY: 0.25,
    Strangers.CLOSED: 0.0,
}
"""The reputation that each gives a stranger: rho of docs/standing.md."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """What one viewer thinks of strangers, and their quorum: how many endorse whoever is heard and no contact."""

    strangers: Strangers = Strangers.OPEN
    quorum: int = PRODUCT.quorum

    def __post_init__(self) -> None:
        """Raise ``Invalid`` for a quorum that is none."""
        if not 1 <= self.quorum <= MOST_QUORUM:
            raise Invalid("quorum", f"A quorum is 1 to {MOST_QUORUM}.", most=MOST_QUORUM)

    @property
    def prior(self) -> float:
        """The reputation of whoever nobody speaks of."""
        return PRIORS[self.strangers]


USUAL: Final = Outlook()
"""What holds for whoever said nothing else."""


def times_asked(amounts: Iterable[int], prices: Iterable[Price]) -> float:
    """Return how many times what a door asks lies at stake: of its dearest stake, and 0 where it asks for none."""
    dearest = max((price.stake.base_units for price in prices), default=0)
    return sum(amounts) / dearest if dearest else 0.0
