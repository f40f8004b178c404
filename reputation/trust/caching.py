"""The views of many viewers, kept within a bound of memory: the ones not asked for longest go first (pure)."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from threading import Lock

from reputation.trust.explaining import Explanation, Turn, explain, turn
from reputation.trust.formula import PRODUCT, Formula
from reputation.trust.graph import Edge, Graph
from reputation.trust.views import Standing, View, Viewing

MOST_BYTES = 256 * 1024**2


class Views:
    """One graph, and who sees what in it; safe to use from several threads."""

    def __init__(self, graph: Graph, formula: Formula = PRODUCT, most_bytes: int = MOST_BYTES) -> None:
        self._viewing = Viewing(graph, formula)
        self._kept: OrderedDict[int, View] = OrderedDict()
        self._sizes: dict[int, int] = {}
        self._most = most_bytes
        self._lock = Lock()
        self.bytes = 0
        """What the views that are kept take."""

    def __len__(self) -> int:
        """Count the views that are kept."""
        return len(self._kept)

    def say(self, by: int, edges: Iterable[Edge]) -> None:
        """Set all that one person says."""
        with self._lock:
            self._viewing.graph.say(by, edges)

    def standing(
        self, viewer: int, subject: int, day: float, *, quorum: int | None = None, prior: float | None = None
    ) -> Standing:
        """Return how somebody stands with a viewer."""
        with self._lock:
            view = self._of(viewer)
            found = self._viewing.standing(view, subject, day, quorum=quorum, prior=prior)
            self._note(view)
            return found

    def explain(
        self, viewer: int, subject: int, day: float, *, quorum: int | None = None, prior: float | None = None
    ) -> Explanation:
        """Return why."""
        with self._lock:
            view = self._of(viewer)
            found = explain(self._viewing, view, subject, day, quorum=quorum, prior=prior)
            self._note(view)
            return found

    def turn(
        self,
        viewer: int,
        subject: int,
        day: float,
        bar: float,
        *,
        quorum: int | None = None,
        prior: float | None = None,
    ) -> Turn:
        """Return what would bring somebody's reputation to the other side of a bar."""
        with self._lock:
            view = self._of(viewer)
            found = turn(self._viewing, view, subject, day, bar, quorum=quorum, prior=prior)
            self._note(view)
            return found

    def _of(self, viewer: int) -> View:
        known = self._kept.pop(viewer, None)
        view = self._viewing.build(viewer) if known is None else self._viewing.follow(known)
        self._kept[viewer] = view
        return view

    def _note(self, view: View) -> None:
        """Count what a view has become, and let others go where it is too much."""
        self.bytes += view.bytes - self._sizes.get(view.viewer, 0)
        self._sizes[view.viewer] = view.bytes
        while self.bytes > self._most and len(self._kept) > 1:
            viewer, _ = self._kept.popitem(last=False)
            self.bytes -= self._sizes.pop(viewer)
