"""The chain loop beside a test: what is sent comes into blocks, and what stands there is read."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from app.chain_loop import ChainLoop
from kit.errors import ChainUnavailable


@contextmanager
def looping(loop: ChainLoop, *, mine: Callable[[], object] = lambda: None) -> Iterator[None]:
    """Let the loop go round, after ``mine`` each time, until the block ends."""
    stop = threading.Event()

    def follow() -> None:
        while not stop.wait(0.1):
            try:
                mine()
                loop.round()
            except ChainUnavailable:
                continue

    thread = threading.Thread(target=follow)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
