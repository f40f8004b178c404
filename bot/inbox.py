"""An inbox: collects what an account hears, so that a program can wait for what it expects (the demo's people do)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from bot.homeserver import Happening

_Kind = TypeVar("_Kind", bound=Happening)


class Inbox:
    """Pass ``hear`` to ``Homeserver.listen``; everything heard stays until it is taken."""

    def __init__(self) -> None:
        """Begin empty."""
        self.heard: list[Happening] = []
        self._changed = asyncio.Condition()

    async def hear(self, happening: Happening) -> None:
        """Keep a happening."""
        async with self._changed:
            self.heard.append(happening)
            self._changed.notify_all()

    async def take(self, kind: type[_Kind], wanted: Callable[[_Kind], bool] = lambda _: True) -> _Kind:
        """Wait for the first happening of ``kind`` that is ``wanted``, take it out and return it."""
        async with self._changed:
            while True:
                for place, happening in enumerate(self.heard):
                    if isinstance(happening, kind) and wanted(happening):
                        del self.heard[place]
                        return happening
                await self._changed.wait()
