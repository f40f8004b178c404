"""Why a server got what it got in an epoch (pure): its share with each factor, and what a claim of a payee needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from kit.errors import NotFound
from kit.identifiers import Address, Hash32, ServerName, show_address
from payments.rewards.epoch_file import Closed
from payments.rewards.model import WHOLE_AVAILABILITY, WHOLE_WEIGHT, Measured
from payments.rewards.shares import GATE, LINEAR, MOST, WHOLE, Counted


class Because(StrEnum):
    """What makes a share less than it could be."""

    AWAY = "away"
    """It answered too few probes, so it counts for nothing."""
    UNUSED = "unused"
    """Nobody used it, as far as anybody can see."""
    AT_TIMES_AWAY = "at_times_away"
    WEIGHS_LESS = "weighs_less"
    """As newcomers do, unless it is weighed by something else."""
    TOGETHER = "together"
    """It counts together with others, of its domain, payout address or network."""
    LARGE = "large"
    """Its group is so large that more people count for less."""
    LARGEST = "largest"
    """Its group is so large that more people count for nothing."""
    WITHHELD = "withheld"
    """Its claims were suspended: nobody got its share."""


@dataclass(frozen=True, slots=True)
class Part:
    """What a server counted for in an epoch.

    ``amount``: the base units that its score made of ``budget``, rounded down (a payout address gets what all of its
    servers make, rounded once); nobody got them where it was withheld. ``factor``: hundred-thousandths that
    availability and weight left. ``alike``: the servers of its largest group, itself among them. ``score`` of
    ``total``: its part in all scores. ``begins`` and ``ends`` in Unix seconds.
    """

    epoch: int
    begins: int
    ends: int
    measured: Measured
    factor: int
    alike: int
    score: int
    total: int
    amount: int
    budget: int
    because: tuple[Because, ...]


@dataclass(frozen=True, slots=True)
class Proof:
    """What a claim needs: ``cumulative`` base units that the payee earned in all, and their proof under the root."""

    payee: Address
    cumulative: int
    root: Hash32
    hashes: Sequence[Hash32]


@dataclass(frozen=True, slots=True)
class OfEpoch:
    """What a part takes from its epoch: ``total`` is all scores, ``budget`` base units, the rest as in ``Part``."""

    epoch: int
    begins: int
    ends: int
    budget: int
    total: int


def part_of(closed: Closed, server: ServerName) -> Part | None:
    """Return what a server counted for in an epoch; ``None`` where it was not measured in it."""
    counted = next((one for one in closed.counted if one.measured.server == server), None)
    if counted is None:
        return None
    total, terms = sum(one.score for one in closed.counted), closed.terms
    return part_with(OfEpoch(terms.epoch, terms.begins, terms.ends, closed.budget, total), counted)


def part_with(of: OfEpoch, counted: Counted) -> Part:
    """Return what a server counted for in an epoch of which that is known."""
    return Part(
        epoch=of.epoch,
        begins=of.begins,
        ends=of.ends,
        measured=counted.measured,
        factor=counted.factor,
        alike=counted.alike,
        score=counted.score,
        total=of.total,
        amount=of.budget * counted.score // of.total if of.total else 0,
        budget=of.budget,
        because=tuple(_because(counted.measured, counted.alike, counted.group)),
    )


def proof_for(closed: Closed, payee: Address) -> Proof:
    """Return what a payee's claim needs. Raises ``NotFound`` for an address that never earned anything."""
    if closed.payouts is None or payee not in closed.cumulative:
        raise NotFound("payee_unknown", f"{show_address(payee)} has earned nothing until this epoch.")
    hashes = closed.payouts.proof(list(closed.cumulative).index(payee))
    return Proof(payee, closed.cumulative[payee], closed.payouts.root, hashes)


def _because(one: Measured, alike: int, group: int) -> list[Because]:
    if one.availability < GATE:
        return [Because.AWAY]
    if not one.people:
        return [Because.UNUSED]
    found = {
        Because.AT_TIMES_AWAY: one.availability < WHOLE_AVAILABILITY,
        Because.WEIGHS_LESS: one.weight < WHOLE_WEIGHT,
        Because.TOGETHER: alike > 1,
        Because.LARGE: LINEAR * WHOLE < group <= MOST * WHOLE,
        Because.LARGEST: group > MOST * WHOLE,
        Because.WITHHELD: one.withheld,
    }
    return [because for because, holds in found.items() if holds]
