"""Beside another policy bot: what is published for it, who acts when, and which rooms are waited for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from app import comparing, protecting
from app.container import Container
from app.forgetting import forget_person
from bot.beside import changes, rules_of
from bot.room_state import StateEvent
from kit.database import Database
from kit.errors import Conflict, NotFound
from kit.identifiers import RoomId, UserId
from reputation.beside import EVERY, Outcome
from reputation.consequences import LEASE
from reputation.enforcement.acl import covers
from reputation.enforcement.model import Consequence, Mode, State, Veto
from reputation.enforcement.rooms import Acl, Membership, Powers
from tests.integration.app import test_protecting as base
from tests.integration.app.test_protecting import BAD, BOT, NICE, OWNER, ROOM, SPAM, WORSE, Bot
from tests.support.moderated import member
from tests.support.services import Clock, a_container

OTHER = UserId("@draupnir:home.example")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def container(tmp_path: Path, database: Database, clock: Clock) -> Container:
    return a_container(tmp_path, database, clock=clock)


@pytest.fixture
def bot(container: Container, clock: Clock) -> Bot:
    """A bot that protects a room in which it may do nothing at all, and a list that speaks of three there."""
    with container.work() as work:
        made = work.moderation.make(work.people.number(OWNER), "Home")
        work.moderation.protect(made.id, ROOM)
    found = Bot(container, clock, made.id)
    found.rooms[ROOM] = base.a_room(ROOM, BAD, WORSE, SPAM, OTHER, *NICE)
    number = base.follow(container, "bad", base.user(BAD), base.user(SPAM), base.server("worse.example"))
    base.subscribe(found, number, "bad")
    return found


def beside(bot: Bot) -> None:
    with bot.container.work() as work:
        work.moderation.beside.set(bot.management, OTHER)


def published(bot: Bot) -> set[str]:
    with bot.container.read() as work:
        return {one.target for one in work.moderation.beside.outcome(bot.management)}


def powerless(bot: Bot) -> None:
    levels = Powers(users={OWNER: 100, OTHER: 60}, creators=bot.rooms[ROOM].powers.creators)
    bot.rooms[ROOM] = replace(bot.rooms[ROOM], powers=levels)


def test_beside_another_bot_nothing_is_done_and_all_is_published(bot: Bot) -> None:
    powerless(bot)
    beside(bot)
    bot.settle()
    assert bot.banned() == set()
    assert bot.rooms[ROOM].acl is None
    assert published(bot) == {BAD, SPAM, "worse.example"}
    assert bot.plan().changes == []

    # The other bot did it, and somebody lets one in again: what is published is not taken for lifted.
    bot.rooms[ROOM] = member(bot.rooms[ROOM], BAD, Membership.BAN, OTHER)
    bot.settle()
    bot.rooms[ROOM] = member(bot.rooms[ROOM], BAD, Membership.LEAVE, OWNER)
    bot.settle()
    assert published(bot) == {BAD, SPAM, "worse.example"}


def test_a_veto_a_yes_and_an_expiry_change_what_is_published(bot: Bot) -> None:
    beside(bot)
    with bot.container.work() as work:
        veto = work.moderation.lists.veto(bot.management, Veto(user=BAD))
        number = work.followed.find("bad").id
    bot.settle()
    assert published(bot) == {SPAM, "worse.example"}
    base.subscribe(bot, number, "bad", Mode.APPROVE)
    with bot.container.work() as work:
        work.moderation.lists.unveto(bot.management, veto)
    bot.settle()
    assert BAD not in published(bot)
    protecting.answer(bot.container, bot.management, yes=True, by=None)
    bot.settle()
    assert BAD in published(bot)
    assert bot.banned() == set()
    with bot.container.work() as work:
        work.moderation.lists.unsubscribe(bot.management, number)
    bot.settle()
    assert published(bot) == set()


def test_take_over_does_what_is_not_done_and_give_back_undoes_ours_alone(bot: Bot) -> None:
    beside(bot)
    bot.settle()
    bot.rooms[ROOM] = member(bot.rooms[ROOM], BAD, Membership.BAN, OTHER)
    with bot.container.work() as work:
        assert work.moderation.beside.counts(bot.management) == (0, 3)
        assert work.moderation.beside.take_over(bot.management) == 3
    bot.settle()
    assert bot.banned() == {BAD, SPAM}
    assert (bot.rooms[ROOM].members[BAD].by, bot.rooms[ROOM].members[SPAM].by) == (OTHER, BOT)
    assert covers(bot.rooms[ROOM].acl, "worse.example")
    assert published(bot) == {BAD, SPAM, "worse.example"}
    assert bot.plan().changes == []

    with bot.container.work() as work:
        work.moderation.beside.give_back(bot.management)
    bot.settle()
    assert bot.banned() == {BAD}
    assert bot.rooms[ROOM].acl == Acl()
    assert published(bot) == {BAD, SPAM, "worse.example"}
    bot.settle()
    assert bot.banned() == {BAD}


def test_what_the_other_bot_denied_is_never_taken_back_by_us(bot: Bot) -> None:
    beside(bot)
    bot.settle()
    bot.rooms[ROOM] = replace(bot.rooms[ROOM], acl=Acl(deny=("worse.example",)))
    beside(bot)
    bot.settle()
    with bot.container.work() as work:
        work.moderation.lists.unsubscribe(bot.management, work.followed.find("bad").id)
    bot.settle()
    assert bot.rooms[ROOM].acl == Acl(deny=("worse.example",))


def test_what_is_under_way_when_it_changes_hands_ends_as_was_said_last(bot: Bot) -> None:
    bot.plan()
    jobs = protecting.claim(bot.container)  # the bot is at it just then
    beside(bot)
    for job in jobs:
        bot.do(job)
        protecting.done(bot.container, job)
    assert bot.banned() == {BAD, SPAM}
    bot.settle()
    assert bot.banned() == set()
    assert published(bot) == {BAD, SPAM, "worse.example"}


@pytest.mark.parametrize("seed", range(6))
def test_however_often_it_changes_hands_and_we_die_it_ends_as_was_said_last(bot: Bot, clock: Clock, seed: int) -> None:
    chance = Random(seed)
    beside(bot)
    for _ in range(12):
        with bot.container.work() as work:
            here = work.moderation.beside
            choices: list[Callable[[int], object]] = [here.take_over, here.give_back, str]
            chance.choice(choices)(bot.management)
        if chance.random() < 0.5:
            bot.plan()
        for job in protecting.claim(bot.container, limit=chance.randint(1, 3)):
            died = chance.random()
            if died < 0.8:
                bot.do(job)
            if died < 0.6:
                protecting.done(bot.container, job)
        clock.pass_(seconds=LEASE.total_seconds() + 1)
    last = chance.choice(["take_over", "give_back"])
    with bot.container.work() as work:
        getattr(work.moderation.beside, last)(bot.management)
    bot.settle()
    bot.settle()
    assert bot.banned() == ({BAD, SPAM} if last == "take_over" else set())
    assert covers(bot.rooms[ROOM].acl, "worse.example") is (last == "take_over")
    assert published(bot) == {BAD, SPAM, "worse.example"}


def test_ending_acts_alone_and_publishes_no_more(bot: Bot) -> None:
    beside(bot)
    bot.settle()
    with bot.container.work() as work:
        assert work.moderation.beside.end(bot.management)
        assert not work.moderation.beside.end(bot.management)
        with pytest.raises(Conflict):
            work.moderation.beside.set(bot.management, OTHER)
        with pytest.raises(NotFound):
            work.moderation.beside.take_over(bot.management)
    bot.settle()
    assert bot.banned() == {BAD, SPAM}
    assert published(bot) == set()
    with bot.container.work() as work:
        work.moderation.beside.taken_back(bot.management)
        assert work.moderation.beside.all() == []


def test_a_management_room_that_ends_undoes_and_publishes_nothing(bot: Bot) -> None:
    beside(bot)
    with bot.container.work() as work:
        work.moderation.beside.take_over(bot.management)
    bot.settle()
    assert bot.banned() == {BAD, SPAM}
    with bot.container.work() as work:
        work.moderation.end(bot.management)
    bot.settle()
    assert bot.banned() == set()
    assert published(bot) == set()
    assert set(base.states(bot).values()) == {State.UNDONE}


def test_who_leaves_us_is_published_no_more_and_a_bot_that_does_is_none_any_more(bot: Bot) -> None:
    beside(bot)
    bot.settle()
    with bot.container.work() as work:
        spam, other = work.people.find(SPAM), work.people.find(OTHER)
        assert spam is not None
        assert other is not None
        forget_person(work, spam)
    assert published(bot) == {BAD, "worse.example"}
    with bot.container.work() as work:
        forget_person(work, other)
        (one,) = work.moderation.beside.all()
        assert (one.over, one.bot) == (True, None)


def test_a_ban_of_both_of_theirs_and_of_ours(bot: Bot) -> None:
    room = member(bot.rooms[ROOM], BAD, Membership.BAN, OTHER)
    room = member(room, NICE[0], Membership.BAN, OTHER)
    room = member(room, NICE[1], Membership.BAN, OWNER)
    found = comparing.compare(bot.container, bot.management, [room], bot.clock(), bot=OTHER)
    assert found == comparing.Compared(((ROOM, BAD),), ((ROOM, NICE[0]),), ((ROOM, SPAM),))
    assert base.states(bot) == {}


def test_it_is_told_once_a_day_while_it_rehearses(bot: Bot, clock: Clock) -> None:
    beside(bot)

    def due() -> int:
        with bot.container.read() as work:
            return len(work.moderation.beside.to_compare())

    assert due() == 0
    with bot.container.work() as work:
        work.moderation.tune(bot.management, rehearse_until=work.now + 3 * EVERY)
    assert due() == 1
    with bot.container.work() as work:
        work.moderation.beside.compared(bot.management)
    assert due() == 0
    clock.pass_(seconds=EVERY.total_seconds())
    assert due() == 1
    clock.pass_(seconds=3 * EVERY.total_seconds())
    assert due() == 0


def test_a_room_is_waited_for_until_it_is_entered(bot: Bot) -> None:
    other = RoomId("!other:home.example")
    with bot.container.work() as work:
        work.moderation.beside.wait_for(bot.management, [other])
        assert work.moderation.abandon(ROOM)
        assert work.moderation.beside.outside(bot.management) == {other: False, ROOM: True}
        work.moderation.protect(bot.management, ROOM)
        assert work.moderation.beside.outside(bot.management) == {other: False}
        work.moderation.end(bot.management)
        assert work.moderation.beside.outside(bot.management) == {}


# ------------------------------------------------------------------------------------------------ rules


def an_event(key: tuple[str, str], content: object, sender: str = BOT) -> StateEvent:
    return StateEvent(*key, sender, content)  # type: ignore[arg-type]


def test_rules_are_written_changed_and_taken_out_and_others_are_left_alone() -> None:
    wanted = rules_of([Outcome(Consequence.BAN, BAD, ()), Outcome(Consequence.DENY, "worse.example", ())])
    assert {kind for kind, _ in wanted} == {"m.policy.rule.user", "m.policy.rule.server"}
    assert not [key for _, key in wanted if key.startswith("@")]
    assert {content["entity"] for content in wanted.values()} == {BAD, "worse.example"}
    by_hand = an_event(("m.policy.rule.user", "mine"), {"entity": SPAM}, OWNER)
    forged = an_event(("m.policy.rule.user", "earnest:0"), {"entity": SPAM}, OWNER)
    owed = changes(wanted, [by_hand, forged], BOT)
    assert {(kind, key) for kind, key, _ in owed} == set(wanted)
    there = [an_event((kind, key), content) for kind, key, content in owed]
    assert changes(wanted, [by_hand, *there], BOT) == []
    assert {content["entity"] for _, _, content in changes({}, there, BOT) if content} == set()
    assert len(changes({}, there, BOT)) == 2
    assert changes({}, [an_event((kind, key), {}) for kind, key, _ in owed], BOT) == []
