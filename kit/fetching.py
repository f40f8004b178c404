"""Fetching: HTTP to wherever a stranger's URL leads, bounded in time and size, and never into our own network.

Names are looked up here, once for each question, and the connection goes to the very address that was judged: whoever
answers otherwise a moment later (DNS rebinding) gains nothing. Redirects are answers like any other, proxies of the
environment are not heard, nothing is kept open. Certificates are checked for the name in the URL.
"""

from __future__ import annotations

import ipaddress
import queue
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

import httpcore

from kit.errors import Forbidden, Invalid, PeerUnavailable
from kit.hurry import HurriedBackend

TIMEOUT: Final = 10.0
"""Seconds that one question may take in all, from looking up the name to the last byte."""
MOST_BYTES: Final = 64 * 1024
"""The largest answer that is read, unless whoever asks says otherwise."""
LONGEST_URL: Final = 2_000

_LEAST_PORT: Final = 1024
_WEB_PORTS: Final = frozenset({80, 443})
_MOST_ADDRESSES: Final = 4
_MOST_LOOKUPS: Final = 16
_GLOBAL_V6: Final = ipaddress.IPv6Network("2000::/3")
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")

Resolve = Callable[[str, int], Sequence[str]]
"""Looks a name up: numeric addresses. Raises ``OSError`` where there are none."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """An answer: names of headers in lower case; ``whole`` is ``False`` where only its first bytes were read."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    whole: bool


