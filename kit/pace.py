"""Pace: how slowly something may go on, where it holds a place that others want."""

from __future__ import annotations

from typing import Final


class Pace:
    """A least pace with patience: standing still uses patience up, going on faster than the least wins it back.

    So whoever stalls now and then is not hurt, and nobody goes on for long by less than the least.
    """

    def __init__(self, least: float, patience: float, now: float) -> None:
        """Begin at ``now`` (seconds, as all moments here): ``least`` a second, or ``patience`` seconds behind it.

        ``least`` is above nothing, in what is counted (bytes).
        """
        self._least: Final = least
        self._patience: Final = patience
        self._over_at = now + patience

    def left(self, now: float) -> float:
        """Return for how many seconds it may stand still from ``now``; none where it was too slow already."""
        return max(0.0, self._over_at - now)

    def went_on(self, by: int, now: float) -> None:
        """Count what went on by ``now``; patience is never more than at the beginning."""
        self._over_at = min(self._over_at + by / self._least, now + self._patience)
