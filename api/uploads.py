"""Uploads: contents of any size that are allowed, passed on to where they are sealed while they come in."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from typing import Final, TypeVar

from anyio import CapacityLimiter, from_thread, to_thread
from fastapi import Request
from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive, Scope, Send

from api.errors import TooMany, problem_response
from api.limits import BoundedBody
from kit.blobs import LARGEST_BLOB
from kit.errors import Conflict, Invalid
from kit.identifiers import PersonId

MOST_AT_ONCE: Final = 4
"""Uploads of a process, each of which holds a thread; one of a person."""
PART_SECONDS: Final = 10.0
"""How long the next part may take to arrive."""
LONGEST_SECONDS: Final = 1_800.0
_BUSY_SECONDS: Final = 30.0
_PATHS: Final = re.compile(r"/v1/me/listings/(?:files|[A-Za-z0-9]{22}/content)", re.ASCII)
_Done = TypeVar("_Done")


class Uploads:
    """Who uploads in this process now."""

    def __init__(self) -> None:
        """Begin with nobody."""
        self._people = set[PersonId]()
        self._threads: CapacityLimiter | None = None

    async def take(
        self, request: Request, person: PersonId, room: int, store: Callable[[Iterator[bytes]], _Done]
    ) -> _Done:
        """Let ``store`` take a request's body while it comes in; ``room``: how many bytes there may be.

        Raises ``Conflict`` where it says that it has more, ``TooMany`` where others upload, ``Invalid`` for one that
        breaks off or takes too long, and whatever ``store`` raises.
        """
        if announced(request.scope) > room:
            raise Conflict("content_quota", f"There is room for {room:,} bytes more of yours.")
        if person in self._people or len(self._people) >= MOST_AT_ONCE:
            raise TooMany(_BUSY_SECONDS)
        self._threads = self._threads or CapacityLimiter(MOST_AT_ONCE)
        self._people.add(person)
        try:
            return await to_thread.run_sync(partial(store, _parts(request.stream())), limiter=self._threads)
        finally:
            self._people.discard(person)


class BoundedUploads(BoundedBody):
    """ASGI middleware: as ``BoundedBody``, but uploads come in part by part, and a refusal ends their connection.

    One that says itself that it is beyond everything that is taken here is refused unread, whoever sends it.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Choose."""
        if not is_upload(scope):
            await super().__call__(scope, receive, send)
            return
        if announced(scope) > LARGEST_BLOB:
            sentence = f"One content has at most {LARGEST_BLOB} bytes."
            refusal = problem_response(413, "content_too_large", sentence, {"connection": "close"})
            await refusal(scope, receive, send)
            return
        whole = False

        async def noting() -> Message:
            nonlocal whole
            message = await receive()
            whole = whole or not message.get("more_body", False)
            return message

        async def ending(message: Message) -> None:
            if message["type"] == "http.response.start" and not whole:
                message = {**message, "headers": [*message["headers"], (b"connection", b"close")]}
            await send(message)

        await self._app(scope, noting, ending)


def is_upload(scope: Scope) -> bool:
    """Tell whether a request brings a content."""
    if scope["type"] != "http" or scope["method"] not in {"POST", "PUT"}:
        return False
    return _PATHS.fullmatch(scope["path"]) is not None


def announced(scope: Scope) -> int:
    """Return how many bytes a request says that its body has: 0 where it does not, all there can be for nonsense."""
    said = dict(scope["headers"]).get(b"content-length", b"0")
    return int(said[:20]) if said.isdigit() else LARGEST_BLOB + 1


def _parts(stream: AsyncIterator[bytes]) -> Iterator[bytes]:
    """Give a body's parts to a thread, each when it has come in."""
    until = time.monotonic() + LONGEST_SECONDS
    while True:
        try:
            part = from_thread.run(_next, stream)
        except ClientDisconnect:
            raise Invalid("upload_broken", "The upload broke off.") from None
        except TimeoutError:
            raise Invalid("upload_too_slow", "The upload stood still for too long.") from None
        if part is None:
            return
        if time.monotonic() > until:
            raise Invalid("upload_too_slow", "The upload took too long.")
        yield part


async def _next(stream: AsyncIterator[bytes]) -> bytes | None:
    async with asyncio.timeout(PART_SECONDS):
        return await anext(stream, None)
