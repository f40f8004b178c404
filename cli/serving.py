"""What the service's processes share: their container, their logs, and how they are asked to stop."""

from __future__ import annotations

import signal
import threading
from types import FrameType

import click

from app.container import Container
from app.logs import set_up
from cli.context import container_of


def stop_on_signals() -> threading.Event:
    """Return an event that SIGTERM and SIGINT set."""
    stop = threading.Event()

    def _ask_to_stop(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - the signal module's own signature
        stop.set()

    signal.signal(signal.SIGTERM, _ask_to_stop)
    signal.signal(signal.SIGINT, _ask_to_stop)
    return stop


def begin(context: click.Context, process: str) -> Container:
    """Return the container of a process, whose log lines carry its name from now on."""
    container = container_of(context)
    set_up(process=process, level=container.settings.log_level)
    return container
