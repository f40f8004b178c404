"""Following invitations beside everything else: somebody's homeserver that does not answer keeps only itself waiting.

How far the bot has heard is noted as if nothing after an invitation had happened, until the invitation is dealt with: a
bot that was killed meanwhile hears it again. That takes two minutes at most.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from bot.homeserver import Handler, Invited, SlowDown
from kit.errors import HomeserverUnavailable
from kit.identifiers import RoomId

LOG = structlog.get_logger(__name__)

_PAUSES = (2.0, 5.0, 15.0, 45.0)
"""How long an invitation waits after each time that it could not be followed; then it is declined."""
_AT_ONCE = 4
_MOST_WAITING = 1_000


class Following:
    """The invitations that are not dealt with yet."""

    def __init__(
        self, decline: Callable[[RoomId], Awaitable[None]], are_we_there: Callable[[], Awaitable[object]]
    ) -> None:
        """Give up by ``decline``; ``are_we_there`` raises ``HomeserverUnavailable`` where it is ours that is away."""
        self._decline = decline
        self._are_we_there = are_we_there
        self._waiting: dict[RoomId, tuple[Invited, str | None]] = {}
        self._tasks: dict[RoomId, asyncio.Task[None]] = {}
        self._few = asyncio.Semaphore(_AT_ONCE)

    def since(self, now: str) -> str | None:
        """Return how far all happenings were handled, where all but the invitations were up to ``now``."""
        return next((since for _, since in self._waiting.values()), now)

    def add(self, invited: Invited, since: str | None) -> None:
        """Take an invitation on, told after ``since``; too many are left alone (they stay in people's apps)."""
        if invited.room in self._waiting:
            return
        if len(self._waiting) >= _MOST_WAITING:
            LOG.warning("invitation_left_alone", room=invited.room)
            return
        self._waiting[invited.room] = (invited, since)

    def go_on(self, on: Handler) -> set[asyncio.Task[None]]:
        """Hand every waiting invitation to ``on``, a few at once; return the tasks that do."""
        for room, (invited, _) in self._waiting.items():
            if room not in self._tasks:
                self._tasks[room] = asyncio.create_task(self._follow(invited, on))
        return set(self._tasks.values())

    async def stop(self) -> None:
        """Stop; what is not dealt with goes on with the next ``go_on``, or comes again from the homeserver."""
        tasks = list(self._tasks.values())
        self._tasks.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _follow(self, invited: Invited, on: Handler) -> None:
        failures = 0
        while failures < len(_PAUSES):
            pause = _PAUSES[failures]
            try:
                async with self._few:
                    await on(invited)
            except SlowDown as slow:
                pause = max(slow.seconds, 1.0)  # ours has too much to do: nobody's fault
                LOG.info("invitation_waits", room=invited.room, reason=str(slow), seconds=pause)
            except HomeserverUnavailable as error:
                failures += await self._is_it_theirs()
                LOG.info("invitation_waits", room=invited.room, reason=str(error), seconds=pause)
            else:
                break
            await asyncio.sleep(pause)
        else:
            LOG.warning("invitation_given_up", room=invited.room)
            await self._decline(invited.room)
        del self._waiting[invited.room]
        self._tasks.pop(invited.room, None)

    async def _is_it_theirs(self) -> bool:
        try:
            await self._are_we_there()
        except HomeserverUnavailable:
            return False
        return True
