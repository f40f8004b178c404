"""How soon a new block is booked, and how fast blocks are taken back that left the chain."""

from __future__ import annotations

import logging
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from app.chain_loop import ChainLoop
from app.container import Container
from benchmarks._ledger import following, quiet, service
from benchmarks.ingest import emitting
from cli.local import anvil
from cli.local.ports import LOOPBACK, free_port

_ROUNDS = 5
_HEADS, _LOGS = 60, 20
_DEPTH = 64
_LOOK_SECONDS = 0.001
_PAUSE_SECONDS: Final = (0.05, 0.13, 0.21, 0.34)
"""Between a block that is booked and the next: no multiple of how often anybody looks."""


def head_latency() -> Mapping[str, Any]:
    """Milliseconds from when the node has a block of 20 transfers to their entries, by the real ``earnest chain``."""
    with _node() as url, tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        with service(place, url, f"sqlite:///{place / 'earnest.db'}") as container, following(container):
            rounds = [[_booked_after(container, url, turn) for turn in range(_HEADS)] for _ in range(_ROUNDS)]
    return {
        "value": round(statistics.median(statistics.quantiles(waits, n=100)[98] for waits in rounds), 1),
        "unit": "ms",
        "better": "lower",
        "limit": 150,
        "details": {"p50": round(statistics.median(wait for waits in rounds for wait in waits), 1)},
    }


def rewind() -> Mapping[str, Any]:
    """Seconds in which 64 blocks of 20 transfers each are taken back when they leave the chain."""
    quiet(logging.ERROR)  # each block that is taken back is a warning
    with _node() as url, tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        with service(place, url, f"sqlite:///{place / 'earnest.db'}") as container:
            seconds = [_rewound(container, url) for _ in range(_ROUNDS)]
    return {"value": round(statistics.median(seconds), 3), "unit": "s", "better": "lower", "limit": 1.0}


@contextmanager
def _node() -> Iterator[str]:
    """Run a node that makes blocks only when it is asked to, and calls none of ours final."""
    port = free_port()
    command = [str(anvil.find_anvil()), "--host", LOOPBACK, "--port", str(port), "--no-mining", "--silent"]
    with tempfile.TemporaryDirectory() as folder:
        node = subprocess.Popen([*command, "--cache-path", folder], stdin=subprocess.DEVNULL)
        try:
            while not anvil.answers(port):
                time.sleep(0.1)
            yield anvil.url(port)
        finally:
            node.terminate()
            node.wait()


def _booked_after(container: Container, url: str, turn: int) -> float:
    before = _entries(container)
    with anvil.asking(url) as node:
        emitting(node, _LOGS)
        node.ask("anvil_mine", "0x1")
    begun = time.perf_counter()
    while _entries(container) < before + _LOGS:
        time.sleep(_LOOK_SECONDS)
    took = time.perf_counter() - begun
    time.sleep(_PAUSE_SECONDS[turn % len(_PAUSE_SECONDS)])
    return 1_000 * took


def _rewound(container: Container, url: str) -> float:
    loop = ChainLoop(container)
    with anvil.asking(url) as node:
        for _ in range(_DEPTH):
            emitting(node, _LOGS)
            node.ask("anvil_mine", "0x1")
        while loop.round():
            pass
        before = _entries(container)
        node.ask("anvil_reorg", _DEPTH, [])
        node.ask("anvil_mine", "0x1")
    begun = time.perf_counter()
    while _entries(container) < before + _DEPTH * _LOGS:
        loop.step()
    return time.perf_counter() - begun


def _entries(container: Container) -> int:
    with container.read() as work:
        return int(work.session.connection().exec_driver_sql("SELECT coalesce(max(id), 0) FROM entries").scalar_one())


BENCHMARKS = {"head_latency": head_latency, "rewind": rewind}
