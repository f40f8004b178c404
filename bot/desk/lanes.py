"""Lanes: what is asked at desks is written down as it is heard, and done beside listening, for each desk in order.

A command may look at hundreds of rooms; all others who write to the bot do not wait for it. Each desk has a lane, in
which the answers come in the order of the questions. A bot that dies finds again what was asked, or the answer to it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

import structlog

from app.container import Work
from app.wording.message import Message
from bot.away import Away
from bot.crossing import Crossing
from bot.homeserver import Denied, EventId, Homeserver, SlowDown, txn_of
from kit import outbox
from kit.errors import Unavailable
from kit.identifiers import PersonId, RoomId
from kit.outbox import Effect

LOG = structlog.get_logger(__name__)

KIND: Final = "desk-question"
"""The kind of what was asked at a desk and is not answered yet."""
MOST_WAITING: Final = 20
"""Questions of one desk that wait."""
_AT_ONCE: Final = 8
"""Desks whose questions are worked on at the same time."""
_LONGEST_TEXT: Final = 60_000
_MOST_TRIES: Final = 4
"""Of one question; then somebody else's server does not answer, and its lane goes on."""
_LOOK_SECONDS: Final = 1.0
_LONGEST_WAIT: Final = 60.0


@dataclass(frozen=True, slots=True)
class Question:
    """What somebody wrote at a desk, or which sign they put (``tap``) on which message (``to``)."""

    management: int
    room: RoomId
    by: PersonId
    event: EventId
    text: str = ""
    tap: str | None = None
    to: EventId | None = None