def is_public(address: str) -> bool:
    """Tell whether a numeric address is one of the public internet, whatever it is wrapped in."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv6Address):
        if found in _NAT64:  # how a network without IPv4 reaches it
            found = ipaddress.IPv4Address(int(found) & 0xFFFF_FFFF)
        elif found not in _GLOBAL_V6 or found.sixtofour is not None or found.teredo is not None:
            return False  # mapped ones, too: nobody needs them
    shut = found.is_multicast or found.is_reserved or found.is_unspecified or found.is_loopback or found.is_link_local
    return found.is_global and not shut


class Fetcher:
    """Asks servers of which we know nothing but a URL. Safe to use from several threads.

    ``allow_private``: for a local world alone; private addresses and plain http are allowed then. ``ca_file``: whom to
    believe about certificates, in place of the public authorities.
    """

    def __init__(
        self,
        *,
        allow_private: bool = False,
        timeout: float = TIMEOUT,
        ca_file: Path | None = None,
        resolve: Resolve | None = None,
    ) -> None:
        """Ask with these bounds."""
        self._allow_private = allow_private
        self._timeout = timeout
        self._ca_file = ca_file
        self._guard = _Guard(resolve or _look_up, allow_private=allow_private)

    def check(self, url: str) -> None:
        """Refuse what would never be asked, without asking anybody; names are judged when they are looked up.

        Raises ``Invalid`` for what is no URL of the kind we take, ``Forbidden`` for an address that is not public.
        """
        _, host, _ = self._parse(url)
        try:
            ipaddress.ip_address(host)
        except ValueError:
            return
        self._guard.judge([host])

    def get(self, url: str, *, headers: Mapping[str, str] | None = None, most_bytes: int = MOST_BYTES) -> Fetched:
        """Return what stands there, whatever its status. What is longer than ``most_bytes`` counts as no answer.

        Raises as ``check`` does, and ``PeerUnavailable`` where there is no answer in time.
        """
        fetched = self._ask(b"GET", url, headers or {}, b"", most_bytes)
        if not fetched.whole:
            raise _no_answer("too_large", f"more than {most_bytes} bytes")
        return fetched

    def post(
        self, url: str, body: bytes, *, headers: Mapping[str, str] | None = None, most_bytes: int = MOST_BYTES
    ) -> Fetched:
        """Hand something over and return the answer, whatever its status; of a long one its first bytes.

        Raises as ``get`` does.
        """
        return self._ask(b"POST", url, headers or {}, body, most_bytes)

    # --------------------------------------------------------------------------------------------------- within

    @cached_property
    def _ssl(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self._ca_file) if self._ca_file else httpcore.default_ssl_context()

    def _parse(self, url: str) -> tuple[SplitResult, str, int]:
        found = _split(url)
        if found is None:
            raise Invalid("url_malformed", "That is no address of a page: no spaces, no name and password, no '#'.")
        parts, host, port = found
        if parts.scheme != "https" and not (parts.scheme == "http" and self._allow_private):
            raise Invalid("url_not_https", "Such an address begins with https://.")
        port = port or (443 if parts.scheme == "https" else 80)
        if port not in _WEB_PORTS and port < _LEAST_PORT and not self._allow_private:
            raise Invalid("url_port", "The port of such an address is 443, or above 1023.")
        return parts, host, port

    def _ask(self, method: bytes, url: str, headers: Mapping[str, str], body: bytes, most_bytes: int) -> Fetched:
        parts, host, port = self._parse(url)
        given = [(name.encode("ascii"), value.encode("latin-1")) for name, value in headers.items()]
        all_headers = [
            (b"Host", parts.netloc.encode()),
            (b"User-Agent", b"earnest"),
            (b"Accept-Encoding", b"identity"),  # an answer that unfolds has no bound
            *given,
            *([(b"Content-Length", str(len(body)).encode())] if method == b"POST" else []),
        ]
        target = (parts.path or "/").encode() + (b"?" + parts.query.encode() if parts.query else b"")
        place = httpcore.URL(scheme=parts.scheme.encode(), host=host.encode(), port=port, target=target)
        timeouts = dict.fromkeys(("connect", "read", "write", "pool"), self._timeout)
        context = self._ssl if parts.scheme == "https" else None
        try:
            with (
                self._guard.until(time.monotonic() + self._timeout),
                httpcore.HTTPConnection(place.origin, ssl_context=context, network_backend=self._guard) as connection,
                connection.stream(
                    method, place, headers=all_headers, content=body, extensions={"timeout": timeouts}
                ) as response,
            ):
                return _read(response, most_bytes)
        except (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError, OSError) as error:
            # Not chained: the frames of the library's error hold the URL, where secrets of its owner may stand.
            raise _why(error) from None


def _split(url: str) -> tuple[SplitResult, str, int | None] | None:
    if len(url) > LONGEST_URL or not url.isascii() or not url.isprintable() or " " in url:
        return None
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
        if not host or "@" in parts.netloc or parts.fragment:
            return None
        host.encode("idna")  # what no resolver could take would fail there as something else
    except ValueError:
        return None
    return parts, host, port


def _read(response: httpcore.Response, most_bytes: int) -> Fetched:
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}
    received, whole = bytearray(), True
    if headers.get("content-encoding", "identity") != "identity":
        whole = False
    else:
        for chunk in response.iter_stream():
            received += chunk
            if len(received) > most_bytes:
                whole = False
                break
    return Fetched(response.status, headers, bytes(received[:most_bytes]), whole)


def _why(error: Exception) -> PeerUnavailable:
    """Say in one word what went wrong: for its owner, so without a word of what the other side said."""
    if isinstance(error, httpcore.TimeoutException):
        return _no_answer("too_slow", "not in time")
    if isinstance(error.__cause__, ssl.SSLError) or isinstance(error, ssl.SSLError):
        return _no_answer("certificate_wrong", "its certificate is not good for that name")
    if isinstance(error, socket.gaierror):
        return _no_answer("name_unknown", "nobody knows its name")
    if isinstance(error, httpcore.ProtocolError):
        return _no_answer("nonsense", "it does not speak HTTP")
    return _no_answer("no_connection", "it takes no connection")


def _no_answer(code: str, what: str) -> PeerUnavailable:
    return PeerUnavailable(code, f"The other server did not answer: {what}.")


class _Guard(HurriedBackend):
    """The network beyond our own: looks names up itself and connects to the addresses that it judged."""

    def __init__(self, resolve: Resolve, *, allow_private: bool) -> None:
        super().__init__()
        self._resolve = resolve
        self._allow_private = allow_private
        self._lookups = threading.BoundedSemaphore(_MOST_LOOKUPS)

    def judge(self, addresses: Sequence[str]) -> list[str]:
        """Return those that may be connected to. Raises ``Forbidden`` where there are none."""
        allowed = [one for one in addresses if self._allow_private or is_public(one)]
        if not allowed:
            raise Forbidden("address_private", "That name does not lead to a public address.")
        return allowed[:_MOST_ADDRESSES]

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        failed: Exception | None = None
        addresses = self.judge(self._addresses(host, port))
        for tried, address in enumerate(addresses):
            left = self.left(timeout)
            share = (
                None if left is None else left / (len(addresses) - tried)
            )  # one that is silent leaves time to others
            try:
                return super().connect_tcp(address, port, share, local_address, socket_options)
            except (httpcore.NetworkError, httpcore.ConnectTimeout, OSError) as error:
                failed = error
        raise failed or httpcore.ConnectError

    def _addresses(self, host: str, port: int) -> Sequence[str]:
        """Look a name up in a thread: the system's own look-up knows no deadline."""
        try:
            ipaddress.ip_address(host)
        except ValueError:
            pass
        else:
            return [host]
        if not self._lookups.acquire(timeout=self.left(None)):
            raise httpcore.ConnectTimeout
        found: queue.SimpleQueue[Sequence[str] | OSError] = queue.SimpleQueue()

        def look() -> None:
            try:
                found.put(self._resolve(host, port))
            except OSError as error:
                found.put(error)
            except UnicodeError:
                found.put(socket.gaierror())
            finally:
                self._lookups.release()

        threading.Thread(target=look, name="look-up", daemon=True).start()
        try:
            result = found.get(timeout=self.left(None))
        except queue.Empty:
            raise httpcore.ConnectTimeout from None
        if isinstance(result, OSError):
            raise result
        return result


def _look_up(host: str, port: int) -> list[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(place[4][0]) for place in found))
