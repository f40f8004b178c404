"""Homeservers that do not answer: each is left alone for a while that doubles, and nobody else waits for it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

_FIRST_SECONDS = 5.0
_LONGEST_SECONDS = 3600.0
_MOST_SERVERS = 10_000


class Away:
    """Which homeservers are left alone, and how long still; memory is bounded, and a restart tries them all again."""

    def __init__(self, time: Callable[[], float], *, longest: float = _LONGEST_SECONDS) -> None:
        """Count by ``time``, a clock that never runs backwards, in seconds; leave none alone for longer."""
        self._time = time
        self._longest = longest
        self._left_alone: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def seconds(self, server: str) -> float:
        """Return how long a homeserver is to be left alone still; 0 where it may be tried."""
        until, _ = self._left_alone.get(server, (0.0, 0.0))
        return max(0.0, until - self._time())

    def failed(self, server: str) -> None:
        """Leave a homeserver alone, twice as long as the last time."""
        _, before = self._left_alone.pop(server, (0.0, _FIRST_SECONDS / 2))
        pause = min(before * 2, self._longest)
        self._left_alone[server] = (self._time() + pause, pause)
        while len(self._left_alone) > _MOST_SERVERS:
            self._left_alone.popitem(last=False)

    def answered(self, server: str) -> None:
        """Forget that a homeserver was away."""
        self._left_alone.pop(server, None)
