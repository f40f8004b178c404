"""Rows of edges that grow and change: one pool of 16-byte records, and where each row lies in it (pure)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

EDGE = np.dtype([("other", "i4"), ("said", "f4"), ("day", "f4"), ("level", "u2"), ("bond", "u2")])
"""One edge as its row holds it: the other end, the weight with its sign, when, for whom, and a bond's factor x 1000."""
HEAD = np.dtype(
    [
        ("start", "i8"),
        ("room", "i4"),
        ("n0", "i4"),
        ("n1", "i4"),
        ("n2", "i4"),
        ("s0", "f4"),
        ("s1", "f4"),
        ("s2", "f4"),
        ("unused", "f4"),
    ]
)
"""Where a row lies, and for each audience how many edges it may use and what their positive weights sum up to: a row is
ordered by audience, so that what somebody may see of it is its beginning."""
BOND_UNIT = 1000

Edges = npt.NDArray[np.void]
Heads = npt.NDArray[np.void]
Bytes = npt.NDArray[np.uint8]
"""The memory of records, as the loop takes it that is called for each score: numba tells of such an array at once what
it is, and of one of records by looking that up, which for all that a score needs takes as long as the call itself."""

_SPARE = 1.25


class Rows:
    """All rows of one direction. Readers take ``heads`` and ``edges`` anew each time: they change as they grow."""

    def __init__(self, people: int) -> None:
        self.heads = np.zeros(people, HEAD)
        self.edges = np.zeros(0, EDGE)
        self._end = 0
        self._wasted = 0

    @property
    def heads(self) -> Heads:
        """Where each person's row lies; ``head_bytes`` is the same memory."""
        return self._heads

    @heads.setter
    def heads(self, heads: Heads) -> None:
        self._heads, self.head_bytes = heads, heads.view(np.uint8)

    @property
    def edges(self) -> Edges:
        """The pool in which all rows lie; ``edge_bytes`` is the same memory."""
        return self._edges

    @edges.setter
    def edges(self, edges: Edges) -> None:
        self._edges, self.edge_bytes = edges, edges.view(np.uint8)

    def fill(self, owners: npt.NDArray[np.int64], edges: Edges) -> None:
        """Lay out all rows at once; ``edges`` are in the order of owners, and of audience and other end within."""
        self.edges, self._end = edges, len(edges)
        counts = np.bincount(owners, minlength=len(self.heads))
        self.heads["room"] = counts
        self.heads["start"] = np.concatenate([[0], np.cumsum(counts)[:-1]]) if len(counts) else 0
        positive = np.maximum(edges["said"], 0).astype(np.float64)
        for level in range(3):
            seen = edges["level"] <= level
            self.heads[f"n{level}"] = np.bincount(owners[seen], minlength=len(self.heads))
            self.heads[f"s{level}"] = np.bincount(owners[seen], weights=positive[seen], minlength=len(self.heads))

    def of(self, person: int) -> Edges:
        """Return one row as it lies here: not to be kept over a change."""
        head = self.heads[person]
        start = int(head["start"])
        return self.edges[start : start + int(head["n2"])]

    def reserve(self, people: int) -> None:
        """Have room for so many people."""
        if people > len(self.heads):
            more = max(people, int(len(self.heads) * _SPARE) + 16) - len(self.heads)
            self.heads = np.concatenate([self.heads, np.zeros(more, HEAD)])

    def put(self, person: int, row: Edges) -> None:
        """Set one person's row anew, where it lies if there is room."""
        head = self.heads[person]
        if len(row) > head["room"]:
            self._move(person, max(4, 2 * len(row)))
        start = int(head["start"])
        self.edges[start : start + len(row)] = row
        positive = np.maximum(row["said"], 0).astype(np.float64)
        for level in range(3):
            seen = row["level"] <= level
            head[f"n{level}"] = np.count_nonzero(seen)
            head[f"s{level}"] = positive[seen].sum()

    def _move(self, person: int, room: int) -> None:
        """Give a row a larger place at the end."""
        if self._wasted > self._end // 2 and self._wasted > 1024:  # noqa: PLR2004 - small pools need no tidying
            self._tidy()
        if self._end + room > len(self.edges):
            grown = np.zeros(max(self._end + room, 2 * len(self.edges)), EDGE)
            grown[: self._end] = self.edges[: self._end]
            self.edges = grown
        head = self.heads[person]
        self._wasted += int(head["room"])
        head["start"], head["room"] = self._end, room
        self._end += room

    def _tidy(self) -> None:
        """Put all rows side by side again, in order."""
        lengths = self.heads["n2"].astype(np.int64)
        starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
        held = np.repeat(self.heads["start"] - starts, lengths) + np.arange(lengths.sum())
        self.edges = self.edges[held]
        self.heads["start"], self.heads["room"] = starts, lengths
        self._end, self._wasted = len(self.edges), 0
