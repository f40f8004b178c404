"""Books a chain in a process of its own, which holds nothing but what the chain loop of the product does."""

from __future__ import annotations

import json
import re
import statistics
import sys
import time
from pathlib import Path
from typing import Any

from app.chain_loop import ChainLoop, Progress
from app.container import Container
from benchmarks._ledger import quiet, service

SIZES = (10_000, 100_000, 1_000_000)
_AT_A_SIZE = 20_000
"""Logs around a size, in slices, whose times are compared."""


def _book_all(url: str, folder: Path, wanted: int) -> dict[str, Any]:
    """Book a chain from its beginning; tell the seconds a log took around each size, and the most memory there was."""
    quiet()
    times: dict[int, list[float]] = {size: [] for size in SIZES}
    with service(folder, url, f"sqlite:///{folder / 'earnest.db'}") as container:
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
        "seconds_a_log": {size: statistics.median(slices) for size, slices in times.items()},
        "logs": count,
        "seconds": seconds,
        "peak_mib": int(peak[1]) / 1024,
    }


def entries(container: Container) -> int:
    """Return how many entries stand in the books."""
    with container.read() as work:
        return int(work.session.connection().exec_driver_sql("SELECT coalesce(max(id), 0) FROM entries").scalar_one())


if __name__ == "__main__":
    print(json.dumps(_book_all(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))))
