"""A line: threads that want what one alone can have get it in the order in which they asked."""

from __future__ import annotations

import threading
from collections import deque


class Line:
    """A lock that goes to whoever waits longest.

    Python's own goes to whoever comes by when it is free. On a busy machine that is whoever just had it, so that others
    wait for as long as there is work.
    """

    def __init__(self) -> None:
        """Begin with nobody in it."""
        self._guard = threading.Lock()
        self._turns: deque[threading.Lock] = deque()
        self._taken = False

    def acquire(self, timeout: float) -> bool:
        """Wait for our turn, at most so many seconds; ``False`` where it did not come."""
        with self._guard:
            if not self._taken:
                self._taken = True
                return True
            turn = threading.Lock()
            turn.acquire()
            self._turns.append(turn)
        if turn.acquire(timeout=timeout):
            return True
        with self._guard:
            if turn not in self._turns:
                return True  # it came at the last moment
            self._turns.remove(turn)
            return False

    def release(self) -> None:
        """Let the next one have it."""
        with self._guard:
            if self._turns:
                self._turns.popleft().release()
            else:
                self._taken = False

    def waiting(self) -> int:
        """Count those who wait."""
        with self._guard:
            return len(self._turns)
