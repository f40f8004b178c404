"""The line before the database: those known go first, strangers wait as long as makes sense, and no longer.

Whoever would be answered too late is told at once that they will not be, while somebody can still tell them why. And
however many strangers come, a part of the time stays free of them: else those whom memory answers would wait too.
"""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError

import structlog

from app.remembering import Reply
from kit.identifiers import server_of
from reputation.model import Knock
from reputation.pricing import origin_of

LOG = structlog.get_logger(__name__)

MOST_FIRST = 2_000
"""Those known that wait at most."""
_FIRST_PACE, _FIRST_EFFORT = 0.01, 0.003
"""Seconds that a job is taken to last, and to take of a core, before any was done."""
_WEIGHT = 0.1
_SAVED = 0.2
"""Seconds of a core that they may take at once, after a quiet time: some twenty who are told a price."""
_SCARCE = 0.1
"""Seconds of a core: what is left below it is for those who took less than others of late."""
_HALF_LIFE, _FORGOTTEN = 30.0, 0.001
"""Seconds after which half of what a party took is forgotten, and how little of it all of it."""
_LEAST_SAVED = 0.005
"""Seconds of a core that are saved up before the next job when all are spent: to wake up for less costs more."""

_Job = Callable[[], bool]


class _Taken:
    """What each party took of late, in seconds of a core; as many parties stand in it as were served."""

    def __init__(self) -> None:
        self._by: dict[str, float] = {}
        self._total = 0.0
        self._faded_at = time.monotonic()

    def add(self, party: str, seconds: float) -> None:
        now = time.monotonic()
        if now - self._faded_at > _HALF_LIFE:
            self._by = {name: half for name, took in self._by.items() if (half := took / 2) > _FORGOTTEN}
            self._total, self._faded_at = sum(self._by.values()), now
        self._by[party] = self._by.get(party, 0.0) + seconds
        self._total += seconds

    def more_than_others(self, party: str) -> bool:
        """Tell whether a party took more than an equal part would be, were there one party more."""
        return self._by.get(party, 0.0) * (len(self._by) + 1) > self._total


class Line:
    """Threads that do one job after another. A job tells whether the database answered it."""

    def __init__(self, name: str, threads: int, patience: Callable[[], float], *, most: float) -> None:
        """Let strangers in only while they would wait no longer than ``patience`` seconds.

        ``most``: of one core, how much they may take in the long run.
        """
        self._first: deque[tuple[str, _Job]] = deque()
        self._strangers: deque[tuple[str, _Job]] = deque()
        self._patience = patience
        self._most = most
        self._came = threading.Condition()
        self._waiting: Counter[str] = Counter()
        self._pace = _FIRST_PACE
        self._effort = _FIRST_EFFORT
        self._saved, self._saved_at = _SAVED, time.monotonic()
        self._taken = _Taken()
        self._ends = False
        self._threads = [
            threading.Thread(target=self._work, name=f"{name}-{each}", daemon=True) for each in range(threads)
        ]
        self._started = False
        self.answered_at = float("-inf")
        """When (``time.monotonic``) the database last answered a job of this line."""

    def join(self, job: _Job, *, party: str, first: bool = False, share: int | None = None) -> bool:
        """Stand in line; ``False`` where that makes no sense: it is too long, or too many of this party wait."""
        with self._came:
            if first:
                full = len(self._first) >= MOST_FIRST
            else:
                full = (share is not None and self._waiting[party] >= share) or not self._room(party)
            if full or self._ends:
                return False
            self._waiting[party] += 1
            (self._first if first else self._strangers).append((party, job))
            if not self._started:
                self._started = True
                for thread in self._threads:
                    thread.start()
            if first or self._save() > 0:
                self._came.notify()
        return True

    def waiting(self, party: str) -> int:
        """Return how many of a party wait or are at work."""
        return self._waiting.get(party, 0)

    def stop(self) -> None:
        """Let those at work finish; nobody else is served."""
        with self._came:
            self._ends = True
            self._came.notify_all()
        if self._started:
            for thread in self._threads:
                thread.join()

    def _room(self, party: str) -> bool:
        """Tell whether a stranger who comes now would not wait too long, and something is left that they may take."""
        count = len(self._strangers)
        if count * self._pace / len(self._threads) > self._patience():
            return False
        left = self._save() - count * self._effort
        return left > _SCARCE or (left > 0 and not self._taken.more_than_others(party))

    def _save(self) -> float:
        """Return how many seconds of a core strangers may take now; below none after a job that took long."""
        now = time.monotonic()
        self._saved = min(_SAVED, self._saved + (now - self._saved_at) * self._most)
        self._saved_at = now
        return self._saved

    def _next(self) -> tuple[str, _Job, bool] | None:
        """Wait for a job and return its party, itself, and whether it is of those known; ``None`` at the end."""
        while not self._ends:
            if self._first:
                return *self._first.popleft(), True
            saved = self._save()
            if self._strangers and saved > 0:
                return *self._strangers.popleft(), False
            self._came.wait((_LEAST_SAVED - saved) / self._most if self._strangers else None)
        return None

    def _work(self) -> None:
        while True:
            with self._came:
                found = self._next()
            if found is None:
                return
            party, job, first = found
            began, effort = time.monotonic(), time.thread_time()
            try:
                answered = job()
            except Exception:
                LOG.exception("gate_job_failed")
                answered = False
            ended, effort = time.monotonic(), time.thread_time() - effort
            with self._came:
                if answered:
                    self.answered_at = ended
                    self._pace += _WEIGHT * (ended - began - self._pace)
                    self._effort += _WEIGHT * (effort - self._effort)
                if not first:
                    self._saved -= effort
                    self._taken.add(party, effort)
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
        self.party = origin_of(server_of(knock.inviter))
        """With whom the inviter shares: whoever has a domain may have any number of homeservers below it."""
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
