"""Whoever tells of tips dies after every commit and around every call: all are told once, and a reorg takes it back."""

from __future__ import annotations

import asyncio
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from app.container import Container, Work
from app.wording.message import Message
from bot.applying import Applying
from bot.courier import Courier
from bot.crossing import Crossing
from bot.entering import Entering
from bot.homeserver import EventId
from bot.readers import service_of
from bot.rehearsal import Rehearsal
from bot.tip_news import TipNews
from bot.views import Views
from bot.warden import Warden
from contracts.checkout import terms_hash
from contracts.events import BlockRef, Bought, Position
from kit.clock import unix
from kit.database import Database, make_engine
from kit.identifiers import Address, Hash32, RoomId
from ledger.store import holders
from payments.tips.model import Wish
from payments.tips.onchain import Place, listing_hash
from tests.support.knocks import ALICE, BOB, BOT
from tests.support.lives import Killed, Life
from tests.support.services import Clock, a_container
from tests.support.till import SELLER

HERS, HIS, TEA = RoomId("!hers:home.example"), RoomId("!his:home.example"), RoomId("!tea:home.example")
PAYER, CHECKOUT = Address(b"\x0a" * 20), Address(b"\x0c" * 20)
NOTHING = Hash32(bytes(32))


class Mortal(Rehearsal):
    """A homeserver around whose calls the bot may die."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__(BOT, lines.append)
        self.life = Life(None)
        self.rooms[TEA] = {BOT, ALICE, BOB}

    async def send(self, room: RoomId, message: Message, *, txn: str) -> EventId:
        self.life.point()
        event = await super().send(room, message, txn=txn)
        self.life.point()
        return event

    async def reply(self, room: RoomId, to: EventId, message: Message, *, txn: str) -> EventId:
        self.life.point()
        event = await super().reply(room, to, message, txn=txn)
        self.life.point()
        return event

    async def redact(self, room: RoomId, event: EventId, *, reason: str = "", txn: str) -> bool:
        self.life.point()
        found = await super().redact(room, event, reason=reason, txn=txn)
        self.life.point()
        return found


class World:
    """@alice tips @bob in public, on a database of its own."""

    def __init__(self, folder: Path, template: Path, *, safe: bool = True) -> None:
        folder.mkdir()
        shutil.copyfile(template, folder / "earnest.db")
        self.clock = Clock()
        self.database = Database(make_engine(f"sqlite:///{folder / 'earnest.db'}"))
        self.container: Container = a_container(folder, self.database, clock=self.clock, bot_user_id=BOT)
        wish = Wish(10**18, "thank you", public=True)
        with self.container.work() as work:
            alice, bob = work.people.number(ALICE), work.people.number(BOB)
            work.moderation.protect(work.moderation.make(bob, "Mine").id, TEA)
            work.conversations.remember(alice, HERS)
            work.conversations.remember(bob, HIS)
            holders.link(work.session, bob, SELLER, is_primary=True, now=work.now)
            work.tip_links.on(bob)
            self.link = work.tip_links.link(alice, bob, wish, room=TEA, event="$message")
            place = self.container.deployment
            terms, _ = work.tip_links.terms(self.link.token, wish, PAYER, Place(place.chain_id, place.token, CHECKOUT))
            self.block = BlockRef(place.chain_id, 1, Hash32(secrets.token_bytes(32)), NOTHING, unix(work.now))
            self.bought = Bought(
                Position(self.block, 0, Hash32(secrets.token_bytes(32))),
                CHECKOUT,
                purchase=Hash32(secrets.token_bytes(32)),
                buyer=PAYER,
                seller=terms.seller,
                asset=terms.asset,
                amount=terms.price,
                listing=listing_hash(self.link.token),
                terms=terms_hash(terms),
                memo=NOTHING,
            )
            work.book.record(self.block, [])
            if safe:
                work.book.mark_levels(self.block, None)
            work.tips.told(self.bought)

    def surer(self, *, final: bool = False) -> None:
        """Let its block be safe, or final."""
        with self.container.work() as work:
            work.book.mark_levels(self.block, self.block if final else None)
            work.tips.levels_moved()

    def leaves(self) -> None:
        """Let its block leave the chain."""
        with self.container.work() as work:
            work.tips.left(self.block)

    def carries(self, homeserver: Mortal) -> None:
        """Let a bot tell what is due, until nothing is."""
        container, life = self.container, homeserver.life

        class Dying:
            read = container.read

            @contextmanager
            def work(self) -> Iterator[Work]:
                with container.work() as work:
                    yield work
                life.point()

        async def _all() -> None:
            cross, service, now = Crossing(Dying()), service_of(container), time.monotonic
            views = Views(homeserver, time=now, clock=container.clock)
            applying = Applying(homeserver, cross, container, service, views)
            warden = Warden(homeserver, cross, container, applying=applying, views=views)
            courier = Courier(homeserver, cross, service, time=now, rooms=Entering())
            news = TipNews(homeserver, cross, service, time=now, courier=courier, warden=warden)
            while await news.deliver():
                pass

        asyncio.run(_all())


def lived(world: World, homeserver: Mortal, ends_at: int | None) -> int:
    """Let a bot live that dies once; return at how many points it might have died."""
    homeserver.life = Life(ends_at, counts=True)
    with suppress(Killed):
        world.carries(homeserver)
    return homeserver.life.points


def revived(world: World, homeserver: Mortal) -> None:
    """Let another bot live, for ever."""
    homeserver.life = Life(None)
    for _ in range(3):
        world.clock.pass_(minutes=2)  # a lease runs out, and what waited for another is due
        world.carries(homeserver)


def told(folder: Path, template: Path, ends_at: int | None, *, leaves: bool) -> tuple[list[str], int]:
    """Let a tip be told of; where it ``leaves``, the chain takes it back while the bot is dead."""
    lines = list[str]()
    world, homeserver = World(folder, template), Mortal(lines)
    points = lived(world, homeserver, ends_at)
    if leaves:
        world.leaves()
    revived(world, homeserver)
    with world.container.read() as work:
        tip = work.tips.of_link(world.link.token)
        assert tip is not None
        assert (tip.line is None) == leaves
    world.database.engine.dispose()
    return [line[:70] for line in lines], points


def test_all_are_told_once_wherever_the_bot_dies(sqlite_template: Path, tmp_path: Path) -> None:
    undisturbed, points = told(tmp_path / "0", sqlite_template, None, leaves=False)
    assert [line[:26] for line in undisturbed] == [
        "would send to !his:home.ex",
        "would answer $message in !",
        "would send to !hers:home.e",
    ]
    assert points >= 10
    for point in range(1, points + 1):
        lines, _ = told(tmp_path / f"{point}", sqlite_template, point, leaves=False)
        assert lines == undisturbed, f"died at point {point}"


def test_no_line_stays_in_the_room_of_what_left_the_chain_wherever_the_bot_dies(
    sqlite_template: Path, tmp_path: Path
) -> None:
    _, points = told(tmp_path / "0", sqlite_template, None, leaves=True)
    for point in range(1, points + 1):
        lines, _ = told(tmp_path / f"{point}", sqlite_template, point, leaves=True)
        said = [line for line in lines if "would answer" in line]
        taken = [line for line in lines if "would redact" in line]
        assert len(said) == len(taken) <= 1, f"died at point {point}"
        happy = [line for line in lines if "You were tipped" in line]
        sorry = [line for line in lines if "!his" in line and "The chain dropped" in line]
        assert len(happy) <= len(sorry) <= 1, f"died at point {point}"


def test_the_giver_is_told_first_and_the_note_goes_once_all_is_final_and_told(
    sqlite_template: Path, tmp_path: Path
) -> None:
    lines = list[str]()
    world, homeserver = World(tmp_path / "it", sqlite_template, safe=False), Mortal(lines)
    world.carries(homeserver)
    assert len(lines) == 1
    assert "!hers" in lines[0]
    assert "is in a block" in lines[0]
    world.surer()
    world.carries(homeserver)
    assert len(lines) == 4
    assert [line[:18] for line in lines[1:]] == ["would send to !his", "would answer $mess", "would send to !her"]
    assert note_of(world) == "thank you"
    world.surer(final=True)
    assert note_of(world) is None
    world.carries(homeserver)
    assert len(lines) == 4
    world.database.engine.dispose()


def note_of(world: World) -> str | None:
    with world.container.read() as work:
        tip = work.tips.of_link(world.link.token)
    assert tip is not None
    return tip.note


def test_a_tip_that_comes_again_is_told_of_again(sqlite_template: Path, tmp_path: Path) -> None:
    lines = list[str]()
    world, homeserver = World(tmp_path / "it", sqlite_template), Mortal(lines)
    world.carries(homeserver)
    world.leaves()
    with world.container.work() as work:
        work.tips.told(world.bought)
    revived(world, homeserver)
    assert sum("would answer" in line for line in lines) == 2
    assert sum("would redact" in line for line in lines) == 1
    assert sum("You were tipped" in line for line in lines) == 2
    with world.container.read() as work:
        tip = work.tips.of_link(world.link.token)
        assert tip is not None
        assert tip.line is not None
    world.database.engine.dispose()


def test_whoever_may_not_speak_in_the_room_does_not_by_a_tip(sqlite_template: Path, tmp_path: Path) -> None:
    lines = list[str]()
    world, homeserver = World(tmp_path / "it", sqlite_template), Mortal(lines)
    homeserver.rooms[TEA] = {BOT, BOB}
    world.carries(homeserver)
    assert not [line for line in lines if "would answer" in line]
    assert [line for line in lines if "You were tipped" in line]
    world.database.engine.dispose()
