"""Ports of the local world: which are free, and who holds one that is not."""

from __future__ import annotations

import http.client
import secrets
import socket
from pathlib import Path

from kit.errors import Conflict

LOOPBACK = "127.0.0.1"
"""The one address on which anything of the local world listens."""

_LISTENING = "0A"
_TIMEOUT = 5.0
_RANGE = range(20_000, 32_000)
_CHANCE = secrets.SystemRandom()


def is_free(port: int) -> bool:
    """Tell whether a server could listen on this port of the loopback address now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def status_of(port: int, path: str) -> int | None:
    """Return the HTTP status of a page on a loopback port, ``None`` where nobody serves. Cheap enough to ask often."""
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=_TIMEOUT)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def free_port() -> int:
    """Return a port that nobody listens on, by chance."""
    return free_ports(1)[0]


def free_ports(count: int) -> list[int]:
    """Return ``count`` different ports that nobody listens on, by chance.

    They lie below those that the machine gives to outgoing connections: a world that is kept finds them free again.
    """
    found: list[int] = []
    for port in _CHANCE.sample(_RANGE, len(_RANGE)):
        if is_free(port):
            found.append(port)
        if len(found) == count:
            return found
    raise Conflict("no_port_free", f"There are not {count} free ports between {_RANGE.start} and {_RANGE.stop}.")


def prefer(wanted: int | None, taken: set[int]) -> int:
    """Return ``wanted`` if it can be had and is not in ``taken``, else a free port; ``taken`` learns of it."""
    port = wanted if wanted is not None and wanted not in taken and is_free(wanted) else free_port()
    while port in taken:
        port = free_port()
    taken.add(port)
    return port


def holder_of(port: int) -> str | None:
    """Name the process that listens on a port, as ``python (process 123)``; ``None`` where we may not see it."""
    sockets = set()
    for table in (Path("/proc/net/tcp"), Path("/proc/net/tcp6")):
        for line in table.read_text(encoding="ascii").splitlines()[1:] if table.exists() else []:
            fields = line.split()
            if fields[3] == _LISTENING and int(fields[1].rpartition(":")[2], 16) == port:
                sockets.add(f"socket:[{fields[9]}]")
    if not sockets:
        return None
    for process in Path("/proc").iterdir():
        if process.name.isdigit() and _holds(process, sockets):
            return f"{(process / 'comm').read_text(encoding='utf-8').strip()} (process {process.name})"
    return None


def _holds(process: Path, sockets: set[str]) -> bool:
    try:
        return any(str(handle.readlink()) in sockets for handle in (process / "fd").iterdir())
    except OSError:  # somebody else's process, or one that has just ended
        return False
