"""Earning: servers enrol for rewards, and are looked at from outside; other servers are asked outside transactions."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import structlog

from app.container import Container
from kit.errors import HomeserverUnavailable
from kit.federation import Homeservers, Seen
from payments.rewards.enrolling import Enrolled
from payments.rewards.service import Enrolment

LOG = structlog.get_logger(__name__)

AT_ONCE: Final = 32
"""Servers that are looked at at the same time: most of the time all of them are waited for."""
_MOST: Final = 2_000
"""Servers that one round takes on at most."""


def enrol(container: Container, signed: Mapping[str, Any]) -> Enrolment:
    """Let a server take part whose key signed our challenge: its keys are asked of the server itself.

    Raises ``Invalid``, ``NotFound``, ``Conflict``, and ``HomeserverUnavailable`` where the server cannot be asked now;
    the challenge is good for another try then.
    """
    with container.read() as work:
        server = work.rewards.asked(signed).server
    keys = container.homeservers.keys(server)
    with container.work() as work:
        done = work.rewards.enrol(signed, keys)
    LOG.info("reward_server_enrolled", server=server, again=done.before is not None)
    return done


def look_around(container: Container, *, vantage: str, most: int = _MOST) -> int:
    """Look at the servers that are due, many at once; return how many were looked at.

    Who dies over it has taken nobody's hour away: a server that nobody got to is looked at in the next.
    """
    with container.work() as work:
        due = work.rewards.claim_looks(limit=most)
    if not due:
        return 0
    homeservers = Homeservers(container.fetcher, most_at_once=AT_ONCE, clock=container.clock)
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="looking") as pool:
        for server, seen in pool.map(lambda one: (one, _see(homeservers, one)), due):
            with container.work() as work:
                work.rewards.looked(server.id, vantage, seen)
    return len(due)


def _see(homeservers: Homeservers, server: Enrolled) -> Seen | None:
    try:
        return homeservers.see(server.server)
    except HomeserverUnavailable as away:
        LOG.info("reward_server_away", server=server.server, reason=str(away))
        return None
