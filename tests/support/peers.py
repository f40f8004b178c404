"""A person whose client keeps away from devices that nobody vouches for: Element's own library, on Node."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from cli.local.synapse import Login
from kit.identifiers import UserId
from tests.support.synapse import Homeserver

_HERE = Path(__file__).parent / "peer"
_OWN_NODE = Path(__file__).resolve().parents[2] / ".venv-node" / "bin"


class Peer:
    """The running client; what it says comes line by line."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        """Follow ``process``."""
        self._process = process

    async def tells(self, kind: str, part: str = "") -> dict[str, Any]:
        """Wait for the next line of ``kind`` with ``part`` in it."""
        assert self._process.stdout is not None
        while line := await self._process.stdout.readline():
            told: dict[str, Any] = json.loads(line)
            if told["kind"] == kind and part in str(told):
                return told
        raise AssertionError(f"the client ended without saying {kind}")


@asynccontextmanager
async def careful_peer(homeserver: Homeserver, login: Login, bot: UserId, text: str) -> AsyncIterator[Peer]:
    """Let a person write ``text`` to the bot, from a client that shares keys with signed devices only."""
    node = shutil.which("node", path=os.pathsep.join((str(_OWN_NODE), os.environ.get("PATH", os.defpath))))
    if node is None or not (_HERE / "node_modules").is_dir():
        pytest.skip("no client of other make: `python3 -m deploy.bootstrap --stage test` installs it")
    told = {"url": homeserver.url, "user": login.user_id, "device": login.device_id, "token": login.access_token}
    process = await asyncio.create_subprocess_exec(
        node,
        str(_HERE / "peer.js"),
        json.dumps({**told, "bot": bot, "text": text}),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    try:
        yield Peer(process)
    finally:
        process.stdin.close()
        await process.wait()
