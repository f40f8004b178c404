"""``earnest worker``: the process that does the regular rounds."""

from __future__ import annotations

import click

from app.worker import make_worker
from cli.local.valkey import start_valkey
from cli.serving import begin


@click.command()
@click.pass_context
def worker(context: click.Context) -> None:
    """Do the regular rounds (due forfeits, expiries, retention); on an embedded Valkey unless a broker is set."""
    container = begin(context, "worker")
    url = container.settings.broker_url
    embedded = None
    if url is None:
        embedded = start_valkey(container.settings.data / "valkey")
        url = embedded.url
    try:
        application = make_worker(container, url)
        schedule = container.settings.data / "celery-beat"
        application.Worker(pool="solo", beat=True, schedule=str(schedule), loglevel="WARNING").start()
    finally:
        if embedded is not None:
            embedded.stop()
