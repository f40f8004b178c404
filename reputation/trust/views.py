"""One viewer's view: whose word counts, what is known of anybody, and how it follows a changing graph (pure)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from kit.errors import Invalid
from reputation.trust.formula import PRODUCT, Formula
from reputation.trust.graph import Change, Graph
from reputation.trust.pushing import (
    NODE,
    PLACE,
    Numbers,
    Places,
    collect,
    find,
    push,
    settle,
    shift,
)
from reputation.trust.rows import Bytes
from reputation.trust.weighing import (
    VOICE,
    Voices,
    ask_quorum,
    give_words,
    heard_of,
    listen,
    note,
    weigh_many,
    weigh_one,
)

LEAST_NEAR = 2e-4
"""Where fewer than the nearest 50 are reached (or only just), nobody nearer than this counts less than in full.
Without a floor the word of whoever is reached last would hang on how far the arithmetic went."""


class Standing(NamedTuple):
    """What a viewer may think of somebody: two numbers that are never folded into one."""

    reputation: float
    confidence: float
    good: float
    """Evidence for them, and against them."""
    bad: float


@dataclass(slots=True)
class View:
    """What a viewer's push came to, and the voices that follow from it."""

    viewer: int
    changes: int
    places: Places
    count: int
    index: Numbers
    voices: dict[int, tuple[Bytes, Numbers]]
    """Their memory and index by quorum, each made when it is first asked for."""

    @property
    def bytes(self) -> int:
        """Return how much memory it holds."""
        held = self.places.nbytes + self.index.nbytes
        return held + sum(voices.nbytes + index.nbytes for voices, index in self.voices.values())


def index_for(count: int) -> Numbers:
    """Return an empty index that is at most half full with so many entries."""
    return np.zeros(1 << max(3, (2 * count).bit_length()), np.int32)


