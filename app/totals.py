"""Totals: what is said in public of the servers that earn, made once for each day that is over, and never changed."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Final

import structlog
from prometheus_client import Gauge

from app.container import Container, Work
from payments.rewards.closing import SETTLES
from payments.rewards.totalling import AVAILABILITY, PEOPLE, total

LOG = structlog.get_logger(__name__)

SERVERS = Gauge("earnest_rewards_servers", "Servers that earned on the newest day of totals, in fives")
BY_PEOPLE = Gauge("earnest_rewards_servers_by_people", "Those servers by people who used them, in fives", ["people"])
BY_AVAILABILITY = Gauge(
    "earnest_rewards_servers_by_availability", "Those servers by the looks they answered, in fives", ["availability"]
)
DAY = Gauge("earnest_rewards_day", "The newest day of totals, as days since 1970")
EPOCH = Gauge("earnest_rewards_epoch", "Number of the newest epoch that is closed")
PAID = Gauge("earnest_rewards_epoch_paid", "Tokens that the newest epoch gave somebody")
FORFEITED = Gauge("earnest_rewards_epoch_forfeited", "Tokens of the newest epoch that nobody gets")

_BEHIND: Final = 7
"""Days that are made up for at most, where nobody made totals for a while."""
_EPOCH: Final = date(1970, 1, 1)
_ONE: Final = 10**18


def keep(container: Container) -> int:
    """Make the totals of the days that are over and have none; return of how many."""
    with container.read() as work:
        last = (work.now - SETTLES).date() - timedelta(days=1)
        there = {day for day, _ in work.rewards.totals(limit=_BEHIND)}
    made = 0
    for day in (last - timedelta(days=back) for back in reversed(range(_BEHIND))):
        if day not in there:
            made += _make(container, day)
    return made


def _make(container: Container, day: date) -> int:
    with container.read(one_moment=True) as work:
        names = work.rewards.looked_at_on(day)
        some = work.rewards.on_day(day, work.contacts.known_of(list(names.values())))
    if not some:
        return 0
    with container.work() as work:
        work.rewards.keep_totals(day, total(some))
    LOG.info("totals_made", day=day.isoformat())
    return 1


def show(work: Work) -> None:
    """Set the metrics to what is said of the newest day and epoch."""
    for day, said in work.rewards.totals(limit=1):
        DAY.set((day - _EPOCH).days)
        SERVERS.set(said["servers"])
        for _, name in PEOPLE:
            BY_PEOPLE.labels(name).set(said["people"].get(name, 0))
        for _, name in AVAILABILITY:
            BY_AVAILABILITY.labels(name).set(said["availability"].get(name, 0))
    epoch = work.epochs.last()
    if epoch is not None:
        EPOCH.set(epoch.number)
        PAID.set(epoch.paid / _ONE)
        FORFEITED.set(epoch.forfeited / _ONE)
