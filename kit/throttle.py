"""The throttle: how often one party may make us do something."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

_MOST_PARTIES = 10_000


class Throttle:
    """A leaky bucket for each party: ``burst`` at once, then one every ``seconds``; memory is bounded."""

    def __init__(self, burst: int, seconds: float, time: Callable[[], float]) -> None:
        """Count by ``time``, a clock that never runs backwards, in seconds."""
        self._burst = burst
        self._seconds = seconds
        self._time = time
        self._levels: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, party: str) -> bool:
        """Tell whether ``party`` may do it once more; if so, it is counted."""
        now = self._time()
        level, since = self._levels.pop(party, (0.0, now))
        level = max(0.0, level - (now - since) / self._seconds)
        allowed = level + 1 <= self._burst
        self._levels[party] = (level + 1 if allowed else level, now)
        while len(self._levels) > _MOST_PARTIES:
            self._levels.popitem(last=False)
        return allowed
