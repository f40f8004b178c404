"""What others made, on Node: a person's client that keeps away from devices nobody vouches for, and a buyer's."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
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
    node = _node()
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


@dataclass(frozen=True, slots=True)
class Bought:
    """What a buyer's client came back with: status 0 where it refused to pay; ``sent`` is the payment that it made."""

    status: int
    body: bytes
    sent: str | None
    receipt: str | None
    refused: str


def npm_buyer(url: str, key: bytes, *, network: str, asset: str, most: int | None) -> Bought:
    """Let x402's own npm client buy what is at ``url``, for at most ``most`` base units of ``asset``.

    ``None``: with its spend controls as they come, which know no such token.
    """
    told: dict[str, Any] = {"url": url, "key": "0x" + key.hex(), "network": network, "asset": asset}
    told |= {"most": str(most or 0), "free": most is None}
    done = subprocess.run(
        [_node(), str(_HERE / "buyer.js"), json.dumps(told)], capture_output=True, text=True, check=True
    )
    found = json.loads(done.stdout)
    body = base64.b64decode(found["body"])
    return Bought(found["status"], body, found["sent"], found["receipt"], found.get("refused", ""))


def _node() -> str:
    node = shutil.which("node", path=os.pathsep.join((str(_OWN_NODE), os.environ.get("PATH", os.defpath))))
    if node is None or not (_HERE / "node_modules").is_dir():
        pytest.skip("no client of other make: `python3 -m deploy.bootstrap --stage test` installs it")
    return node
