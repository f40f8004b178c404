"""Exchanges: HTTP/1.1 with one server, at addresses that were chosen before, by one connection and one deadline.

``h11`` says what the bytes mean; what is here moves them. Time-outs alone would start anew with every byte.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import h11

from kit.errors import PeerUnavailable
from kit.internet import IpAddress

_LARGEST_HEAD: Final = 100 * 1024
_MOST_TIME_TO_CONNECT: Final = 3.0
_MOST_BEFORE: Final = 20
"""Answers with a status below 200 that may come before the real one."""
_READ_BYTES: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class Said:
    """An answer: names of headers in lower case; ``whole`` is ``False`` where only its first bytes were read."""

    status: int
    headers: dict[str, str]
    body: bytes
    whole: bool


class Line:
    """An open connection; made by ``open_line``."""

    def __init__(self, connection: socket.socket, address: IpAddress, until: float) -> None:
        """Speak by ``connection`` until then (monotonic seconds)."""
        self.address = address
        self._connection = connection
        self._until = until
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=_LARGEST_HEAD)

    @property
    def is_good_for_more(self) -> bool:
        """Whether it may be asked once more."""
        return self._http.our_state is h11.DONE and self._http.their_state is h11.DONE

    @cached_property
    def certificate_until(self) -> int | None:
        """When the certificate ends that was shown, in Unix seconds."""
        shown = self._connection.getpeercert() if isinstance(self._connection, ssl.SSLSocket) else None
        return None if not shown else int(ssl.cert_time_to_seconds(str(shown["notAfter"])))

    def ask(
        self, method: bytes, target: bytes, headers: Sequence[tuple[bytes, bytes]], body: bytes, most_bytes: int
    ) -> Said:
        """Ask, and read at most so many bytes of the answer's body. Raises as ``open_line``."""
        return self._read(self.begin(method, target, headers, body), most_bytes)

    def begin(
        self, method: bytes, target: bytes, headers: Sequence[tuple[bytes, bytes]], body: bytes = b""
    ) -> h11.Response:
        """Ask, and return how the answer begins. Raises as ``open_line``."""
        if self._http.our_state is h11.DONE:
            self._http.start_next_cycle()
        sent = self._http.send(h11.Request(method=method, target=target, headers=list(headers))) or b""
        sent += (self._http.send(h11.Data(body)) or b"") if body else b""
        self._send(sent + (self._http.send(h11.EndOfMessage()) or b""))
        for _ in range(_MOST_BEFORE):
            event = self._next()
            if isinstance(event, h11.Response):
                return event
        message = "it never comes to the point"
        raise h11.RemoteProtocolError(message)

    def part(self) -> bytes:
        """Return the next part of the answer's body, empty at its end. Raises ``OSError`` and ``h11.ProtocolError``."""
        if self._http.their_state is not h11.SEND_BODY:
            return b""
        event = self._next()
        return bytes(event.data) if isinstance(event, h11.Data) else b""

    def hurry(self, until: float) -> None:
        """Let what comes now be over by then (monotonic seconds)."""
        self._until = until

    def _read(self, response: h11.Response, most_bytes: int) -> Said:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in response.headers}
        received, whole = bytearray(), True
        if headers.get("content-encoding", "identity").lower() != "identity":
            whole = False
        while whole and isinstance(event := self._next(), h11.Data):
            received += event.data
            whole = len(received) <= most_bytes
        return Said(response.status_code, headers, bytes(received[:most_bytes]), whole)

    def _next(self) -> type[h11.NEED_DATA | h11.PAUSED] | h11.Event:
        """Return what comes next."""
        while (event := self._http.next_event()) is h11.NEED_DATA:
            self._wait()
            self._http.receive_data(self._connection.recv(_READ_BYTES))
        return event

    def _send(self, data: bytes) -> None:
        """Send; who takes no more may have answered already."""
        try:
            while data:
                self._wait()
                data = data[self._connection.send(data) :]
        except TimeoutError:
            raise
        except OSError:
            return

    def _wait(self) -> None:
        self._connection.settimeout(_left(self._until))


@contextmanager
def open_line(
    addresses: Sequence[IpAddress], port: int, name: str, trust: ssl.SSLContext | None, *, until: float
) -> Iterator[Line]:
    """Connect to the first of some addresses that takes it; over TLS with ``trust``, as ``name``, which it must show.

    Raises ``PeerUnavailable`` with the reason in one word, also for what goes wrong in the block: it is for its owner,
    so it has no word of what the other side said, and no cause either, whose frames hold what was asked for.
    """
    opened = False
    try:
        connection, address = _connected(addresses, port, until)
        with connection:
            if trust is None:
                opened = True
                yield Line(connection, address, until)
                return
            connection.settimeout(_left(until))
            with trust.wrap_socket(connection, server_hostname=name) as covered:
                opened = True
                yield Line(covered, address, until)
    except (OSError, h11.ProtocolError, ValueError) as error:
        raise why(error, opened=opened) from None


def no_answer(code: str, what: str) -> PeerUnavailable:
    """Return the error that says so."""
    return PeerUnavailable(code, f"The other server did not answer: {what}.")


def _connected(addresses: Sequence[IpAddress], port: int, until: float) -> tuple[socket.socket, IpAddress]:
    failed: OSError = ConnectionError()
    for tried, address in enumerate(addresses):
        # One that is silent leaves time to others.
        seconds = min(_MOST_TIME_TO_CONNECT, _left(until) / (len(addresses) - tried))
        made = socket.socket(socket.AF_INET if address.version == 4 else socket.AF_INET6)  # noqa: PLR2004 - of IP
        try:
            made.settimeout(seconds)
            made.connect((str(address), port))
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError as error:
            made.close()
            failed = error
        else:
            return made, address
    raise failed


def _left(until: float) -> float:
    left = until - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def why(error: Exception, *, opened: bool) -> PeerUnavailable:
    """Say in one word what went wrong; ``opened``: there was a connection."""
    if isinstance(error, TimeoutError):
        return no_answer("too_slow", "not in time")
    if isinstance(error, ssl.SSLError):
        return no_answer("certificate_wrong", "its certificate is not good for that name")
    if isinstance(error, h11.ProtocolError):
        return no_answer("nonsense", "it does not speak HTTP")
    if opened and isinstance(error, OSError):
        return no_answer("cut_off", "it broke off")
    return no_answer("no_connection", "it takes no connection")
