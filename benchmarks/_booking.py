"""Books a chain in a process of its own, which holds nothing but what ``earnest chain`` does.

Whoever starts it has made the database, and says in the environment where that and the node are.
"""

from __future__ import annotations

import contextlib
import json
import logging
import re
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import structlog

from app.chain_loop import ChainLoop, Progress
from app.container import Container
from app.settings import load
from cli.serving import settle

SIZES = (10_000, 100_000, 1_000_000)
_AT_A_SIZE = 20_000
"""Logs around a size, in slices, whose times are compared."""


def _book_all(wanted: int) -> dict[str, Any]:
    """Book a chain from its beginning; tell the seconds a log took around each size, and the most memory there was."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    settle()
    times: dict[int, list[float]] = {size: [] for size in SIZES}
    with contextlib.closing(Container(load())) as container:
        loop = ChainLoop(container)
        count, begun, came = 0, time.perf_counter(), Progress.BLOCK
        while came is not Progress.NONE:
            since = time.perf_counter()
            came = loop.step()
            before, count = count, entries(container)
            for size, slices in times.items():
                # The very first one is of an empty database and of code that never ran.
                if count > before >= max(1, size - _AT_A_SIZE // 2) and count <= size + _AT_A_SIZE // 2:
                    slices.append((time.perf_counter() - since) / (count - before))
        seconds = time.perf_counter() - begun
    assert count == wanted, f"{count} entries of {wanted} logs"
    peak = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="utf-8"))
    assert peak, "Linux tells it"
    return {
        "seconds_a_log": {size: statistics.median(slices) for size, slices in times.items() if slices},
        "logs": count,
        "seconds": seconds,
        "peak_mib": int(peak[1]) / 1024,
    }


def entries(container: Container) -> int:
    """Return how many entries stand in the books."""
    with container.read() as work:
        return int(work.session.connection().exec_driver_sql("SELECT coalesce(max(id), 0) FROM entries").scalar_one())


if __name__ == "__main__":
    print(json.dumps(_book_all(int(sys.argv[1]))))
