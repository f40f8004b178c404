"""How fast a flair is answered over HTTP, beside an ``async def`` route that does nothing; both take turns.

A thousand people show a flair, and each is asked for as often as the others: that is what a page of badges does.
"""

from __future__ import annotations

import atexit
import json
import shutil
import statistics
import subprocess
import tempfile
from collections.abc import Mapping
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import httpx

from app.container import Container
from benchmarks._serving import Served, gate, peer
from benchmarks._world import World, build, settings_of
from kit.identifiers import UserId
from payments.flair.documents import read_document
from payments.flair.model import ClaimedBy, Gift, Giver, Period, Showing, Source, currency

_PEOPLE = 1_000
_ROUNDS, _SECONDS, _CONNECTIONS = 5, 5, 10
_PEER = "an async route that does nothing"
_CANNON = Path(__file__).with_name("flair_cannon.cjs")
_TIERS = {"version": 1, "kind": "tiers", "tiers": [{"id": "silver", "title": "Silver", "month": {"EUR": "5"}}]}


def _who(number: int) -> str:
    return f"@supporter{number}:s{number % 50}.example"


def _world() -> World:
    """Make a world in which people show a flair."""
    folder = Path(tempfile.mkdtemp(prefix="earnest-bench-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    print(f"  building {_PEOPLE} supporters", flush=True)
    world = build(folder, doors=1, grants=0)
    container = Container(settings_of(folder))
    with container.work() as work:
        work.supporters.use(read_document(json.dumps(_TIERS)))
    for start in range(0, _PEOPLE, 100):
        with container.work() as work:
            at = work.now - timedelta(days=1)
            some = range(start, start + 100)
            work.supporters.told(
                [
                    Gift(f"b:{n}", Source.PATREON, f"m{n}", currency("EUR"), 500, at, months=1, recurring=Period.MONTH)
                    for n in some
                ]
            )
            for n in some:
                person = work.people.number(UserId(_who(n)))
                work.supporters.claimed(Giver(Source.PATREON, f"m{n}"), person, ClaimedBy.HAND)
                work.supporters.show(person, Showing(flair=True))
            work.flairs.keys.make()
    container.close()
    return world


def _load(served: Served, path: str, *, seed: int, seconds: int = _SECONDS) -> float:
    """Ask for everybody's in turn; return answers a second."""
    node = shutil.which("node")
    assert node, "`make bench` finds or installs Node"
    plan = {
        "url": served.url,
        "path": path,
        "people": _PEOPLE,
        "connections": _CONNECTIONS,
        "seconds": seconds,
        "seed": seed,
    }
    output = subprocess.run([node, str(_CANNON), json.dumps(plan)], stdout=subprocess.PIPE, check=True).stdout
    told = json.loads(output)
    assert not told["lost"], told
    assert set(told["statuses"]) == {"200"}, told
    rate: float = told["rate"]
    return rate


@cache
def _measured() -> dict[str, list[float]]:
    with gate(_world()) as ours, peer() as theirs:
        assert httpx.get(f"{ours.url}/v1/flair/{_who(1)}").json()["title"] == "Silver"
        for served in (ours, theirs):
            _load(served, "/v1/flair/{}", seed=99, seconds=2)
        rounds = [
            (
                _load(ours, "/v1/flair/{}", seed=turn),
                _load(theirs, "/v1/flair/{}", seed=turn),
                _load(ours, "/v1/flair/{}/badge.svg", seed=turn),
            )
            for turn in range(1, _ROUNDS + 1)
        ]
    names = ("statement", "peer", "badge")
    return dict(zip(names, map(list, zip(*rounds, strict=True)), strict=True))


def flair_endpoint() -> Mapping[str, Any]:
    """Signed statements a second."""
    return _told("statement")


def flair_badge() -> Mapping[str, Any]:
    """Badges a second."""
    return _told("badge")


def _told(name: str) -> Mapping[str, Any]:
    measured = _measured()
    return {
        "value": round(statistics.median(measured[name])),
        "unit": "answers/s",
        "better": "higher",
        "peers": {_PEER: round(statistics.median(measured["peer"]))},
        "least_ratio": 0.5,
    }


BENCHMARKS = {"flair_endpoint": flair_endpoint, "flair_badge": flair_badge}
