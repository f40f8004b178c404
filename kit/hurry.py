"""Hurry: the network with one deadline for a whole question, for httpcore."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Iterable
from typing import Any

import httpcore


class HurriedBackend(httpcore.NetworkBackend):
    """The network with one deadline for a whole question: time-outs alone start anew with every byte."""

    def __init__(self) -> None:
        self._network = httpcore.SyncBackend()
        self._thread = threading.local()

    def until(self, deadline: float) -> HurriedBackend:
        """Set this thread's deadline (monotonic seconds) for the block that follows."""
        self._thread.deadline = deadline
        return self

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        self._thread.deadline = None

    def left(self, timeout: float | None) -> float | None:
        """Return the seconds that may still be waited. Raises ``httpcore.ReadTimeout`` where there are none."""
        deadline: float | None = getattr(self._thread, "deadline", None)
        if deadline is None:
            return timeout
        left = deadline - time.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout
        return left if timeout is None else min(left, timeout)

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        stream = self._network.connect_tcp(host, port, self.left(timeout), local_address, socket_options)
        return _HurriedStream(stream, self)


class _HurriedStream(httpcore.NetworkStream):
    """A connection that heeds the deadline of whoever uses it."""

    def __init__(self, stream: httpcore.NetworkStream, hurry: HurriedBackend) -> None:
        self._stream = stream
        self._hurry = hurry

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._hurry.left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._hurry.left(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        stream = self._stream.start_tls(ssl_context, server_hostname, self._hurry.left(timeout))
        return _HurriedStream(stream, self._hurry)

    def get_extra_info(self, info: str) -> Any:  # noqa: ANN401 - the library's signature
        return self._stream.get_extra_info(info)
