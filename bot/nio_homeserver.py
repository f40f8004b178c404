"""The homeserver port on matrix-nio: encrypted rooms, a resumable sync, sends that happen once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import quote

import structlog
from nio import MegolmEvent
from nio.exceptions import OlmUnverifiedDeviceError

from app.wording.message import Message
from bot import nio_rooms
from bot.devices import know_devices
from bot.following import Came, Following, Recent
from bot.homeserver import (
    Denied,
    ElsewhereAway,
    Entered,
    EventId,
    Handler,
    Happening,
    Invited,
    Left,
    Look,
    Missed,
    Said,
    Unreadable,
    Written,
)
from bot.nio_client import NioClient
from bot.nio_events import is_entry, is_invitation, read, seconds
from bot.nio_media import WithMedia
from bot.nio_moderation import Moderating, path_of
from kit.clock import Clock, from_unix, system_clock
from kit.errors import HomeserverUnavailable
from kit.identifiers import RoomId, UserId, server_of

LOG = structlog.get_logger(__name__)

_LONG_POLL_SECONDS = 25.0
_GAP_SECONDS = 60.0
"""Without asking for so long, or ever, we were away."""
_KEY_PATIENCE_SECONDS = 20.0
"""How long a message may wait for its key before its sender is told that it could not be read."""
_INVITE_SECONDS = 15.0
"""How long an invite may take: everybody else waits meanwhile, and somebody's homeserver may just let ours wait."""
_RECENT = 2_000
_MOST_WAITING = 100
_MOST_WAITING_IN_ROOM = 20
_FILTER: dict[str, Any] = {
    "presence": {"types": []},
    "account_data": {"types": []},
    "room": {
        "ephemeral": {"types": []},
        "account_data": {"types": []},
        # Of a flood while we were away, the last 100 messages of a room are read and the rest is left alone; Synapse
        # gives no more than that whatever is asked.
        "timeline": {"limit": 100},
        "state": {"types": ["m.room.member", "m.room.encryption", "m.room.create", "m.room.power_levels"]},
    },
}


