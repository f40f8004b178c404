"""Epochs: closes what is over, by what was measured, and estimates what a server would have earned."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime, time
from threading import BoundedSemaphore
from typing import Final

import structlog

from app import indexing
from app.container import Container, Work
from app.indexing import SHOWN
from app.places import DECIMALS
from kit.amounts import parse
from kit.clock import unix
from kit.domains import registrable
from kit.errors import Conflict, NotFound, Unavailable
from kit.identifiers import Address, ServerName, parse_address, show_address
from payments.rewards import epoch_file
from payments.rewards.closing import LENGTH, Span
from payments.rewards.epoch_file import Closed, Terms
from payments.rewards.estimating import would_make
from payments.rewards.gathering import gather, host_of
from payments.rewards.history import Part, Proof, part_of, proof_for
from payments.rewards.model import WHOLE_AVAILABILITY, Measured, bucket_of
from payments.rewards.onchain import Root
from payments.rewards.schedule import Schedule, of_pool
from payments.rewards.shares import share
from payments.rewards.store import Epoch

LOG = structlog.get_logger(__name__)

_LAST: Final = 3
"""Epochs by which an estimate is made."""
_SOMEBODY: Final = Address(b"\xee" * 20)
"""Stands for whoever would be paid."""
_NOWHERE: Final = "192.0.2.0/24"
"""Stands for the network of a server that nobody asked: no server has an address in it."""
_MANY: Final = 200
"""Neighbours of a server beyond which an estimate takes long enough to be made for one caller at a time."""
_ONE_READER: Final = BoundedSemaphore()
"""Files of large epochs take seconds to read: whoever asks for them may not take all there is."""


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


@dataclass(frozen=True, slots=True)
class History:
    """What a server got, the newest epoch first, and what its payee's claim needs, where there is anything to claim.

    ``proof_of`` is the epoch whose root it is; under the root before it the contract pays what was earned until then.
    ``had``: base units that the payee has had in all, as the chain has it; ``root``: how that root stands there, if it
    was proposed.
    """

    server: ServerName
    parts: tuple[Part, ...]
    proof: Proof | None
    proof_of: int | None
    had: int = 0
    root: Root | None = None

    @property
    def due(self) -> int:
        """Base units that the payee has not had yet."""
        return 0 if self.proof is None else max(0, self.proof.cumulative - self.had)


def plan_of(container: Container) -> Plan:
    """Return when epochs are and what they give out. Raises ``NotFound`` where there are none, ``Invalid``."""
    settings = container.settings
    distributor = distributor_of(container)
    if settings.rewards_from is None or distributor is None:
        raise NotFound(
            "rewards_off",
            "No rewards are given out here: EARNEST_REWARDS_FROM and EARNEST_REWARDS_POOL say from when and how much, "
            "and `earnest rewards deploy` makes the contract that pays them.",
        )
    schedule = of_pool(parse(settings.rewards_pool, DECIMALS).base_units)
    first = datetime.combine(settings.rewards_from, time(), UTC)
    return Plan(first, schedule, distributor)


def distributor_of(container: Container) -> Address | None:
    """Return which contract pays: the deployment's, or else the one that is set, whose logs are not read."""
    named = container.settings.rewards_distributor
    return container.deployment.distributor or (None if named is None else parse_address(named))


def is_due(container: Container) -> bool:
    """Tell whether an epoch is to be closed."""
    if container.settings.rewards_from is None or distributor_of(container) is None:
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
    earlier: Mapping[Address, int] = {}
    if before is not None:
        closed = epoch_file.read_file(before).anew
        if closed.terms.distributor != plan.distributor:
            raise Conflict(
                "distributor_changed",
                f"The epochs so far are paid by {show_address(closed.terms.distributor)}: another contract would pay "
                "all of them once more. Let the deployment name that one again.",
            )
        earlier = closed.cumulative
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
    indexing.note(container, epoch.number, closed)
    return epoch


def regular(container: Container) -> None:
    """Close what is over, and note what was not noted of what is closed."""
    close(container)
    indexing.catch_up(container)


def estimate(container: Container, server: ServerName, *, people: int) -> Estimate:
    """Estimate what a server would have earned in the last epochs, always there and used by so many people a day.

    The server need not take part, but it must be reached now. Raises ``HomeserverUnavailable``, and as ``plan_of``.
    """
    plan_of(container)
    network = container.enrolling.see(server).network
    with container.read() as work:
        found = estimate_unseen(work, server, people=people, network=network)
        begins = _next_whole(work, plan_of(container).first)
    return found or Estimate((), begins + LENGTH)


