"""A carrier: does what the outbox owes of some kinds, one after the other, for as long as the bot runs."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable
from datetime import datetime, timedelta
from enum import Enum
from functools import partial
from typing import ClassVar

import structlog
from prometheus_client import Counter

from app.container import Work
from bot.crossing import Crossing
from bot.homeserver import Denied, ElsewhereAway, Homeserver, SlowDown
from kit import outbox
from kit.changes import counters
from kit.errors import HomeserverUnavailable
from kit.outbox import Effect

LOG = structlog.get_logger(__name__)

_LOOK_SECONDS = 0.25
_SHORTEST_PAUSE_SECONDS = 1.0
_LOOK_ANYWAY_SECONDS = 5.0
_AWAY = timedelta(seconds=2)


class Outcome(Enum):
    """What became of an effect."""

    SENT = "sent"
    DROPPED = "dropped"
    """Nobody is to be told any more: they left, said stop, are gone, or it is no longer true."""
    LATER = "later"
    """Too many new chats at once, or their homeserver does not answer; it is tried again."""


class Carrier(ABC):
    """Does what is owed of ``kinds``; ``counted`` counts it by outcome."""

    kinds: ClassVar[tuple[str, ...]]
    counted: ClassVar[Counter]
    what: ClassVar[str]
    """What it carries, in the log."""

    def __init__(self, homeserver: Homeserver, cross: Crossing, *, time: Callable[[], float]) -> None:
        """Carry through ``homeserver``."""
        self._homeserver = homeserver
        self._cross = cross
        self._time = time
        self._seen = -1
        self._looked = float("-inf")

    @abstractmethod
    async def _carry(self, effect: Effect) -> Outcome | timedelta:
        """Do one; where it must wait, say how long."""

    def _done_with(self, work: Work, effect: Effect, outcome: Outcome) -> None:  # noqa: ARG002 - for whoever minds
        """Note that one is done with."""
        outbox.mark_done(work.session, effect, now=work.now)

    def _failed(self, work: Work, effect: Effect, reason: str, *, for_good: bool) -> None:
        """Note that one could not be done."""
        outbox.mark_failed(work.session, effect, error=reason, now=work.now, for_good=for_good)

    async def run(self, stop: asyncio.Event, *, beat: Callable[[], None] = lambda: None) -> None:
        """Deliver until ``stop``; what goes wrong is logged, and comes round again; ``beat`` follows a good round."""
        while not stop.is_set():
            try:
                if await self._news():
                    while await self.deliver():
                        beat()
                beat()
            except Exception as error:  # noqa: BLE001 - the next look finds everything again
                LOG.warning("carrier_waits", what=self.what, reason=type(error).__name__, detail=str(error))
            try:
                await asyncio.wait_for(stop.wait(), _LOOK_SECONDS)
            except TimeoutError:
                continue

    async def _news(self) -> bool:
        """Tell whether something was put into the outbox, or may have become due."""
        counter = await self._cross.read(lambda work: counters(work.session).get(outbox.TOPIC, 0))
        if counter == self._seen and self._time() - self._looked < _LOOK_ANYWAY_SECONDS:
            return False
        self._seen, self._looked = counter, self._time()
        return True

    async def deliver(self) -> int:
        """Deliver what is due now, at most 20; return how many there were."""
        effects = await self._cross.work(lambda work: outbox.claim(work.session, kinds=self.kinds, now=work.now))
        for place, effect in enumerate(effects):
            try:
                await self._handle(effect)
            except HomeserverUnavailable:
                await self._cross.work(partial(_put_back, effects=effects[place:]))
                raise
        return len(effects)

    async def _handle(self, effect: Effect) -> None:
        try:
            found = await self._carry(effect)
        except SlowDown as slow:
            # This one waits as long as it was told; those behind it may be for rooms that nothing stands in the way of.
            found = timedelta(seconds=max(slow.seconds, _SHORTEST_PAUSE_SECONDS))
        except ElsewhereAway:
            await self._fail(effect, "elsewhere_away", for_good=False)
            return
        except HomeserverUnavailable:
            raise
        except Denied as denied:
            reason = f"denied: {denied.status} {denied.body.get('errcode', '')}"
            await self._fail(effect, reason, for_good=True)
            return
        except Exception as error:
            LOG.exception("carrying_failed", what=self.what, effect=effect.id, code=effect.payload.get("code"))
            await self._fail(effect, type(error).__name__, for_good=False)
            return
        self.counted.labels((Outcome.LATER if isinstance(found, timedelta) else found).value).inc()
        if isinstance(found, timedelta):
            await self._cross.work(lambda work: outbox.release(work.session, effect, pause=found, now=work.now))
        else:
            await self._cross.work(lambda work: self._done_with(work, effect, found))

    async def _fail(self, effect: Effect, reason: str, *, for_good: bool) -> None:
        self.counted.labels("failed").inc()
        LOG.warning("not_carried", what=self.what, effect=effect.id, reason=reason)
        await self._cross.work(lambda work: self._failed(work, effect, reason, for_good=for_good))


def _put_back(work: Work, effects: list[Effect]) -> None:
    now: datetime = work.now
    for effect in effects:
        outbox.release(work.session, effect, pause=_AWAY, now=now)
