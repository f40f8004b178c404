"""The gateway's door: what stands behind it, passed on as it comes in, to a bounded number at a time.

A slow server behind it holds none of the threads that all else is answered by.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from functools import partial
from typing import Final, TypeVar

import structlog
from anyio import CapacityLimiter
from anyio.to_thread import run_sync
from fastapi import Request
from starlette.requests import ClientDisconnect
from starlette.responses import Response, StreamingResponse
from starlette.types import Message, Receive, Scope, Send

from api.errors import TooMany, problem_response
from app import downloads, gateway
from app.buying import Behind
from app.container import Container
from app.gateway import Answer, UpstreamFailed, Wish
from kit.contents import file_name
from kit.identifiers import PersonId
from kit.pace import Pace
from kit.ranges import attachment
from payments.content.model import Purchase

LOG = structlog.get_logger(__name__)

MOST_AT_ONCE: Final = 16
"""Answers that one process passes on at a time."""
MOST_OF_A_SELLER: Final = 4
MOST_OF_A_PURCHASE: Final = 2
"""So that no buyer takes all of a seller's."""
SEND_SECONDS: Final = 30.0
"""How long a buyer may read nothing of what is sent to them."""
LEAST_PACE: Final = 4_096
"""Bytes a second that go through a place at least, whoever of both sides is slow: phones in the country do better."""
PATIENCE: Final = 60.0
"""Seconds that one may be behind the least pace."""
_BUSY_SECONDS: Final = 5.0
_RETRY_SECONDS: Final = "30"
_POLICY: Final = "sandbox; default-src 'none'; frame-ancestors 'none'"
_SENTENCE: Final = (
    "What you bought stands at its seller's own server, and that gives nothing now ({code}). You have it still: ask "
    "again later, or tell the seller."
)
_Done = TypeVar("_Done")


class Passages:
    """What one process passes on now, in threads of its own."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._sellers = Counter[PersonId]()
        self._purchases = Counter[str]()
        self._threads: CapacityLimiter | None = None

    async def give(
        self, request: Request, container: Container, behind: Behind, headers: Mapping[str, str] | None = None
    ) -> Response:
        """Ask for what a purchase opens, and give it as it comes; ``headers``: what to add.

        Raises ``TooMany`` where too much is passed on already, all together or of one seller.
        """
        purchase = behind.purchase
        full = self._sellers.total() >= MOST_AT_ONCE or self._sellers[purchase.seller] >= MOST_OF_A_SELLER
        if full or self._purchases[purchase.id] >= MOST_OF_A_PURCHASE:
            raise TooMany(_BUSY_SECONDS)
        self._sellers[purchase.seller] += 1
        self._purchases[purchase.id] += 1
        handed_on = False
        try:
            wish = Wish(
                head=request.method == "HEAD",
                range=request.headers.get("range"),
                if_range=request.headers.get("if-range"),
            )
            answer = await self._in_thread(partial(gateway.ask, container, behind, wish))
            try:
                if not wish.head:
                    await self._in_thread(partial(downloads.note, container, purchase))
                response = Passage(self, purchase, answer, _told(behind, answer, headers), head=wish.head)
                handed_on = True
                return response
            finally:
                if not handed_on:
                    answer.streamed.close()
        except UpstreamFailed as failed:
            return _failed(failed, headers)
        finally:
            if not handed_on:
                self.leave(purchase)

    async def read(self, answer: Answer) -> AsyncIterator[bytes]:
        """Give an answer's parts. Raises ``PeerUnavailable`` where it breaks off: then the buyer's does, too."""
        while part := await self._in_thread(answer.streamed.read):
            yield part

    def leave(self, purchase: Purchase) -> None:
        """Give a place to others."""
        self._sellers[purchase.seller] -= 1
        self._purchases[purchase.id] -= 1
        self._sellers, self._purchases = +self._sellers, +self._purchases

    async def _in_thread(self, do: Callable[[], _Done]) -> _Done:
        self._threads = self._threads or CapacityLimiter(MOST_AT_ONCE)
        return await run_sync(do, limiter=self._threads)


class Passage(StreamingResponse):
    """An answer that is passed on; its place is free again however it ends."""

    def __init__(
        self, passages: Passages, purchase: Purchase, answer: Answer, headers: Mapping[str, str], *, head: bool
    ) -> None:
        """Pass ``answer`` on, nothing but its headers where it is of ``HEAD``."""
        super().__init__(_nothing() if head else passages.read(answer), answer.status, headers)
        self._passages = passages
        self._purchase = purchase
        self._answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send until the end, or until the buyer reads no more, or either side is too slow for too long."""
        pace = Pace(LEAST_PACE, PATIENCE, time.monotonic())

        async def patiently(message: Message) -> None:
            left = pace.left(time.monotonic())
            if not left:
                raise TimeoutError
            async with asyncio.timeout(min(SEND_SECONDS, left)):
                await send(message)
            pace.went_on(len(message.get("body", b"")), time.monotonic())

        try:
            await super().__call__(scope, receive, patiently)
        except (ClientDisconnect, TimeoutError):
            LOG.info("passage_cut_off", behind=not pace.left(time.monotonic()))
        finally:
            self._passages.leave(self._purchase)
            self._answer.streamed.close()


async def _nothing() -> AsyncIterator[bytes]:
    yield b""


def _told(behind: Behind, answer: Answer, headers: Mapping[str, str] | None) -> dict[str, str]:
    """Return the headers of what is passed on: nothing in it is run by a browser, whatever its seller calls it."""
    return {
        **answer.headers,
        **(headers or {}),
        "Content-Type": answer.media_type,
        "Cache-Control": "no-store",
        "Content-Disposition": attachment(file_name(behind.purchase.title)),
        "Content-Security-Policy": _POLICY,
    }


def _failed(failed: UpstreamFailed, headers: Mapping[str, str] | None) -> Response:
    members = {} if failed.status is None else {"upstream_status": failed.status}
    more = {**(headers or {}), "Retry-After": _RETRY_SECONDS, "Cache-Control": "no-store"}
    return problem_response(502, "upstream_failed", _SENTENCE.format(code=failed.code), more, **members)
