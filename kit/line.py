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
        try:
            if turn.acquire(timeout=timeout):
                return True
        except BaseException:  # Ctrl-C, say: the turn of one who is gone would never end
            if not self._leave(turn):
                self.release()
            raise
        return not self._leave(turn)

    def release(self) -> None:
        """Let the next one have it."""
        with self._guard:
            if self._turns:
                self._turns.popleft().release()
            else:
                self._taken = False

    def _leave(self, turn: threading.Lock) -> bool:
        """Go away; ``False`` where our turn came at the last moment."""
        with self._guard:
            if turn not in self._turns:
                return False
            self._turns.remove(turn)
            return True

    def waiting(self) -> int:
        """Count those who wait."""
        with self._guard:
            return len(self._turns)
