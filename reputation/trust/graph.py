"""Who said what of whom: edges with a sign, a weight, a time and an audience, checked as they come in (pure)."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from kit.errors import Invalid
from reputation.trust.formula import MOST_BOND
from reputation.trust.rows import BOND_UNIT, EDGE, Edges, Rows

MOST_PEOPLE = 50_000_000
MOST_HEARD = 200
"""Of one person's words for each audience the newest so many are heard: one account that fooled everybody can bring no
more than these with it, however thinly it spreads its budget; and nobody's row makes a push or a score slow."""
REMEMBERED = 4_096
"""Changes that a view can catch up with; one that is further behind is built anew."""


class Audience(IntEnum):
    """In whose views an edge may have any part, by name or in sums. Its author's own it is always in."""

    EVERYONE = 0
    TRUSTED = 1
    """People whom the author trusts: to whom they have a positive edge that is not itself their author's alone."""
    NOBODY = 2


@dataclass(frozen=True, slots=True)
class Edge:
    """One person's word for another: ``said`` in [-1, 1], negative for a bad one, never 0."""

    by: int
    of: int
    said: float
    day: float
    """When, in days since 1970."""
    audience: Audience = Audience.TRUSTED
    bond: float = 1.0
    """What money behind a vouch multiplies it by as evidence (``formula.bond_factor``); never its reach."""

    def __post_init__(self) -> None:
        """Refuse what no person can have said."""
        if not 0 <= self.by < MOST_PEOPLE or not 0 <= self.of < MOST_PEOPLE:
            raise Invalid("edge_person", f"people are numbers from 0 to {MOST_PEOPLE - 1}")
        if self.by == self.of:
            raise Invalid("edge_self", "nobody's word for themselves counts")
        if not math.isfinite(self.said) or not 0 < abs(self.said) <= 1 or abs(self.said) < _LEAST:
            raise Invalid("edge_weight", "a word weighs between -1 and 1, and something")
        if not math.isfinite(self.day) or abs(self.day) > _LAST_DAY:
            raise Invalid("edge_time", "an edge's time is no time")
        if not 1 <= self.bond <= MOST_BOND:
            raise Invalid("edge_bond", f"a bond's factor lies between 1 and {MOST_BOND:g}")


_LEAST = 1e-3
_LAST_DAY = 1_000_000


@dataclass(frozen=True, slots=True)
class Change:
    """One row before and after."""

    by: int
    before: Edges
    after: Edges


class Graph:
    """All edges, by author and by subject. People are dense numbers; give low ones to those with many edges."""

    def __init__(self, people: int = 0) -> None:
        if not 0 <= people <= MOST_PEOPLE:
            raise Invalid("edge_person", f"a graph holds at most {MOST_PEOPLE} people")
        self.out, self.into = Rows(people), Rows(people)
        self.people = people
        self.changes = 0
        """How many there have been: a view remembers up to where it knows them."""
        self._recent: deque[Change] = deque(maxlen=REMEMBERED)

    @staticmethod
    def of(edges: Iterable[Edge], people: int = 0) -> Graph:
        """Make a graph of edges, each pair at most once."""
        return Graph.of_arrays(*_columns(edges), people=people)

    @staticmethod
    def of_arrays(
        by: npt.NDArray[np.int64],
        of: npt.NDArray[np.int64],
        said: npt.NDArray[np.float64],
        day: npt.NDArray[np.float64],
        audience: npt.NDArray[np.int64] | None = None,
        bond: npt.NDArray[np.float64] | None = None,
        *,
        people: int = 0,
    ) -> Graph:
        """Make a graph of columns, checked as ``Edge`` checks one."""
        audience = np.full(len(by), Audience.TRUSTED) if audience is None else audience
        bond = np.ones(len(by)) if bond is None else bond
        if len({len(column) for column in (by, of, said, day, audience, bond)}) > 1:
            raise Invalid("edges", "the columns are not equally long")
        _check(by, of, said, day, audience, bond)
        graph = Graph(max(people, int(max(by.max(), of.max())) + 1 if len(by) else 0))
        records = _records(of, said, day, audience, bond)
        kept = _newest(by, records)
        by, of, records = by[kept], of[kept], records[kept]
        for rows, owners, others in ((graph.out, by, of), (graph.into, of, by)):
            order = np.lexsort((others, records["level"], owners))
            laid = records[order]
            laid["other"] = others[order]
            rows.fill(owners[order], laid)
        return graph

    def say(self, by: int, edges: Iterable[Edge]) -> None:
        """Set all that one person says, in place of all that they said: as if the graph had been made of that."""
        columns = _columns(edges)
        _check(*columns)
        authors, of = columns[:2]
        if (authors != by).any():
            raise Invalid("edges", "somebody else's words are among one person's")
        self.reserve(max(by, int(of.max(initial=0))) + 1)
        self._set(by, _records(*columns[1:]))

    def put(self, edge: Edge) -> None:
        """Set one person's word for another, in place of what they said before.

        Beyond the newest ``MOST_HEARD`` for its audience the oldest word is lost here; whoever keeps the words has
        ``say`` instead, which brings it back when a newer one is taken back.
        """
        self.reserve(max(edge.by, edge.of) + 1)
        row = self.out.of(edge.by)
        self._set(edge.by, np.concatenate([row[row["other"] != edge.of], _records(*_columns([edge])[1:])]))

    def drop(self, by: int, of: int) -> bool:
        """Take a word back, and say whether there was one."""
        if not 0 <= by < self.people or not 0 <= of < self.people:
            return False
        row = self.out.of(by)
        return self._set(by, row[row["other"] != of])

    def since(self, seen: int) -> list[Change] | None:
        """Return what changed after so many changes, or None where that is no longer known."""
        behind = self.changes - seen
        if behind > len(self._recent):
            return None
        return [self._recent[index] for index in range(len(self._recent) - behind, len(self._recent))]

    def edges_of(self, by: int) -> Iterator[Edge]:
        """Yield what one person said."""
        if 0 <= by < self.people:
            for record in self.out.of(by):
                yield Edge(
                    by,
                    int(record["other"]),
                    float(record["said"]),
                    float(record["day"]),
                    Audience(int(record["level"])),
                    float(record["bond"]) / BOND_UNIT,
                )

    def _set(self, by: int, said: Edges) -> bool:
        """Set one person's row to the newest of these words, and say whether that is another than before."""
        heard = said[_newest(np.zeros(len(said), np.int64), said)]
        before, after = self.out.of(by).copy(), heard[np.lexsort((heard["other"], heard["level"]))]
        if before.tobytes() == after.tobytes():
            return False
        self.out.put(by, after)
        _, stood, stays = np.intersect1d(before["other"], after["other"], assume_unique=True, return_indices=True)
        for gone in np.delete(before["other"], stood):
            others = self.into.of(gone)
            self.into.put(gone, others[others["other"] != by])
        for word in np.delete(after, stays[before[stood] == after[stays]]):
            others = self.into.of(word["other"])
            record = np.array([word])
            record["other"] = by
            self.into.put(word["other"], np.concatenate([others[others["other"] != by], record]))
        self.changes += 1
        self._recent.append(Change(by, before, after))
        return True

    def reserve(self, people: int) -> None:
        """Have numbers for so many people, whether or not anything is said by them or of them."""
        if people > MOST_PEOPLE:
            raise Invalid("edge_person", f"a graph holds at most {MOST_PEOPLE} people")
        if people > self.people:
            self.out.reserve(people)
            self.into.reserve(people)
            self.people = people


