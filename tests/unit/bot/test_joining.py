"""Entering a room to which another homeserver invites: its own no may be a moment too early."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from bot import nio_rooms
from bot.homeserver import Denied
from bot.nio_homeserver import NioHomeserver
from kit.identifiers import RoomId, UserId

NOT_YET = Denied(403, {"errcode": "M_FORBIDDEN", "error": "You are not invited to this room."})
GONE = Denied(404, {"errcode": "M_NOT_FOUND"})


@pytest.mark.parametrize(
    ("answers", "asked", "raised"),
    [
        ([], 1, None),
        ([NOT_YET, NOT_YET], 3, None),
        ([NOT_YET] * 9, 4, NOT_YET),
        ([GONE], 1, GONE),
    ],
)
def test_a_no_is_asked_again_for_a_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answers: list[Denied], asked: int, raised: Denied | None
) -> None:
    calls: list[str] = []

    async def request(method: str, path: str, _: Any, **__: Any) -> dict[str, Any]:  # noqa: ANN401 - any body
        calls.append(f"{method} {path}")
        if len(calls) <= len(answers):
            raise answers[len(calls) - 1]
        return {}

    async def start() -> None:
        return

    async def play() -> None:
        homeserver = NioHomeserver("http://127.0.0.1:1", UserId("@bot:home.example"), folder=tmp_path)
        monkeypatch.setattr(homeserver, "start", start)
        monkeypatch.setattr(homeserver._client, "request", request)
        try:
            await homeserver.join(RoomId("!room"))
        finally:
            await homeserver.close()

    monkeypatch.setattr(nio_rooms, "_JOIN_PAUSES", (0.0, 0.0, 0.0))
    if raised is None:
        asyncio.run(play())
    else:
        with pytest.raises(Denied) as found:
            asyncio.run(play())
        assert found.value is raised
    assert calls == ["POST /_matrix/client/v3/join/%21room"] * asked