def estimate_unseen(work: Work, server: ServerName, *, people: int, network: str | None = None) -> Estimate | None:
    """Do the same without asking the server: as if it shared its network with nobody, where that is not given.

    ``None`` where no epoch is closed. Raises ``Unavailable`` where others' epochs are being read, and it takes long.
    """
    one = Measured(
        server=server,
        domain=registrable(host_of(server)),
        networks=(network or _NOWHERE,),
        payout=_SOMEBODY,
        availability=WHOLE_AVAILABILITY,
        people=bucket_of(people),
    )
    known = work.epochs.all()
    if not known:
        return None
    would = tuple((epoch, _would_earn(work, epoch, one)) for epoch in known[:_LAST])
    return Estimate(would, _next_whole(work, known[0].ends) + LENGTH)


def history(work: Work, server: ServerName) -> History:
    """Return what a server got in the epochs of the last year, and why. Raises ``Unavailable`` as above.

    All of it stands in the published files, so anybody may know.
    """
    parts, known = list[Part](), work.epochs.all()[:SHOWN]
    for epoch in known:
        found = work.finding.part(epoch, server)
        part = part_of(_read(work, epoch.number), server) if found is None else found.part
        if part is not None:
            parts.append(part)
    proof = proof_in(work, known[0].number, parts[0].measured.payout) if parts else None
    if proof is None:
        return History(server, tuple(parts), None, None)
    # Who earned once stands in every later file, and by the newest one all of it can be claimed.
    root = next((one for one in reversed(work.distribution.roots()) if one.root == proof.root), None)
    return History(server, tuple(parts), proof, known[0].number, work.distribution.claimed(proof.payee), root)


def proof_in(work: Work, number: int, payee: Address) -> Proof | None:
    """Return what a payee's claim needs by an epoch's file; ``None`` where there is nothing to claim by it.

    Raises ``Unavailable`` where others' epochs are being read.
    """
    if number in work.finding.numbers():
        return work.finding.proof(number, payee)
    closed = _read(work, number)
    return proof_for(closed, payee) if payee in closed.cumulative else None


def _read(work: Work, number: int) -> Closed:
    """Read the whole file of an epoch that was closed a moment ago, or before anything was noted of it."""
    with reading():
        return epoch_file.read_file(work.epochs.file(number)).anew


def as_it_stands(container: Container, server: ServerName) -> Part | None:
    """Estimate what a server gets of the epoch that goes on, if all goes on as in its days so far.

    ``None`` before it begins, where there are no epochs, and for whom nobody has looked at often enough. Raises as
    ``history``.
    """
    if container.settings.rewards_from is None or distributor_of(container) is None:
        return None
    plan = plan_of(container)
    with container.read(one_moment=True) as work, reading():
        span = work.epochs.next(plan.first)
        days = min((work.now - span.begins).days + 1, LENGTH.days)
        if days < 1:
            return None
        seen = work.contacts.known_of(work.epochs.servers())
        measured = gather(work.epochs.known(span, seen), days=days, ends=work.now)
    begins, ends = unix(span.begins), unix(span.ends)
    terms = Terms(container.settings.chain_id, plan.distributor, span.number, begins, ends, plan.schedule)
    return part_of(epoch_file.close(terms, measured, {}), server)


@contextmanager
def reading() -> Iterator[None]:
    """Read files of epochs, one caller at a time. Raises ``Unavailable`` where somebody else does."""
    if not _ONE_READER.acquire(blocking=False):
        message = "Somebody else's epochs are being read; try again in a moment."
        raise Unavailable(message)
    try:
        yield
    finally:
        _ONE_READER.release()


def _would_earn(work: Work, epoch: Epoch, one: Measured) -> int:
    """Return what a server would have earned in an epoch: by its neighbours' numbers, or else by the whole file."""
    near = work.finding.near(epoch.number, one)
    if near is None:
        closed = _read(work, epoch.number)
        others = [counted.measured for counted in closed.counted if counted.measured.server != one.server]
        return share(closed.budget, [*others, one]).of.get(_SOMEBODY, 0)
    with reading() if len(near.names) > _MANY else nullcontext():
        return would_make(epoch.budget, one, work.finding.neighbourhood(epoch.number, near))


def _next_whole(work: Work, first: datetime) -> datetime:
    """Return when the next epoch begins that has not begun; ``first`` is when any of them does."""
    passed = max(0, -((first - work.now) // LENGTH))
    return first + passed * LENGTH
