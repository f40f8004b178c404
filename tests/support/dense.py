"""The formula of standing written plainly, over whole matrices: what the compiled one must agree with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from reputation.trust.formula import Formula
from reputation.trust.graph import Audience, Edge
from reputation.trust.views import LEAST_NEAR

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Dense:
    """What one viewer sees."""

    reach: Floats
    word: Floats
    edges: tuple[Edge, ...]
    formula: Formula

    def evidence(self, subject: int, day: float) -> tuple[float, float]:
        """Count what is said for and against somebody."""
        good = bad = 0.0
        for edge in self.edges:
            if edge.of == subject:
                age = max(0.0, day - edge.day)
                part = self.word[edge.by] * edge.said * edge.bond * 2 ** (-age / self.formula.half_life)
                good, bad = good + max(part, 0.0), bad + max(-part, 0.0)
        return good, bad


def usable(edges: Sequence[Edge], viewer: int) -> tuple[Edge, ...]:
    """Keep what the viewer may use."""
    trusting = {e.by for e in edges if e.of == viewer and e.said > 0 and e.audience != Audience.NOBODY}
    return tuple(
        e
        for e in edges
        if e.by == viewer or e.audience == Audience.EVERYONE or (e.audience == Audience.TRUSTED and e.by in trusting)
    )


def dense(edges: Sequence[Edge], people: int, viewer: int, formula: Formula) -> Dense:
    """Compute a viewer's view by solving for it."""
    seen = usable(edges, viewer)
    flow = np.zeros((people, people))
    for edge in seen:
        if edge.said > 0:
            flow[edge.by, edge.of] = edge.said
    totals = flow.sum(axis=1, keepdims=True)
    flow = np.divide(flow, totals, out=np.zeros_like(flow), where=totals > 0)
    start = np.zeros(people)
    start[viewer] = formula.restart
    reach = np.linalg.solve(np.eye(people) - (1 - formula.restart) * flow.T, start)
    largest = np.sort(reach[reach > 0])[::-1]
    bar = max(LEAST_NEAR, largest[formula.nearest - 1] if len(largest) >= formula.nearest else 0.0)
    near = np.minimum(1, reach / bar)
    near[viewer] = 1
    rated = np.array([sum(edge.by == who for edge in seen) for who in range(people)])
    budget = np.where(rated > 0, np.minimum(1, formula.budget / np.maximum(rated, 1)), 0)
    heard = near if formula.quorum == 1 else _heard(seen, viewer, near, budget, formula)
    return Dense(reach, heard * budget, seen, formula)


def _heard(seen: Sequence[Edge], viewer: int, near: Floats, budget: Floats, formula: Formula) -> Floats:
    contacts = {edge.of for edge in seen if edge.by == viewer and edge.said > 0} | {viewer}
    heard = np.array([near[who] if who in contacts else 0.0 for who in range(len(near))])
    for _ in range(formula.rounds):
        after = heard.copy()
        for who in set(range(len(near))) - contacts:
            good = sorted((heard[e.by] * budget[e.by] for e in seen if e.of == who and e.said > 0), reverse=True)
            bad = sum(heard[e.by] * budget[e.by] for e in seen if e.of == who and e.said < 0)
            left = sum(good[formula.quorum - 1 :])
            after[who] = near[who] * min(1, left / formula.enough) * left / (left + bad) if left > 1e-12 else 0.0
        heard = after
    return heard
