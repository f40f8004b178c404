"""The crossing: how the bot, which is asynchronous, uses the rooms, which are not. The only place that does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol, TypeVar

from app.container import Work

_Result = TypeVar("_Result")


class Rooms(Protocol):
    """What opens transactions: the container."""

    def work(self) -> AbstractContextManager[Work]:
        """Open a writing transaction."""
        ...

    def read(self) -> AbstractContextManager[Work]:
        """Open a reading transaction."""
        ...


class Crossing:
    """Runs use cases in transactions of their own, in threads.

    Their errors come out here, after the transaction was rolled back.
    """

    def __init__(self, rooms: Rooms) -> None:
        """Cross into ``rooms``."""
        self._rooms = rooms

    async def work(self, use_case: Callable[[Work], _Result]) -> _Result:
        """Return what ``use_case`` returns; what it wrote is committed."""
        return await asyncio.to_thread(_within, self._rooms.work, use_case)

    async def read(self, use_case: Callable[[Work], _Result]) -> _Result:
        """Return what ``use_case`` returns; what it wrote is lost."""
        return await asyncio.to_thread(_within, self._rooms.read, use_case)

    async def several(self, deed: Callable[[Rooms], _Result]) -> _Result:
        """Return what ``deed`` returns, which opens transactions of its own, one after the other."""
        return await asyncio.to_thread(deed, self._rooms)

    async def aside(self, deed: Callable[[], _Result]) -> _Result:
        """Return what ``deed`` returns, which needs no rooms but takes long."""
        return await asyncio.to_thread(deed)


def _within(transaction: Callable[[], AbstractContextManager[Work]], use_case: Callable[[Work], _Result]) -> _Result:
    with transaction() as work:
        return use_case(work)
