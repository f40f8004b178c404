"""What others take for one person's ranks on the same graph; runs in an environment of its own and prints JSON."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import igraph
import networkx as nx
import numpy as np
from scipy import sparse
from sknetwork.ranking import PageRank

_STAYS = 0.7
_CLOSE = 1e-6


def main() -> None:
    """Time each peer on the arrays of a folder: once, or for the quick ones for three people."""
    folder = Path(sys.argv[1])
    by, of, said, viewers = (np.load(folder / f"{name}.npy") for name in ("by", "of", "said", "viewers"))
    people = int(max(by.max(), of.max())) + 1
    matrix = sparse.csr_matrix((said.astype(np.float32), (by, of)), shape=(people, people))
    totals = np.asarray(matrix.sum(axis=1)).ravel()
    spread = sparse.diags_array(1 / np.maximum(totals, 1e-9)).astype(np.float32) @ matrix
    turned = spread.T.tocsr()
    found = {"scipy": _median(lambda viewer: _powers(turned, viewer), viewers)}
    ranks = PageRank(damping_factor=_STAYS, solver="piteration", n_iter=30, tol=_CLOSE)
    found["scikit-network"] = _median(lambda viewer: ranks.fit_predict(matrix, weights={int(viewer): 1}), viewers)
    whole = igraph.Graph(n=people, edges=np.column_stack([by, of]), directed=True)
    whole.es["weight"] = said
    found["igraph"] = _median(lambda viewer: _ranked(whole, int(viewer)), viewers[:1])
    small = by < people // 100
    small &= of < people // 100
    digraph = nx.DiGraph()
    digraph.add_weighted_edges_from(zip(by[small].tolist(), of[small].tolist(), said[small].tolist(), strict=True))
    one = next(iter(digraph))
    slow = _median(lambda _: nx.pagerank(digraph, alpha=_STAYS, personalization={one: 1}, tol=1e-9), viewers[:1])
    print(json.dumps({"peers": found, "networkx": {"ms": slow, "edges": digraph.number_of_edges()}}))


def _powers(turned: Any, viewer: int) -> Any:  # noqa: ANN401 - scipy ships no types
    rank = np.zeros(turned.shape[0], np.float32)
    rank[viewer] = 1
    for _ in range(100):
        after = np.float32(_STAYS) * (turned @ rank)
        after[viewer] += 1 - after.sum()
        if np.abs(after - rank).sum() < _CLOSE:
            return after
        rank = after
    return rank


def _ranked(graph: Any, viewer: int) -> Any:  # noqa: ANN401 - igraph's types say less
    return graph.personalized_pagerank(
        damping=_STAYS, reset_vertices=[viewer], weights="weight", implementation="prpack"
    )


def _median(work: Callable[[int], object], viewers: Any) -> float:  # noqa: ANN401 - an array of numbers
    times = []
    for viewer in viewers:
        begun = time.perf_counter()
        work(viewer)
        times.append(1000 * (time.perf_counter() - begun))
    return round(float(np.median(times)), 3)


main()
