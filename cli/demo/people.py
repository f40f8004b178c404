"""People of the demo: each has a phone with an encrypted chat client for the bot and plain API calls for the rest."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx

from app.wording.message import Message
from bot.homeserver import Happening, Invited, Said, Unreadable
from bot.nio_homeserver import NioHomeserver
from cli.local import synapse
from cli.local.synapse import Synapse
from kit.errors import HomeserverUnavailable
from kit.identifiers import RoomId, UserId, parse_user_id

_TIMEOUT = 60.0
_BIDI_ISOLATES = dict.fromkeys(map(ord, "\u2066\u2067\u2068\u2069"))


@dataclass(frozen=True, slots=True)
class Answer:
    """What the homeserver answered a client: the status and the very JSON."""

    status: int
    body: dict[str, Any]

    @property
    def fine(self) -> bool:
        """Tell whether it was a yes."""
        return self.status == httpx.codes.OK


class Person:
    """Somebody with an account; ``arrive`` before use, ``go`` after."""

    def __init__(self, name: str, password: str, server: Synapse, *, bot: str, folder: Path) -> None:
        """Use the account ``name``; what the client keeps is in ``folder``."""
        self.name = name
        self.user_id: UserId = parse_user_id(f"@{name}:{server.server_name}")
        self.heard: list[str] = []
        """What the bot said to this person, oldest first."""
        self.seen: list[tuple[RoomId, str]] = []
        """What the bot said where this person could read it, and in which room."""
        self.asked_into: list[tuple[RoomId, UserId]] = []
        """Invites of other people that reached this person's client, oldest first."""
        self.keyless = 0
        """How many messages came for which there was no key."""
        self._bot = parse_user_id(bot)
        self._server = server
        self._password = password
        self._client = NioHomeserver(server.url, self.user_id, folder=folder, password=password)
        self._http = httpx.AsyncClient(base_url=server.url, timeout=_TIMEOUT)
        self._chat: RoomId | None = None
        self.desks: list[RoomId] = []
        """Management rooms that the bot made for this person, oldest first."""
        self.opened: dict[str, RoomId] = {}
        """Public rooms that this person made, by name."""
        self._stop = asyncio.Event()
        self._listening: asyncio.Task[None] | None = None

    # ---------------------------------------------------------------------------------------------- coming, going

    async def arrive(self) -> None:
        """Log in on both devices and begin to listen."""
        login = await asyncio.to_thread(synapse.log_in, self._server, self.name, self._password, device_name="Phone")
        if login is None:
            message = f"{self.user_id} cannot log in"
            raise HomeserverUnavailable(message)
        self._http.headers["Authorization"] = f"Bearer {login.access_token}"
        await self._client.start()
        self._listening = asyncio.create_task(self._client.listen(self._hear, self._stop))

    async def go(self) -> None:
        """Stop listening and let go of everything."""
        self._stop.set()
        if self._listening is not None:
            await asyncio.gather(self._listening, return_exceptions=True)
        await self._client.close()
        await self._http.aclose()

    def listens(self) -> None:
        """Raise what ended the listening, if something did."""
        if self._listening is not None and self._listening.done() and not self._stop.is_set():
            self._listening.result()

    async def _hear(self, happening: Happening) -> None:
        if isinstance(happening, Invited):
            if happening.inviter == self._bot:
                await self._client.join(happening.room)
                if self._chat is None:
                    self._chat = happening.room
                else:
                    self.desks.append(happening.room)
            else:
                self.asked_into.append((happening.room, happening.inviter))
        elif isinstance(happening, Said) and happening.sender == self._bot:
            text = happening.body.translate(_BIDI_ISOLATES)
            self.seen.append((happening.room, text))
            if happening.room == self._chat:
                self.heard.append(text)
        elif isinstance(happening, Unreadable):
            self.keyless += 1

    # ------------------------------------------------------------------------------------------- talking to the bot

    async def start_chat(self) -> RoomId:
        """Open an encrypted direct chat with the bot, as people's clients do."""
        self._chat = await self._client.create_room(encrypted=True)
        await self._client.invite(self._chat, self._bot, direct=True)
        return self._chat

    async def say(self, text: str) -> None:
        """Write to the bot."""
        if self._chat is None:
            message = f"{self.user_id} has no chat with the bot"
            raise LookupError(message)
        await self._client.send(self._chat, Message(text, text), txn=secrets.token_hex(8))

    async def command(self, room: RoomId, text: str) -> None:
        """Write to the bot in a management room."""
        await self._client.send(room, Message(text, text), txn=secrets.token_hex(8))

    def told_in(self, room: RoomId, *words: str, after: int = 0) -> str | None:
        """Return the newest thing that the bot said in a room with all of ``words`` in it, ``None`` before it did."""
        for where, text in reversed(self.seen[after:]):
            if where == room and all(word in text for word in words):
                return text
        return None

    async def last_message_in_chat(self) -> dict[str, Any]:
        """Return the newest message of the chat with the bot as the homeserver holds it; who enters may come after."""
        room = quote(self._chat or "", safe="")
        wanted = quote(json.dumps({"types": ["m.room.message", "m.room.encrypted"]}), safe="")
        found = await self.get(f"/_matrix/client/v3/rooms/{room}/messages?dir=b&limit=1&filter={wanted}")
        event: dict[str, Any] = found.body["chunk"][0]
        return event

    def heard_so_far(self) -> str:
        """Tell what the bot said to this person, for whoever looks for what did not come."""
        lately = [text[:100] for text in self.heard[-3:]]
        chat = "no chat" if self._chat is None else "a chat"
        return f"{self.user_id} has {chat} with the bot, {self.keyless} messages without a key, and heard: {lately}"

    def said(self, *words: str, after: int = 0) -> str | None:
        """Return the newest thing that the bot said with all of ``words`` in it, ``None`` before it did."""
        for text in reversed(self.heard[after:]):
            if all(word in text for word in words):
                return text
        return None

    def read_in(self, room: RoomId) -> str | None:
        """Return what the bot said first in a room that this person is in, ``None`` before it did."""
        return next((text for where, text in self.seen if where == room), None)

    # ------------------------------------------------------------------------------------------------ the rest

    async def create_room(self) -> RoomId:
        """Make a private room."""
        answer = await self._call("POST", "/_matrix/client/v3/createRoom", {"preset": "private_chat"})
        return RoomId(str(answer.body["room_id"]))

    async def open_room(self, name: str) -> RoomId:
        """Make a room that anybody may enter."""
        body = {"preset": "public_chat", "name": name}
        answer = await self._call("POST", "/_matrix/client/v3/createRoom", body)
        self.opened[name] = RoomId(str(answer.body["room_id"]))
        return self.opened[name]

    async def state(self, room: RoomId, kind: str, key: str, content: dict[str, Any]) -> Answer:
        """Write an event of a room's state."""
        path = f"/_matrix/client/v3/rooms/{quote(room, safe='')}/state/{kind}/{quote(key, safe='')}"
        return await self._call("PUT", path, content)

    async def gives_power(self, room: RoomId, level: int) -> None:
        """Give the bot a level in a room."""
        levels = await self.get(f"/_matrix/client/v3/rooms/{quote(room, safe='')}/state/m.room.power_levels/")
        users = {**levels.body.get("users", {}), self._bot: level}
        await self.state(room, "m.room.power_levels", "", {**levels.body, "users": users})

    async def invite(self, other: Person, room: RoomId | None = None) -> Answer:
        """Invite somebody into ``room``, or into a new one; the answer is what the client got."""
        room = room or await self.create_room()
        return await self._call(
            "POST", f"/_matrix/client/v3/rooms/{quote(room, safe='')}/invite", {"user_id": other.user_id}
        )

    async def invite_bot(self, room: RoomId) -> None:
        """Invite the bot into a room that one shares with others."""
        await self._call("POST", f"/_matrix/client/v3/rooms/{quote(room, safe='')}/invite", {"user_id": self._bot})

    async def write(self, room: RoomId, text: str) -> str:
        """Write into a room; return the message's id."""
        path = f"/_matrix/client/v3/rooms/{quote(room, safe='')}/send/m.room.message/{secrets.token_hex(8)}"
        answer = await self._call("PUT", path, {"msgtype": "m.text", "body": text})
        return str(answer.body["event_id"])

    async def join(self, room: RoomId, via: str | None = None) -> Answer:
        """Enter a room, by the server ``via`` where one's own is not in it."""
        query = "" if via is None else f"?via={quote(via, safe='')}&server_name={quote(via, safe='')}"
        return await self._call("POST", f"/_matrix/client/v3/join/{quote(room, safe='')}{query}", {})

    async def get(self, path: str) -> Answer:
        """Ask the client API."""
        return await self._call("GET", path, None)

    async def _call(self, method: str, path: str, body: dict[str, Any] | None) -> Answer:
        answer = await self._http.request(method, path, json=body)
        return Answer(answer.status_code, answer.json())

    def invited_by(self, other: Person) -> Callable[[], RoomId | None]:
        """Return the question for the newest room into which ``other`` asked this person."""
        before = len(self.asked_into)

        def newest() -> RoomId | None:
            rooms = [room for room, inviter in self.asked_into[before:] if inviter == other.user_id]
            return rooms[-1] if rooms else None

        return newest
