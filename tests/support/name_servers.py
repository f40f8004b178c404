"""A name server that says to the byte what a test wants, by UDP and by TCP."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from struct import pack, unpack_from
from typing import Final

import dns.resolver

from kit.names import Names

A, CNAME, AAAA, SRV = 1, 5, 28, 33
THE_NAME: Final = b"\xc0\x0c"
"""Points at the name that was asked for."""
Sender = tuple[str, int]
Manner = Callable[[bytes, Sender], Sequence[bytes]]
"""Gives the messages that are sent for one that came, and from whom."""


def wire_name(text: str) -> bytes:
    """A name as it stands in messages."""
    return b"".join(bytes((len(label),)) + label.encode() for label in text.split(".") if label) + b"\0"


def record(owner: bytes, kind: int, data: bytes, *, net: int = 1) -> bytes:
    """A record as it stands in an answer."""
    return owner + pack("!2HIH", kind, net, 0, len(data)) + data


def kind_of(question: bytes) -> int:
    """What a question is for."""
    kind: int = unpack_from("!H", question, len(question) - 4)[0]
    return kind


def answer(
    question: bytes, *records: bytes, flags: int = 0x8180, number: int | None = None, about: bytes = b""
) -> bytes:
    """An answer with these records; ``about`` another question than the one that was asked."""
    said = unpack_from("!H", question)[0] if number is None else number
    return pack("!6H", said, flags, 1, len(records), 0, 0) + (about or question[12:]) + b"".join(records)


def _on_one_port() -> tuple[socket.socket, socket.socket]:
    """A socket for UDP and one for TCP on one port: the first that nobody else has for either."""
    while True:
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        udp.bind(("127.0.0.1", 0))
        try:
            return udp, socket.create_server(udp.getsockname())
        except OSError:
            udp.close()


class LyingNameServer:
    """Listens on one port by UDP and TCP; ``asked`` are the questions, ``asked_by_tcp`` those that came so."""

    def __init__(self, manner: Manner, by_tcp: Manner | None = None) -> None:
        """Answer in this manner; by TCP in none, where none is given."""
        self._udp, self._tcp = _on_one_port()
        self._manner, self._by_tcp = manner, by_tcp
        self.asked: list[bytes] = []
        self.asked_by_tcp: list[bytes] = []
        for serve in (self._serve_udp, self._serve_tcp):
            threading.Thread(target=serve, daemon=True).start()

    def _serve_udp(self) -> None:
        with suppress(OSError):
            while True:
                question, sender = self._udp.recvfrom(4096)
                if not question:
                    return
                self.asked.append(question)
                for message in self._manner(question, sender):
                    self._udp.sendto(message, sender)

    def _serve_tcp(self) -> None:
        with suppress(OSError):
            while True:
                connection, sender = self._tcp.accept()
                with connection:
                    if self._by_tcp is None:
                        continue
                    question = connection.recv(4096)[2:]
                    self.asked_by_tcp.append(question)
                    for message in self._by_tcp(question, sender):
                        connection.sendall(message)

    @property
    def names(self) -> Names:
        """What looks names up here."""
        resolver = dns.resolver.Resolver(configure=False)
        resolver.nameservers, resolver.port = ["127.0.0.1"], self._udp.getsockname()[1]
        return Names(resolver)

    def close(self) -> None:
        """End."""
        for one in (self._udp, self._tcp):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()


@contextmanager
def lying(manner: Manner, by_tcp: Manner | None = None) -> Iterator[LyingNameServer]:
    """A name server with these manners, for the block."""
    made = LyingNameServer(manner, by_tcp)
    try:
        yield made
    finally:
        made.close()


def framed(message: bytes) -> bytes:
    """A message as TCP carries it."""
    return len(message).to_bytes(2, "big") + message
