"""Following invitations beside everything else: somebody's homeserver that does not answer keeps only itself waiting.

So it is with what was said before we came. How far the bot has heard is noted as if nothing after an invitation, or our
coming, had happened, until that is dealt with: a bot that was killed meanwhile hears it again. That takes two minutes
at most.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog

from bot.homeserver import Handler, Invited, SlowDown
from kit.errors import HomeserverUnavailable
from kit.identifiers import RoomId

LOG = structlog.get_logger(__name__)

_PAUSES = (2.0, 5.0, 15.0, 45.0)
"""How long an invitation waits after each time that it could not be followed; then it is declined."""
_AT_ONCE = 4
_MOST_WAITING = 1_000


@dataclass(frozen=True, slots=True)
class Came:
    """We came into ``room``, and what was said there before did not come with the sync; it is ``before`` that place."""

    room: RoomId
    before: str


class Recent:
    """The newest things of a kind, by their ids: whether one of them came already."""

    def __init__(self, most: int) -> None:
        """Remember so many."""
        self._most = most
        self._known: OrderedDict[str, None] = OrderedDict()

    def __contains__(self, one: object) -> bool:
        return one in self._known

    def add(self, one: str) -> None:
        """Remember one; the oldest makes room."""
        self._known[one] = None
        if len(self._known) > self._most:
            self._known.popitem(last=False)


_Key = tuple[RoomId, type[Invited] | type[Came]]


class Following:
    """The invitations, and the rooms to look back in, that are not dealt with yet."""

    def __init__(
        self,
        decline: Callable[[RoomId], Awaitable[None]],
        are_we_there: Callable[[], Awaitable[object]],
        look_back: Callable[[Came, Handler], Awaitable[None]],
    ) -> None:
        """Give up by ``decline``; ``are_we_there`` raises ``HomeserverUnavailable`` where it is ours that is away."""
        self._decline = decline
        self._are_we_there = are_we_there
        self._look_back = look_back
        self._waiting: dict[_Key, tuple[Invited | Came, str | None]] = {}
        self._tasks: dict[_Key, asyncio.Task[None]] = {}
        self._few = asyncio.Semaphore(_AT_ONCE)

    def since(self, now: str) -> str | None:
        """Return how far all happenings were handled, where all but the invitations were up to ``now``."""
        return next((since for _, since in self._waiting.values()), now)

    def add(self, one: Invited | Came, since: str | None) -> None:
        """Take one on, told after ``since``; too many are left alone (they stay in people's apps)."""
        key = (one.room, type(one))
        if key in self._waiting:
            return
        if len(self._waiting) >= _MOST_WAITING:
            LOG.warning("invitation_left_alone", room=one.room)
            return
        self._waiting[key] = (one, since)

    def go_on(self, on: Handler) -> set[asyncio.Task[None]]:
        """Hand everything that waits to ``on``, a few at once; return the tasks that do."""
        for key, (one, _) in self._waiting.items():
            if key not in self._tasks:
                self._tasks[key] = asyncio.create_task(self._follow(one, on))
        return set(self._tasks.values())

    async def stop(self) -> None:
        """Stop; what is not dealt with goes on with the next ``go_on``, or comes again from the homeserver."""
        tasks = list(self._tasks.values())
        self._tasks.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _follow(self, one: Invited | Came, on: Handler) -> None:
        failures = 0
        while failures < len(_PAUSES):
            pause = _PAUSES[failures]
            try:
                async with self._few:
                    await (on(one) if isinstance(one, Invited) else self._look_back(one, on))
            except SlowDown as slow:
                pause = max(slow.seconds, 1.0)  # ours has too much to do: nobody's fault
                LOG.info("invitation_waits", room=one.room, reason=str(slow), seconds=pause)
            except HomeserverUnavailable as error:
                failures += await self._is_it_theirs()
                LOG.info("invitation_waits", room=one.room, reason=str(error), seconds=pause)
            else:
                break
            await asyncio.sleep(pause)
        else:
            LOG.warning("invitation_given_up", room=one.room)
            if isinstance(one, Invited):
                await self._decline(one.room)
        del self._waiting[one.room, type(one)]
        self._tasks.pop((one.room, type(one)), None)

    async def _is_it_theirs(self) -> bool:
        try:
            await self._are_we_there()
        except HomeserverUnavailable:
            return False
        return True