class Viewing:
    """Builds and repairs views of one graph. One thread at a time: what a push needs for everybody is kept here."""

    def __init__(self, graph: Graph, formula: Formula = PRODUCT) -> None:
        self.graph, self.formula = graph, formula
        self._nodes = np.zeros(0, NODE)
        self._reach = np.zeros(0, np.float32)
        self._queue: Numbers = np.zeros(0, np.int32)
        self._touched: Numbers = np.zeros(0, np.int32)
        self._seen = -1

    def build(self, viewer: int) -> View:
        """Make a view from nothing."""
        self._prepare(viewer)
        graph, formula = self.graph, self.formula
        heads, edges = graph.out.heads, graph.out.edges
        least = formula.tolerance
        nodes, reach, touched = self._nodes, self._reach, self._touched
        count = push(nodes, reach, heads, edges, self._queue, touched, viewer, formula.restart, least)
        # Room for what repairs will add.
        places = np.empty(count + count // 4 + 16, PLACE)
        index = index_for(len(places))
        collect(nodes, reach, heads, touched, count, places, index, viewer, least)
        return View(viewer, graph.changes, places, count, index, {})

    def follow(self, view: View) -> View:
        """Bring a view to where the graph is: repaired if that is exact and quicker, else built anew."""
        graph = self.graph
        if view.changes == graph.changes:
            return view
        changes = graph.since(view.changes)
        if changes is None:
            return self.build(view.viewer)
        known = [change for change in changes if find(view.index, view.places, change.by) >= 0]
        if not known:
            view.changes = graph.changes
            return view
        return self._repair(view, known) or self.build(view.viewer)

    def voices(self, view: View, quorum: int | None = None) -> tuple[Voices, Numbers]:
        """Return who has a word in a view, with their index."""
        voices, index = self._heard(view, quorum)
        return voices.view(VOICE), index

    def standing(
        self, view: View, subject: int, day: float, *, quorum: int | None = None, prior: float | None = None
    ) -> Standing:
        """Return how somebody stands with the viewer on that day."""
        graph, formula = self.graph, self.formula
        prior = formula.prior if prior is None else prior
        if not 0 <= subject < graph.people:
            return Standing(prior, 0.0, 0.0, 0.0)
        voices, index = self._heard(view, quorum)
        into, out = graph.into, graph.out
        rows = into.head_bytes, into.edge_bytes, out.head_bytes, out.edge_bytes
        good, bad = weigh_one(*rows, voices, index, subject, day, formula.half_life)
        whole = good + bad + formula.weight
        return Standing((good + formula.weight * prior) / whole, (good + bad) / whole, good, bad)

    def evidence(
        self, view: View, subjects: Numbers, day: float, *, quorum: int | None = None
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Return the evidence for and against many."""
        voices, index = self.voices(view, quorum)
        good, bad = np.zeros(len(subjects)), np.zeros(len(subjects))
        into, out = self.graph.into, self.graph.out
        half_life = self.formula.half_life
        weigh_many(into.heads, into.edges, out.heads, out.edges, voices, index, subjects, day, half_life, good, bad)
        return good, bad

    def _heard(self, view: View, quorum: int | None) -> tuple[Bytes, Numbers]:
        """Return the memory of a view's voices, with their index."""
        quorum = self.formula.quorum if quorum is None else quorum
        known = view.voices.get(quorum)
        if known is None:
            voices, index = self._voices(view, quorum)
            known = view.voices[quorum] = voices.view(np.uint8), index
        return known

    def _voices(self, view: View, quorum: int) -> tuple[Voices, Numbers]:
        formula, heads, edges = self.formula, self.graph.out.heads, self.graph.out.edges
        numbers = np.zeros(view.count, np.int32)
        voices = np.zeros(view.count, VOICE)
        faint = max(formula.tolerance, 1e-7)
        kept = listen(
            view.places,
            view.count,
            view.index,
            heads,
            edges,
            view.viewer,
            formula.restart,
            formula.nearest,
            LEAST_NEAR,
            faint,
            voices,
            numbers,
        )
        if quorum == 1:
            give_words(heads, edges, view.viewer, formula.budget, voices, kept)
        else:
            ask_quorum(
                view.places,
                view.count,
                view.index,
                heads,
                edges,
                view.viewer,
                voices,
                kept,
                numbers,
                formula.budget,
                quorum,
                formula.enough,
                formula.rounds,
            )
        voices = voices[: heard_of(voices, kept)].copy()
        # Most who rate somebody are no voice of this view: they seldom meet an entry where a quarter at most is full.
        index = index_for(2 * len(voices))
        note(voices, index)
        return voices, index

    def _repair(self, view: View, changes: list[Change]) -> View | None:
        """Repair a view in place; None where it has no room, and is lost."""
        formula, heads, edges = self.formula, self.graph.out.heads, self.graph.out.edges
        count = view.count
        for change in changes:
            count = shift(
                view.places, view.index, count, view.viewer, change.by, change.before, change.after, formula.restart
            )
            if count < 0:
                return None
        rows = [row["other"] for change in changes for row in (change.before, change.after)]
        suspects = np.concatenate([np.array([change.by for change in changes], np.int32), *rows])
        count = settle(
            view.places,
            view.index,
            count,
            np.zeros(len(view.places), np.int32),
            heads,
            edges,
            view.viewer,
            formula.restart,
            formula.tolerance,
            suspects,
        )
        if count < 0:
            return None
        view.count, view.changes = count, self.graph.changes
        view.voices.clear()
        return view

    def _prepare(self, viewer: int) -> None:
        """Have a node for everybody, with the limit that holds for whoever may use what is for everyone."""
        graph = self.graph
        if not 0 <= viewer < graph.people:
            raise Invalid("viewer", "nobody has that number", viewer=viewer)
        if self._seen == graph.changes and len(self._nodes) >= graph.people:
            return
        changes = graph.since(self._seen) if 0 <= self._seen <= graph.changes else None
        known = len(self._nodes)
        if len(graph.out.heads) > known:
            room = len(graph.out.heads)
            self._nodes = np.concatenate([self._nodes, np.zeros(room - known, NODE)])
            self._reach = np.zeros(room, np.float32)
            self._queue, self._touched = np.zeros(room, np.int32), np.zeros(room, np.int32)
            self._limit(np.arange(known, room))
        if changes is None:
            self._limit(np.arange(len(self._nodes)))
        elif changes:
            self._limit(np.array([change.by for change in changes], np.int64))
        self._seen = graph.changes

    def _limit(self, people: npt.NDArray[np.int64]) -> None:
        heads = self.graph.out.heads[people]
        limits = self.formula.tolerance * np.maximum(heads["n0"], 1)
        self._nodes["limit"][people] = np.where(heads["n1"] > heads["n0"], -limits, limits)
