"""Looking at servers from outside, as values (pure): what one look found, and what many of them come to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from fractions import Fraction
from statistics import median_low
from typing import Final

LEAST_LOOKS: Final = 12
"""How many looks a place must have taken before they say anything of a server."""


@dataclass(frozen=True, slots=True)
class Look:
    """The look at a server from one place (``vantage``) in one hour: each takes one an hour.

    ``milliseconds`` it took to answer; ``certificate_until``: when its certificate ends; ``software``: what it says
    that it runs; ``network``: where it answered from. All of these where it answered.
    """

    at: datetime
    vantage: str
    answered: bool
    milliseconds: int | None = None
    certificate_until: datetime | None = None
    software: str | None = None
    network: str | None = None

    @property
    def bit(self) -> int:
        """The hour of its day (UTC), as one bit."""
        return bit_of(self.at)


@dataclass(frozen=True, slots=True)
class Looks:
    """All looks from one place: how many, how many were answered, and the networks that answered."""

    vantage: str
    looks: int
    answered: int
    networks: frozenset[str] = frozenset()


def bit_of(moment: datetime) -> int:
    """Return the hour of a moment's day (UTC) as one bit of 24."""
    return 1 << moment.astimezone(UTC).hour


def availability(looks: Sequence[Looks]) -> Fraction | None:
    """Return the share of looks that were answered, 0 to 1, as the middle one of all places sees it.

    The middle one (of an even number the lower of the two): one place with a bad line takes nothing from a server, and
    one that somebody pays gives it nothing. ``None`` where no place has looked often enough.
    """
    shares = [Fraction(one.answered, one.looks) for one in looks if one.looks >= LEAST_LOOKS]
    return median_low(shares) if shares else None
