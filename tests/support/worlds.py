"""A local world for tests: all of Earnest, running, on free ports, in a folder of its own.

Fixture ``world``: one for a file of tests; whoever changes its settings or its tenants takes that back.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest

from cli.local import synapse
from cli.local.plan import PASSING, new_plan, write_plan
from cli.local.world import World
from kit.clock import system_clock
from kit.identifiers import parse_server_name
from reputation.tenants import Tenants


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One running world for the tests of a file: idle, it would take a quarter of a core from all that come after."""
    folder = tmp_path_factory.mktemp("world")
    folder.chmod(0o700)
    plan = new_plan(folder, pace=PASSING, wanted={})
    write_plan(plan)
    with World(plan, say=lambda _: None) as found:
        found.start()
        _let_the_gate_be_called(found)
        yield found


def _let_the_gate_be_called(world: World) -> None:
    """Let somebody join somebody's room: the homeserver's module tells of it, and nothing follows."""
    room = ""
    for turn in ("host", "guest"):
        login = synapse.register(world.homeserver, f"{turn}{secrets.token_hex(6)}", "a password of tests")
        headers = {"Authorization": f"Bearer {login.access_token}"}
        path = f"join/{quote(room, safe='')}" if room else "createRoom"
        body = {} if room else {"preset": "public_chat"}
        url = f"{world.homeserver.url}/_matrix/client/v3/{path}"
        room = httpx.post(url, json=body, headers=headers, timeout=60).raise_for_status().json()["room_id"]
    while _last_call(world) is None:
        world.check()
        time.sleep(0.1)


def _last_call(world: World) -> datetime | None:
    with world.container.database.read() as session:
        return Tenants(session, system_clock()).last_call(parse_server_name(world.plan.server_name))


def processes_of(folder: Path) -> list[str]:
    """Name every process that belongs to the world in ``folder``: by what it was started with, or by its settings."""
    found = []
    for process in Path("/proc").iterdir():
        if not process.name.isdigit():
            continue
        try:
            state = (process / "stat").read_text().rpartition(")")[2].split()[0]
            words = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
            where = str((process / "cwd").readlink())
        except OSError:
            continue
        if state not in "ZX" and (str(folder).encode() in words or where.startswith(str(folder))):
            found.append(f"{process.name} {(process / 'cmdline').read_bytes().decode(errors='replace')}")
    return found
