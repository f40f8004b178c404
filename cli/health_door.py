"""The health door: a small HTTP server on which a process without pages says how it is, and hands out its metrics."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from socketserver import ThreadingMixIn
from typing import TYPE_CHECKING
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import structlog
from prometheus_client import make_wsgi_app

from app.health import Vitals

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

LOG = structlog.get_logger(__name__)

_PATIENCE_SECONDS = 10
_Application = Callable[["WSGIEnvironment", "StartResponse"], Iterable[bytes]]


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Handler(WSGIRequestHandler):
    timeout = _PATIENCE_SECONDS

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's own name
        """Log nothing: what is asked every few seconds would drown the rest."""


@contextmanager
def health_door(vitals: Vitals, host: str, port: int) -> Iterator[int | None]:
    """Answer ``/health/live``, ``/health/ready`` and ``/metrics`` during the block; the port, ``None`` where none.

    ``port`` 0 means no door. A port that is taken is no reason not to do the work: it is logged.
    """
    server = _open(vitals, host, port) if port else None
    if server is None:
        yield None
        return
    thread = threading.Thread(target=server.serve_forever, name="health-door", daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _open(vitals: Vitals, host: str, port: int) -> WSGIServer | None:
    try:
        return make_server(host, port, _application(vitals), server_class=_Server, handler_class=_Handler)
    except OSError as error:
        LOG.warning("health_door_closed", host=host, port=port, reason=error.strerror)
        return None


def _application(vitals: Vitals) -> _Application:
    metrics: _Application = make_wsgi_app()

    def answer(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if path == "/metrics":
            return metrics(environ, start)
        if path == "/health/live":
            return _json(start, "200 OK", {"status": "alive"})
        if path in ("/health", "/health/ready"):
            found = vitals.examine()
            status = "503 Service Unavailable" if found.status == "not_ready" else "200 OK"
            return _json(start, status, found.document())
        return _json(start, "404 Not Found", {"status": "unknown"})

    return answer


def _json(start: StartResponse, status: str, body: object) -> list[bytes]:
    start(status, [("Content-Type", "application/json"), ("Cache-Control", "no-store")])
    return [json.dumps(body).encode()]
