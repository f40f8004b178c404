"""How fast one viewer's view of a million people is made, asked and repaired, beside those who compute whole ranks."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from reputation.trust.compiling import compiled
from reputation.trust.formula import PRODUCT
from reputation.trust.graph import Audience, Edge, Graph, by_degree
from reputation.trust.views import Viewing

_PEOPLE, _EDGES = 1_000_000, 10_000_000
_VIEWERS, _SCORES, _REPAIRS = 400, 20_000, 400
_USUAL_GATHER = 1.0
"""Nanoseconds of a random read from 4 MB on the machine on which the promises were made (0.94 to 1.07)."""
_NOW = 20_000.0
_PEERS = Path(__file__).resolve().parent.parent / ".venv-graphs" / "bin" / "python"


@dataclass(frozen=True, slots=True)
class _World:
    viewing: Viewing
    columns: Mapping[str, npt.NDArray[Any]]
    viewers: npt.NDArray[np.int64]
    gather: float
    first: float
    """Seconds of the first view and score, compiling or loading what was compiled."""


@cache
def _world() -> _World:
    """Make a graph whose degrees follow a power law (Chung-Lu), without communities: the worst there is for caches."""
    first = _first_score()
    chance = np.random.default_rng(7)
    popular = np.cumsum((np.arange(_PEOPLE) + 30.0) ** -0.6)
    talkative = np.cumsum((np.arange(_PEOPLE) + 3_000.0) ** -0.5)
    drawn = int(_EDGES * 1.04)
    order = chance.permutation(_PEOPLE)
    by = np.searchsorted(talkative, chance.random(drawn) * talkative[-1]).astype(np.int64)
    of = order[np.searchsorted(popular, chance.random(drawn) * popular[-1])].astype(np.int64)
    pairs = np.unique(by[by != of] * _PEOPLE + of[by != of])
    pairs = np.sort(chance.choice(pairs, _EDGES, replace=False, shuffle=False))
    rank = by_degree(pairs // _PEOPLE, pairs % _PEOPLE, _PEOPLE)
    by, of = rank[pairs // _PEOPLE], rank[pairs % _PEOPLE]
    said = chance.choice([-1.0, *[1.0] * 9], _EDGES) * chance.uniform(0.5, 1, _EDGES)
    day = _NOW - chance.uniform(0, 1000, _EDGES)
    graph = Graph.of_arrays(by, of, said, day, np.full(_EDGES, Audience.EVERYONE), people=_PEOPLE)
    watching = np.flatnonzero(graph.out.heads["n0"] > 0)
    columns = {"by": by[said > 0], "of": of[said > 0], "said": said[said > 0]}
    viewing = Viewing(graph)
    return _World(viewing, columns, chance.choice(watching, _VIEWERS, replace=False), _gather(), first)


def _first_score() -> float:
    """Return the seconds of a process's first score, its imports among them, where the compiled loops lie on disk."""
    program = (
        "import time; begun = time.perf_counter()\n"
        "from reputation.trust.graph import Edge, Graph\n"
        "from reputation.trust.views import Viewing\n"
        "viewing = Viewing(Graph.of([Edge(0, 1, 1.0, 0.0), Edge(1, 2, 1.0, 0.0)]))\n"
        "viewing.standing(viewing.build(0), 2, 0.0)\n"
        "print(time.perf_counter() - begun)"
    )
    times = []
    for _ in range(2):  # the first may compile
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
        times.append(float(done.stdout))
    return round(times[1], 2)


@compiled
def _sum_of(values: npt.NDArray[np.float32], places: npt.NDArray[np.int32]) -> float:
    total = 0.0
    for place in places:
        total += values[place]
    return total


def _gather() -> float:
    """Return the nanoseconds of one random read from 4 MB."""
    chance = np.random.default_rng(1)
    values = chance.random(1 << 20).astype(np.float32)
    places = chance.integers(0, 1 << 20, 10_000_000).astype(np.int32)
    _sum_of(values, places[:10])
    return min(_timed(lambda: _sum_of(values, places)) for _ in range(5)) * 1e9 / len(places)


@cache
def _peers() -> Mapping[str, Any]:
    """Time the others on the same edges, in their own environment."""
    world = _world()
    with tempfile.TemporaryDirectory() as folder:
        for name, column in {**world.columns, "viewers": world.viewers[:3]}.items():
            np.save(Path(folder, f"{name}.npy"), column)
        script = Path(__file__).with_name("_graph_peers.py")
        done = subprocess.run([_PEERS, script, folder], capture_output=True, text=True, check=True)
    told: Mapping[str, Any] = json.loads(done.stdout)
    return told


