"""Mirroring: makes policy rooms of published lists and keeps them equal, whatever happens in between.

A room is looked at, what lacks is planned, and written one rule after the other; whoever dies in the midst looks again.
A room of ours that was made and not noted is found by its alias, which is made of the list's id.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

import structlog

from app.container import Work
from bot.aliases import found_by_alias
from bot.crossing import Crossing
from bot.homeserver import ElsewhereAway, Homeserver, SlowDown
from bot.room_state import StateEvent
from kit.errors import EarnestError, Invalid
from kit.identifiers import RoomId, server_of
from reputation.enforcement.reading import room_in, user_in
from reputation.list_rooms import Mirror
from reputation.lists.mirroring import ROOM_TYPE, plan
from reputation.lists.model import Listing
from reputation.lists.policy_events import TYPES

LOG = structlog.get_logger(__name__)
_LOOK_SECONDS: Final = 1.0
_PAUSE: Final = 5.0
_LONGEST_PAUSE: Final = 60.0
_MODERATOR: Final = 50
_LEVELS: Final = {"state_default": 100, "events_default": _MODERATOR, "invite": _MODERATOR}
"""Only we write rules; the author may put people out, and nobody else talks there."""
_NAME: Final = "m.room.name"
_TOMBSTONE: Final = "m.room.tombstone"
_KINDS: Final = frozenset({*TYPES, _NAME, _TOMBSTONE})
_AT_ONCE: Final = 2_000
"""Rules of one room that are written before others have their turn."""


class Mirroring:
    """Keeps the rooms of lists."""

    def __init__(self, homeserver: Homeserver, cross: Crossing, *, time: Callable[[], float] = time.monotonic) -> None:
        """Work through ``homeserver``."""
        self._homeserver = homeserver
        self._cross = cross
        self._time = time
        self._not_before = 0.0

    async def run(self, stop: asyncio.Event) -> None:
        """Mirror until ``stop``; what goes wrong comes round again."""
        while not stop.is_set():
            if self._time() >= self._not_before:
                try:
                    await self.mirror(stop)
                except Exception as error:  # noqa: BLE001 - a list's names stand in no log
                    LOG.warning("mirroring_waits", reason=type(error).__name__)
                    self._not_before = self._time() + _PAUSE
            try:
                await asyncio.wait_for(stop.wait(), _LOOK_SECONDS)
            except TimeoutError:
                continue

    async def mirror(self, stop: asyncio.Event) -> None:
        """Bring each room that is behind to its list's version; where we are to slow down, the rest waits."""
        for one in await self._cross.read(lambda work: work.publishing.rooms.due()):
            if stop.is_set():
                return
            try:
                await self._one(one, stop)
            except SlowDown as slow:
                self._not_before = self._time() + min(slow.seconds, _LONGEST_PAUSE)
                LOG.info("mirroring_slowed", room=one.room, seconds=slow.seconds)
                return
            except EarnestError as error:
                LOG.warning("list_not_mirrored", list=one.public_id, reason=type(error).__name__)
                await self._cross.work(partial(_failed, one, str(error)))

    async def _one(self, mirror: Mirror, stop: asyncio.Event) -> None:
        room = mirror.room
        if room is None:
            if mirror.retired:
                return
            room = await self._room(mirror)
        slowed = 0.0 if mirror.written else await self._welcome(room, mirror)
        newest, listing = await self._cross.read(lambda work: _wanted(work, mirror))
        there = await self._homeserver.events(room, _KINDS)
        moved = await self._moved(mirror, room, there)
        if moved is not None:
            room, there = moved, await self._homeserver.events(moved, _KINDS)
        if {"name": newest.title} not in [one.content for one in there if one.kind == _NAME]:
            await self._homeserver.put_state(room, _NAME, "", {"name": newest.title})
        standing = [((one.kind, one.key), one.content) for one in there]
        writes = (await asyncio.to_thread(plan, standing, listing)).writes  # of a long list it takes seconds
        for (kind, key), content in writes[:_AT_ONCE]:
            if stop.is_set():
                return
            await self._homeserver.put_state(room, kind, key, content)
        if len(writes) > _AT_ONCE:  # others have their turn
            await self._cross.work(lambda work: work.publishing.rooms.goes_on(newest))
        elif slowed:  # all is written, and its author is still to be invited
            await self._cross.work(lambda work: work.publishing.rooms.goes_on(newest, seconds=slowed))
        else:
            await self._cross.work(lambda work: work.publishing.rooms.mirrored(newest))

    async def _room(self, mirror: Mirror) -> RoomId:
        """Return the room of a list, made now unless we had made it."""
        alias = f"earnest-list-{mirror.public_id}"
        room, ours = await found_by_alias(self._homeserver, alias, ROOM_TYPE)
        if room is None:
            room = await self._homeserver.create_room(
                name=mirror.title,
                topic="A list as rules, for other bots to watch.",
                encrypted=False,
                kind=ROOM_TYPE,
                public=True,
                alias=alias if ours else None,
                levels=_LEVELS,
            )
        # First of all: where it has no alias, another would be made for each time that something fails after this.
        await self._cross.work(lambda work: work.publishing.rooms.made(mirror.list, room, alias if ours else None))
        return room

    async def _moved(self, mirror: Mirror, room: RoomId, there: Sequence[StateEvent]) -> RoomId | None:
        """Return the room for which a list's room was closed, entered and noted; ``None`` where it was not.

        Raises ``Invalid`` where it is none that was made for it, ``Denied`` where we are not let in.
        """
        tomb = next((one for one in there if one.kind == _TOMBSTONE and not one.key), None)
        new = None if tomb is None else room_in(tomb.content, "replacement_room")
        if tomb is None or new is None or new == room:
            return None
        closer = user_in(tomb.sender)
        await self._homeserver.join(new, () if closer is None else (server_of(closer),))
        made = await self._homeserver.events(new, {"m.room.create"})
        before = next((one.content.get("predecessor") for one in made), None)
        if not isinstance(before, dict) or room_in(before, "room_id") != room:
            await self._homeserver.leave(new)
            raise Invalid("mirror_moved", f"It was closed for {new}, which was not made for it.")
        await self._cross.work(lambda work: work.publishing.rooms.moved(mirror.list, new))
        LOG.info("mirror_moved", list=mirror.public_id, to=new)
        return new

    async def _welcome(self, room: RoomId, mirror: Mirror) -> float:
        """Have the author in the room, or invited; return after how many seconds that is to be tried again, or 0."""
        author = await self._cross.read(lambda work: work.people.mxid(mirror.author))
        if author is None or author == self._homeserver.me:
            return 0.0
        slowed = 0.0
        if author not in await self._homeserver.members(room):
            try:
                await self._homeserver.invite(room, author)
            except ElsewhereAway:
                LOG.info("author_not_invited", list=mirror.public_id)  # they find it by its alias
            except SlowDown as slow:  # one author's invitation keeps no list waiting
                slowed = max(slow.seconds, 1.0)
        await self._homeserver.set_level(room, author, _MODERATOR)
        return slowed


def _wanted(work: Work, mirror: Mirror) -> tuple[Mirror, Listing]:
    """Return what the room of a list is to hold now, and which version that is."""
    return work.publishing.rooms.mirror(mirror.list), Listing("", tuple(work.publishing.entries(mirror.public_id)))


def _failed(mirror: Mirror, why: str, work: Work) -> None:
    work.publishing.rooms.failed(mirror.list, why)
