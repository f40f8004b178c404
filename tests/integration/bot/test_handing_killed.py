"""Whoever hands over what was bought dies after every commit and around every call: it arrives once all the same."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from app import selling
from app.container import Container, Work
from app.wording.message import Message
from bot.courier import Courier
from bot.crossing import Crossing
from bot.entering import Entering
from bot.handing import Handing
from bot.homeserver import EventId
from bot.media import Parcel
from bot.readers import service_of
from bot.rehearsal import Rehearsal
from kit.database import Database, make_engine
from kit.identifiers import RoomId, UserId
from payments.content.model import Kind
from tests.support.knocks import ALICE, BOB, BOT
from tests.support.lives import Killed, Life
from tests.support.services import Clock, a_container
from tests.support.stand import Stand

CHAT = RoomId("!chat:home.example")


class Mortal(Rehearsal):
    def __init__(self, life: Life, lines: list[str]) -> None:
        super().__init__(BOT, lines.append)
        self.life = life
        self.uploads = 0

    async def send(self, room: RoomId, message: Message, *, txn: str) -> EventId:
        self.life.point()
        event = await super().send(room, message, txn=txn)
        self.life.point()
        return event

    async def send_file(self, room: RoomId, parcel: Parcel, *, txn: str) -> str:
        self.life.point()
        assert b"".join(await parcel.open_()) == b"\x00\x01" * 99
        event = await super().send_file(room, parcel, txn=txn)
        self.life.point()
        return event


class World:
    """A container on a database of its own, whose clock can be put forward."""

    def __init__(self, folder: Path, template: Path) -> None:
        folder.mkdir()
        shutil.copyfile(template, folder / "earnest.db")
        self.clock = Clock()
        self.database = Database(make_engine(f"sqlite:///{folder / 'earnest.db'}"))
        self.container: Container = a_container(folder, self.database, clock=self.clock, bot_user_id=BOT)

    def user(self, who: str) -> UserId:
        return {"alice": ALICE, "bob": BOB}[who]

    def hands(self, homeserver: Mortal) -> None:
        """Let a bot hand over what is due."""
        container, life = self.container, homeserver.life

        class Dying:
            read = container.read

            @contextmanager
            def work(self) -> Iterator[Work]:
                with container.work() as work:
                    yield work
                life.point()

        cross, service = Crossing(Dying()), service_of(container)
        now: Any = time.monotonic
        courier = Courier(homeserver, cross, service, time=now, rooms=Entering())
        blobs = selling.blobs(container)
        asyncio.run(Handing(homeserver, cross, service, time=now, courier=courier, blobs=blobs).deliver())


def played(folder: Path, template: Path, ends_at: int | None) -> tuple[list[str], int]:
    """Let it be handed over, by a bot that dies once; return what was done, and at how many points it might die."""
    world, lines = World(folder, template), list[str]()
    stand = Stand(world)
    with world.container.work() as work:
        work.conversations.remember(stand.alice, CHAT)
    stand.pay(stand.put_up(b"\x00\x01" * 99, "doors.bin", Kind.FILE))
    homeserver = Mortal(Life(ends_at, counts=True), lines)
    try:
        world.hands(homeserver)
    except Killed:
        world.clock.pass_(minutes=2)  # a lease runs out
    points = homeserver.life.points
    world.hands(homeserver)
    assert stand.purchase().delivered_at is not None
    world.database.engine.dispose()
    return [line[:70] for line in lines], points


def test_it_is_handed_over_once_wherever_the_bot_dies(sqlite_template: Path, tmp_path: Path) -> None:
    undisturbed, points = played(tmp_path / "0", sqlite_template, None)
    assert len([line for line in undisturbed if "would send" in line]) == 2
    assert points >= 6
    for point in range(1, points + 1):
        lines, _ = played(tmp_path / str(point), sqlite_template, point)
        assert lines == undisturbed, f"died at point {point}"
