"""``earnest api``: the process that answers over HTTP."""

from __future__ import annotations

import sys
from contextlib import suppress

import click
import uvicorn

from api.main import create_app
from app.gatekeeper import Gatekeeper
from cli.serving import begin

_GRACE_SECONDS = 5
_NOT_STARTED = 3
_KEEP_ALIVE_SECONDS = 150
"""Longer than callers keep an idle connection (Synapse: 120 s): were we to close it first, the call that comes in that
moment would be lost, and an invite with it."""
_SWITCH_SECONDS = 0.0005
"""After how long a thread at work gives way; with Python's own 5 ms, what memory answers waits for what takes long."""


@click.command()
@click.pass_context
def api(context: click.Context) -> None:
    """Answer homeservers, pages and programs over HTTP."""
    sys.setswitchinterval(_SWITCH_SECONDS)
    container = begin(context, "api")
    gatekeeper = Gatekeeper(container)
    gatekeeper.start()
    try:
        app = create_app(container, gatekeeper)
        config = uvicorn.Config(
            app,
            host=container.settings.api_host,
            port=container.settings.api_port,
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=_GRACE_SECONDS,
            timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        )
        server = uvicorn.Server(config)
        # uvicorn tells the application that it ends after the last request did, which a stream would wait for.
        app.framework.state.streams.closing = lambda: server.should_exit
        with suppress(KeyboardInterrupt):
            server.run()
        if not server.started:
            raise SystemExit(_NOT_STARTED)
    finally:
        gatekeeper.stop()
