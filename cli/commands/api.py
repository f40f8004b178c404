"""``earnest api``: the process that answers over HTTP."""

from __future__ import annotations

import sys

import click
import uvicorn

from api.main import create_app
from app.gatekeeper import Gatekeeper
from app.turning_away import TurningAway
from cli.context import told
from cli.serving import begin, shared_socket, stop_on_signals
from kit.errors import Conflict

_GRACE_SECONDS = 5
_NOT_STARTED = 3
_KEEP_ALIVE_SECONDS = 150
"""Longer than callers keep an idle connection (Synapse: 120 s): were we to close it first, the call that comes in that
moment would be lost, and an invite with it."""
_SWITCH_SECONDS = 0.0005
"""After how long a thread at work gives way; with Python's own 5 ms, what memory answers waits for what takes long."""


@click.command()
@click.option("--share-port", is_flag=True, help="Listen beside other processes that share the port, too.")
@click.pass_context
@told
def api(context: click.Context, *, share_port: bool) -> None:
    """Answer homeservers, pages and programs over HTTP; as many processes as you like may do so."""
    sys.setswitchinterval(_SWITCH_SECONDS)
    container = begin(context, "api")
    _ = container.fetcher  # settings of it that are wrong are said at once
    settings = container.settings
    try:
        sockets = [shared_socket(settings.api_host, settings.api_port)] if share_port else None
    except OSError as error:
        raise Conflict("port_taken", f"Port {settings.api_port} cannot be shared: {error.strerror}.") from None
    gatekeeper = Gatekeeper(container)
    gatekeeper.start()
    turning = TurningAway(container)
    turning.start()
    stop = stop_on_signals()  # what uvicorn was stopped by it raises anew: then our own handlers take it
    try:
        app = create_app(container, gatekeeper, turning)
        config = uvicorn.Config(
            app,
            host=settings.api_host,
            port=settings.api_port,
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=_GRACE_SECONDS,
            timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        )
        server = uvicorn.Server(config)
        # uvicorn tells the application that it ends after the last request did, which a stream would wait for.
        app.framework.state.streams.closing = lambda: server.should_exit
        if not stop.is_set():
            server.run(sockets=sockets)
    finally:
        turning.stop()
        gatekeeper.stop()
    if not server.started and not stop.is_set():
        raise SystemExit(_NOT_STARTED)
