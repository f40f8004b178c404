"""What the operator lets nobody sell (pure): what rules object to, what became of it, and what is asked back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias

from payments.content.model import Listing


class Outcome(StrEnum):
    """What a rule wants done: to have it wait for the operator, or not to take it. What is for sale waits in both."""

    HOLD = "hold"
    REFUSE = "refuse"


class Answer(StrEnum):
    """What the operator said of what waits, for the version that they saw."""

    ALLOWED = "allowed"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Objection:
    """Which rule objects, and what is told to the seller."""

    outcome: Outcome
    rule: str
    told: str


@dataclass(frozen=True, slots=True)
class Hold:
    """An objection that is remembered. ``swept``: it was for sale, and was taken off; ``ended_at``: it is over."""

    id: int
    listing: Listing
    version: int
    objection: Objection
    answer: Answer | None
    swept: bool
    since: datetime
    ended_at: datetime | None

    @property
    def waits(self) -> bool:
        """Tell whether the operator has said nothing yet."""
        return self.answer is None and self.ended_at is None


@dataclass(frozen=True, slots=True)
class Refunds:
    """How much stands of a listing, and how much of that its buyers want the money of, or were promised it."""

    bought: int
    asked: int


Judge: TypeAlias = Callable[[Listing], Objection | None]
"""Tells what the operator's rules object to in a listing."""


def no_rules(_: Listing) -> None:
    """Object to nothing, as a service without rules."""
