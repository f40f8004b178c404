"""How many admits a second the gate's real route gives, beside an ``async def`` route that does nothing at all."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import socket
import statistics
import tempfile
import time
from collections.abc import Mapping
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel

from api.main import create_app
from app.container import KEY_ROLES, Container
from app.gatekeeper import Gatekeeper
from app.settings import Settings
from cli.migrations import upgrade
from contracts.chain import Deployment
from contracts.deployment import write_deployment
from contracts.signers import create_key
from kit.amounts import Amount
from kit.identifiers import Address, parse_server_name, parse_user_id

_ROUNDS = 5
_REQUESTS = 3_000
_CONNECTIONS = 16
_DOORS = 1_000
_PATIENCE = 600
_PATH = "/api/1/spam_check/user_may_invite"


class _Invite(BaseModel):
    inviter: str
    invitee: str
    room_id: str


def gate_overhead() -> Mapping[str, Any]:
    """Admits per second through the whole application, for pairs that stay admitted."""
    with tempfile.TemporaryDirectory() as folder:
        container, bearer = _world(Path(folder))
        spawn = multiprocessing.get_context("spawn")
        stop = spawn.Event()
        ports = _free_port(), _free_port()
        servers = [
            spawn.Process(target=_serve_gate, args=(folder, ports[0], stop), daemon=True),
            spawn.Process(target=_serve_bare, args=(ports[1], stop), daemon=True),
        ]
        for server in servers:
            server.start()
        try:
            requests = [_request(bearer, index) for index in range(_DOORS)]
            for port in ports:
                asyncio.run(_load(port, requests, _DOORS))  # warms both; the gate remembers every pair
            rounds = [tuple(asyncio.run(_load(port, requests, _REQUESTS)) for port in ports) for _ in range(_ROUNDS)]
        finally:
            stop.set()
            for server in servers:
                server.join()
        container.close()
    return {
        "value": round(statistics.median(gate for gate, _ in rounds)),
        "unit": "admits/s",
        "better": "higher",
        "peers": {"an async route that does nothing": round(statistics.median(bare for _, bare in rounds))},
    }


def _world(folder: Path) -> tuple[Container, str]:
    settings = Settings(data=folder, keystore_password="a benchmark's", bot_user_id="@earnest:bench.example")  # type: ignore[arg-type]  # noqa: S106
    for role in KEY_ROLES:
        create_key(settings.keystore(), role, "a benchmark's", kdf_work=2)
    write_deployment(folder / "deployment.json", Deployment(31337, Address(b"\x11" * 20), Address(b"\x22" * 20), 0))
    upgrade(settings.database())
    container = Container(settings)
    with container.work() as work:
        bearer = work.tenants.add(parse_server_name("bench.example"))
        for index in range(_DOORS):
            alice = work.people.number(parse_user_id(f"@alice{index}:bench.example"))
            work.doors.ask(alice, stake=Amount(5 * 10**18))
            work.doors.exempt(alice, work.people.number(parse_user_id(f"@bob{index}:bench.example")))
    return container, bearer


def _serve_gate(folder: str, port: int, stop: Event) -> None:
    container = Container(Settings(data=Path(folder), bot_user_id="@earnest:bench.example"))
    gatekeeper = Gatekeeper(container)
    gatekeeper.start()
    _serve(create_app(container, gatekeeper), port, stop)
    gatekeeper.stop()
    container.close()


def _serve_bare(port: int, stop: Event) -> None:
    app = FastAPI()

    async def bare(invite: _Invite) -> dict[str, str]:  # noqa: ARG001 - read as the gate reads it
        return {}

    bare.__annotations__["invite"] = _Invite
    app.post(_PATH)(bare)
    _serve(app, port, stop)


def _serve(app: FastAPI, port: int, stop: Event) -> None:
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="error", access_log=False))

    async def until_stopped() -> None:
        running = asyncio.create_task(server.serve())
        await asyncio.to_thread(stop.wait)
        server.should_exit = True
        await running

    asyncio.run(until_stopped())


def _request(bearer: str, index: int) -> bytes:
    body = json.dumps(
        {
            "inviter": f"@bob{index}:bench.example",
            "invitee": f"@alice{index}:bench.example",
            "room_id": f"!room{index}:bench.example",
        }
    ).encode()
    head = (
        f"POST {_PATH} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {bearer}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def _load(port: int, requests: list[bytes], total: int) -> float:
    """Send ``total`` requests over 16 kept connections; return how many were answered 200 a second."""
    share = total // _CONNECTIONS
    begun = time.perf_counter()
    await asyncio.gather(*(_connection(port, requests, start, share) for start in range(_CONNECTIONS)))
    return share * _CONNECTIONS / (time.perf_counter() - begun)


async def _connection(port: int, requests: list[bytes], start: int, share: int) -> None:
    reader, writer = await _connected(port)
    for number in range(share):
        writer.write(requests[(start + number * _CONNECTIONS) % len(requests)])
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), head
        length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length"))
        await reader.readexactly(int(length.partition(b":")[2]))
    writer.close()
    await writer.wait_closed()


async def _connected(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    for _ in range(_PATIENCE):
        try:
            return await asyncio.open_connection("127.0.0.1", port)
        except ConnectionRefusedError:
            await asyncio.sleep(0.1)
    raise SystemExit("bench: a server did not start")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


BENCHMARKS = {"gate_overhead": gate_overhead}
