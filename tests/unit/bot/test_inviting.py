"""Inviting somebody: it is told apart whose homeserver does not answer."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from bot.homeserver import ElsewhereAway
from bot.nio_homeserver import NioHomeserver
from kit.errors import HomeserverUnavailable
from kit.identifiers import RoomId, UserId


@pytest.mark.parametrize(
    ("user", "theirs"), [("@bob:away.example", True), ("@bob:home.example:8448", True), ("@bob:home.example", False)]
)
def test_trouble_with_an_invite_is_theirs_where_they_live_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, user: str, *, theirs: bool
) -> None:
    waited: list[float] = []

    async def request(_: str, __: str, ___: Any, *, seconds: float) -> dict[str, Any]:  # noqa: ANN401 - any body
        waited.append(seconds)
        raise HomeserverUnavailable("the homeserver answered 502")

    async def start() -> None:
        return

    async def play() -> None:
        homeserver = NioHomeserver("http://127.0.0.1:1", UserId("@bot:home.example"), folder=tmp_path)
        monkeypatch.setattr(homeserver, "start", start)
        monkeypatch.setattr(homeserver._client, "request", request)
        try:
            await homeserver.invite(RoomId("!room"), UserId(user), direct=True)
        finally:
            await homeserver.close()

    with pytest.raises(HomeserverUnavailable) as found:
        asyncio.run(play())
    assert isinstance(found.value, ElsewhereAway) is theirs
    assert waited == [15.0]
