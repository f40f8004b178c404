"""Looking at servers from outside, as values (pure): what one look found, and what many of them come to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime


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
