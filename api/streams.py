"""Streams: events as they happen (Server-Sent Events), to a bounded number of listeners, ended when the process ends.

One look at the database every half a second serves all listeners of a process. A stream ends by itself after a quarter
of an hour, and a listener comes back with the last id that it got: so no credential is believed for longer than that
without being looked at, and nobody holds a place for ever.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any, TypeVar

import orjson
import structlog
from anyio import CapacityLimiter
from anyio.to_thread import run_sync
from starlette.requests import ClientDisconnect
from starlette.responses import StreamingResponse
from starlette.types import Message, Receive, Scope, Send

from api.errors import TooMany
from app.container import Container, Work
from app.feeds import show_all
from kit.errors import Refusal, Unavailable
from kit.identifiers import PersonId
from ledger.telling import Mode

T = TypeVar("T")

LOG = structlog.get_logger(__name__)

MOST_STREAMS = 200
"""Streams of one process."""
MOST_OF_A_PERSON = 3
LONGEST_SECONDS = 900.0
HEARTBEAT_SECONDS = 15.0
RETRY_MILLISECONDS = 3_000
"""How long a listener waits before it comes back."""

_LOOK_SECONDS = 0.5
_SEND_SECONDS = 30.0
"""How long a listener may read nothing of what is sent to them."""
_THREADS = 2
_PAGE = 100
_WAIT_AGAIN_SECONDS = 60


class Streams:
    """The listeners of one process. ``closing`` tells whether it ends; whoever runs it puts their own in its place."""

    def __init__(
        self, container: Container, *, heartbeat: float = HEARTBEAT_SECONDS, longest: float = LONGEST_SECONDS
    ) -> None:
        """Read from ``container``."""
        self._container = container
        self.closing: Callable[[], bool] = _never
        self._heartbeat = heartbeat
        self._longest = longest
        self._lock = threading.Lock()
        self._listeners: list[Listener] = []
        self._watching: asyncio.Task[None] | None = None
        self._limiter: CapacityLimiter | None = None

    def open(self, person: PersonId, cursor: int, mode: Mode, good: Callable[[Work], bool]) -> EventStream:
        """Return what is sent to one listener; ``good`` tells whether whoever listens still may.

        Raises ``TooMany`` where the person, or everybody together, listens too often.
        """
        with self._lock:
            own = sum(one.person == person for one in self._listeners)
            if own >= MOST_OF_A_PERSON or len(self._listeners) >= MOST_STREAMS:
                raise TooMany(_WAIT_AGAIN_SECONDS)
            listener = Listener(person, cursor, mode, good)
            self._listeners.append(listener)
        return EventStream(self, listener)

    def close(self, listener: Listener) -> None:
        """Give a listener's place to others."""
        with self._lock:
            self._listeners.remove(listener)

    def open_now(self) -> int:
        """Count the listeners."""
        with self._lock:
            return len(self._listeners)

    async def stream(self, listener: Listener) -> AsyncIterator[bytes]:
        """Send a listener what there is and what comes, until the stream ends."""
        if self._watching is None or self._watching.done():
            self._watching = asyncio.get_running_loop().create_task(self._watch())
        until = time.monotonic() + self._longest
        yield b"retry: %d\n\n" % RETRY_MILLISECONDS
        more = True
        while not self.closing() and time.monotonic() < until:
            if not more and not await self._news(listener):
                yield b": nothing new\n\n"
            try:
                found = await self._in_thread(partial(self._read, listener))
            except Unavailable:
                more = False
                continue  # the database is away: what is told then waits there
            if found is None:
                return
            text, more = found
            if text:
                yield text

    async def _news(self, listener: Listener) -> bool:
        """Wait until there is something for a listener, at most as long as a heartbeat lasts."""
        try:
            async with asyncio.timeout(self._heartbeat):
                await listener.woken.wait()
        except TimeoutError:
            return False
        listener.woken.clear()
        return True

    def _read(self, listener: Listener) -> tuple[bytes, bool] | None:
        """Return what is to be sent, and whether more follows at once; ``None`` where the stream ends."""
        with self._container.read() as work:
            if not listener.good(work):
                return None
            try:
                page = work.feed.page(listener.person, listener.cursor, limit=_PAGE, mode=listener.mode)
            except Refusal:
                return None  # whoever comes back with that cursor is told why
            shown = show_all(work, page.events)
        listener.cursor = page.next
        return b"".join(map(_written, shown)), page.more

    async def _watch(self) -> None:
        """Wake those for whom there is something, and everybody when the process ends."""
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            with self._lock:
                here = list(self._listeners)
            if not here:
                return
            try:
                last = await self._in_thread(partial(self._last_numbers, {one.person for one in here}))
            except Unavailable as error:
                LOG.warning("streams_wait", reason=str(error))
                last = {}
            for listener in here:
                if last.get(listener.person, 0) > listener.cursor or self.closing():
                    listener.woken.set()

    def _last_numbers(self, people: set[PersonId]) -> dict[PersonId, int]:
        with self._container.read() as work:
            return work.feed.last_numbers(people)

    async def _in_thread(self, do: Callable[[], T]) -> T:
        """Work in threads of our own: streams and other requests never wait for each other's."""
        if self._limiter is None:
            self._limiter = CapacityLimiter(_THREADS)
        return await run_sync(do, limiter=self._limiter)


class EventStream(StreamingResponse):
    """The answer that goes on; its listener's place is free again however it ends, before it began too."""

    def __init__(self, streams: Streams, listener: Listener) -> None:
        """Send to ``listener``."""
        headers = {"Cache-Control": "private, no-store", "X-Accel-Buffering": "no"}
        super().__init__(streams.stream(listener), media_type="text/event-stream", headers=headers)
        self._streams = streams
        self._listener = listener

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send until the end, or until the listener reads no more."""

        async def patiently(message: Message) -> None:
            async with asyncio.timeout(_SEND_SECONDS):
                await send(message)

        try:
            await super().__call__(scope, receive, patiently)
        except (ClientDisconnect, TimeoutError):  # which of the two, the server's version of ASGI decides
            LOG.info("stream_unread", person=self._listener.person)
        finally:
            self._streams.close(self._listener)


class Listener:
    """One who listens: to what, how far they heard, and what wakes them."""

    def __init__(self, person: PersonId, cursor: int, mode: Mode, good: Callable[[Work], bool]) -> None:
        """Listen to the person's events after ``cursor``, for as long as ``good``."""
        self.person = person
        self.cursor = cursor
        self.mode = mode
        self.good = good
        self.woken = asyncio.Event()


def _written(event: dict[str, Any]) -> bytes:
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (event["id"], event["type"].encode(), orjson.dumps(event))


def _never() -> bool:
    return False
