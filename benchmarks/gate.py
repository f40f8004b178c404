"""How fast the gate is, beside an ``async def`` route that does nothing: throughput, slowest answers, memory, growth.

The load is 90 % admits, drawn uniformly over all pairs that have a grant, 9 % repeated holds of a thousand strangers,
and 1 % new holds, whose times are told apart. Peer and gate take turns, under the same load.
"""

from __future__ import annotations

import atexit
import shutil
import statistics
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import Any

from benchmarks._load import HELD, load
from benchmarks._serving import Served, gate, peer
from benchmarks._world import World, build

_ROUNDS = 5
_SECONDS = 6
_CONNECTIONS = 10
_A_SECOND = 100
_MIX = {"admit": 0.9, "again": 0.09, "fresh": 0.01}
_DOORS, _GRANTS = 100_000, 1_000_000
_SIZES = (1_000, 10_000, 100_000, 1_000_000)
_PEER = "an async route that does nothing"


@cache
def world(doors: int, grants: int, *, standing: bool = False, lists: bool = False) -> World:
    """Return a world of this size, made once; it goes when the benchmarks end."""
    folder = Path(tempfile.mkdtemp(prefix="earnest-bench-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    print(f"  building {doors} doors and {grants} grants", flush=True)
    return build(folder, doors=doors, grants=grants, standing=standing, lists=lists)


def hold_some(served: Served, place: World) -> None:
    """Let the strangers of the repeated holds knock until each of them was told a price, few enough at a time."""
    again = 0.0
    while again < HELD:
        before = served.metric("earnest_gate_verdicts_total", verdict="hold", source="memory")
        load(served, place, {"held": 1.0}, first=0, connections=2, amount=HELD, rate=_A_SECOND)
        again = served.metric("earnest_gate_verdicts_total", verdict="hold", source="memory") - before


@cache
def _measured(*, standing: bool = False, lists: bool = False) -> dict[str, Any]:
    """Measure gate and peer in turns; every number is the median of the rounds."""
    place = world(_DOORS, _GRANTS, standing=standing, lists=lists)
    with gate(place) as ours, peer() as theirs:
        saturation = {each: load(theirs, place, _MIX, connections=each, seconds=3).rate for each in (10, 20, 40)}
        hold_some(ours, place)
        load(ours, place, _MIX, seconds=2)
        before = _decided(ours)
        rounds = [
            tuple(
                load(each, place, _MIX, connections=_CONNECTIONS, seconds=_SECONDS, seed=turn)
                for each in (ours, theirs)
            )
            for turn in range(1, _ROUNDS + 1)
        ]
        after, memory = _decided(ours), ours.peak_megabytes
    for told, _ in rounds:
        assert not told.lost, told
        assert set(told.kinds["admit"].statuses) == {"200"}, told.kinds["admit"]
        assert set(told.kinds["again"].statuses) == {"403"}, told.kinds["again"]
    from_memory = (after[0] - before[0]) / (after[1] - before[1])
    print(
        f"  {from_memory:.1%} of all verdicts came from memory; the peer with 10, 20, 40 connections:"
        f" {', '.join(f'{rate:.0f}/s' for rate in saturation.values())}",
        flush=True,
    )
    return {
        "rate": [told.rate for told, _ in rounds],
        "peer_rate": [told.rate for _, told in rounds],
        "p99": [told.kinds["settled"].p99 for told, _ in rounds],
        "peer_p99": [told.kinds["settled"].p99 for _, told in rounds],
        "fresh_p99": [told.kinds["fresh"].p99 for told, _ in rounds],
        "peer_fresh_p99": [told.kinds["fresh"].p99 for _, told in rounds],
        "memory": memory,
        "details": {
            "from_memory": round(from_memory, 4),
            **{f"peer_at_{each}_connections": round(rate) for each, rate in saturation.items()},
        },
    }


def _decided(served: Served) -> tuple[float, float]:
    name = "earnest_gate_verdicts_total"
    return served.metric(name, source="memory"), served.metric(name)


def gate_overhead() -> Mapping[str, Any]:
    """Answers a second by the real route, 100,000 doors and 1,000,000 grants behind it."""
    return _overhead(_measured())


def gate_overhead_standing() -> Mapping[str, Any]:
    """Count the same where half of the doors also ask how a stranger stands, by a million words in memory."""
    return _overhead(_measured(standing=True))


def gate_memory_standing() -> Mapping[str, Any]:
    """Megabytes that the API process had at most with that; each process of the API keeps the words for itself."""
    return {"value": round(_measured(standing=True)["memory"]), "unit": "MB", "better": "lower"}


def gate_overhead_lists() -> Mapping[str, Any]:
    """Count the same where five lists of 100,000 entries act in all rooms into which people are invited."""
    return _overhead(_measured(lists=True))


def gate_memory_lists() -> Mapping[str, Any]:
    """Megabytes that the API process had at most with that."""
    return {"value": round(_measured(lists=True)["memory"]), "unit": "MB", "better": "lower"}


def _overhead(measured: Mapping[str, Any]) -> Mapping[str, Any]:
    return {
        "value": round(statistics.median(measured["rate"])),
        "unit": "answers/s",
        "better": "higher",
        "peers": {_PEER: round(statistics.median(measured["peer_rate"]))},
        "least_ratio": 0.5,
        "details": measured["details"],
    }


def gate_overhead_p99() -> Mapping[str, Any]:
    """Milliseconds that all but one of a hundred admits and repeated holds take at most."""
    measured = _measured()
    return {
        "value": round(statistics.median(measured["p99"]), 2),
        "unit": "ms",
        "better": "lower",
        "peers": {_PEER: round(statistics.median(measured["peer_p99"]), 2)},
        "least_ratio": 0.333,
    }


def gate_new_hold_p99() -> Mapping[str, Any]:
    """Milliseconds that all but one of a hundred new holds take: they write a person, a knock, a quote, a message."""
    measured = _measured()
    return {
        "value": round(statistics.median(measured["fresh_p99"]), 2),
        "unit": "ms",
        "better": "lower",
        "peers": {_PEER: round(statistics.median(measured["peer_fresh_p99"]), 2)},
    }


def gate_memory() -> Mapping[str, Any]:
    """Megabytes that the API process had at most with all that."""
    return {"value": round(_measured()["memory"]), "unit": "MB", "better": "lower", "limit": 400}


def gate_growth() -> Mapping[str, Any]:
    """How much slower the gate is with the worst of 1k, 10k, 100k and 1M doors than with the first; ten grants each."""
    with ExitStack() as stack:
        places = [world(doors, min(10 * doors, _GRANTS)) for doors in _SIZES]
        servers = [stack.enter_context(gate(place)) for place in places]
        for served, place in zip(servers, places, strict=True):
            hold_some(served, place)
        rounds = [
            [
                load(served, place, _MIX, seconds=4, seed=turn).rate
                for served, place in zip(servers, places, strict=True)
            ]
            for turn in range(1, _ROUNDS + 1)
        ]
    growth = [statistics.median(rates[0] / rates[size] for rates in rounds) for size in range(len(_SIZES))]
    return {
        "value": round(max(growth), 3),
        "unit": "times",
        "better": "lower",
        "limit": 1.3,
        "details": {f"at_{size}_doors": round(each, 3) for size, each in zip(_SIZES, growth, strict=True)},
    }


BENCHMARKS = {
    "gate_overhead": gate_overhead,
    "gate_overhead_p99": gate_overhead_p99,
    "gate_new_hold_p99": gate_new_hold_p99,
    "gate_memory": gate_memory,
    "gate_overhead_standing": gate_overhead_standing,
    "gate_memory_standing": gate_memory_standing,
    "gate_overhead_lists": gate_overhead_lists,
    "gate_memory_lists": gate_memory_lists,
    "gate_growth": gate_growth,
}
