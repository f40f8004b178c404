"""``earnest api``: the process that answers over HTTP."""

from __future__ import annotations

import click
import uvicorn

from api.main import create_app
from app.gatekeeper import Gatekeeper
from cli.serving import begin

_GRACE_SECONDS = 5


@click.command()
@click.pass_context
def api(context: click.Context) -> None:
    """Answer homeservers, pages and programs over HTTP."""
    container = begin(context, "api")
    gatekeeper = Gatekeeper(container)
    gatekeeper.start()
    try:
        uvicorn.run(
            create_app(container, gatekeeper),
            host=container.settings.api_host,
            port=container.settings.api_port,
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=_GRACE_SECONDS,
        )
    finally:
        gatekeeper.stop()
