"""Rooms by matrix-nio: where we are, who is in one, how it is, what was said there last, and how one is entered."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, cast
from urllib.parse import quote

import structlog
from nio import Event, MatrixRoom, MegolmEvent, RoomMemberEvent

from app.supporting.planning import join_rules
from app.wording.message import Message
from bot.homeserver import Denied, EventId, Look, Said
from bot.nio_client import NioClient
from bot.nio_events import is_invitation, read
from bot.room_state import KeptRoom, Told, made_as
from kit.identifiers import RoomId, ServerName, UserId
from reputation.enforcement.reading import room_in, user_in, via_in
from reputation.seeing import text_of

LOG = structlog.get_logger(__name__)

_JOIN_PAUSES = (0.2, 0.5, 1.3)
_JOIN_SECONDS = 15.0
_ALGORITHM = "m.megolm.v1.aes-sha2"
_LOOK_BACK = 100
"""How many events before our coming are looked through for our invitation and what was said since."""
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


async def since_invited(client: NioClient, room: RoomId, path: str, before: str) -> list[Any]:
    """Return nio's events between our last invitation and ``before``, oldest first, of the last hundred.

    None where no invitation is among them: nobody may make us hear what was not said to us. ``path`` is the room's.
    """
    try:
        answer = await client.request("GET", f"{path}/messages?dir=b&limit={_LOOK_BACK}&from={quote(before, safe='')}")
    except Denied as denied:  # we are out again
        LOG.info("not_looked_back", room=room, status=denied.status)
        return []
    chunk, found, came = answer.get("chunk"), list[Any](), False
    for source in chunk if isinstance(chunk, list) else []:
        event = parsed(client, room, source)
        if is_invitation(event, client.user):
            return found[::-1]
        if isinstance(event, RoomMemberEvent) and event.state_key == client.user:
            if came or event.membership != "join":
                break
            came = True
        if event is not None and "state_key" not in source:
            found.append(event)
    return []


def parsed(client: NioClient, room: RoomId, source: Any) -> Any:  # noqa: ANN401 - JSON, nio's own types
    """Return an event of a room, decrypted where there is a key; ``None`` for what nio cannot read."""
    try:
        event = Event.parse_event(source)
        if isinstance(event, MegolmEvent):
            event.room_id = room
            return client.nio.olm._decrypt_megolm_no_error(event) or event  # noqa: SLF001 - nio offers no other way
    except Exception as error:  # noqa: BLE001 - whatever a stranger's event breaks in nio, only that event is lost
        LOG.warning("odd_event", room=room, error=type(error).__name__)
        return None
    return event


async def known(client: NioClient, room: RoomId, path: str) -> MatrixRoom:
    """Return a room as nio is to know it: who is in it or invited, whether it is encrypted; ``path`` is its path."""
    state = await client.request("GET", f"{path}/members?not_membership=leave")
    encrypted = room in client.nio.encrypted_rooms or await _state(client, path, "m.room.encryption") is not None
    if encrypted:
        client.nio.encrypted_rooms.add(room)  # once and for all
    found = client.nio.rooms.get(room) or MatrixRoom(room, client.user, encrypted=encrypted)
    found.encrypted = found.encrypted or encrypted
    for event in state.get("chunk", []):
        membership = event.get("content", {}).get("membership")
        if membership in ("join", "invite"):
            found.add_member(str(event.get("state_key")), None, None, invited=membership == "invite")
    found.members_synced = True
    return found


def _read(client: NioClient, room: RoomId, source: Any) -> Said | None:  # noqa: ANN401 - JSON
    try:
        said = read(room, parsed(client, room, source), client.user)
    except Exception as error:  # noqa: BLE001 - whatever a stranger's event breaks in nio, only that event is lost
        LOG.warning("odd_event", room=room, error=type(error).__name__)
        return None
    return said if isinstance(said, Said) else None


def content_of(message: Message) -> dict[str, Any]:
    """Return what a message of ours has in its event."""
    return {
        "msgtype": "m.text",
        "body": message.plain,
        "format": "org.matrix.custom.html",
        "formatted_body": message.html,
        "m.mentions": {},  # a name in our text must not make its owner's phone ring
    }


async def message(client: NioClient, room: RoomId, path: str, event: EventId) -> Told | None:
    """Return one message; ``path`` is the room's."""
    source = await client.request("GET", f"{path}/event/{quote(event, safe='')}")
    sender = user_in(source.get("sender"))
    if sender is None or "state_key" in source:
        return None
    unsigned = source.get("unsigned")
    gone = isinstance(unsigned, dict) and "redacted_because" in unsigned
    said = None if gone else _read(client, room, source)
    return Told(sender, None if said is None else text_of(said.body, said.html))


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


