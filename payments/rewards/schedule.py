"""The emission schedule (pure): what each epoch may give out at most, known for ever from the first day.

It depends on the epoch's number alone. What is burned feeds nobody: no forfeit, and no epoch in which nobody earned
anything, makes another epoch's budget larger.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from kit.amounts import UINT256_MAX
from kit.errors import Invalid

USUAL_KEPT: Final = 900
"""Thousandths of a step's budget that the next step still has."""
USUAL_STEP: Final = 13
"""Epochs to a step: a year of epochs of 28 days."""
LAST_EPOCH: Final = 10_000
_WHOLE: Final = 1000


@dataclass(frozen=True, slots=True)
class Schedule:
    """``first`` base units for each of the first ``step`` epochs, and ``kept`` thousandths of that after each step.

    Raises ``Invalid`` for what is no schedule; one that would never shrink is none.
    """

    first: int
    kept: int = USUAL_KEPT
    step: int = USUAL_STEP

    def __post_init__(self) -> None:
        """Hold only what ends."""
        if not 0 <= self.first <= UINT256_MAX or not 0 <= self.kept < _WHOLE or not 1 <= self.step <= LAST_EPOCH:
            raise Invalid("schedule_malformed", "That is no schedule: its budgets are none, or never shrink.")

    def budget(self, epoch: int) -> int:
        """Return the base units of an epoch; the first is 1. Raises ``Invalid`` beyond ``LAST_EPOCH``."""
        if not 1 <= epoch <= LAST_EPOCH:
            raise Invalid("epoch_out_of_range", f"Epochs go from 1 to {LAST_EPOCH}.")
        steps = (epoch - 1) // self.step
        budget: int = self.first * self.kept**steps // _WHOLE**steps
        return budget

    @property
    def most(self) -> int:
        """The base units that all epochs together never exceed."""
        return self.first * self.step * _WHOLE // (_WHOLE - self.kept)


def of_pool(pool: int, kept: int = USUAL_KEPT, step: int = USUAL_STEP) -> Schedule:
    """Return the largest schedule whose epochs never give out more than ``pool`` base units, however many there are."""
    return Schedule(pool * (_WHOLE - kept) // (_WHOLE * step), kept, step)
