"""Epochs that were closed, for tests of their files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from kit.identifiers import Address
from payments.rewards.epoch_file import Closed, Terms, close
from payments.rewards.model import Measured
from payments.rewards.schedule import Schedule
from tests.support.measured import measured, payee

DAYS_28 = 28 * 86_400
SERVERS = [
    measured(1, people=12),
    measured(2, people=300, availability=950),
    measured(3, people=9_000, payout=2),
    measured(4, people=3, withheld=True),
    measured(5, people=70, availability=800),
]


def terms(epoch: int = 1, first: int = 10**24) -> Terms:
    begins = 1_790_000_000 + (epoch - 1) * DAYS_28
    return Terms(1, payee(999), epoch, begins, begins + DAYS_28, Schedule(first))


def closed(
    epoch: int = 1, servers: Iterable[Measured] = SERVERS, before: Mapping[Address, int] | None = None
) -> Closed:
    return close(terms(epoch), servers, before or {})
