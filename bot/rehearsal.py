"""Rehearsal: a homeserver that does nothing and says what would be done; what is heard is put in by hand."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from app.wording.message import Message
from bot.homeserver import EventId, Handler, Happening, Look, Said
from kit.identifiers import RoomId, UserId


class Rehearsal:
    """The second implementation of the port; ``say`` gets one line for everything that would be done."""

    def __init__(self, me: UserId, say: Callable[[str], None]) -> None:
        """Rehearse as ``me``."""
        self._me = me
        self._say = say
        self._heard: asyncio.Queue[Happening] = asyncio.Queue()
        self._sent: dict[str, EventId] = {}
        self.rooms: dict[RoomId, set[UserId]] = {}
        self.past: dict[RoomId, list[Said]] = {}

    @property
    def me(self) -> UserId:
        """Our own Matrix id."""
        return self._me

    def happen(self, happening: Happening) -> None:
        """Let something be heard."""
        self._heard.put_nowait(happening)

    async def listen(self, on: Handler, stop: asyncio.Event) -> None:
        """Hand over what was put in, until ``stop``."""
        stopping = asyncio.create_task(stop.wait())
        try:
            while not stop.is_set():
                hearing = asyncio.create_task(self._heard.get())
                await asyncio.wait({hearing, stopping}, return_when=asyncio.FIRST_COMPLETED)
                if not hearing.done():
                    hearing.cancel()
                    return
                await on(hearing.result())
        finally:
            stopping.cancel()

    async def create_room(self, *, name: str | None = None, encrypted: bool = True) -> RoomId:
        """Make a room up."""
        room = RoomId(f"!rehearsed-{len(self.rooms) + 1}:rehearsal")
        self.rooms[room] = {self._me}
        self._say(f"would make {'an encrypted' if encrypted else 'a'} room {room} named {name!r}")
        return room

    async def invite(self, room: RoomId, user: UserId, *, direct: bool = False) -> dict[str, Any] | None:
        """Put somebody into a room at once."""
        self.rooms.setdefault(room, {self._me}).add(user)
        self._say(f"would invite {user} to {room}{' as a direct chat' if direct else ''}")
        return None

    async def send(self, room: RoomId, message: Message, *, txn: str) -> EventId:
        """Say what would be sent."""
        return self._once(txn, f"would send to {room}: {message.plain}")

    async def react(self, room: RoomId, event: EventId, key: str, *, txn: str) -> EventId:
        """Say what would be put on a message."""
        return self._once(txn, f"would put {key} on {event} in {room}")

    def _once(self, txn: str, line: str) -> EventId:
        if txn not in self._sent:
            self._sent[txn] = EventId(f"$rehearsed-{len(self._sent) + 1}")
            self._say(line)
        return self._sent[txn]

    async def members(self, room: RoomId) -> frozenset[UserId]:
        """Return who was put into a room."""
        return frozenset(self.rooms.get(room, {self._me}))

    async def look(self, room: RoomId) -> Look:
        """Look around in a room of ours: everybody who was put into it has come."""
        return Look(await self.members(room), encrypted=False, public=False)

    async def newest(self, room: RoomId, most: int) -> list[Said]:
        """Return what was put into ``past``."""
        return self.past.get(room, [])[-most:]

    async def joined_rooms(self) -> list[RoomId]:
        """Return the rooms that we were put into."""
        return [room for room, members in self.rooms.items() if self._me in members]

    async def join(self, room: RoomId) -> None:
        """Enter a room."""
        self.rooms.setdefault(room, set()).add(self._me)
        self._say(f"would join {room}")

    async def leave(self, room: RoomId, *, reason: str = "") -> None:
        """Leave a room."""
        self.rooms.get(room, set()).discard(self._me)
        self._say(f"would leave {room}{': ' + reason if reason else ''}")

    async def close(self) -> None:
        """Do nothing."""
