"""Rehearsal: a homeserver that does nothing and says what would be done; what is heard is put in by hand."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from http import HTTPStatus
from typing import Any

from app.wording.message import Message
from bot.homeserver import Denied, EventId, Handler, Happening, Look, Said
from bot.media import Parcel, Sent
from bot.room_state import KeptRoom, StateEvent, Told, made_as
from kit.identifiers import RoomId, UserId
from reputation.enforcement.reading import read_room
from reputation.enforcement.rooms import Acl, Member, Membership, RoomSeen
from reputation.seeing import text_of


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
        self.states: dict[RoomId, list[StateEvent]] = {}
        self.aliases: dict[str, RoomId] = {}
        self.late = False

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

    async def create_room(
        self,
        *,
        name: str | None = None,
        encrypted: bool = True,
        topic: str | None = None,
        kind: str | None = None,
        public: bool = False,
        alias: str | None = None,
        levels: Mapping[str, int] | None = None,
    ) -> RoomId:
        """Make a room up."""
        room = RoomId(f"!rehearsed-{len(self.rooms) + 1}:rehearsal")
        self.rooms[room] = {self._me}
        more = {"topic": topic, "type": kind, "alias": alias, "levels": levels, "public": public}
        told = "".join(f", {what} {value!r}" for what, value in more.items() if value)
        self._say(f"would make {'an encrypted' if encrypted else 'a'} room {room} named {name!r}{told}")
        return room

    async def create_kept(self, such: KeptRoom) -> RoomId:
        """Make a room up that says of itself what it is for."""
        room = RoomId(f"!rehearsed-{len(self.rooms) + 1}:rehearsal")
        self.rooms[room] = {self._me}
        self.states[room] = [StateEvent("m.room.create", "", self._me, made_as(such))]
        what = f"{such.kind or 'room'} {room} named {such.name!r}"
        self._say(f"would make the kept {what}{f' within {such.within}' if such.within else ''}")
        return room

    async def invite(self, room: RoomId, user: UserId, *, direct: bool = False) -> dict[str, Any] | None:
        """Put somebody into a room at once."""
        self.rooms.setdefault(room, {self._me}).add(user)
        self._say(f"would invite {user} to {room}{' as a direct chat' if direct else ''}")
        return None

    async def send(self, room: RoomId, message: Message, *, txn: str) -> EventId:
        """Say what would be sent."""
        return self._once(txn, f"would send to {room}: {message.plain}")

    async def reply(self, room: RoomId, to: EventId, message: Message, *, txn: str) -> EventId:
        """Say what would be answered."""
        return self._once(txn, f"would answer {to} in {room}: {message.plain}")

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

    async def state(self, room: RoomId) -> RoomSeen:
        """Return what was put into ``states``, and who was put into a room."""
        told = [
            {"type": one.kind, "state_key": one.key, "sender": one.sender, "content": one.content}
            for one in self.states.get(room, [])
        ]
        seen = read_room(room, told)
        here = {user: Member(Membership.JOIN, user) for user in self.rooms.get(room, ()) if user not in seen.members}
        return replace(seen, members={**seen.members, **here})

    async def events(self, room: RoomId, kinds: Collection[str]) -> list[StateEvent]:
        """Return what was put into ``states``. We cannot see into rooms that we are not in."""
        if self._me not in self.rooms.get(room, ()):
            raise Denied(HTTPStatus.FORBIDDEN, {"errcode": "M_FORBIDDEN"})
        return [one for one in self.states.get(room, []) if one.kind in kinds]

    async def newest(self, room: RoomId, most: int) -> list[Said]:
        """Return what was put into ``past``."""
        return self.past.get(room, [])[-most:]

    async def message(self, room: RoomId, event: EventId) -> Told | None:
        """Return what was put into ``past``."""
        for said in self.past.get(room, []):
            if said.event == event:
                return Told(said.sender, text_of(said.body, said.html))
        raise Denied(HTTPStatus.NOT_FOUND, {"errcode": "M_NOT_FOUND"})

    async def largest(self) -> int | None:
        """Take files of any size."""
        return None

    async def send_file(self, room: RoomId, parcel: Parcel, *, txn: str) -> str:
        """Say what file would be sent."""
        return self._once(txn, f"would send {parcel.name!r} of {parcel.size} bytes to {room}")

    async def sent(self, room: RoomId, event: str, *, most: int) -> Sent | None:  # noqa: ARG002 - all are short
        """Return the text that was put into ``past``."""
        found = (said for said in self.past.get(room, []) if said.event == event)
        return next((Sent(said.sender, said.body, html=said.html) for said in found), None)

    async def joined_rooms(self) -> list[RoomId]:
        """Return the rooms that we were put into."""
        return [room for room, members in self.rooms.items() if self._me in members]

    async def resolve(self, alias: str) -> tuple[RoomId, tuple[str, ...]]:
        """Return what was put into ``aliases``."""
        if alias not in self.aliases:
            raise Denied(HTTPStatus.NOT_FOUND, {"errcode": "M_NOT_FOUND"})
        return self.aliases[alias], ()

    async def join(self, room: RoomId, via: Sequence[str] = ()) -> None:  # noqa: ARG002 - every room is here
        """Enter a room."""
        self.rooms.setdefault(room, set()).add(self._me)
        self._say(f"would join {room}")

    async def leave(self, room: RoomId, *, reason: str = "") -> None:
        """Leave a room."""
        self.rooms.get(room, set()).discard(self._me)
        self._say(f"would leave {room}{_because(reason)}")

    async def ban(self, room: RoomId, user: UserId, *, reason: str = "") -> bool:
        """Say who would be banned."""
        return self._act(f"would ban {user} from {room}{_because(reason)}")

    async def unban(self, room: RoomId, user: UserId, *, reason: str = "") -> bool:
        """Say who would be unbanned."""
        return self._act(f"would unban {user} in {room}{_because(reason)}")

    async def kick(self, room: RoomId, user: UserId, *, reason: str = "") -> bool:
        """Say who would be put out."""
        return self._act(f"would kick {user} from {room}{_because(reason)}")

    async def redact(self, room: RoomId, event: EventId, *, reason: str = "", txn: str) -> bool:
        """Say what would be taken back."""
        self._once(txn, f"would redact {event} in {room}{_because(reason)}")
        return True

    async def set_level(self, room: RoomId, user: UserId, level: int) -> bool:
        """Say what level somebody would have."""
        return self._act(f"would give {user} level {level} in {room}")

    async def set_levels(self, room: RoomId, levels: Mapping[UserId, int]) -> bool:
        """Say what levels people would have."""
        told = ", ".join(f"{user} level {level}" for user, level in levels.items())
        return self._act(f"would give {told} in {room}")

    async def set_acl(self, room: RoomId, acl: Acl) -> bool:
        """Say which servers might take part."""
        literals = "" if acl.ip_literals else ", no addresses"
        return self._act(f"would allow {', '.join(acl.allow)} and deny {', '.join(acl.deny)}{literals} in {room}")

    async def put_state(self, room: RoomId, kind: str, key: str, content: Mapping[str, Any]) -> EventId:
        """Say what would be written."""
        return self._once(f"{room} {kind} {key} {content}", f"would write {kind} {key!r} in {room}: {dict(content)}")

    async def written_by(self, room: RoomId, user: UserId, most: int) -> list[EventId]:
        """Return what somebody wrote of what was put into ``past``, newest first."""
        return [said.event for said in reversed(self.past.get(room, [])) if said.sender == user][:most]

    async def set_profile(self, user: UserId, name: str, value: Mapping[str, Any] | None) -> None:
        """Say what would stand in a profile."""
        self._say(f"would {f'write {name} {dict(value)}' if value is not None else f'take {name} out'} of {user}")

    def _act(self, line: str) -> bool:
        self._say(line)
        return True

    async def close(self) -> None:
        """Do nothing."""


def _because(reason: str) -> str:
    return f": {reason}" if reason else ""
