"""People on a real homeserver, by our own client: an account, what it hears, and the loop that they live in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TypeVar

from app.wording.message import Message
from bot.homeserver import EventId, Happening, Invited, Joined, Said
from bot.nio_homeserver import NioHomeserver
from kit.identifiers import RoomId, UserId
from tests.support.synapse import PASSWORD, Homeserver

_HUNG_SECONDS = 900

_Kind = TypeVar("_Kind", bound=Happening)


class Inbox:
    """Pass ``hear`` to ``Homeserver.listen``; everything heard stays until it is taken.

    Who came into a room stands apart in ``came``: whoever opens a chat with somebody hears of that too.
    """

    def __init__(self) -> None:
        """Begin empty."""
        self.heard: list[Happening] = []
        self.came: list[Happening] = []
        self._changed = asyncio.Condition()

    async def hear(self, happening: Happening) -> None:
        """Keep a happening."""
        async with self._changed:
            (self.came if isinstance(happening, Joined) else self.heard).append(happening)
            self._changed.notify_all()

    async def take(self, kind: type[_Kind], wanted: Callable[[_Kind], bool] = lambda _: True) -> _Kind:
        """Wait for the first happening of ``kind`` that is ``wanted``, take it out and return it."""
        async with self._changed:
            while True:
                for kept in (self.heard, self.came):
                    for place, happening in enumerate(kept):
                        if isinstance(happening, kind) and wanted(happening):
                            del kept[place]
                            return happening
                await self._changed.wait()


class Person:
    """Somebody with a client that listens."""

    def __init__(self, client: NioHomeserver) -> None:
        """Use ``client``."""
        self.client = client
        self.inbox = Inbox()
        self._sent = 0

    @property
    def me(self) -> UserId:
        """Their Matrix id."""
        return self.client.me

    async def say(self, room: RoomId, text: str) -> EventId:
        """Write to a room."""
        self._sent += 1
        return await self.client.send(room, Message(text, text), txn=f"{self.me}-{id(self)}-{self._sent}")

    async def answers(self, room: RoomId, event: EventId, text: str) -> EventId:
        """Answer a message."""
        self._sent += 1
        content = {"msgtype": "m.text", "body": text, "m.relates_to": {"m.in_reply_to": {"event_id": event}}}
        txn = f"{self.me}-{id(self)}-{self._sent}"
        return await self.client._send(room, "m.room.message", content, txn)

    async def hears(self, part: str = "", *, room: RoomId | None = None) -> Said:
        """Wait for a text with ``part`` in it."""
        return await self.inbox.take(Said, lambda said: part in said.body and room in (None, said.room))

    async def comes(self, *, inviter: UserId | None = None) -> RoomId:
        """Wait for an invitation, and follow it."""
        invited = await self.inbox.take(Invited, lambda one: inviter in (None, one.inviter))
        await self.client.join(invited.room)
        return invited.room


def account(homeserver: Homeserver, folder: Path, name: str, *, key_patience: float = 20.0) -> NioHomeserver:
    """A client of the account ``name``, which must exist; what it keeps is in ``folder``."""
    user = UserId(f"@{name}:{homeserver.name}")
    return NioHomeserver(
        homeserver.url, user, folder=folder / name, password=PASSWORD, key_patience_seconds=key_patience
    )


@asynccontextmanager
async def listening(*clients: NioHomeserver) -> AsyncIterator[list[Person]]:
    """People with these clients, who listen until the end of the block; whatever happens in it, they hear."""
    stop = asyncio.Event()
    async with AsyncExitStack() as stack:
        people = []
        for client in clients:
            stack.push_async_callback(client.close)
            await client.start()
            people.append(Person(client))
        tasks = [asyncio.create_task(one.client.listen(one.inbox.hear, stop)) for one in people]
        try:
            yield people
        finally:
            stop.set()
            await asyncio.gather(*tasks)


async def until(met: Callable[[], Awaitable[bool]]) -> None:
    """Wait until something is so that nothing tells of by itself."""
    while True:
        if await met():
            return
        await asyncio.sleep(0.05)


def scene(play: Callable[[], Awaitable[None]]) -> None:
    """Play a scene."""

    async def _play() -> None:
        # No limit on how slow a machine may be: who waits for what never comes must not keep everybody else waiting.
        async with asyncio.timeout(_HUNG_SECONDS):
            await play()

    asyncio.run(_play())
