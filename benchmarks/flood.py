"""How long those who are known wait while 2,000 strangers a second knock: of one homeserver, of many, or own ones.

Beside the flood, people whom their recipients accepted knock 50 times a second; theirs are the milliseconds told. The
peer is an ``async def`` route that does nothing, under the same flood. A stranger of a flood who is let in ends the
benchmark: every door asks for a stake.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from typing import Any

from benchmarks._load import Told, load, loaded
from benchmarks._serving import Served, gate, peer
from benchmarks._world import World
from benchmarks.gate import world

_ROUNDS = 5
_SECONDS = 5
_FLOOD, _CONNECTIONS = 2_000, 200
_KNOWN = 50
_FLOODS = ("flood_one", "flood_many", "flood_own")
_DOORS, _GRANTS = 100_000, 1_000_000


def flood_p99() -> Mapping[str, Any]:
    """Milliseconds that all but one of a hundred known people wait at most in the worst of three floods."""
    place = world(_DOORS, _GRANTS)
    with gate(place) as ours, peer() as theirs:
        rounds = [
            {kind: (_flooded(ours, place, kind), _flooded(theirs, place, "flood_many")) for kind in _FLOODS}
            for _ in range(_ROUNDS)
        ]
    waits = {kind: statistics.median(each[kind][0][0].kinds["admit"].p99 for each in rounds) for kind in _FLOODS}
    rates = {kind: statistics.median(each[kind][0][1].rate for each in rounds) for kind in _FLOODS}
    for each in rounds:
        for kind in _FLOODS:
            known, flood = each[kind][0]
            assert set(known.kinds["admit"].statuses) == {"200"}, known
            assert set(flood.kinds[kind].statuses) == {"403"}, flood
    bare = [each[kind][1] for each in rounds for kind in _FLOODS]
    return {
        "value": round(max(waits.values()), 1),
        "unit": "ms",
        "better": "lower",
        "peers": {
            "an async route that does nothing": round(
                statistics.median(known.kinds["admit"].p99 for known, _ in bare), 1
            )
        },
        "limit": 250,
        "details": {
            **{f"{kind}_p99": round(wait, 1) for kind, wait in waits.items()},
            **{f"{kind}_answers_per_second": round(rate) for kind, rate in rates.items()},
            "peer_answers_per_second": round(statistics.median(flood.rate for _, flood in bare)),
        },
    }


def _flooded(served: Served, place: World, kind: str) -> tuple[Told, Told]:
    """Flood a server; return what was measured of those known, and of the flood."""
    how = {"seconds": _SECONDS + 2, "rate": _FLOOD, "connections": _CONNECTIONS}
    with loaded(served, place, {kind: 1.0}, **how) as flood:
        known = load(served, place, {"admit": 1.0}, seconds=_SECONDS, rate=_KNOWN, connections=10, first=0)
        return known, flood.told()


BENCHMARKS = {"flood_p99": flood_p99}
