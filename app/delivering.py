"""Delivering: the threads that bring events to people's endpoints, each endpoint's one after the other.

An endpoint is taken up by one thread at a time, under a lease. A thread that is killed between sending and noting
leaves the event unnoted: it is sent once more under the same ``webhook-id``. Endpoints that answer slowly get half of
the threads at most, and each of them gives its thread back after a while, so that nobody waits for them.
"""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import partial

import structlog
from prometheus_client import Counter

from app.container import Container
from app.feeds import show_one
from app.webhooks.model import Claim, Job, Result
from kit.errors import PeerUnavailable, Refusal, Unavailable

LOG = structlog.get_logger(__name__)
DELIVERIES = Counter("earnest_webhook_deliveries", "Attempts to deliver an event to an endpoint", ["outcome"])
ROUNDS_FAILED = Counter("earnest_webhook_rounds_failed", "Looks for endpoints that are owed something which broke")

THREADS = 8
"""Endpoints that are sent something at the same moment."""
_LOOK_SECONDS = 0.5
_TURN_SECONDS = 5.0
_READ_BYTES = 1_024
_LONGEST_WISH = 40
"""Characters of a date, or of a number, that is read at all."""


class Deliverer:
    """Delivers what endpoints are owed, until it is stopped."""

    def __init__(self, container: Container, *, threads: int = THREADS, look_every: float = _LOOK_SECONDS) -> None:
        """Deliver from the container's database by its fetcher."""
        self._container = container
        self._look_every = look_every
        self._stop = threading.Event()
        self._pool = ThreadPoolExecutor(threads, "webhooks")
        self._lock = threading.Lock()
        self._free, self._slow = threads, max(1, threads // 2)
        self._looker = threading.Thread(target=self._run, name="webhooks", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._looker.start()

    def stop(self) -> None:
        """End what is being sent, and send no more."""
        self._stop.set()
        self._looker.join()
        self._pool.shutdown()

    def round(self) -> int:
        """Hand what is due to the threads that are free; return how many endpoints that were."""
        with self._lock:
            free, slow = self._free, min(self._slow, (self._free + 1) // 2)
        if not free:
            return 0
        with self._container.work() as work:
            claims = work.owed.claim(free, slow=slow)
        for claim in claims:
            self._count(claim, -1)
            self._pool.submit(self._serve, claim)
        return len(claims)

    # --------------------------------------------------------------------------------------------------- within

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                found = self.round()
            except Unavailable as error:
                LOG.warning("webhooks_wait", reason=str(error))
                found = 0
            except Exception:  # whatever it is: a worker that lives and delivers nothing is the worst there is
                LOG.exception("webhooks_round_failed")
                ROUNDS_FAILED.inc()
                found = 0
            if not found:
                self._stop.wait(self._look_every)

    def _serve(self, claim: Claim) -> None:
        try:
            self.deliver(claim)
        except Unavailable as error:
            LOG.warning("webhook_waits", webhook=claim.webhook, reason=str(error))
        except Exception:
            LOG.exception("webhook_failed", webhook=claim.webhook)
        finally:
            self._count(claim, 1)

    def _count(self, claim: Claim, by: int) -> None:
        with self._lock:
            self._free += by
            self._slow += by if claim.slow else 0

    def deliver(self, claim: Claim) -> None:
        """Send an endpoint its events, one after the other, until there are no more or its turn is over."""
        container, until = self._container, time.monotonic() + _TURN_SECONDS
        while True:
            with container.work() as work:
                job = work.owed.next(claim, partial(show_one, work))
            if job is None:
                return
            result = self._send(job)
            DELIVERIES.labels("delivered" if result.delivered else "failed").inc()
            with container.work() as work:
                goes_on = work.owed.note(claim, job, result)
            if not goes_on:
                return
            if self._stop.is_set() or time.monotonic() > until:
                break
        with container.work() as work:
            work.owed.give_back(claim)

    def _send(self, job: Job) -> Result:
        began = time.monotonic()

        def took() -> int:
            return int((time.monotonic() - began) * 1000)

        try:
            answer = self._container.fetcher.post(job.url, job.body, headers=job.headers, most_bytes=_READ_BYTES)
            wait = _wished(answer.headers.get("retry-after"), self._container.clock())
        except (PeerUnavailable, Refusal) as error:
            return Result(took(), error=error.code)
        except Exception:  # or the event would be sent again, and break again, for ever
            LOG.exception("webhook_sending_failed", webhook=job.headers["webhook-id"])
            return Result(took(), error="failed")
        return Result(took(), status=answer.status, wait=wait)


def _wished(retry_after: str | None, now: datetime) -> timedelta | None:
    """Read how long an endpoint wants to be left alone: seconds, or a date; nonsense is no wish."""
    if not retry_after or len(retry_after) > _LONGEST_WISH:
        return None
    try:
        if retry_after.isascii() and retry_after.isdigit():
            return timedelta(seconds=int(retry_after))
        until = parsedate_to_datetime(retry_after)
        return max(timedelta(), (until if until.tzinfo else until.replace(tzinfo=UTC)) - now)
    except (ValueError, OverflowError):
        return None
