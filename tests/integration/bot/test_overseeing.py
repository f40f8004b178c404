"""Sellers are told how their goods stand with the operator, and buyers of a take-down: once each, with a button."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import pytest

from app import shopkeeping
from app.container import Container
from app.conversations import Meaning
from bot.commands.command import Asked
from bot.commands.confirm import confirm
from bot.courier import Courier
from bot.crossing import Crossing
from bot.entering import Entering
from bot.overseeing import Overseeing
from bot.readers import reader_of, service_of
from bot.rehearsal import Rehearsal
from kit.database import Database
from kit.identifiers import RoomId, UserId
from payments.content.model import Kind, PurchaseState
from reputation.shop_rules import read_rules
from tests.support.knocks import ALICE, BOB, BOT
from tests.support.services import Clock, a_container
from tests.support.stand import Stand

BOBS, ALICES = RoomId("!bob:home.example"), RoomId("!alice:home.example")
RULES = {"version": 1, "kind": "shop", "rules": [{"name": "all", "when": "true", "then": {"do": "hold"}}]}


class World:
    """A service, and a bot whose homeserver only says what it would do."""

    def __init__(self, folder: Path, database: Database) -> None:
        self.container: Container = a_container(folder, database, bot_user_id=BOT)
        self.stand = Stand(self)
        self.lines: list[str] = []
        self.homeserver = Rehearsal(BOT, self.lines.append)
        with self.container.work() as work:
            work.conversations.remember(self.stand.bob, BOBS)
            work.conversations.remember(self.stand.alice, ALICES)

    def user(self, who: str) -> UserId:
        return {"alice": ALICE, "bob": BOB}[who]

    def tells(self) -> list[str]:
        """Let the bot tell what is owed; what it said."""
        self.lines.clear()
        cross, service = Crossing(self.container), service_of(self.container)
        now: Any = time.monotonic
        courier = Courier(self.homeserver, cross, service, time=now, rooms=Entering())
        asyncio.run(Overseeing(self.homeserver, cross, service, time=now, courier=courier).deliver())
        return list(self.lines)

    def rules(self, document: dict[str, Any]) -> None:
        with self.container.work() as work:
            work.shop.write(read_rules(json.dumps(document)).document)
        shopkeeping.look(self.container)


@pytest.fixture
def world(tmp_path: Path, database: Database) -> World:
    return World(tmp_path, database)


def test_a_seller_is_told_what_is_held_and_what_is_for_sale_again(world: World) -> None:
    world.stand.put_up(b"A door.", "doors.txt")
    world.rules(RULES)
    (told,) = world.tells()
    assert "holds it back" in told, told
    assert BOBS in told
    assert world.tells() == []
    world.rules(RULES | {"rules": []})
    assert world.tells() == [], "once a day"
    world.rules(RULES)
    world.rules(RULES | {"rules": []})
    clock = world.container.clock
    assert isinstance(clock, Clock)
    clock.pass_(days=1)
    (told,) = world.tells()
    assert "for sale again" in told, "as it is by then"


def test_news_that_are_no_news_any_more_are_not_told(world: World) -> None:
    one = world.stand.put_up(b"A door.", "doors.txt")
    world.rules(RULES)
    with world.container.work() as work:
        work.content.unlist(world.stand.bob, one.id)
    assert world.tells() == []


def test_a_buyer_is_told_of_a_take_down_and_asks_for_the_money_by_one_tap(world: World) -> None:
    one = world.stand.put_up(b"A door.", "doors.txt", Kind.FILE)
    first, second = world.stand.pay(one, 1), world.stand.pay(one, 2)
    with world.container.work() as work:
        work.content.take_down(one.id, "It was stolen.")
    shopkeeping.tell_buyers(world.container)
    told = world.tells()
    to_alice = [line for line in told if ALICES in line and "would send" in line]
    assert len(to_alice) == 2
    assert all("It was stolen." in line for line in to_alice), to_alice
    assert [line for line in told if BOBS in line and "buyers have it" in line], told
    assert [line for line in told if "👍" in line]
    assert world.tells() == []
    with world.container.work() as work:
        prompts = work.conversations.waiting(world.stand.alice, Meaning.ASK_REFUND)
        assert {prompt.listing for prompt in prompts} == {one.id}
        letter = confirm(work, asked(world, work), prompts[0])
    assert letter.message.plain.count("is asked for your 5 ERN") == 2
    states = {world.stand.purchase(number).state for number in (1, 2)}
    assert (states, first.id != second.id) == ({PurchaseState.REFUND_ASKED}, True)


def asked(world: World, work: Any) -> Asked:  # noqa: ANN401 - the rooms of a transaction
    """A word of Alice's."""
    reader = reader_of(work, service_of(world.container), world.stand.alice)
    return Asked(world.stand.alice, ALICE, (), (), reader)