class NioHomeserver(Moderating, WithMedia):
    """A real homeserver, used as ``user``; everything it must keep between runs is in ``folder``."""

    def __init__(
        self,
        url: str,
        user: UserId,
        *,
        folder: Path,
        password: str | None = None,
        clock: Clock = system_clock,
        key_patience_seconds: float = _KEY_PATIENCE_SECONDS,
        admin_token: str | None = None,
    ) -> None:
        """Use the account; nothing is asked of the server before the first call."""
        self._admin_token = admin_token
        self._client = NioClient(url, user, password, folder, clock=clock)
        self._clock = clock
        self._key_patience = key_patience_seconds
        self._loaded: set[str] = set()
        self._waiting: dict[str, tuple[MegolmEvent, datetime]] = {}
        self._starting = asyncio.Lock()
        self._beginning: Any = None
        self._following = Following(self.leave, self.joined_rooms, self._look_back)
        self._done: set[EventId] = set()
        self._recent = Recent(_RECENT)
        self._told_at: float | None = None
        self._gap = True
        self.late = False

    @property
    def me(self) -> UserId:
        """Our own Matrix id."""
        return self._client.user

    async def start(self) -> None:
        """Log in, or take up the kept login; every other call does so by itself. What happens from then on is heard."""
        async with self._starting:
            await self._client.start()
            if self._client.since() is None and self._beginning is None:
                self._beginning = await self._client.sync(None, _FILTER, 0.0)
                self._client.begin(str(self._beginning.next_batch))

    async def close(self) -> None:
        """Let go of connections and files."""
        await self._client.close()

    # ------------------------------------------------------------------------------------------------ hearing

    async def listen(self, on: Handler, stop: asyncio.Event) -> None:
        """Hand every happening to ``on`` until ``stop``; how far we are is noted only after ``on`` is done with it."""
        await self.start()
        if self._beginning is not None:
            await self._tell(self._beginning, on, first=True, reached=self._client.beginning())
            self._beginning = None
        stopping = asyncio.create_task(stop.wait())
        syncing: asyncio.Task[Any] | None = None
        try:
            while not stop.is_set():
                syncing = syncing or asyncio.create_task(self._sync())
                following = self._following.go_on(on)
                await asyncio.wait({syncing, stopping, *following}, return_when=asyncio.FIRST_COMPLETED)
                for task in following:
                    if task.done():
                        task.result()
                if syncing.done():
                    response, first = syncing.result()
                    syncing, self.late = None, self._gap
                    await self._tell(response, on, first=first)
                    await self._client.tend_keys()
        finally:
            stopping.cancel()
            if syncing is not None:
                syncing.cancel()
                await asyncio.gather(syncing, return_exceptions=True)
            await self._following.stop()

    async def _sync(self) -> tuple[Any, bool]:
        """Ask what happened; tell whether it is a first sync, since the server knows nothing of where we were."""
        since = self._client.since()
        self._gap = self._told_at is None or time.monotonic() - self._told_at > _GAP_SECONDS
        try:
            return await self._client.sync(since, _FILTER, self._patience()), False
        except Denied as denied:
            if since is None or denied.status != HTTPStatus.BAD_REQUEST:
                raise
            LOG.warning("sync_begins_anew", errcode=denied.body.get("errcode"))
            return await self._client.sync(None, _FILTER, 0.0), True

    async def _tell(
        self,
        response: Any,  # noqa: ANN401 - nio's own types
        on: Handler,
        *,
        first: bool,
        reached: str | None = None,
    ) -> None:
        """Hand a sync's happenings over. What was handled is not, where this sync failed before and comes again."""
        since = self._client.since()
        for happening in self._happenings(response, first=first):
            if isinstance(happening, Invited | Came):
                self._following.add(happening, since)
                continue
            event = happening.event if isinstance(happening, Written) else None
            if event is not None and (event in self._done or event in self._recent):
                continue
            await on(happening)
            if event is not None:
                self._done.add(event)
                self._recent.add(event)
        self._done.clear()
        reached = reached or str(response.next_batch)
        self._client.remember(reached, handled=self._following.since(reached))
        self._told_at, self.late = time.monotonic(), False

    def _patience(self) -> float:
        """Wait less while some message waits for its key, so that its sender is told soon."""
        return 1.0 if self._waiting else _LONG_POLL_SECONDS

    def _happenings(self, response: Any, *, first: bool) -> list[Happening | Came]:  # noqa: ANN401 - nio's own types
        """Read a sync: what happened, oldest first within each room. A first sync tells of invites only."""
        found: list[Happening | Came] = []
        for room, info in response.rooms.invite.items():
            mine = [e for e in info.invite_state if getattr(e, "membership", "") == "invite" and e.state_key == self.me]
            found += [Invited(RoomId(room), UserId(e.sender)) for e in mine[-1:]]
        for room, info in response.rooms.leave.items():
            self._client.nio.rooms.pop(room, None)
            self._loaded.discard(room)
            if not first:
                told = [read(RoomId(room), event, self.me) for event in (*info.state, *info.timeline.events)]
                ours = [one for one in told if isinstance(one, Left) and one.user == self.me]
                found.append(ours[-1] if ours else Left(RoomId(room), self.me))
        for room, info in response.rooms.join.items():
            if not first:
                found += self._in_room(RoomId(room), list(info.timeline.events))
                found += self._not_told(RoomId(room), info.timeline)
        found += self._awaited()
        return found

    def _in_room(self, room: RoomId, events: list[Any]) -> Iterator[Happening]:
        """Read a room's new events. What was said before we were invited was not said to us."""
        ours = [place for place, event in enumerate(events) if is_invitation(event, self.me)]
        inviter = UserId(events[ours[-1]].sender) if ours else None
        for event in events[ours[-1] + 1 :] if ours else events:
            happening = self._read(room, event)
            if happening is not None:
                yield happening
            elif inviter is not None and is_entry(event, self.me):
                yield Entered(room, inviter)

    def _not_told(self, room: RoomId, timeline: Any) -> Iterator[Missed | Came]:  # noqa: ANN401 - nio's own types
        """Tell what is to be found out, since a sync left it out of a room."""
        came = [event for event in timeline.events if is_entry(event, self.me)]
        if timeline.limited and not came:
            yield Missed(room)
        told = any(is_invitation(event, self.me) for event in timeline.events)
        if came and came[-1].prev_membership == "invite" and not told:
            yield Came(room, str(timeline.prev_batch))

    async def _look_back(self, came: Came, on: Handler) -> None:
        """Read what was said between our invitation and our coming, where that did not come with the sync.

        What is written to a room before anybody of our homeserver is in it does not reach ours by itself; or it does
        after all, by what is written next.
        """
        for event in await nio_rooms.since_invited(self._client, came.room, path_of(came.room), came.before):
            happening = self._read(came.room, event)
            if happening is not None and event.event_id not in self._recent:
                await on(happening)
                self._recent.add(event.event_id)

    def _read(self, room: RoomId, event: Any) -> Happening | None:  # noqa: ANN401 - nio's own types
        found = read(room, event, self.me)
        return self._await_key(event, found) if isinstance(found, Unreadable) else found

    def _await_key(self, event: Any, unreadable: Unreadable) -> Unreadable | None:  # noqa: ANN401 - nio's own types
        here = sum(waiting.room_id == event.room_id for waiting, _ in self._waiting.values())
        if len(self._waiting) >= _MOST_WAITING or here >= _MOST_WAITING_IN_ROOM:
            return unreadable
        self._waiting[event.event_id] = (event, self._clock())
        return None

    def _awaited(self) -> Iterator[Happening]:
        """Try again what could not be decrypted: over federation a key often comes after its message."""
        for identifier, (event, since) in list(self._waiting.items()):
            plain = self._client.nio.olm._decrypt_megolm_no_error(event)  # noqa: SLF001 - nio offers no other way
            late = (self._clock() - since).total_seconds() > self._key_patience
            if plain is None and not late:
                continue
            del self._waiting[identifier]
            room = RoomId(event.room_id)
            at = from_unix(seconds(event.server_timestamp))
            if plain is None:
                yield Unreadable(room, EventId(identifier), UserId(event.sender), at)
                continue
            happening = self._read(room, plain)
            if happening is not None:
                yield happening

    # ------------------------------------------------------------------------------------------------ doing

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
        """Make a room with nobody else in it."""
        return await self._created(
            nio_rooms.new_room(name, topic, kind, alias, levels, encrypted=encrypted, public=public)
        )

    async def invite(self, room: RoomId, user: UserId, *, direct: bool = False) -> dict[str, Any] | None:
        """Invite somebody; the JSON of a refusal is returned as it came.

        Sent as the membership event itself: the shorter ``/invite`` cannot say that this is a direct chat.
        """
        await self.start()
        content: dict[str, Any] = {"membership": "invite"}
        if direct:
            content["is_direct"] = True
        try:
            await self._client.request(
                "PUT", f"{path_of(room)}/state/m.room.member/{quote(user, safe='')}", content, seconds=_INVITE_SECONDS
            )
        except Denied as denied:
            return denied.body
        except HomeserverUnavailable as error:
            if server_of(user) == server_of(self.me):
                raise
            # Ours hands an invite on before it answers, so its trouble (502, or no answer in time) is most likely
            # theirs. Where it is ours after all, whatever is asked of it next says so.
            message = "their homeserver cannot be reached"
            raise ElsewhereAway(message) from error
        return None

    async def send(self, room: RoomId, message: Message, *, txn: str) -> EventId:
        """Send a message, encrypted where the room is."""
        return await self._send(room, "m.room.message", nio_rooms.content_of(message), txn)

    async def reply(self, room: RoomId, to: EventId, message: Message, *, txn: str) -> EventId:
        """Send a message as an answer to another one."""
        content = nio_rooms.content_of(message) | {"m.relates_to": {"m.in_reply_to": {"event_id": to}}}
        return await self._send(room, "m.room.message", content, txn)

    async def react(self, room: RoomId, event: EventId, key: str, *, txn: str) -> EventId:
        """Put a reaction on a message."""
        relation = {"rel_type": "m.annotation", "event_id": event, "key": key}
        return await self._send(room, "m.reaction", {"m.relates_to": relation}, txn)

    async def _send(self, room: RoomId, kind: str, content: dict[str, Any], txn: str) -> EventId:
        await self.start()
        await self._make_ready(room)
        nio = self._client.nio

        async def _once() -> Any:  # noqa: ANN401 - nio's own types
            sending = nio.room_send(room, kind, content, tx_id=txn, ignore_unverified_devices=True)
            return await self._client.checked(sending)

        try:
            answer = await self._client.patiently(_once)
        except OlmUnverifiedDeviceError as error:
            message = "a device appeared while we encrypted"
            raise HomeserverUnavailable(message) from error
        return EventId(str(answer.event_id))

    async def _make_ready(self, room: RoomId) -> None:
        """Let nio know who is in ``room`` and whether it is encrypted, before anything is sent there.

        After a restart it knows nothing (a sync tells changes only), and its own way to find out overlooks people who
        are invited and have not come yet: they could never read what was sent to them.
        """
        nio = self._client.nio
        if room not in self._loaded:
            nio.rooms[room] = await nio_rooms.known(self._client, room, path_of(room))
            # Devices may have changed while we were away or did not look.
            nio.olm.users_for_key_query.update(nio.rooms[room].users)
            self._loaded.add(room)
        known = nio.rooms[room]
        known.members_synced = True
        if known.encrypted:
            await know_devices(self._client, known)

    async def members(self, room: RoomId) -> frozenset[UserId]:
        """Return who is in a room or invited to it."""
        await self.start()
        return await nio_rooms.members(self._client, path_of(room))

    async def look(self, room: RoomId) -> Look:
        """Look around in a room."""
        await self.start()
        return await nio_rooms.look(self._client, path_of(room))

    async def newest(self, room: RoomId, most: int) -> list[Said]:
        """Return the newest texts of a room."""
        await self.start()
        return await nio_rooms.newest(self._client, room, path_of(room), most)

    async def joined_rooms(self) -> list[RoomId]:
        """Return the rooms that we are in."""
        await self.start()
        return await nio_rooms.joined_rooms(self._client)

    async def resolve(self, alias: str) -> tuple[RoomId, tuple[str, ...]]:
        """Return the room of an alias."""
        await self.start()
        return await nio_rooms.resolve(self._client, alias)

    async def join(self, room: RoomId, via: Sequence[str] = ()) -> None:
        """Enter a room."""
        await self.start()
        await nio_rooms.join(self._client, room, via)

    async def leave(self, room: RoomId, *, reason: str = "") -> None:
        """Leave a room, or decline to come, and forget it."""
        await self.start()
        for step, body in (("leave", {"reason": reason} if reason else {}), ("forget", {})):
            try:
                await self._client.request("POST", f"{path_of(room)}/{step}", body)
            except Denied as denied:
                LOG.info("left_already", room=room, step=step, status=denied.status)
        self._client.nio.rooms.pop(room, None)
        self._loaded.discard(room)