class Lanes:
    """The questions of all desks."""

    def __init__(
        self,
        homeserver: Homeserver,
        cross: Crossing,
        answer: Callable[[Question], Awaitable[Message | None]],
        *,
        gives_up: Callable[[Question], Awaitable[Message]],
        time: Callable[[], float],
    ) -> None:
        """Have questions answered by ``answer``, which may be asked the same once more after a crash.

        ``gives_up`` says that what one needs does not answer.
        """
        self._homeserver = homeserver
        self._cross = cross
        self._answer = answer
        self._gives_up = gives_up
        self._tries: dict[int, int] = {}
        self._lanes: dict[int, deque[Effect]] | None = None
        self._busy: dict[int, asyncio.Task[None]] = {}
        self._away = Away(time, longest=_LONGEST_WAIT)
        self._wake = asyncio.Event()

    async def take(self, question: Question) -> bool:
        """Write a question down; ``False`` where too many of that desk wait. One that was heard before is none."""
        lanes = await self._load()
        if len(lanes.get(question.management, ())) >= MOST_WAITING:
            return False
        effect = await self._cross.work(partial(_owe, question))
        if effect is not None:
            lanes.setdefault(question.management, deque()).append(effect)  # an empty lane may have gone meanwhile
            self._wake.set()
        return True

    async def run(self, stop: asyncio.Event) -> None:
        """Answer until ``stop``; what is in the midst of it then is begun anew by whoever comes next."""
        try:
            while not stop.is_set():
                try:
                    self._begin(await self._load())
                except Unavailable as error:
                    LOG.warning("lanes_wait", reason=type(error).__name__)
                self._wake.clear()
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), _LOOK_SECONDS)
        finally:
            tasks = list(self._busy.values())
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._busy.clear()

    async def work_off(self) -> None:
        """Answer what waits, as far as that is possible now."""
        self._begin(await self._load())
        await asyncio.gather(*self._busy.values())

    async def _load(self) -> dict[int, deque[Effect]]:
        """Return all lanes; the first time with what another process left unanswered."""
        if self._lanes is None:
            found = await self._cross.read(lambda work: outbox.waiting(work.session, KIND))
            if self._lanes is None:  # nobody else did so meanwhile
                self._lanes = {}
                for effect in found:
                    self._lanes.setdefault(int(effect.payload["management"]), deque()).append(effect)
        return self._lanes

    def _begin(self, lanes: dict[int, deque[Effect]]) -> None:
        self._busy = {number: task for number, task in self._busy.items() if not task.done()}
        for number in [number for number, lane in lanes.items() if not lane]:
            del lanes[number]
        for number, lane in lanes.items():
            if len(self._busy) < _AT_ONCE and number not in self._busy and not self._away.seconds(str(number)):
                self._busy[number] = asyncio.create_task(self._work_off(number, lane))

    async def _work_off(self, number: int, lane: deque[Effect]) -> None:
        while lane:
            effect = lane[0]
            try:
                await self._one(lane, effect)
            except Unavailable as error:
                LOG.info("lane_waits", management=number, reason=type(error).__name__)
                self._away.failed(str(number))
                return
            except Exception as error:  # noqa: BLE001 - one question stops no other, and its words stand in no log
                LOG.warning("question_lost", management=number, reason=type(error).__name__)
                await self._cross.work(partial(_lost, effect, type(error).__name__))
            self._away.answered(str(number))
            self._tries.pop(effect.id, None)
            lane.popleft()
        self._wake.set()  # others may have waited for a place

    async def _answered(self, effect: Effect) -> Message | None:
        question = _read(effect.payload)
        try:
            return await self._answer(question)
        except SlowDown:
            raise
        except Unavailable as error:
            tries = self._tries[effect.id] = self._tries.get(effect.id, 0) + 1
            if tries < _MOST_TRIES:
                raise
            await self._homeserver.joined_rooms()  # it raises, where it is our own that does not answer
            LOG.info("question_given_up", reason=type(error).__name__)
            return await self._gives_up(question)

    async def _one(self, lane: deque[Effect], effect: Effect) -> None:
        if "plain" not in effect.payload:
            message = await self._answered(effect)
            if message is None:
                await self._cross.work(partial(_done, effect))
                return
            room, event = effect.payload["room"], effect.payload["event"]
            told = {"management": effect.payload["management"], "room": room, "event": event}
            told |= {"plain": message.plain, "html": message.html}
            await self._cross.work(lambda work: outbox.rewrite(work.session, effect, told))
            effect = lane[0] = replace(effect, payload=told)
        payload = effect.payload
        try:
            message = Message(payload["plain"], payload["html"])
            txn = txn_of(f"desk-answer:{payload['event']}")
            await self._homeserver.send(RoomId(payload["room"]), message, txn=txn)
        except Denied as denied:
            LOG.warning("answer_denied", room=payload["room"], status=denied.status)
            await self._cross.work(partial(_lost, effect, f"denied {denied.status}"))
            return
        await self._cross.work(partial(_done, effect))


def _owe(question: Question, work: Work) -> Effect | None:
    """Owe an answer, in the transaction that writes down what was asked; ``None`` where it was asked before."""
    payload: dict[str, Any] = {
        "management": question.management,
        "room": question.room,
        "by": question.by,
        "event": question.event,
        "text": question.text[:_LONGEST_TEXT],
        "tap": question.tap,
        "to": question.to,
    }
    key = f"{KIND}:{txn_of(question.event)}"
    if not outbox.append(work.session, kind=KIND, key=key, payload=payload, now=work.now):
        return None
    found = outbox.find(work.session, key)
    return None if found is None else found[0]


def _read(payload: Any) -> Question:  # noqa: ANN401 - JSON
    to = payload["to"]
    return Question(
        payload["management"],
        RoomId(payload["room"]),
        PersonId(payload["by"]),
        EventId(payload["event"]),
        payload["text"],
        payload["tap"],
        None if to is None else EventId(to),
    )


def _done(effect: Effect, work: Work) -> None:
    outbox.mark_done(work.session, effect, now=work.now)
    outbox.wipe(work.session, effect)


def _lost(effect: Effect, error: str, work: Work) -> None:
    outbox.mark_failed(work.session, effect, error=error, now=work.now, for_good=True)
    outbox.wipe(work.session, effect)
