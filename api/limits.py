"""Limits: how large a request's body may be, how long it may take to arrive, and how often one address may ask."""

from __future__ import annotations

import asyncio
import ipaddress
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import problem_response

BODY_BYTES = 64 * 1024
"""The largest body that any route but the gate's takes."""
BODY_SECONDS = 10.0
"""How long a body may take to arrive."""

_MOST_BUCKETS = 20_000
_IPV6_NETWORK_BITS = 64


class BoundedBody:
    """ASGI middleware: takes the whole body first and refuses one that is too large (413) or too slow (408)."""

    def __init__(self, app: ASGIApp, *, most: int = BODY_BYTES) -> None:
        """Stand before ``app``."""
        self._app = app
        self._most = most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what is small and fast enough."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            async with asyncio.timeout(BODY_SECONDS):
                body = await read_bounded(scope, receive, self._most)
        except TimeoutError:
            await _refuse(scope, receive, send, 408, "body_too_slow", "The body did not arrive in time.")
            return
        if body is None:
            sentence = f"A body has at most {self._most} bytes here."
            await _refuse(scope, receive, send, 413, "body_too_large", sentence)
            return
        await self._app(scope, _replay(body, receive), send)


async def read_bounded(scope: Scope, receive: Receive, most: int) -> bytes | None:
    """Return a request's body, or ``None`` as soon as it is longer than ``most`` bytes."""
    announced = dict(scope["headers"]).get(b"content-length", b"0")
    if not announced.isdigit() or int(announced[:20]) > most:
        return None
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return bytes(body)
        body += message.get("body", b"")
        if len(body) > most:
            return None
        if not message.get("more_body", False):
            return bytes(body)


def _replay(body: bytes, receive: Receive) -> Receive:
    pending = True

    async def again() -> Message:
        nonlocal pending
        if pending:
            pending = False
            return {"type": "http.request", "body": body, "more_body": False}
        return await receive()

    return again


async def _refuse(scope: Scope, receive: Receive, send: Send, status: int, code: str, sentence: str) -> None:
    response = problem_response(status, code, sentence)
    response.headers["connection"] = "close"
    await response(scope, receive, send)


@dataclass(slots=True)
class _Bucket:
    tokens: float
    filled_at: float


class RateLimiter:
    """Token buckets in this process's memory, one for each client and route; the longest unused are forgotten first.

    Several API processes each count by themselves: what a client may do then is the sum. See docs/http.md for proxies.
    """

    def __init__(self, tick: Callable[[], float] = time.monotonic, most: int = _MOST_BUCKETS) -> None:
        """Measure by ``tick``, in seconds."""
        self._tick = tick
        self._most = most
        self._buckets: OrderedDict[tuple[str, str], _Bucket] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, client: str, route: str, *, per_minute: float, burst: int) -> float:
        """Take one token; return 0 where there was one, else the seconds until there will be."""
        now = self._tick()
        rate = per_minute / 60
        with self._lock:
            bucket = self._buckets.pop((client, route), None) or _Bucket(float(burst), now)
            bucket.tokens = min(float(burst), bucket.tokens + (now - bucket.filled_at) * rate)
            bucket.filled_at = now
            wait = 0.0 if bucket.tokens >= 1 else (1 - bucket.tokens) / rate
            if not wait:
                bucket.tokens -= 1
            self._buckets[client, route] = bucket
            while len(self._buckets) > self._most:
                self._buckets.popitem(last=False)
        return wait


def client_key(host: str | None) -> str:
    """Return whom a request counts for: an IPv4 address, or the /64 of an IPv6 one (a household has all of it)."""
    if host is None:
        return "unknown"
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host[:64]
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ipaddress.IPv6Network((address, _IPV6_NETWORK_BITS), strict=False))
    return str(address)
