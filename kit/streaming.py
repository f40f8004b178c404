"""Streaming: answers of servers that strangers name, read part by part, never held whole, bounded in time and bytes.

As safe as ``kit.fetching``: the same addresses are refused, and redirects are answers like any other.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from types import TracebackType
from typing import Final, Self

import httpcore

from kit.errors import PeerUnavailable
from kit.fetching import PLAIN_PORT, PORT, Fetcher, Pinned, said, why

ANSWER_SECONDS: Final = 10.0
"""How long a server may take until it begins to answer."""
PART_SECONDS: Final = 10.0
"""How long the next part of an answer may take."""
LONGEST_SECONDS: Final = 600.0
"""How long a whole answer may take."""
_BROKEN: Final = (
    *(httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError),
    *(OSError, ValueError, RuntimeError),
)


class Streamed:
    """An answer that is being read: its status, its headers by names in lower case, and its parts.

    Whoever has it closes it. It may be read in several threads, in one at a time.
    """

    def __init__(
        self, response: httpcore.Response, network: Pinned, opened: ExitStack, *, most_bytes: int, longest: float
    ) -> None:
        """Read from ``response`` at most so many bytes, for so many seconds; ``opened`` is closed at the end."""
        self.status: Final = response.status
        headers: dict[str, str] = {}
        for name, value in response.headers:
            headers.setdefault(name.decode("latin-1").lower(), value.decode("latin-1"))
        self.headers: Final[Mapping[str, str]] = headers
        self._parts: Iterator[bytes] = iter(response.iter_stream())
        self._network = network
        self._opened = opened
        self._left = most_bytes
        self._until = time.monotonic() + longest

    def read(self) -> bytes:
        """Return the next part, empty at the end. Raises ``PeerUnavailable`` beyond the bounds, or where it breaks."""
        deadline = min(self._until, time.monotonic() + PART_SECONDS)
        try:
            with self._network.until(deadline):
                part = next(self._parts, b"")
        except _BROKEN as error:
            raise why(error) from None
        self._left -= len(part)
        if self._left < 0:
            raise PeerUnavailable("too_large", "The other server did not answer: it says more than is read.")
        return part

    def close(self) -> None:
        """Let go of the connection; a second time nothing happens."""
        self._opened.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class StreamingFetcher(Fetcher):
    """A fetcher that also gives answers part by part."""

    def place_of(self, url: str) -> tuple[str, str]:
        """Return where a URL is (scheme, host, port), and the whole of it, each as it is asked for and signed.

        Raises as ``check`` does.
        """
        place, target = self._checked(url)
        usual = PORT if place.tls else PLAIN_PORT
        host = f"[{place.host}]" if ":" in place.host else place.host
        origin = f"{'https' if place.tls else 'http'}://{host}{'' if place.port == usual else f':{place.port}'}"
        return origin, origin + target

    def open(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        most_bytes: int,
        longest: float = LONGEST_SECONDS,
    ) -> Streamed:
        """Ask by ``GET`` or ``HEAD`` and return the answer as soon as it begins, whatever its status.

        Raises as ``get`` does.
        """
        place, target = self._checked(url)
        until = time.monotonic() + min(ANSWER_SECONDS, longest)
        network = Pinned(self._addresses(place, until))
        scheme = b"https" if place.tls else b"http"
        asked = httpcore.URL(scheme=scheme, host=place.host.encode(), port=place.port, target=target.encode())
        extensions = {
            "timeout": dict.fromkeys(("connect", "read", "write", "pool"), longest),
            "sni_hostname": place.name,
        }
        opened = ExitStack()
        try:
            with network.until(until):
                context = self._trust if place.tls else None
                connection = httpcore.HTTPConnection(asked.origin, ssl_context=context, network_backend=network)
                opened.callback(connection.close)
                stream = connection.stream(method, asked, headers=said(place, headers), extensions=extensions)
                response = opened.enter_context(stream)
                return Streamed(response, network, opened, most_bytes=most_bytes, longest=longest)
        except _BROKEN as error:
            opened.close()
            raise why(error) from None
