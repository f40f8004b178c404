"""Together: deeds that begin at the same moment in threads of their own, and how each ended."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from kit.errors import Refusal


def at_once(doings: Sequence[Callable[[], object]]) -> list[object]:
    """Do all of these in threads that begin together; what was refused is returned as the refusal."""
    barrier = Barrier(len(doings))

    def begin(do: Callable[[], object]) -> object:
        barrier.wait()
        try:
            return do()
        except Refusal as refusal:
            return refusal

    with ThreadPoolExecutor(len(doings)) as pool:
        return list(pool.map(begin, doings))
