"""Spending: what each key of ours has sent in 24 hours beside what it may, for logs, metrics, health and operators."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog
from prometheus_client import Counter, Gauge

from app.container import RELAYER, RESOLVER, Container, Work
from app.health import Check
from app.places import PROPOSER
from kit.errors import EarnestError
from kit.identifiers import Address
from ledger.limits import LIMITED, UNSIGNED, Day, DayLimit, Held, Limits, ether

LOG = structlog.get_logger(__name__)

UNWILLING = Counter(
    "earnest_key_did_not_sign",
    "How often a key was found not to sign: at its limit, or not to be had",
    ["role", "because"],
)
TRANSACTIONS = Gauge("earnest_key_transactions", "Transactions that a key sent in the last 24 hours", ["role"])
MOST_TRANSACTIONS = Gauge("earnest_key_transactions_limit", "Transactions that a key may send in 24 hours", ["role"])
GAS = Gauge("earnest_key_gas_ether", "What those cost, at the fee cap while that is not final", ["role"])
MOST_GAS = Gauge("earnest_key_gas_limit_ether", "What a key's transactions may cost in 24 hours", ["role"])
HELD = Gauge("earnest_key_calls_held", "Calls that wait for their key alone", ["role"])

SETTINGS = {
    RESOLVER: "EARNEST_RESOLVER_PER_DAY and EARNEST_RESOLVER_BUDGET",
    RELAYER: "EARNEST_RELAYER_PER_DAY and EARNEST_RELAY_BUDGET",
    PROPOSER: "fixed limits, ten transactions and 0.05 ETH,",
}
_TELL_EVERY_SECONDS = 600.0
_WEI = 10**18


@dataclass(frozen=True, slots=True)
class KeyDay:
    """What a key has sent in 24 hours, what it may, and what waits for it alone."""

    role: str
    address: Address
    day: Day
    limit: DayLimit
    held: Held | None

    @property
    def calls_held(self) -> int:
        """How many calls wait for it alone."""
        return self.held.calls if self.held else 0

    @property
    def waits(self) -> str:
        """Say why those wait, and name no place."""
        if self.held is None:
            return ""
        if self.held.why.startswith(LIMITED):
            return f"it may send no more now ({SETTINGS[self.role]} say so)"
        return "whoever holds its key does not sign (the chain loop's log says more)"

    def __str__(self) -> str:
        return (
            f"{self.role} {self.day.transactions} of {self.limit.transactions} transactions, "
            f"{ether(self.day.wei)} of {ether(self.limit.wei)} ETH for gas"
        )


def key_days(container: Container, work: Work) -> list[KeyDay]:
    """Return how each key stands."""
    addresses = {role: container.keyring.current(role).address for role in container.roles}
    return [
        KeyDay(role, address, work.outgoing.day(address), container.day_limits[role], work.outgoing.held(role))
        for role, address in addresses.items()
    ]


def health(days: list[KeyDay]) -> Check:
    """Say how the keys stand, in one sentence for whoever runs the service."""
    held = [one for one in days if one.held]
    if not held:
        return Check(ok=True, says=f"Sent in 24 hours: {'; '.join(map(str, days))}.")
    waits = " ".join(f"{one}: {one.waits}, and {one.calls_held} calls wait in their order." for one in held)
    return Check(ok=False, says=f"Sent in 24 hours: {waits}")


def look(container: Container) -> Check:
    """Look at how the keys stand."""
    try:
        with container.read() as work:
            return health(key_days(container, work))
    except EarnestError:  # what is wrong is told where that itself is looked at
        return Check(ok=False, says="It cannot be told now what was sent.")


def show(days: list[KeyDay]) -> None:
    """Set the metrics."""
    for one in days:
        TRANSACTIONS.labels(one.role).set(one.day.transactions)
        MOST_TRANSACTIONS.labels(one.role).set(one.limit.transactions)
        GAS.labels(one.role).set(one.day.wei / _WEI)
        MOST_GAS.labels(one.role).set(one.limit.wei / _WEI)
        HELD.labels(one.role).set(one.calls_held)


class Watch:
    """Counts each time that a key is found not to sign, and says why in the log, every ten minutes while it lasts."""

    def __init__(self, container: Container, *, time: Callable[[], float] = time.monotonic) -> None:
        """Watch the container's keys."""
        self._container = container
        self._time = time
        self._told_at: dict[tuple[str, str], float] = {}

    def limits(self) -> Limits:
        """Return the limits as they are now."""
        return Limits(self._container.day_limits, self._hear)

    def _hear(self, role: str, why: str) -> None:
        event = "daily_limit_reached" if why.startswith(LIMITED) else "signer_unavailable"
        UNWILLING.labels(role, event).inc()
        if self._time() - self._told_at.get((role, event), float("-inf")) < _TELL_EVERY_SECONDS:
            return
        self._told_at[role, event] = self._time()
        reason = why.removeprefix(LIMITED).removeprefix(UNSIGNED)
        LOG.warning(event, role=role, reason=reason, then="its calls wait in their order, none is lost")
