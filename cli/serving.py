"""What the service's processes share: their container, their logs, and how they are asked to stop."""

from __future__ import annotations

import gc
import signal
import socket
import sys
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


_YOUNG, _YOUNGEST_ROUNDS, _MIDDLE_ROUNDS = 20_000, 20, 20
"""When Python looks for cycles among new objects, and after how many such rounds among older ones."""


_TURN_SECONDS = 0.0005


def settle() -> None:
    """Take what was loaded so far for permanent, and let threads take turns soon.

    With Python's own habits a quarter of a busy time goes into looking for cycles among the objects of libraries; and
    whoever has an answer of a server's waits 5 ms more for a thread that computes.
    """
    sys.setswitchinterval(_TURN_SECONDS)
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG, _YOUNGEST_ROUNDS, _MIDDLE_ROUNDS)


def shared_socket(host: str, port: int) -> socket.socket:
    """Return a socket on an address that other processes of ours listen on, too; the kernel deals out who answers."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    made.bind((host, port))
    return made


def begin(context: click.Context, process: str) -> Container:
    """Return the container of a process, whose log lines carry its name from now on."""
    container = container_of(context)
    set_up(process=process, level=container.settings.log_level)
    settle()
    return container
