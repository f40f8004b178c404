"""Reaching: asks places that strangers name for documents, over HTTPS, at addresses found by us and public alone.

Whoever names a place chooses what we connect to. So a name is looked up once, every address that it leads to is looked
at, and the connection goes to one of these very addresses: a name that means another place a moment later (DNS
rebinding) gains nothing. The certificate must be the name's all the same. Redirects are such names again.
"""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urljoin, urlsplit

import httpcore

from kit.errors import FetchUnavailable
from kit.hurry import HurriedBackend
from kit.names import IpAddress, Names

PORT: Final = 443
_MOST_ADDRESSES: Final = 4
_MOST_TIME_TO_CONNECT: Final = 3.0
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_LONGEST_URL: Final = 2_000
_UNICAST: Final = ipaddress.IPv6Network("2000::/3")
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
# Public in name, yet they lead elsewhere: tunnels with an IPv4 address inside, protocol assignments, examples.
_NOT_PUBLIC: Final[tuple[Network, ...]] = (
    *(ipaddress.IPv6Network(net) for net in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")),
    *(ipaddress.IPv4Network(net) for net in ("192.0.0.0/24", "192.88.99.0/24")),
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where to ask: what is connected to, whose certificate must be there, and what the ``Host`` header says."""

    host: str
    port: int
    name: str
    header: str


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a place answered."""

    status: int
    body: bytes
    location: str | None = None


class Reacher:
    """Asks places that strangers name. Safe to share between threads."""

    def __init__(
        self,
        names: Names,
        *,
        private: Sequence[Network] = (),
        authority: Path | None = None,
    ) -> None:
        """Look names up by ``names``.

        ``private``: networks that may be reached although they are not public. ``authority``: a file of certificate
        authorities (PEM) to believe beside the usual ones.
        """
        self.names = names
        self._private = tuple(private)
        self._trust = httpcore.default_ssl_context()
        if authority is not None:
            self._trust.load_verify_locations(authority)

    def get(self, place: Place, target: str, *, until: float, most_bytes: int) -> Fetched:
        """Ask ``place`` for ``target`` (path and query) and return its answer, whatever its status.

        ``until`` (monotonic seconds) ends all of it. Raises ``FetchUnavailable``, whose sentence never has the target:
        secrets stand there.
        """
        return self._ask(place, target, self._addresses(place, until), until, most_bytes)

    def follow(self, url: str, *, until: float, most_bytes: int, most_redirects: int) -> Fetched:
        """Return what an ``https`` URL leads to, over at most so many redirects. Raises as ``get`` does."""
        for _ in range(most_redirects + 1):
            place, target = _parse(url)
            found = self.get(place, target, until=until, most_bytes=most_bytes)
            if found.location is None:
                return found
            url = _joined(url, found.location)
        raise FetchUnavailable("It redirects again and again.")

    def _addresses(self, place: Place, until: float) -> list[IpAddress]:
        """Return the addresses that may be connected to; one that may not be is as good as none."""
        found = self.names.addresses(place.host, until=until)[:_MOST_ADDRESSES]
        allowed = [address for address in found if self._may_reach(address)]
        if not allowed:
            raise FetchUnavailable("It has no public address.")
        return allowed

    def _may_reach(self, address: IpAddress) -> bool:
        return is_public(address) or any(address in network for network in self._private)

    def _ask(self, place: Place, target: str, addresses: Sequence[IpAddress], until: float, most_bytes: int) -> Fetched:
        network = _Pinned(addresses)
        headers = [
            (b"Host", place.header.encode()),
            (b"Accept", b"application/json"),
            (b"Accept-Encoding", b"identity"),  # an answer that unfolds has no bound
            (b"User-Agent", b"earnest"),
        ]
        url = httpcore.URL(scheme=b"https", host=place.host.encode(), port=place.port, target=target.encode())
        left = max(0.0, until - time.monotonic())
        timeouts = dict.fromkeys(("connect", "read", "write", "pool"), left)
        try:
            with (
                network.until(until),
                httpcore.ConnectionPool(ssl_context=self._trust, network_backend=network) as pool,
                pool.stream(
                    b"GET", url, headers=headers, extensions={"timeout": timeouts, "sni_hostname": place.name}
                ) as response,
            ):
                fields = {name.lower(): value for name, value in response.headers}
                if fields.get(b"content-encoding", b"identity").lower() != b"identity":
                    raise FetchUnavailable("It answers in an encoding that was not asked for.")
                body = _bounded(response.iter_stream(), most_bytes)
        except (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError, OSError, ValueError) as error:
            # Not chained: the frames of the library's error hold the target.
            raise FetchUnavailable(f"It does not answer: {type(error).__name__}.") from None
        location = fields.get(b"location", b"") if response.status in _REDIRECTS else b""
        return Fetched(response.status, body, location.decode("ascii", "replace") or None)


def is_public(address: IpAddress) -> bool:
    """Tell whether everybody on the internet means the same machine by this address."""
    if isinstance(address, ipaddress.IPv6Address) and address not in _UNICAST:
        return False  # IPv4 in disguise too
    reserved = any(address in network for network in _NOT_PUBLIC)
    return address.is_global and not address.is_multicast and not reserved


def _bounded(chunks: Iterable[bytes], most_bytes: int) -> bytes:
    received = bytearray()
    for chunk in chunks:
        received += chunk
        if len(received) > most_bytes:
            raise FetchUnavailable(f"It answers with more than {most_bytes} bytes.")
    return bytes(received)


def _joined(url: str, location: str) -> str:
    try:
        return urljoin(url, location)
    except ValueError:
        raise FetchUnavailable("It leads to what is no plain https:// address.") from None


def _parse(url: str) -> tuple[Place, str]:
    """Take an ``https`` URL apart. Raises ``FetchUnavailable`` for any other, and for one with a name or password."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port or PORT
    except ValueError:
        host, port, parts = None, 0, urlsplit("")
    plain = url.isascii() and url.isprintable() and " " not in url and len(url) <= _LONGEST_URL
    if not plain or parts.scheme != "https" or not host or "@" in parts.netloc:
        raise FetchUnavailable("It leads to what is no plain https:// address.")
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Place(host, port, host, parts.netloc), target


class _Pinned(HurriedBackend):
    """The network, for one question: whatever the name, it connects to these addresses and to no others."""

    def __init__(self, addresses: Sequence[IpAddress]) -> None:
        super().__init__()
        self._addresses = addresses

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        failed: httpcore.NetworkError | httpcore.TimeoutException = httpcore.ConnectError(host)
        for address in self._addresses:
            seconds = _MOST_TIME_TO_CONNECT if timeout is None else min(timeout, _MOST_TIME_TO_CONNECT)
            try:
                return super().connect_tcp(str(address), port, seconds, local_address, socket_options)
            except (httpcore.NetworkError, httpcore.TimeoutException) as error:
                failed = error
        raise failed
