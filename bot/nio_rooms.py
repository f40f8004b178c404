"""Looking around in a room by matrix-nio: who is in it, and how it is."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from bot.homeserver import Denied, Look
from bot.nio_client import NioClient
from kit.identifiers import UserId

_LONGEST_NAME = 255
_LONGEST_TOPIC = 1_000


async def look(client: NioClient, room: str) -> Look:
    """Look around; ``room`` is the room's path."""
    answer = await client.request("GET", f"{room}/joined_members")
    joined = answer.get("joined")
    return Look(
        joined=frozenset(map(UserId, joined)) if isinstance(joined, dict) else frozenset(),
        encrypted=await _state(client, room, "m.room.encryption") is not None,
        public=_text(await _state(client, room, "m.room.join_rules"), "join_rule", _LONGEST_NAME) == "public",
        name=_text(await _state(client, room, "m.room.name"), "name", _LONGEST_NAME),
        topic=_text(await _state(client, room, "m.room.topic"), "topic", _LONGEST_TOPIC),
    )


async def _state(client: NioClient, room: str, kind: str) -> dict[str, Any] | None:
    """Return a state event's content; ``None`` where there is none."""
    try:
        return await client.request("GET", f"{room}/state/{kind}/")
    except Denied as denied:
        if denied.status == HTTPStatus.NOT_FOUND:
            return None
        raise


def _text(content: dict[str, Any] | None, name: str, most: int) -> str | None:
    found = (content or {}).get(name)
    return found[:most] if isinstance(found, str) else None
