"""Whoever looks at what is to be sold dies after every commit and around every call: it is put up once all the same."""

from __future__ import annotations

import asyncio
import shutil
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from app import gateway, selling
from app.container import Container, Work
from app.wording.message import Message
from bot.commands.selling import OFFERED
from bot.crossing import Crossing
from bot.homeserver import EventId, Said
from bot.media import Sent
from bot.readers import service_of
from bot.rehearsal import Rehearsal
from bot.stocking import Stock, Stocking
from kit import outbox
from kit.clock import system_clock
from kit.database import Database, make_engine
from kit.identifiers import RoomId
from ledger.store import holders
from tests.support.gatehouse import LOCAL
from tests.support.knocks import BOB, BOT
from tests.support.lives import Killed, Life
from tests.support.receivers import Receiver, a_receiver, answer
from tests.support.services import Clock, a_container
from tests.support.till import SELLER

CHAT, EVENT = RoomId("!chat:home.example"), EventId("$post")


class Mortal(Rehearsal):
    def __init__(self, life: Life, lines: list[str]) -> None:
        super().__init__(BOT, lines.append)
        self.life = life
        self.past[CHAT] = [Said(CHAT, EVENT, BOB, "A door", system_clock(), html="A <b>door</b>")]

    async def send(self, room: RoomId, message: Message, *, txn: str) -> EventId:
        self.life.point()
        event = await super().send(room, message, txn=txn)
        self.life.point()
        return event

    async def sent(self, room: RoomId, event: str, *, most: int) -> Sent | None:
        self.life.point()
        return await super().sent(room, event, most=most)


def stocks(container: Container, homeserver: Mortal) -> None:
    """Let a bot take in what is due."""

    class Dying:
        read = container.read

        @contextmanager
        def work(self) -> Iterator[Work]:
            with container.work() as work:
                yield work
            homeserver.life.point()

    now: Any = time.monotonic
    stock = Stock(selling.blobs(container), partial(selling.charged, container), partial(gateway.prove, container))
    cross, service = Crossing(Dying()), service_of(container)
    asyncio.run(Stocking(homeserver, cross, service, time=now, stock=stock).deliver())


def played(folder: Path, template: Path, host: Receiver | None, ends_at: int | None) -> tuple[list[str], int]:
    """Let it be put up, by a bot that dies once; return what was done, and at how many points it might die."""
    folder.mkdir()
    shutil.copyfile(template, folder / "earnest.db")
    clock, lines = Clock(), list[str]()
    database = Database(make_engine(f"sqlite:///{folder / 'earnest.db'}"))
    container = a_container(folder, database, clock=clock, bot_user_id=BOT, private_networks=LOCAL)
    url = None if host is None else f"{host.url}/report"
    with container.work() as work:
        bob = work.people.number(BOB)
        holders.link(work.session, bob, SELLER, is_primary=True, now=work.now)
        payload = {"person": bob, "room": CHAT, "event": EVENT, "answered": True, "title": "It", "price": "5"}
        if url is None:
            payload |= {"kind": "post", "at": CHAT, "preview": ""}
        else:
            sealed = b64encode(work.seal().close(url.encode(), OFFERED)).decode()
            payload |= {"kind": "gateway", "upstream": sealed, "preview": ""}
        token = work.gateways.token(bob)
        outbox.append(work.session, kind=OFFERED, key="offered", payload=payload, now=work.now)
    if host is not None:
        host.manner = lambda handler, _: answer(handler, 200, token.encode())
    homeserver = Mortal(Life(ends_at, counts=True), lines)
    try:
        stocks(container, homeserver)
    except Killed:
        clock.pass_(minutes=2)  # a lease runs out
    points = homeserver.life.points
    stocks(container, homeserver)
    with container.read() as work:
        (draft,) = work.content.mine(bob)[0]
        if url is not None:
            assert work.gateways.find(draft.id, draft.version.offer.reference).upstream.url == url
        else:
            assert draft.version.stored is not None
            assert b"".join(work.content.open_(selling.blobs(container), draft.version.stored)) == b"A <b>door</b>"
    database.engine.dispose()
    return [line[:40] for line in lines], points


@pytest.mark.parametrize("kind", ["post", "address"])
def test_it_is_put_up_once_wherever_the_bot_dies(sqlite_template: Path, tmp_path: Path, kind: str) -> None:
    with a_receiver() as upstream:
        host = upstream if kind == "address" else None
        undisturbed, points = played(tmp_path / "0", sqlite_template, host, None)
        assert undisturbed
        assert points >= 4
        for point in range(1, points + 1):
            lines, _ = played(tmp_path / str(point), sqlite_template, host, point)
            assert lines == undisturbed, f"died at point {point}"
