"""Streaming: answers of servers that strangers name, read part by part, never held whole, bounded in time and bytes.

As safe as ``kit.fetching``: the same addresses are refused, and redirects are answers like any other.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Final, Self

import httpcore

from kit.errors import PeerUnavailable
from kit.exchanges import no_answer
from kit.fetching import PLAIN_PORT, PORT, Fetcher
from kit.hurry import HurriedBackend
from kit.internet import IpAddress

ANSWER_SECONDS: Final = 10.0
"""How long a server may take until it begins to answer."""
PART_SECONDS: Final = 10.0
"""How long the next part of an answer may take."""
_MOST_TIME_TO_CONNECT: Final = 3.0
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
        self, response: httpcore.Response, network: _Pinned, opened: ExitStack, *, most_bytes: int, longest: float
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
            raise _why(error) from None
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
        network = _Pinned(self._addresses(place, until))
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
                stream = connection.stream(method, asked, headers=_said(place.header, headers), extensions=extensions)
                response = opened.enter_context(stream)
                return Streamed(response, network, opened, most_bytes=most_bytes, longest=longest)
        except _BROKEN as error:
            opened.close()
            raise _why(error) from None


def _said(host: str, headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    return [
        (b"Host", host.encode()),
        (b"User-Agent", b"earnest"),
        (b"Accept-Encoding", b"identity"),  # an answer that unfolds has no bound
        *((name.encode("ascii"), value.encode("latin-1")) for name, value in headers.items()),
    ]


def _why(error: Exception) -> PeerUnavailable:
    """Say in one word what went wrong: for its owner, so without a word of what the other side said."""
    if isinstance(error, httpcore.TimeoutException):
        return no_answer("too_slow", "not in time")
    if isinstance(error.__cause__, ssl.SSLError) or isinstance(error, ssl.SSLError):
        return no_answer("certificate_wrong", "its certificate is not good for that name")
    if isinstance(error, httpcore.ProtocolError):
        return no_answer("nonsense", "it does not speak HTTP")
    if isinstance(error, httpcore.ReadError | httpcore.WriteError):
        return no_answer("cut_off", "it broke off")
    return no_answer("no_connection", "it takes no connection")


class _Pinned(HurriedBackend):
    """The network, for one question: whatever the name, it connects to these addresses and to no others."""

    def __init__(self, addresses: Sequence[IpAddress]) -> None:
        super().__init__()
        self._addresses = addresses
        self.reached: IpAddress | None = None

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        failed: Exception = httpcore.ConnectError(host)
        for tried, address in enumerate(self._addresses):
            left = self.left(timeout)
            most = _MOST_TIME_TO_CONNECT  # one that is silent leaves time to others
            seconds = most if left is None else min(most, left / (len(self._addresses) - tried))
            try:
                stream = super().connect_tcp(str(address), port, seconds, local_address, socket_options)
            except (httpcore.NetworkError, httpcore.ConnectTimeout, OSError) as error:
                failed = error
            else:
                self.reached = address
                return stream
        raise failed