def by_degree(by: npt.NDArray[np.int64], of: npt.NDArray[np.int64], people: int) -> npt.NDArray[np.int64]:
    """Return a new number for each person, lowest for whoever has most edges: what is used together lies together."""
    degree = np.bincount(by, minlength=people) + np.bincount(of, minlength=people)
    rank = np.empty(people, np.int64)
    rank[np.argsort(-degree, kind="stable")] = np.arange(people)
    return rank


def _columns(
    edges: Iterable[Edge],
) -> tuple[
    npt.NDArray[np.int64],
    npt.NDArray[np.int64],
    npt.NDArray[np.float64],
    npt.NDArray[np.float64],
    npt.NDArray[np.int64],
    npt.NDArray[np.float64],
]:
    given = list(edges)
    return (
        np.array([edge.by for edge in given], np.int64),
        np.array([edge.of for edge in given], np.int64),
        np.array([edge.said for edge in given], np.float64),
        np.array([edge.day for edge in given], np.float64),
        np.array([edge.audience for edge in given], np.int64),
        np.array([edge.bond for edge in given], np.float64),
    )


def _records(
    of: npt.NDArray[np.int64],
    said: npt.NDArray[np.float64],
    day: npt.NDArray[np.float64],
    audience: npt.NDArray[np.int64],
    bond: npt.NDArray[np.float64],
) -> Edges:
    records = np.zeros(len(of), EDGE)
    records["other"], records["said"], records["day"], records["level"] = of, said, day, audience
    records["bond"] = np.rint(bond * BOND_UNIT)
    return records


def _check(
    by: npt.NDArray[np.int64],
    of: npt.NDArray[np.int64],
    said: npt.NDArray[np.float64],
    day: npt.NDArray[np.float64],
    audience: npt.NDArray[np.int64],
    bond: npt.NDArray[np.float64],
) -> None:
    if not len(by):
        return
    with np.errstate(invalid="ignore"):
        wrong = {
            "a person is out of range": (by < 0) | (of < 0) | (by >= MOST_PEOPLE) | (of >= MOST_PEOPLE),
            "nobody's word for themselves counts": by == of,
            "a word weighs between -1 and 1, and something": ~((np.abs(said) <= 1) & (np.abs(said) >= _LEAST)),
            "an edge's time is no time": ~(np.abs(day) <= _LAST_DAY),
            "an audience is unknown": (audience < 0) | (audience > max(Audience)),
            "a bond's factor is out of range": ~((bond >= 1) & (bond <= MOST_BOND)),
        }
    for sentence, found in wrong.items():
        if found.any():
            raise Invalid("edges", f"edge {int(np.argmax(found))}: {sentence}")
    pairs = np.sort(by * MOST_PEOPLE + of)
    if (pairs[1:] == pairs[:-1]).any():
        twice = int(pairs[1:][pairs[1:] == pairs[:-1]][0])
        raise Invalid("edges_twice", f"{twice // MOST_PEOPLE} rates {twice % MOST_PEOPLE} twice")


def _newest(by: npt.NDArray[np.int64], said: Edges) -> npt.NDArray[np.int64]:
    """Return the places of each author's newest words for each audience, as many as are heard.

    Which of them are hangs on words for the same audience alone, else it would tell of others.
    """
    rows = by * len(Audience) + said["level"]
    if not len(rows) or np.bincount(by).max() <= MOST_HEARD:
        return np.arange(len(rows))
    order = np.lexsort((-said["other"], -said["day"], rows))
    sorted_rows = rows[order]
    starts = np.flatnonzero(np.concatenate([[True], sorted_rows[1:] != sorted_rows[:-1]]))
    rank = np.arange(len(rows)) - np.repeat(starts, np.diff(np.append(starts, len(rows))))
    return np.sort(order[rank < MOST_HEARD])
