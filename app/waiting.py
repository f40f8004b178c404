"""The line before the database: those known go first, strangers wait as long as makes sense, and no longer.

Whoever would be answered too late is told at once that they will not be, while somebody can still tell them why.
"""

from __future__ import annotations

import queue
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError

import structlog

from app.remembering import Reply
from reputation.model import Knock

LOG = structlog.get_logger(__name__)

MOST_FIRST = 2_000
"""Those known that wait at most."""
_FIRST_GUESS = 0.01
_WEIGHT = 0.1


class Line:
    """Threads that do one job after another. A job tells whether the database answered it."""

    def __init__(self, name: str, threads: int, patience: Callable[[], float]) -> None:
        """Let strangers in only while they would wait no longer than ``patience`` seconds."""
        self._jobs: queue.PriorityQueue[tuple[int, int, str, Callable[[], bool]]] = queue.PriorityQueue()
        self._patience = patience
        self._lock = threading.Lock()
        self._number = 0
        self._waiting: Counter[str] = Counter()
        self._strangers = 0
        self._pace = _FIRST_GUESS / threads
        self._threads = [
            threading.Thread(target=self._work, name=f"{name}-{each}", daemon=True) for each in range(threads)
        ]
        self._started = False
        self.answered_at = float("-inf")
        """When (``time.monotonic``) the database last answered a job of this line."""

    def join(self, job: Callable[[], bool], *, party: str, first: bool = False, share: int | None = None) -> bool:
        """Stand in line; ``False`` where that makes no sense: it is too long, or too many of this party wait."""
        with self._lock:
            if first:
                full = self._waiting.total() - self._strangers >= MOST_FIRST
            else:
                too_many = share is not None and self._waiting[party] >= share
                full = too_many or self._strangers * self._pace > self._patience()
            if full:
                return False
            self._waiting[party] += 1
            self._strangers += not first
            self._number += 1
            if not self._started:
                self._started = True
                for thread in self._threads:
                    thread.start()
        self._jobs.put((0 if first else 1, self._number, party, job))
        return True

    def waiting(self, party: str) -> int:
        """Return how many of a party wait or are at work."""
        return self._waiting.get(party, 0)

    def stop(self) -> None:
        """Let those at work finish; nobody else is served."""
        with self._lock:
            started, self._started = self._started, True
        for _ in self._threads:
            self._jobs.put((-1, 0, "", _nothing))
        for thread in self._threads:
            if started:
                thread.join()

    def _work(self) -> None:
        while True:
            priority, _, party, job = self._jobs.get()
            if job is _nothing:
                return
            began = time.monotonic()
            try:
                answered = job()
            except Exception:
                LOG.exception("gate_job_failed")
                answered = False
            ended = time.monotonic()
            with self._lock:
                if answered:
                    self.answered_at = ended
                    self._pace += _WEIGHT * ((ended - began) / len(self._threads) - self._pace)
                self._strangers -= priority == 1
                self._waiting[party] -= 1
                if not self._waiting[party]:
                    del self._waiting[party]


class Asked(Future[Reply]):
    """A knock that waits for the database: since when, in which line, and whether those two know each other."""

    def __init__(self, knock: Knock, key: int, line: Line, *, known: bool) -> None:
        """Wait from now on."""
        super().__init__()
        self.knock = knock
        self.key = key
        self.line = line
        self.known = known
        self.since = time.monotonic()

    def settle(self, result: Reply | Exception) -> None:
        """Tell whoever waits, if they still do."""
        try:
            if isinstance(result, Reply):
                self.set_result(result)
            else:
                self.set_exception(result)
        except InvalidStateError:
            pass


def _nothing() -> bool:
    return False
