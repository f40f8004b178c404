"""How well standing predicts what people said later: each of the last ratings from all before it (pure)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kit.errors import Invalid
from reputation.trust.formula import PRODUCT, Formula
from reputation.trust.graph import Audience, Edge, Graph
from reputation.trust.ratings import Ratings
from reputation.trust.views import Viewing

LAST = 0.4
"""The part of the ratings that is predicted."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What came of it."""

    quorum: int
    auc: float
    """How often a good rating was predicted higher than a bad one; 0.5 is chance."""
    scored: int
    coverage: float
    """The part of the predictions for which there was any evidence."""
    negative: float
    """The part of what was predicted that turned out bad."""


def area(scores: npt.NDArray[np.float64], good: npt.NDArray[np.bool_]) -> float:
    """Return the area under the curve of hits against false alarms: equal scores count half."""
    positive = int(np.count_nonzero(good))
    if positive in {0, len(good)}:
        raise Invalid("area", "there are no good and bad ones to tell apart")
    _, which, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    ranks = (ends - (counts - 1) / 2)[which]
    return float((ranks[good].sum() - positive * (positive + 1) / 2) / (positive * (len(good) - positive)))


def rolling(
    ratings: Ratings,
    formula: Formula = PRODUCT,
    *,
    audience: Audience = Audience.EVERYONE,
    last: float = LAST,
    step: Callable[[int, int], None] = lambda _done, _all: None,
) -> Evaluation:
    """Predict each of the last ratings from all before it, where both ends are known from these.

    A pair without evidence scores the prior, and counts. ``audience`` is whom all of them were said to.
    """
    begin = len(ratings) - round(len(ratings) * last)
    graph = _graph(ratings.until(begin), audience)
    known = np.zeros(ratings.people, np.bool_)
    known[ratings.by[:begin]] = True
    known[ratings.of[:begin]] = True
    viewing = Viewing(graph, formula)
    scores, good, covered = [], [], 0
    for place in range(begin, len(ratings)):
        by, of, said = int(ratings.by[place]), int(ratings.of[place]), float(ratings.said[place])
        day = float(ratings.day[place])
        if known[by] and known[of]:
            found = viewing.standing(viewing.build(by), of, day)
            scores.append(found.reputation)
            good.append(said > 0)
            covered += found.confidence > 0
        known[by] = known[of] = True
        graph.put(Edge(by, of, said, day, audience))
        step(place - begin + 1, len(ratings) - begin)
    if not scores:
        raise Invalid("ratings_few", "no rating has both ends known from before")
    kinds = np.array(good)
    if kinds.all() or not kinds.any():
        raise Invalid(
            "ratings_alike", "all ratings that are predicted are good, or all are bad: there is nothing to tell"
        )
    found_area = area(np.array(scores), kinds)
    return Evaluation(
        formula.quorum, found_area, len(scores), covered / len(scores), 1 - float(np.count_nonzero(kinds)) / len(kinds)
    )


def _graph(ratings: Ratings, audience: Audience) -> Graph:
    """Make a graph of ratings; of one pair the last counts."""
    pairs = ratings.by * ratings.people + ratings.of
    _, last = np.unique(pairs[::-1], return_index=True)
    kept = np.sort(len(pairs) - 1 - last)
    return Graph.of_arrays(
        ratings.by[kept],
        ratings.of[kept],
        ratings.said[kept],
        ratings.day[kept],
        np.full(len(kept), audience),
        people=ratings.people,
    )
