"""`sell revise` in a chat: a new text is a new version for all who bought it, once, wherever the bot dies."""

from __future__ import annotations

import asyncio
import time
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from app import gateway, selling
from app.selling import charged
from bot.commands.command import Asked
from bot.commands.selling import run
from bot.crossing import Crossing
from bot.heard import Heard
from bot.homeserver import EventId, Said
from bot.readers import reader_of, service_of
from bot.rehearsal import Rehearsal
from bot.stocking import Stock, Stocking
from kit.database import Database
from kit.errors import Invalid, NotFound
from kit.identifiers import RoomId, UserId
from payments.content.model import Buyer, Kind, Listing
from tests.support.knocks import ALICE, BOB, BOT
from tests.support.lives import Killed, Life
from tests.support.services import Clock, a_container
from tests.support.stand import Stand

if TYPE_CHECKING:
    from collections.abc import Iterator

    from app.container import Container, Work

CHAT = RoomId("!bob:home.example")


class Counter:
    """A service at which Bob sells by writing to the bot."""

    def __init__(self, folder: Path, database: Database) -> None:
        self.clock = Clock()
        self.container: Container = a_container(folder, database, clock=self.clock, bot_user_id=BOT)
        self.stand = Stand(self)
        self.lines: list[str] = []
        self.homeserver = Rehearsal(BOT, self.lines.append)

    def user(self, who: str) -> UserId:
        return {"alice": ALICE, "bob": BOB}[who]

    def writes(self, text: str, event: str = "$new", who: UserId = BOB) -> None:
        """Let somebody write ``sell …`` in their chat."""
        self.homeserver.past.setdefault(CHAT, []).append(Said(CHAT, EventId(event), who, text, self.clock()))
        words = text.removeprefix("sell ")
        with self.container.work() as work:
            person = work.people.number(who)
            reader = reader_of(work, service_of(self.container), person)
            heard = Heard(CHAT, who, EventId(event))
            run(work, Asked(person, who, tuple(words.split()), (), reader, words, heard=heard))

    def looks(self, life: Life | None = None) -> list[str]:
        """Let the bot look at what was sent; what it says."""
        self.lines.clear()
        container = self.container

        class Dying:
            read = container.read

            @contextmanager
            def work(self) -> Iterator[Work]:
                with container.work() as work:
                    yield work
                if life is not None:
                    life.point()

        stock = Stock(selling.blobs(container), partial(charged, container), partial(gateway.prove, container))
        now: Any = time.monotonic
        made = Stocking(self.homeserver, Crossing(Dying()), service_of(container), time=now, stock=stock)
        asyncio.run(made.deliver())
        return list(self.lines)

    def read(self, one: Listing) -> tuple[int, bytes]:
        """The newest version that Alice has, and what is in it."""
        with self.container.read() as work:
            access = work.content.access(Buyer(person=self.stand.alice), one.id)
            assert access is not None
            assert access.newest.stored is not None
            stored = access.newest.stored
            return access.newest.number, b"".join(work.content.open_(selling.blobs(self.container), stored))


@pytest.fixture
def counter(tmp_path: Path, database: Database) -> Counter:
    return Counter(tmp_path, database)


def test_a_new_text_is_a_new_version_for_all_who_bought_it(counter: Counter) -> None:
    one = counter.stand.put_up(b"A door.", "doors.txt")
    counter.stand.pay(one)
    counter.writes(f"sell revise {one.id}\nA better door.\nWith a handle.")
    (told,) = counter.looks()
    assert "version 2" in told, told
    assert counter.read(one) == (2, b"A better door.\nWith a handle.")
    assert counter.looks() == []


def test_only_a_content_of_ones_own_is_made_new(counter: Counter) -> None:
    text, file = counter.stand.put_up(b"A door.", "a.txt"), counter.stand.put_up(b"\x00", "a.bin", Kind.FILE)
    with pytest.raises(Invalid, match="below the first line"):
        counter.writes(f"sell revise {text.id}")
    with pytest.raises(Invalid, match="file first"):
        counter.writes(f"sell revise {file.id}\nA door.")
    with pytest.raises(NotFound):
        counter.writes(f"sell revise {text.id}\nMine.", who=ALICE)
    assert counter.looks() == []


@pytest.mark.parametrize("dies_at", [1, 2, 3])
def test_it_is_one_new_version_wherever_the_bot_dies(counter: Counter, dies_at: int) -> None:
    one = counter.stand.put_up(b"A door.", "doors.txt")
    counter.stand.pay(one)
    counter.writes(f"sell revise {one.id}\nA better door.")
    try:
        counter.looks(Life(dies_at, counts=True))
    except Killed:
        counter.clock.pass_(minutes=2)
    counter.looks()
    assert counter.read(one) == (2, b"A better door.")
