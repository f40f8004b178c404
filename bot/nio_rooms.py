"""Looking around by matrix-nio: where we are, who is in a room, how it is, and what was said there last."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Any, cast
from urllib.parse import quote

import structlog
from nio import Event, MegolmEvent

from bot.homeserver import Denied, Look, Said
from bot.nio_client import NioClient
from bot.nio_events import read
from kit.identifiers import RoomId, UserId

LOG = structlog.get_logger(__name__)

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


async def members(client: NioClient, room: str) -> frozenset[UserId]:
    """Return who is in a room or invited to it; ``room`` is its path."""
    answer = await client.request("GET", f"{room}/members?not_membership=leave")
    return frozenset(
        UserId(str(event["state_key"]))
        for event in answer.get("chunk", [])
        if event.get("content", {}).get("membership") in ("join", "invite")
    )


async def joined_rooms(client: NioClient) -> list[RoomId]:
    """Return the rooms that we are in."""
    answer = await client.request("GET", "/_matrix/client/v3/joined_rooms")
    return [RoomId(str(room)) for room in cast("list[object]", answer.get("joined_rooms", []))]


async def newest(client: NioClient, room: RoomId, path: str, most: int) -> list[Said]:
    """Return the newest texts, oldest first; ``path`` is the room's. What has no key or was taken back is left out."""
    only = quote(json.dumps({"types": ["m.room.message", "m.room.encrypted"]}))
    answer = await client.request("GET", f"{path}/messages?dir=b&limit={most}&filter={only}")
    chunk = answer.get("chunk")
    found = (_read(client, room, event) for event in (chunk if isinstance(chunk, list) else []))
    return [said for said in found if said is not None][::-1]


def _read(client: NioClient, room: RoomId, source: Any) -> Said | None:  # noqa: ANN401 - JSON
    try:
        event = Event.parse_event(source)
        if isinstance(event, MegolmEvent):
            event.room_id = room
            event = client.nio.olm._decrypt_megolm_no_error(event)  # noqa: SLF001 - nio offers no other way
        said = read(room, event, client.user)
    except Exception as error:  # noqa: BLE001 - whatever a stranger's event breaks in nio, only that event is lost
        LOG.warning("odd_event", room=room, error=type(error).__name__)
        return None
    return said if isinstance(said, Said) else None


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
