"""A receiver: a real HTTP server on the loopback that keeps what it is sent, and answers as a test says."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx


@dataclass(frozen=True, slots=True)
class Received:
    """One request: names of headers in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """Where it is, what it was sent, and what it does: ``manner`` answers a request; 204 where there is none."""

    url: str
    got: list[Received] = field(default_factory=list)
    manner: Callable[[BaseHTTPRequestHandler, Received], None] | None = None
    stopping: threading.Event = field(default_factory=threading.Event)
    """Set when the test is over: whoever dawdles stops then."""
    news: threading.Condition = field(default_factory=threading.Condition)

    def wait_for(self, count: int) -> list[Received]:
        """Wait until so many requests came in; return all of them."""
        with self.news:
            self.news.wait_for(lambda: len(self.got) >= count)
            return list(self.got)


def answer(handler: BaseHTTPRequestHandler, status: int, body: bytes = b"", **headers: str) -> None:
    """Send one whole answer."""
    handler.send_response(status)
    for name, value in {"Content-Length": str(len(body)), **headers}.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    if handler.command != "HEAD":
        handler.wfile.write(body)


@contextmanager
def a_receiver(certificate: Callable[[ssl.SSLContext], None] | None = None) -> Iterator[Receiver]:
    """Run one for the block; ``certificate`` puts a certificate into the context that it is given."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            headers = {name.lower(): value for name, value in self.headers.items()}
            got = Received(self.command, self.path, headers, body)
            with receiver.news:
                receiver.got.append(got)
                receiver.news.notify_all()
            with suppress(BrokenPipeError, ConnectionResetError, ssl.SSLError):
                if receiver.manner is None:
                    answer(self, 204)
                else:
                    receiver.manner(self, got)
            self.close_connection = True

        def do_GET(self) -> None:
            self.do_POST()

        def do_HEAD(self) -> None:
            self.do_POST()

        def do_PUT(self) -> None:
            self.do_POST()

        def handle_one_request(self) -> None:
            with suppress(OSError):  # the asker had enough
                super().handle_one_request()
                return
            self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = False
    scheme = "http"
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate(context)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        scheme = "https"
    receiver = Receiver(f"{scheme}://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, name="receiver", kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield receiver
    finally:
        receiver.stopping.set()
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def between(url: str, change: Callable[[str, dict[str, Any]], None]) -> Iterator[str]:
    """Stand between a client and a homeserver for the block; ``change`` may alter the JSON of an answer to a path."""

    def hand_on(handler: BaseHTTPRequestHandler, got: Received) -> None:
        headers = {name: text for name, text in got.headers.items() if name in {"authorization", "content-type"}}
        asked = httpx.request(got.method, url + got.path, content=got.body, headers=headers, timeout=90)
        body = asked.json()
        if asked.is_success:
            change(got.path.partition("?")[0], body)
        answer(
            handler, asked.status_code, json.dumps(body).encode(), Content_Type="application/json", Connection="close"
        )

    with a_receiver() as receiver:
        receiver.manner = hand_on
        yield receiver.url
