"""Warming: fills the gate's memory in the background, so that those who know each other need no look-up at all."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping

import structlog

from app.container import Container
from app.remembering import MOST_PAIRS, Moments, Pairs
from kit.errors import Unavailable
from kit.identifiers import ServerName, TenantId, server_of
from reputation.lookup import LONGEST, known_pairs

LOG = structlog.get_logger(__name__)

_SLICE, _PAUSE = 500, 0.02
"""Pairs that are read at once, and the seconds between: the gate answers meanwhile."""
_AGAIN = 60.0
"""Seconds between two warmings: a change of anybody must not make the database be read over and over."""
_FULL = 0.9


class Warmer:
    """Reads whom people accepted or exempted, at first and whenever all that was remembered counts no more."""

    def __init__(self, container: Container, moments: Moments, pairs: Pairs) -> None:
        """Fill ``pairs`` from the container's database."""
        self._container = container
        self._moments = moments
        self._pairs = pairs
        self._tenants: Mapping[ServerName, TenantId] = {}
        self._stop = threading.Event()
        self._cold = threading.Event()
        self._thread = threading.Thread(target=self._work, name="gate-warmer", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End, however far it is."""
        self._stop.set()
        self._cold.set()
        self._thread.join()

    def warm(self, tenants: Mapping[ServerName, TenantId]) -> None:
        """Fill the memory anew, soon, with whom people of these homeservers know."""
        self._tenants = tenants
        self._cold.set()

    def _work(self) -> None:
        while self._cold.wait() and not self._stop.is_set():
            self._cold.clear()
            try:
                if self.fill(exempt=False) and self.fill(exempt=True):
                    LOG.info("gate_warm", pairs=len(self._pairs))
            except Unavailable as error:
                LOG.warning("gate_stays_cold", waits_for=type(error).__name__)
            except Exception:
                LOG.exception("gate_warmer_failed")
            self._stop.wait(_AGAIN)

    def fill(self, *, exempt: bool) -> bool:
        """Remember all whom anybody exempted, or else accepted, slice by slice; ``False`` where that was cut short."""
        after, tenants = (0, 0), self._tenants
        while not self._stop.wait(_PAUSE):
            moment, until = self._moments.now, int(time.monotonic() + LONGEST.total_seconds())
            with self._container.database.look() as connection:
                pairs = known_pairs(connection, after, _SLICE, exempt=exempt)
            for pair in pairs:
                server = server_of(pair.person_id)
                # An invite of the tenant's own people is looked up once anyway, for whom it teaches us that they know.
                if server in tenants and server != server_of(pair.other_id):
                    key = self._pairs.key(tenants[server], pair.other_id, pair.person_id)
                    self._pairs.keep(key, pair.code, (pair.person, 0), moment=moment, until=until)
            if len(pairs) < _SLICE or len(self._pairs) > MOST_PAIRS * _FULL:
                return True
            after = (pairs[-1].person, pairs[-1].other)
        return False
