"""The processes of the service: ``earnest api``, ``earnest bot``, ``earnest chain`` and ``earnest worker``."""

from __future__ import annotations

import signal
import threading
from types import FrameType

import click
import uvicorn

from api.main import create_app
from app.chain_loop import ChainLoop
from app.container import Container
from app.gatekeeper import Gatekeeper
from app.logs import set_up
from app.worker import make_worker
from bot.main import run as run_bot
from cli.context import container_of
from cli.local.valkey import start_valkey

_GRACE_SECONDS = 5


def _stop_on_signals() -> threading.Event:
    stop = threading.Event()

    def _ask_to_stop(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - the signal module's own signature
        stop.set()

    signal.signal(signal.SIGTERM, _ask_to_stop)
    signal.signal(signal.SIGINT, _ask_to_stop)
    return stop


def _begin(context: click.Context, process: str) -> Container:
    container = container_of(context)
    set_up(process=process, level=container.settings.log_level)
    return container


@click.command()
@click.pass_context
def api(context: click.Context) -> None:
    """Answer homeservers, pages and programs over HTTP."""
    container = _begin(context, "api")
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


@click.command()
@click.pass_context
def bot(context: click.Context) -> None:
    """Talk with people on Matrix."""
    run_bot(_begin(context, "bot"))


@click.command()
@click.pass_context
def chain(context: click.Context) -> None:
    """Follow the chain: read, book, react, and send what we owe it."""
    ChainLoop(_begin(context, "chain")).run(_stop_on_signals())


@click.command()
@click.pass_context
def worker(context: click.Context) -> None:
    """Do the regular rounds (due forfeits, expiries, retention); on an embedded Valkey unless a broker is set."""
    container = _begin(context, "worker")
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
