"""The programs that the gate's benchmarks measure: the real ``earnest api``, and a peer that does nothing at all."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import uvicorn
from fastapi import FastAPI
from fastapi.responses import FileResponse
from pydantic import BaseModel

from benchmarks._world import World

PATH = "/api/1/spam_check/user_may_invite"
_ROOT = Path(__file__).resolve().parents[1]
_KEEP_ALIVE = 150


@dataclass(frozen=True, slots=True)
class Served:
    """A server under load."""

    process: subprocess.Popen[bytes]
    url: str

    @property
    def peak_megabytes(self) -> float:
        """The most memory that the process ever had."""
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="utf-8")
        found = re.search(r"VmHWM:\s+(\d+) kB", status)
        assert found, "Linux tells it"
        return int(found[1]) * 1024 / 1e6

    def metric(self, name: str, **labels: str) -> float:
        """Return the sum of a metric's samples that carry these labels."""
        wanted, total = [f'{label}="{value}"' for label, value in labels.items()], 0.0
        for line in httpx.get(f"{self.url}/metrics", timeout=30).text.splitlines():
            if re.match(rf"{name}(\{{|\s)", line) and all(label in line for label in wanted):
                total += float(line.rpartition(" ")[2])
        return total


@contextmanager
def gate(world: World, **settings: str) -> Iterator[Served]:
    """Run ``earnest api`` on a world, its memory warm."""
    port = free_port()
    environment = os.environ | {
        "EARNEST_DATA": str(world.folder),
        "EARNEST_API_PORT": str(port),
        "EARNEST_BOT_USER_ID": world.bot,
        "EARNEST_LOG_LEVEL": "ERROR",
        "EARNEST_CHAIN_ID": "31337",
        **settings,
    }
    command = [str(Path(sys.executable).with_name("earnest")), "api"]
    with _running(command, environment, f"http://127.0.0.1:{port}") as served:
        known, before = -1.0, -2.0
        while known != before or known < min(world.grants, 1):
            time.sleep(2.5)
            before, known = known, served.metric("earnest_gate_remembered")
        while world.lists and not served.metric("earnest_gate_guarded_rooms"):
            time.sleep(0.5)
        yield served


@contextmanager
def peer() -> Iterator[Served]:
    """Run an ``async def`` route with the gate's body model and nothing behind it."""
    port = free_port()
    command = [sys.executable, "-m", "benchmarks._serving", str(port)]
    with _running(command, dict(os.environ), f"http://127.0.0.1:{port}") as served:
        yield served


@contextmanager
def files(file: Path) -> Iterator[Served]:
    """Run a server of one file and nothing else, of the framework that ours is made with."""
    port = free_port()
    command = [sys.executable, "-m", "benchmarks._serving", str(port), str(file)]
    with _running(command, dict(os.environ), f"http://127.0.0.1:{port}") as served:
        yield served


@contextmanager
def _running(command: list[str], environment: dict[str, str], url: str) -> Iterator[Served]:
    process = subprocess.Popen(command, cwd=_ROOT, env=environment)
    try:
        while True:
            assert process.poll() is None, f"{command[0]} ended"
            try:
                httpx.get(f"{url}/health/live", timeout=5)
                break
            except httpx.HTTPError:
                time.sleep(0.1)
        yield Served(process, url)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class _Invite(BaseModel):
    inviter: str
    invitee: str
    room_id: str


def _serve_nothing(port: int) -> None:
    app = FastAPI()

    async def nothing(invite: _Invite) -> dict[str, str]:  # noqa: ARG001 - read as the gate reads it
        return {}

    nothing.__annotations__["invite"] = _Invite
    app.post(PATH)(nothing)

    async def nothing_of(mxid: str) -> dict[str, str]:  # noqa: ARG001 - read as the flair's route reads it
        return {}

    app.get("/v1/flair/{mxid:path}")(nothing_of)
    uvicorn.run(app, port=port, log_config=None, access_log=False, timeout_keep_alive=_KEEP_ALIVE)


def _serve_file(port: int, file: Path) -> None:
    app = FastAPI()

    async def served() -> FileResponse:
        return FileResponse(file)

    app.get("/file", response_class=FileResponse)(served)
    uvicorn.run(app, port=port, log_config=None, access_log=False, timeout_keep_alive=_KEEP_ALIVE)


if __name__ == "__main__":
    if sys.argv[2:]:
        _serve_file(int(sys.argv[1]), Path(sys.argv[2]))
    else:
        _serve_nothing(int(sys.argv[1]))