def build() -> Mapping[str, Any]:
    """Milliseconds from nothing to a view without quorum: reach, credibility, budgets."""
    return _built(1, 1.0) | {"peers": _peers()["peers"]}


def build_quorum() -> Mapping[str, Any]:
    """Milliseconds of the same with the quorum of two that is the product's."""
    return _built(2, 2.0)


def _built(quorum: int, promised: float) -> dict[str, Any]:
    world = _world()
    viewing, entries, voices = world.viewing, [], []
    viewing.voices(viewing.build(int(world.viewers[0])), quorum)
    times = []
    for viewer in map(int, world.viewers):
        begun = time.perf_counter()
        view = viewing.build(viewer)
        heard, _ = viewing.voices(view, quorum)
        times.append(1000 * (time.perf_counter() - begun))
        entries.append(view.count)
        voices.append(len(heard))
    details = {"limit_by_gather": _by_gather(promised), "p99": _at(times, 99), "gather_ns": round(world.gather, 3)}
    details |= {"reached": int(np.median(entries)), "voices": int(np.median(voices)), "first_score_s": world.first}
    if quorum == 1:
        details["networkx_ms"] = _peers()["networkx"]["ms"]
        details["networkx_edges"] = _peers()["networkx"]["edges"]
    return {"value": _at(times, 50), "unit": "ms", "better": "lower", "limit": promised, "details": details}


def score() -> Mapping[str, Any]:
    """Microseconds to ask a view that is there how somebody stands: evidence, decay, reputation, confidence."""
    world = _world()
    viewing = world.viewing
    views = [viewing.build(int(viewer)) for viewer in world.viewers[:50]]
    chance = np.random.default_rng(3)
    # Those who write are those who are known: subjects are drawn from the ends of edges.
    subjects = chance.choice(world.columns["of"], _SCORES).tolist()
    known = [viewing.standing(view, subjects[0], _NOW) for view in views]
    assert len(known) == len(views)
    rounds = []
    for _ in range(5):
        begun = time.perf_counter()
        for place, subject in enumerate(subjects):
            viewing.standing(views[place % 50], subject, _NOW)
        rounds.append((time.perf_counter() - begun) / _SCORES * 1e6)
    return {
        "value": round(float(np.median(rounds)), 3),
        "unit": "us",
        "better": "lower",
        "limit": 3.0,
        "details": {"limit_by_gather": _by_gather(3.0), "gather_ns": round(world.gather, 3)},
    }


def repair() -> Mapping[str, Any]:
    """Milliseconds until a view's reach is exact again after somebody in it said something new of somebody."""
    world = _world()
    viewing, graph = world.viewing, world.viewing.graph
    chance = np.random.default_rng(5)
    times, heard = [], []
    for viewer in map(int, world.viewers[:_REPAIRS]):
        view = viewing.build(viewer)
        inside = [int(one["who"]) for one in view.places[: view.count] if one["reach"] > 0 and one["who"] != viewer]
        if not inside:
            continue
        by = int(chance.choice(inside))
        of = int(chance.integers(_PEOPLE))
        if by == of:
            continue
        graph.put(Edge(by, of, 1.0, _NOW, Audience.EVERYONE))
        begun = time.perf_counter()
        view = viewing.follow(view)
        times.append(1000 * (time.perf_counter() - begun))
        begun = time.perf_counter()
        viewing.voices(view)
        heard.append(1000 * (time.perf_counter() - begun))
    details = {"limit_by_gather": _by_gather(0.1), "p99": _at(times, 99), "voices_anew_ms": _at(heard, 50)}
    details |= {"gather_ns": round(world.gather, 3), "tolerance": PRODUCT.tolerance}
    return {"value": _at(times, 50), "unit": "ms", "better": "lower", "limit": 0.1, "details": details}


def _by_gather(promised: float) -> float:
    """Return what was promised, in proportion to how slow this machine's random reads are in the same run."""
    return round(promised * max(1.0, _world().gather / _USUAL_GATHER), 4)


def _timed(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def _at(times: list[float], percent: int) -> float:
    return round(float(np.percentile(times, percent)), 4)


BENCHMARKS = {
    "standing_build": build,
    "standing_build_quorum": build_quorum,
    "standing_score": score,
    "standing_repair": repair,
}
