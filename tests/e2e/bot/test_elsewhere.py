"""Somebody on another real Synapse invites the bot, and that Synapse is gone when the bot wants to come."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from bot import following
from cli.local.certificates import certificates
from cli.local.ports import free_port
from cli.local.synapse import Federation
from kit.identifiers import RoomId
from tests.support.matrix import account, listening, scene, until
from tests.support.places import Place, chat
from tests.support.synapse import Homeserver

pytestmark = pytest.mark.homeserver


@pytest.mark.parametrize("comes_back", [True, False], ids=["and comes back", "for good"])
def test_an_inviter_whose_homeserver_is_gone_keeps_nobody_waiting(
    start_homeserver: Callable[..., Homeserver],
    tmp_path: Path,
    sqlite_template: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    comes_back: bool,
) -> None:
    monkeypatch.setattr(following, "_PAUSES", (1.0,) * (10_000 if comes_back else 3))
    files = certificates(tmp_path / "certificates", ("near", "far"))
    ports = {name: free_port() for name in files}
    peers = tuple(f"localhost:{port}" for port in ports.values())
    near, far = (start_homeserver(federation=Federation(ports[name], files[name], peers)) for name in ("near", "far"))
    place = Place(near, tmp_path, sqlite_template)
    far.account("stranger")

    async def play() -> None:
        async with listening(place.client("alice")) as (alice,):
            async with place.bot():
                room = await chat(alice, place)
            far_room = await _invitation()
            await asyncio.to_thread(far.stop)
            async with place.bot():
                await alice.say(room, "help")
                await alice.hears("door: ", room=room)
                assert far_room in await place.invitations()
                if not comes_back:
                    await until(_nothing_waits)
                    await alice.say(room, "help")
                    await alice.hears("door: ", room=room)
                    return
                await asyncio.to_thread(far.start)
                async with listening(account(far, tmp_path / "far", "stranger")) as (stranger,):
                    await until(_nothing_waits)
                    await stranger.say(far_room, "help")
                    await stranger.hears("door: ", room=far_room)

    async def _invitation() -> RoomId:
        """Let the stranger invite the bot, which is not running."""
        async with listening(account(far, tmp_path / "far", "stranger")) as (stranger,):
            room = await stranger.client.create_room()
            assert await stranger.client.invite(room, place.user("earnest"), direct=True) is None
            return room

    async def _nothing_waits() -> bool:
        return not await place.invitations()

    scene(play)
    place.engine.dispose()
