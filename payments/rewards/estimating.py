"""Estimating (pure): what a server would have made of an epoch that is closed, from its neighbours' numbers alone.

One more server changes the scores of those that have something in common with it, and of nobody else. So all scores
together are what they were, with its own and its neighbours' changed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from payments.rewards.model import Measured
from payments.rewards.shares import Counted, Group, count_beside, factor_of, groups_of, points_of

Sums = tuple[int, int]
"""How many servers of a group count, and the points of all of them."""


@dataclass(frozen=True, slots=True)
class Neighbourhood:
    """What one server's place in an epoch depends on.

    ``was``: what it counted for itself; ``None`` where it was not measured. ``beside``: all others that count and have
    something in common with what it was, or with what it would be. ``groups``: of all of them; one that is not there
    holds whoever is in it alone. ``total``: all scores of the epoch.
    """

    was: Counted | None
    beside: Sequence[Counted]
    groups: Mapping[Group, Sums]
    total: int


def would_make(budget: int, one: Measured, among: Neighbourhood) -> int:
    """Return the base units that ``one`` makes of ``budget`` where it counts in place of what it was, rounded down."""
    was = among.was if among.was is not None and among.was.factor else None
    groups = dict(among.groups)
    for known in (*among.beside, *(() if was is None else (was,))):
        for group in groups_of(known.measured):
            groups.setdefault(group, (1, points_of(known.measured)))
    if was is not None:
        _change(groups, was.measured, -1)
    if factor_of(one):
        _change(groups, one, 1)
    own = _score(one, groups)
    before = sum(each.score for each in among.beside) + (0 if was is None else was.score)
    total = among.total - before + own + sum(_score(each.measured, groups) for each in among.beside)
    return budget * own // total if total else 0


def _change(groups: dict[Group, Sums], one: Measured, by: int) -> None:
    for group in groups_of(one):
        alike, points = groups.get(group, (0, 0))
        groups[group] = alike + by, points + by * points_of(one)


def _score(one: Measured, groups: Mapping[Group, Sums]) -> int:
    its = [groups.get(group, (0, 0)) for group in groups_of(one)]
    return count_beside(one, max(alike for alike, _ in its), max(points for _, points in its)).score
