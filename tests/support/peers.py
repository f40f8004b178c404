"""What others made, on Node: a person's client that keeps away from devices nobody vouches for, and a buyer's."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from cli.demo.program import Bought, bought_by_npm_client, node
from cli.local.synapse import Login
from kit.errors import NotFound
from kit.identifiers import UserId
from tests.support.synapse import Homeserver

_HERE = Path(__file__).parent / "peer"


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


def npm_buyer(url: str, key: bytes, *, network: str, asset: str, most: int | None) -> Bought:
    """Let x402's own npm client buy what is at ``url`` (``bought_by_npm_client``); skip where it is not installed."""
    try:
        return bought_by_npm_client(url, key, network=network, asset=asset, most=most)
    except NotFound as lacking:
        pytest.skip(lacking.message)


def _node() -> str:
    try:
        return node(_HERE)
    except NotFound as lacking:
        pytest.skip(lacking.message)
