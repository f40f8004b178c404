"""Looking after a room by matrix-nio: all its state in one request, and what moderators do, each asked for first.

Matrix specification, client-server API: "Room membership", "Redactions", ``GET /rooms/{roomId}/state``.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Collection, Mapping
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote

from bot import nio_rooms
from bot.elements import Elements
from bot.homeserver import Denied, EventId
from bot.nio_client import NioClient
from bot.nio_rooms import kept_room
from bot.room_state import KeptRoom, StateEvent, Told
from kit.errors import Invalid
from kit.identifiers import RoomId, UserId, server_of
from reputation.enforcement.levels import has_room, with_level
from reputation.enforcement.reading import RoomReader, acl_of
from reputation.enforcement.rooms import Acl, Membership, RoomSeen
from reputation.lists.model import MOST_READ

LARGEST_ROOM: Final = 64 * 1024 * 1024
LARGEST_LIST: Final = 256 * 1024 * 1024
"""Bytes of a policy room's state: of 200,000 entries, as a homeserver writes them, it is half."""
_STATE_SECONDS: Final = 300.0
_PAGE: Final = 100
_MOST_PAGES: Final = 20
_POWERS, _ACL = "m.room.power_levels", "m.room.server_acl"


def path_of(room: RoomId) -> str:
    """Return a room's path."""
    return f"/_matrix/client/v3/rooms/{quote(room, safe='')}"


