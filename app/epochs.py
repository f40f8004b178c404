"""Epochs: closes what is over, by what was measured, and estimates what a server would have earned."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time
from typing import Final

import structlog

from app.container import Container, Work
from app.places import DECIMALS
from kit.amounts import parse
from kit.clock import unix
from kit.domains import registrable
from kit.errors import NotFound
from kit.identifiers import Address, ServerName, parse_address
from payments.rewards import epoch_file
from payments.rewards.closing import LENGTH, Span
from payments.rewards.epoch_file import Closed, Terms
from payments.rewards.gathering import gather, host_of
from payments.rewards.model import WHOLE_AVAILABILITY, Measured, bucket_of
from payments.rewards.schedule import Schedule, of_pool
from payments.rewards.shares import share
from payments.rewards.store import Epoch

LOG = structlog.get_logger(__name__)

_LAST: Final = 3
"""Epochs by which an estimate is made."""
_SOMEBODY: Final = Address(b"\xee" * 20)
"""Stands for whoever would be paid."""


@dataclass(frozen=True, slots=True)
class Plan:
    """When epochs are, and what they give out, to whom."""

    first: datetime
    schedule: Schedule
    distributor: Address


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a server would have earned: base units by epoch, the newest first, and of which budget.

    ``claims_from``: the end of the first epoch in which it can take part from beginning to end.
    """

    epochs: tuple[tuple[Epoch, int], ...]
    claims_from: datetime


def plan_of(container: Container) -> Plan:
    """Return when epochs are and what they give out. Raises ``NotFound`` where there are none, ``Invalid``."""
    settings = container.settings
    distributor = _distributor(container)
    if settings.rewards_from is None or distributor is None:
        raise NotFound(
            "rewards_off",
            "No rewards are given out here: EARNEST_REWARDS_FROM and EARNEST_REWARDS_POOL say from when and how much, "
            "and `earnest rewards deploy` makes the contract that pays them.",
        )
    schedule = of_pool(parse(settings.rewards_pool, DECIMALS).base_units)
    first = datetime.combine(settings.rewards_from, time(), UTC)
    return Plan(first, schedule, distributor)


def _distributor(container: Container) -> Address | None:
    """Return which contract pays: the deployment's, or else the one that is set, whose logs are not read."""
    named = container.settings.rewards_distributor
    return container.deployment.distributor or (None if named is None else parse_address(named))


def is_due(container: Container) -> bool:
    """Tell whether an epoch is to be closed."""
    if container.settings.rewards_from is None or _distributor(container) is None:
        return False
    plan = plan_of(container)
    with container.read() as work:
        return work.epochs.is_due(work.epochs.next(plan.first))


def closing(container: Container) -> tuple[Span, Closed]:
    """Return the next epoch as it would be closed now; nothing is kept. Raises as ``plan_of``."""
    plan = plan_of(container)
    with container.read(one_moment=True) as work:
        span = work.epochs.next(plan.first)
        seen = work.contacts.known_of(work.epochs.servers())
        known, last = work.epochs.known(span, seen), work.epochs.last()
        before = None if last is None else work.epochs.file(last.number)
    earlier = {} if before is None else epoch_file.read_file(before).anew.cumulative
    measured = gather(known, days=LENGTH.days, ends=span.ends)
    begins, ends = unix(span.begins), unix(span.ends)
    chain_id = container.settings.chain_id
    terms = Terms(chain_id, plan.distributor, span.number, begins, ends, plan.schedule)
    return span, epoch_file.close(terms, measured, earlier)


def close(container: Container) -> Epoch | None:
    """Close the next epoch where it is over; ``None`` where none is. Raises ``Conflict`` where another just did."""
    if not is_due(container):
        return None
    span, closed = closing(container)
    with container.work() as work:
        epoch = work.epochs.keep(span, closed)
    LOG.info("epoch_closed", epoch=epoch.number, servers=epoch.servers)
    return epoch


def estimate(container: Container, server: ServerName, *, people: int) -> Estimate:
    """Estimate what a server would have earned in the last epochs, always there and used by so many people a day.

    The server need not take part, but it must be reached now. Raises ``HomeserverUnavailable``, and as ``plan_of``.
    """
    plan = plan_of(container)
    network = container.enrolling.see(server).network
    one = Measured(
        server=server,
        domain=registrable(host_of(server)),
        networks=(network,) if network else (),
        payout=_SOMEBODY,
        availability=WHOLE_AVAILABILITY,
        people=bucket_of(people),
    )
    with container.read() as work:
        found = [(epoch, work.epochs.file(epoch.number)) for epoch in work.epochs.all()[:_LAST]]
        begins = _next_whole(work, plan)
    return Estimate(tuple((epoch, _would_earn(file, one)) for epoch, file in found), begins + LENGTH)


def _would_earn(file: bytes, one: Measured) -> int:
    epoch = epoch_file.read_file(file).anew
    others = [counted.measured for counted in epoch.counted if counted.measured.server != one.server]
    return share(epoch.budget, [*others, one]).of.get(_SOMEBODY, 0)


def _next_whole(work: Work, plan: Plan) -> datetime:
    """Return when the next epoch begins that has not begun."""
    passed = max(0, -((plan.first - work.now) // LENGTH))
    return plan.first + passed * LENGTH
