"""Overrides (pure): how often what a list caused was overruled, with how sure that is.

The interval is Wilson's (E. B. Wilson, "Probable Inference, the Law of Succession, and Statistical Inference", 1927).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import Final

FEWEST_ROOMS: Final = 5
"""Management rooms, of as many people, among which nobody can be made out: of fewer, an author is told nothing."""
_Z: Final = 1.96
"""Of the normal distribution, for 95 %."""


@dataclass(frozen=True, slots=True)
class Overrides:
    """Of ``acted`` consequences that a list caused, ``overruled`` were refused, lifted or vetoed; a share in [0,1]."""

    acted: int
    overruled: int
    rooms: int
    share: float
    low: float
    high: float

    @property
    def for_author(self) -> bool:
        """Tell whether the list's author may be told."""
        return self.rooms >= FEWEST_ROOMS


def overrides(acted: int, overruled: int, rooms: int) -> Overrides:
    """Return the share of what was overruled with its 95 % interval; of nothing, nothing is known."""
    if acted <= 0:
        return Overrides(0, 0, rooms, 0.0, 0.0, 1.0)
    share, square = overruled / acted, _Z * _Z
    middle = (share + square / (2 * acted)) / (1 + square / acted)
    spread = _Z * sqrt(share * (1 - share) / acted + square / (4 * acted * acted)) / (1 + square / acted)
    return Overrides(acted, overruled, rooms, share, max(0.0, middle - spread), min(1.0, middle + spread))
