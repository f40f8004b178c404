"""Waiting for settlements: whoever waits looks again when the chain has a new block, by one watch for them all."""

from __future__ import annotations

import asyncio
import time
from asyncio import Event, Task
from collections.abc import Callable
from contextlib import suppress
from typing import Final, TypeVar

from fastapi.concurrency import run_in_threadpool

from contracts.chain import Chain
from kit.errors import Unavailable

T = TypeVar("T")

_MOST_WAITING: Final = 32
"""Settlements that one process waits for at a time; whoever comes beyond is told at once that theirs is pending."""
_HEAD_SECONDS: Final = 0.1
"""How often the node is asked for its head while anybody waits."""
_LOOK_SECONDS: Final = 0.05
_LONGEST_LOOK_SECONDS: Final = 0.5


class Waiters:
    """Who waits for a settlement, in the one thread of the event loop."""

    def __init__(self, chain: Callable[[], Chain], most: int = _MOST_WAITING) -> None:
        """Let so many wait at a time for what ``chain()`` will have."""
        self.most = most
        self._chain = chain
        self._waiting = 0
        self._moved = Event()
        self._watch: Task[None] | None = None

    async def follow(self, found: T, look: Callable[[], T], *, pending: Callable[[T], bool], seconds: float) -> T:
        """Look again, in a thread, until it is not ``pending`` any more or so many seconds are over; return the last.

        It is looked at after each new block, and now and then besides: not all that is waited for is a block. No thread
        is held in between. Raises what ``look`` does.
        """
        if not pending(found) or self._waiting >= self.most:
            return found
        until, pause, moved = time.monotonic() + seconds, _LOOK_SECONDS, self._moved
        self._waiting += 1
        if self._waiting == 1:
            self._watch = asyncio.create_task(self._watch_head())
        try:
            while pending(found) and (left := until - time.monotonic()) > 0:
                with suppress(TimeoutError):
                    await asyncio.wait_for(moved.wait(), min(pause, left))
                pause = min(pause * 1.3, _LONGEST_LOOK_SECONDS)
                moved = self._moved  # as before the look: a block that comes meanwhile is not missed
                found = await run_in_threadpool(look)
        finally:
            self._waiting -= 1
            if self._waiting == 0 and self._watch is not None:
                self._watch.cancel()
        return found

    async def _watch_head(self) -> None:
        """Tell all who wait of each new head."""
        chain, head = self._chain(), None
        while True:
            with suppress(Unavailable):
                newest = await run_in_threadpool(chain.block, "latest")
                if newest != head:
                    head, moved, self._moved = newest, self._moved, Event()
                    moved.set()
            await asyncio.sleep(_HEAD_SECONDS)
