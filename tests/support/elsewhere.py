"""Places elsewhere, on loopback addresses of their own: name servers and HTTPS servers that answer as a test wants.

All of 127.0.0.0/8 is this machine. Tests let 127.80.0.0/12 stand for the public internet (``PUBLIC``), by the very
setting with which an operator opens a network of their own; 127.0.0.1 and the rest stay private.
"""

from __future__ import annotations

import ipaddress
import json
import secrets
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.resolver
import dns.rrset
import pytest
import trustme

from kit.fetching import Fetched, Fetcher, Place
from kit.names import Names

PUBLIC: Final = ipaddress.ip_network("127.80.0.0/12")
"""What stands for the public internet."""
Answer = Callable[[ssl.SSLSocket, bytes], None]
"""Answers one request: the connection, and the request's head."""


def an_address() -> str:
    """A loopback address that nobody else is likely to use, of those that stand for public ones."""
    return f"127.{80 + secrets.randbelow(16)}.{secrets.randbelow(256)}.{1 + secrets.randbelow(254)}"


def says(body: bytes | dict[str, Any], *, status: int = 200, headers: Sequence[str] = ()) -> Answer:
    """Answer plainly."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    head = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(content)}", "Connection: close", *headers]

    def answer(connection: ssl.SSLSocket, _: bytes) -> None:
        connection.sendall("\r\n".join([*head, "", ""]).encode() + content)

    return answer


class Server(threading.Thread):
    """An HTTPS server on one address; ``heard`` are the heads of the requests, ``reached`` counts connections."""

    def __init__(self, context: ssl.SSLContext | None, address: str, port: int = 0) -> None:
        """Listen; ``context=None`` accepts and never says a word."""
        super().__init__(name="elsewhere", daemon=True)
        self._context = context
        self._listener = socket.create_server((address, port))
        self.address, self.port = self._listener.getsockname()
        self.answers: dict[str, Answer] = {}
        self.heard: list[str] = []
        self.reached = 0
        self._open: list[socket.socket] = []
        self.start()

    def run(self) -> None:
        """Accept until closed."""
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.reached += 1
            self._open.append(connection)
            if self._context is not None:
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, plain: socket.socket) -> None:
        assert self._context is not None
        with suppress(OSError), self._context.wrap_socket(plain, server_side=True) as connection:
            head = b""
            while b"\r\n\r\n" not in head and (more := connection.recv(4096)):
                head += more
            self.heard.append(head.decode())
            path = head.split(b" ", 2)[1].decode() if head else ""
            self.answers.get(path.partition("?")[0], says(b"", status=404))(connection, head)

    def close(self) -> None:
        """End."""
        for one in (self._listener, *self._open):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()


class NameServer(threading.Thread):
    """A name server over UDP: ``records[name, type]`` are texts as in a zone file, or a function that gives them.

    A function that gives ``None`` lets it say nothing.
    """

    def __init__(self) -> None:
        """Listen."""
        super().__init__(name="names", daemon=True)
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.records: dict[tuple[str, str], list[str] | Callable[[], list[str] | None]] = {}
        self.asked: list[tuple[str, str]] = []
        self.start()

    def run(self) -> None:
        """Answer until closed."""
        while True:
            try:
                wire, sender = self._socket.recvfrom(4096)
            except OSError:
                return
            if not wire:
                return
            question = dns.message.from_wire(wire)
            (wanted,) = question.question
            key = (wanted.name.to_text(omit_final_dot=True), dns.rdatatype.to_text(wanted.rdtype))
            self.asked.append(key)
            found = self.records.get(key, [])
            texts = found() if callable(found) else found
            if texts is None:
                continue
            answer = dns.message.make_response(question)
            answer.flags |= dns.flags.RA
            if texts:
                answer.answer.append(dns.rrset.from_text(wanted.name, 0, "IN", key[1], *texts))
            elif not any(name == key[0] for name, _ in self.records):
                answer.set_rcode(dns.rcode.NXDOMAIN)
            with suppress(OSError):
                self._socket.sendto(answer.to_wire(), sender)

    @property
    def names(self) -> Names:
        """What looks names up here."""
        resolver = dns.resolver.Resolver(configure=False)
        resolver.nameservers = ["127.0.0.1"]
        resolver.port = self._socket.getsockname()[1]
        return Names(resolver)

    def close(self) -> None:
        """End."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


@dataclass
class Elsewhere:
    """The internet, as far as a test makes it."""

    folder: Path
    authority: trustme.CA = field(default_factory=trustme.CA)
    dns: NameServer = field(default_factory=NameServer)
    _servers: list[Server] = field(default_factory=list)

    @property
    def authority_file(self) -> Path:
        """The authority that vouches for everybody here."""
        file = self.folder / "elsewhere.pem"
        self.authority.cert_pem.write_to_path(str(file))
        return file

    def server(
        self, *names: str, address: str | None = None, port: int = 0, authority: trustme.CA | None = None
    ) -> Server:
        """A server whose certificate is for ``names`` and its address."""
        where = address or an_address()
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        (authority or self.authority).issue_cert(*names, where).configure_cert(context)
        return self._kept(Server(context, where, port))

    def silent(self, *, address: str | None = None) -> Server:
        """A server that takes connections and says nothing."""
        return self._kept(Server(None, address or an_address()))

    def _kept(self, server: Server) -> Server:
        self._servers.append(server)
        return server

    def fetcher(self, **options: Any) -> Fetcher:  # noqa: ANN401 - as the fetcher has them
        """A fetcher that finds these names, and takes ``PUBLIC`` for public."""
        usual = {"names": self.dns.names, "private": [PUBLIC], "authority": self.authority_file}
        return Fetcher(**{**usual, **options})

    def ask(self, server: Server, *, seconds: float = 20.0, most_bytes: int = 10_000) -> Fetched:
        """What ``server`` answers for ``/it``, asked as ``far.example``."""
        place = Place("far.example", server.port, "far.example", f"far.example:{server.port}")
        return self.fetcher().ask(place, "/it", until=time.monotonic() + seconds, most_bytes=most_bytes)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.dns.close()
        for server in self._servers:
            server.close()


@contextmanager
def somewhere(folder: Path) -> Iterator[Elsewhere]:
    """An internet of one's own for the block."""
    with Elsewhere(folder) as made:
        yield made


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Elsewhere]:
    """An internet of this test's own."""
    with somewhere(tmp_path) as made:
        yield made


@pytest.fixture
def far(elsewhere: Elsewhere) -> Server:
    """A server that is found as ``far.example``."""
    server = elsewhere.server("far.example")
    elsewhere.dns.records["far.example", "A"] = [server.address]
    return server


@pytest.fixture
def inside(elsewhere: Elsewhere) -> Server:
    """A server on an address that is not public, and names for it that a stranger made."""
    elsewhere.dns.records["inside.example", "A"] = ["127.0.0.1"]
    elsewhere.dns.records["mapped.example", "AAAA"] = ["::ffff:127.0.0.1"]
    return elsewhere.server("inside.example", "localhost", address="127.0.0.1")