class Moderating(ABC):
    """What a client does in rooms that it looks after."""

    _client: NioClient
    _admin_token: str | None = None

    @abstractmethod
    async def start(self) -> None:
        """Log in, unless that was done."""

    # ------------------------------------------------------------------------------------------------ looking

    async def state(self, room: RoomId) -> RoomSeen:
        """Look at all that a room says of itself and who is in it."""
        reader = RoomReader(room)
        async for event in self._all_state(room, LARGEST_ROOM):
            reader.take(event)
        return reader.seen()

    async def events(self, room: RoomId, kinds: Collection[str]) -> list[StateEvent]:
        """Return a room's state of some types."""
        found: list[StateEvent] = []
        async for event in self._all_state(room, LARGEST_LIST):
            one = _state_event(event, kinds)
            if one is not None and len(found) < MOST_READ:
                found.append(one)
        return found

    async def _all_state(self, room: RoomId, most: int) -> AsyncIterator[Any]:
        await self.start()
        elements, taken = Elements(), 0
        async for piece in self._client.stream(f"{path_of(room)}/state", seconds=_STATE_SECONDS):
            taken += len(piece)
            if taken > most:
                raise Invalid("state_too_large", f"The room's state is more than {most // 2**20} MiB.")
            for event in elements.take(piece):
                yield event
        elements.end()

    async def message(self, room: RoomId, event: EventId) -> Told | None:
        """Return one message of a room."""
        await self.start()
        return await nio_rooms.message(self._client, room, path_of(room), event)

    async def written_by(self, room: RoomId, user: UserId, most: int) -> list[EventId]:
        """Return the newest of what somebody wrote."""
        await self.start()
        only = quote(json.dumps({"senders": [user]}))
        found: list[EventId] = []
        after = ""
        for _ in range(_MOST_PAGES):
            path = f"{path_of(room)}/messages?dir=b&limit={_PAGE}&filter={only}{after}"
            answer = await self._client.request("GET", path)
            chunk, end = answer.get("chunk"), answer.get("end")
            found += [event for one in chunk if (event := _written(one, user))] if isinstance(chunk, list) else []
            if len(found) >= most or not isinstance(end, str):
                break
            after = f"&from={quote(end, safe='')}"
        return found[:most]

    # ------------------------------------------------------------------------------------------------ people

    async def ban(self, room: RoomId, user: UserId, *, reason: str = "") -> bool:
        """Ban somebody."""
        return await self._put_out("ban", room, user, reason, unless=(Membership.BAN,))

    async def unban(self, room: RoomId, user: UserId, *, reason: str = "") -> bool:
        """Let somebody who is banned come again."""
        others = [each for each in (None, *Membership) if each is not Membership.BAN]
        return await self._put_out("unban", room, user, reason, unless=others)

    async def kick(self, room: RoomId, user: UserId, *, reason: str = "") -> bool:
        """Put somebody out."""
        return await self._put_out("kick", room, user, reason, unless=(None, Membership.LEAVE, Membership.BAN))

    async def _put_out(
        self, how: str, room: RoomId, user: UserId, reason: str, *, unless: Collection[Membership | None]
    ) -> bool:
        member = await self._content(room, "m.room.member", user) or {}
        stands = member.get("membership")
        if (Membership(stands) if stands in list(Membership) else None) in unless:
            return False
        body = {"user_id": user} | ({"reason": reason} if reason else {})
        await self._client.request("POST", f"{path_of(room)}/{how}", body)
        return True

    async def set_level(self, room: RoomId, user: UserId, level: int) -> bool:
        """Give somebody a level."""
        return await self.set_levels(room, {user: level})

    async def set_levels(self, room: RoomId, levels: Mapping[UserId, int]) -> bool:
        """Give several people levels."""
        before = await self._content(room, _POWERS)
        if before is None:  # whoever wrote the first ones would take the creator's
            raise Denied(HTTPStatus.NOT_FOUND, {"errcode": "M_NOT_FOUND", "error": "the room has no levels"})
        after: dict[str, Any] | None = None
        for user, level in levels.items():
            after = with_level(after or before, user, level) or after
        if after is not None and not has_room(before, after):
            raise Denied(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, {"errcode": "M_TOO_LARGE", "error": "no room for more"})
        if after is not None:
            await self.put_state(room, _POWERS, "", after)
        return after is not None

    async def set_profile(self, user: UserId, name: str, value: Mapping[str, Any] | None) -> None:
        """Write a field of somebody's profile, as the homeserver's administrator (MSC4133, Matrix 1.16)."""
        if self._admin_token is None:
            raise Denied(HTTPStatus.FORBIDDEN, {"errcode": "M_FORBIDDEN", "error": "no administrator's token"})
        await self.start()
        path = f"/_matrix/client/v3/profile/{quote(user, safe='')}/{quote(name, safe='')}"
        body = None if value is None else {name: dict(value)}
        try:
            await self._client.request_as(self._admin_token, "DELETE" if value is None else "PUT", path, body)
        except Denied as denied:
            if value is not None or denied.status != HTTPStatus.NOT_FOUND:  # whoever has none has it out already
                raise

    # ------------------------------------------------------------------------------------------------ rooms

    async def create_kept(self, such: KeptRoom) -> RoomId:
        """Make a room of which we keep who is in it."""
        return await self._created(kept_room(such, server_of(self._client.user)))

    async def _created(self, body: Mapping[str, Any]) -> RoomId:
        await self.start()
        answer = await self._client.request("POST", "/_matrix/client/v3/createRoom", body)
        return RoomId(str(answer["room_id"]))

    async def set_acl(self, room: RoomId, acl: Acl) -> bool:
        """Say which servers may take part; what else stands in the event stays."""
        before = await self._content(room, _ACL)
        if (Acl() if before is None else acl_of(before)) == acl:
            return False
        written = {"allow": list(acl.allow), "deny": list(acl.deny), "allow_ip_literals": acl.ip_literals}
        await self.put_state(room, _ACL, "", {**(before or {}), **written})
        return True

    async def redact(self, room: RoomId, event: EventId, *, reason: str = "", txn: str) -> bool:
        """Take a message back."""
        await self.start()
        shown = await self._client.request("GET", f"{path_of(room)}/event/{quote(event, safe='')}")
        unsigned = shown.get("unsigned")
        if isinstance(unsigned, dict) and "redacted_because" in unsigned:
            return False
        path = f"{path_of(room)}/redact/{quote(event, safe='')}/{quote(txn, safe='')}"
        await self._client.request("PUT", path, {"reason": reason} if reason else {})
        return True

    async def put_state(self, room: RoomId, kind: str, key: str, content: Mapping[str, Any]) -> EventId:
        """Write one event of a room's state."""
        await self.start()
        answer = await self._client.request("PUT", _state_path(room, kind, key), content)
        return EventId(str(answer.get("event_id")))

    async def _content(self, room: RoomId, kind: str, key: str = "") -> dict[str, Any] | None:
        """Return what one event of a room's state says; ``None`` where there is none."""
        await self.start()
        try:
            return await self._client.request("GET", _state_path(room, kind, key))
        except Denied as denied:
            if denied.status == HTTPStatus.NOT_FOUND:
                return None
            raise


def _state_path(room: RoomId, kind: str, key: str) -> str:
    return f"{path_of(room)}/state/{quote(kind, safe='')}/{quote(key, safe='')}"


def _state_event(event: Any, kinds: Collection[str]) -> StateEvent | None:  # noqa: ANN401 - JSON
    if not isinstance(event, dict):
        return None
    kind, key, sender, content = (event.get(name) for name in ("type", "state_key", "sender", "content"))
    if not isinstance(kind, str) or kind not in kinds or not isinstance(key, str) or not isinstance(content, dict):
        return None
    return StateEvent(kind, key, sender if isinstance(sender, str) else "", content)


def _written(event: Any, user: UserId) -> EventId | None:  # noqa: ANN401 - JSON
    """Return the id of what can be taken back: neither state nor a redaction, and not taken back yet."""
    if not isinstance(event, dict) or event.get("sender") != user or "state_key" in event:
        return None
    unsigned, identifier = event.get("unsigned"), event.get("event_id")
    gone = isinstance(unsigned, dict) and "redacted_because" in unsigned
    if gone or event.get("type") == "m.room.redaction" or not isinstance(identifier, str):
        return None
    return EventId(identifier)