def new_room(
    name: str | None,
    topic: str | None,
    kind: str | None,
    alias: str | None,
    levels: Mapping[str, int] | None,
    *,
    encrypted: bool,
    public: bool,
) -> dict[str, Any]:
    """Return what ``/createRoom`` is asked for."""
    preset = "public_chat" if public else "private_chat"
    body: dict[str, Any] = {"preset": preset, "visibility": "private"}
    state = [("m.room.encryption", {"algorithm": _ALGORITHM})] if encrypted else []
    if public:
        state.append(("m.room.history_visibility", {"history_visibility": "world_readable"}))
    if state:
        body["initial_state"] = [{"type": each, "state_key": "", "content": content} for each, content in state]
    if kind:
        body["creation_content"] = {"type": kind}
    if levels:
        body["power_level_content_override"] = dict(levels)
    given = {"name": name, "topic": topic, "room_alias_name": alias}
    return body | {key: value for key, value in given.items() if value}


def kept_room(such: KeptRoom, server: ServerName) -> dict[str, Any]:
    """Return what ``/createRoom`` is asked for, for a room of which we keep who is in it."""
    state: list[tuple[str, str, dict[str, Any]]] = [
        ("m.room.guest_access", "", {"guest_access": "forbidden"}),
        ("m.room.join_rules", "", join_rules(such.within)),
    ]
    if such.within is not None:
        state.append(("m.space.parent", such.within, {"via": [server], "canonical": True}))
    body: dict[str, Any] = {
        "preset": "private_chat",
        "visibility": "private",
        "name": such.name,
        "creation_content": made_as(such),
        "initial_state": [{"type": kind, "state_key": key, "content": content} for kind, key, content in state],
        "power_level_content_override": dict(such.levels),
    }
    return body | ({"topic": such.topic} if such.topic else {})


async def resolve(client: NioClient, alias: str) -> tuple[RoomId, tuple[str, ...]]:
    """Return the room of an alias, and servers by which it can be entered."""
    answer = await client.request("GET", f"/_matrix/client/v3/directory/room/{quote(alias, safe='')}")
    room = room_in(answer, "room_id")
    if room is None:
        raise Denied(HTTPStatus.NOT_FOUND, {"errcode": "M_NOT_FOUND", "error": "the alias leads to no room"})
    return room, via_in(answer.get("servers"))


async def join(client: NioClient, room: RoomId, via: Sequence[str]) -> None:
    """Enter a room.

    A no is asked again for a moment: an invite from another homeserver gets here before that homeserver has noted it
    down itself, and until then it knows of none.
    """
    # Older homeservers know the second name alone.
    by = "&".join(f"{name}={quote(server, safe='')}" for name in ("via", "server_name") for server in via)
    path = f"/_matrix/client/v3/join/{quote(room, safe='')}{'?' + by if by else ''}"
    for pause in (*_JOIN_PAUSES, None):
        try:
            await client.request("POST", path, {}, seconds=_JOIN_SECONDS)
        except Denied as denied:
            if pause is None or denied.status != HTTPStatus.FORBIDDEN:
                raise
            await asyncio.sleep(pause)
        else:
            return
