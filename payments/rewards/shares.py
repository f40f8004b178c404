"""The published formula (pure): who gets how much of an epoch's budget. docs/rewards.md has it in words and numbers.

A server counts for the people that use it and for being there. What has a domain, a payout address or a network in
common counts together: up to a hundred people by their number, beyond by its square root, beyond ten thousand not at
all. Each server gets its part of what the largest of its groups makes. So whoever splits a server into parts that have
anything in common gets no more for all of them than for the one.

All numbers are whole, so that everybody who recomputes gets the same ones.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import isqrt
from typing import Final

from kit.errors import Invalid
from kit.identifiers import Address
from payments.rewards.model import BUCKET, WHOLE_AVAILABILITY, WHOLE_WEIGHT, Measured

FORMULA: Final = "earnest-shares-1"
"""Another formula has another name, and the files of this one stay what they are."""
GATE: Final = 900
"""Thousandths of the epoch that a server must have been there to count at all."""
AT_GATE: Final = 500
"""Thousandths that it then counts for; always there counts whole, and between them a straight line leads."""
LINEAR: Final = 100 // BUCKET
"""Buckets of people up to which a group counts by their number."""
MOST: Final = 10_000 // BUCKET
"""Buckets of people from which on more people count for nothing more."""
WHOLE: Final = WHOLE_AVAILABILITY * WHOLE_WEIGHT
"""The factor of a server that was always there and has its whole weight."""
PRECISION: Final = 10**24
"""Parts of a bucket's score, beyond those of the factor: rounding down by one of them is seen by nobody."""

Group = str | Address
"""A domain, a network or a payout address: none of them can be taken for one of another kind."""


@dataclass(frozen=True, slots=True)
class Counted:
    """What a server counts for, and why.

    ``factor``: hundred-thousandths that its availability and weight leave of it; with 0 it counts for nothing.
    ``alike``: the servers of its largest group, itself among them. ``group``: the full buckets of people in the largest
    of its groups, times their factors. ``score``: what its share is in proportion to.
    """

    measured: Measured
    factor: int
    alike: int
    group: int
    score: int


@dataclass(frozen=True, slots=True)
class Shares:
    """An epoch's budget, given out. ``of``: base units by payout address. ``forfeited``: those of withheld servers."""

    of: Mapping[Address, int]
    forfeited: int

    @property
    def paid(self) -> int:
        """The base units that are given to somebody."""
        return sum(self.of.values())


def count(servers: Iterable[Measured]) -> list[Counted]:
    """Count each server, by what it is and by what has something in common with it; in the order in which they came.

    Raises ``Invalid`` for a server that comes twice.
    """
    measured = list(servers)
    if len({one.server for one in measured}) < len(measured):
        raise Invalid("server_twice", "A server counts once in an epoch.")
    factors = [factor_of(one) for one in measured]
    groups = [groups_of(one) for one in measured]
    alike: dict[Group, int] = defaultdict(int)
    people: dict[Group, int] = defaultdict(int)
    for one, factor, its in zip(measured, factors, groups, strict=True):
        if factor:
            points = _full(one) * factor
            for group in its:
                alike[group] += 1
                people[group] += points
    return [
        _counted(one, factor, max([alike[group] for group in its]), max([people[group] for group in its]))
        if factor
        else Counted(one, 0, 0, 0, 0)
        for one, factor, its in zip(measured, factors, groups, strict=True)
    ]


def count_beside(one: Measured, alike: int, group: int) -> Counted:
    """Count one server whose groups are known: the servers of its largest one, and the points of its largest one."""
    factor = factor_of(one)
    return _counted(one, factor, alike, group) if factor else Counted(one, 0, 0, 0, 0)


def factor_of(one: Measured) -> int:
    """Return what availability and weight leave of a server, in hundred-thousandths; 0 where nobody uses it."""
    if one.availability < GATE or not one.people:
        return 0
    above = (one.availability - GATE) * (WHOLE_AVAILABILITY - AT_GATE) // (WHOLE_AVAILABILITY - GATE)
    return (AT_GATE + above) * one.weight


def share(budget: int, servers: Iterable[Measured]) -> Shares:
    """Give out ``budget`` base units, by largest remainder, to the last of them if anybody counts; else nothing.

    The shares of withheld servers are nobody's, and make nobody else's larger. Raises as ``count`` does.
    """
    return give_out(budget, count(servers))


def give_out(budget: int, counted: Sequence[Counted]) -> Shares:
    """Do the same with servers that are counted."""
    scores: Counter[Address] = Counter()
    withheld = 0
    for one in counted:
        if one.measured.withheld:
            withheld += one.score
        else:
            scores[one.measured.payout] += one.score
    parts = apportion(budget, {_NOBODY: withheld, **scores})
    forfeited = parts.pop(_NOBODY)
    return Shares(parts, forfeited)


def apportion(budget: int, scores: Mapping[Address, int]) -> dict[Address, int]:
    """Divide ``budget`` in proportion to scores; what is left over goes to the largest remainders, one base unit each.

    Of equal remainders the lower address comes first. Without any score everybody gets nothing.
    """
    total = sum(scores.values())
    if not total:
        return dict.fromkeys(scores, 0)
    parts: dict[Address, int] = {}
    remainders: list[tuple[int, Address]] = []
    for who, score in scores.items():
        parts[who], remainder = divmod(budget * score, total)
        remainders.append((-remainder, who))
    for _, who in sorted(remainders)[: budget - sum(parts.values())]:
        parts[who] += 1
    return parts


_NOBODY: Final = Address(b"\xff" * 21)
"""Stands behind all addresses: nobody's share is rounded up last."""


def groups_of(one: Measured) -> tuple[Group, ...]:
    """Return what a server may have in common with others."""
    return (one.domain, one.payout, *one.networks)


def points_of(one: Measured) -> int:
    """Return what a server adds to its groups: its full buckets of people, times its factor."""
    return _full(one) * factor_of(one)


def _full(one: Measured) -> int:
    """Return the buckets that are full: the first, of one to four people, is what being there counts for."""
    return max(0, one.people - 1)


def _counted(one: Measured, factor: int, alike: int, group: int) -> Counted:
    there = PRECISION * factor // alike
    return Counted(one, factor, alike, group, there + _used(_full(one) * factor, group))


def _used(points: int, group: int) -> int:
    """Return the part that ``points`` have in what their group makes; each rounded down, so that parts make no more."""
    if group <= LINEAR * WHOLE:
        return PRECISION * points
    if group <= MOST * WHOLE:
        return isqrt((PRECISION * points) ** 2 * LINEAR * WHOLE // group)
    return isqrt((PRECISION * points) ** 2 * LINEAR * MOST * WHOLE**2 // group**2)
