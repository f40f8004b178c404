"""Load by autocannon, and what it measured."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks._serving import PATH, Served
from benchmarks._world import HOME, ROOMS, SERVERS, STRANGERS, World

HELD = 200
"""Pairs that knock again and again: a stranger who is held tries again soon, and then no more."""
_CANNON = Path(__file__).with_name("cannon.cjs")
_first = 1_000_000


@dataclass(frozen=True, slots=True)
class Kind:
    """What was measured of one kind of knock: how many, milliseconds, and how often each status was answered."""

    count: int
    p50: float
    p95: float
    p99: float
    statuses: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Told:
    """What a load measured; ``rate`` is of answers a second."""

    rate: float
    lost: int
    kinds: Mapping[str, Kind]


class Load:
    """A running autocannon."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        """Wait for ``process`` when asked."""
        self._process = process

    def told(self) -> Told:
        """Wait for its end."""
        global _first  # noqa: PLW0603 - so that no stranger is new twice
        output, _ = self._process.communicate()
        assert self._process.returncode == 0, "autocannon failed"
        told = json.loads(output)
        _first = max(_first, told["next"])
        return Told(told["rate"], told["lost"], {name: Kind(**kind) for name, kind in told["kinds"].items()})


@contextmanager
def loaded(
    served: Served,
    world: World,
    kinds: Mapping[str, float],
    *,
    first: int | None = None,
    **how: Any,  # noqa: ANN401 - autocannon's own
) -> Iterator[Load]:
    """Run autocannon on a server beside the block; ``how``: connections, seconds, amount, rate, seed."""
    plan = {
        "url": served.url,
        "path": PATH,
        "bearer": world.bearer,
        "home": HOME,
        "kinds": kinds,
        "held": HELD,
        "doors": world.doors,
        "grants": world.grants,
        "strangers": STRANGERS,
        "servers": SERVERS,
        "first": _first if first is None else first,
        "connections": 10,
        "rooms": ROOMS if world.lists else 0,
        "seed": 1,
        **how,
    }
    node = shutil.which("node")
    assert node, "`make bench` finds or installs Node"
    process = subprocess.Popen([node, str(_CANNON), json.dumps(plan)], stdout=subprocess.PIPE)
    try:
        yield Load(process)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def load(served: Served, world: World, kinds: Mapping[str, float], **how: Any) -> Told:  # noqa: ANN401 - as above
    """Run autocannon on a server to its end."""
    with loaded(served, world, kinds, **how) as running:
        return running.told()
