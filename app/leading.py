"""Leading: of several processes that could do the same work, one does it and the others stand by."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog
from prometheus_client import Gauge
from sqlalchemy import select

from app.container import Container
from app.health import Check, Look, Role
from app.metadata import METADATA
from kit.errors import LeaseLost, Unavailable
from kit.leases import RENEW_EVERY, Lease, LeaseRow, Reign, seat
from ledger import book

LOG = structlog.get_logger(__name__)

LEADS = Gauge("earnest_leads", "Whether this process does the work of which one process at a time does it", ["work"])
TERM = Gauge("earnest_lease_term", "How often that work changed hands, when this process last took it", ["work"])

_LOOK_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 10.0


def chain_lease(container: Container) -> Lease:
    """Return the lease of whoever reads the container's chain."""
    return Lease(container.database, book.seat(container.settings.chain_id))


def bot_lease(container: Container) -> Lease:
    """Return the lease of whoever is the bot: its device's keys must not be used by two."""
    return Lease(container.database, seat(f"bot {container.settings.bot_user_id}"))


def clock_lease(container: Container) -> Lease:
    """Return the lease of whoever calls the regular rounds."""
    return Lease(container.database, seat("clock"))


def every_lease(container: Container) -> list[Lease]:
    """Return the leases of all work that any process on the container's database ever led in, whatever its settings."""
    with container.database.read() as session:
        names = session.scalars(select(LeaseRow.name)).all()
        chains = session.scalars(select(METADATA.tables["chain_cursor"].c.chain_id)).all()
    seats = [*(book.seat(chain) for chain in chains), *(seat(name) for name in names)]
    return [Lease(container.database, one) for one in seats]


class Leader:
    """Waits for a lease and does the work while it is ours, over and over."""

    def __init__(self, lease: Lease, work: str) -> None:
        """Lead in ``work``, as logs, metrics and health call it."""
        self._lease = lease
        self._work = work
        self._reign: Reign | None = None
        LEADS.labels(work).set(0)

    def role(self) -> Role:
        """Tell whether we lead or stand by."""
        return "standby" if self._reign is None else "leader"

    def run(self, stop: threading.Event, rule: Callable[[Reign], None]) -> None:
        """Call ``rule`` whenever the lease is ours; it must end when the reign is over. Ends after ``stop``."""
        pause = _LOOK_SECONDS
        while not stop.is_set():
            try:
                reign = self._lease.claim()
            except Unavailable as error:
                pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)
                LOG.warning("lease_waits", work=self._work, reason=str(error), seconds=pause)
                stop.wait(pause)
                continue
            pause = _LOOK_SECONDS
            if reign is None:
                stop.wait(_LOOK_SECONDS)
                continue
            with self._kept(reign, stop):
                rule(reign)

    def look(self, working: Look) -> Look:
        """Return a look at the work: as ``working`` says while it is ours, else at who does it."""

        def _look() -> Check:
            if self._reign is not None:
                return working()
            return Check(ok=True, says=f"It stands by; {self._lease.holder or 'nobody'} leads.")

        return _look

    @contextmanager
    def _kept(self, reign: Reign, stop: threading.Event) -> Iterator[None]:
        """Renew the lease during the block, and give it back after it."""
        LOG.info("lease_taken", work=self._work, term=reign.term)
        LEADS.labels(self._work).set(1)
        TERM.labels(self._work).set(reign.term)
        self._reign = reign
        done = threading.Event()
        watching = threading.Thread(target=_end_with, args=(stop, done, reign), name="lease-end", daemon=True)
        renewing = threading.Thread(target=_renew, args=(reign,), name="lease", daemon=True)
        watching.start()
        renewing.start()
        try:
            yield
        finally:
            self._reign = None
            LEADS.labels(self._work).set(0)
            done.set()
            reign.over.set()
            watching.join()
            renewing.join()
            with contextlib.suppress(Unavailable):  # then it runs out by itself
                reign.give_back()
            LOG.info("lease_ended", work=self._work, term=reign.term)


def _renew(reign: Reign) -> None:
    silent = False
    while not reign.over.wait(RENEW_EVERY):
        try:
            reign.renew()
            silent = False
        except LeaseLost as lost:
            LOG.warning("lease_lost", reason=str(lost))
        except Unavailable as error:  # mostly it is the same database for everybody: nobody else can take it now
            if not silent:
                LOG.warning("lease_not_renewed", reason=str(error))
            silent = True


def _end_with(stop: threading.Event, done: threading.Event, reign: Reign) -> None:
    """End the reign as soon as the process is asked to stop."""
    while not done.is_set():
        if stop.wait(_LOOK_SECONDS):
            reign.over.set()
            return
