"""ACLs beforehand: servers are denied of whom nobody is there yet, as many as the share allows, and never one's own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from app import protecting
from app.container import Container
from kit.database import Database
from kit.identifiers import RoomId, UserId
from reputation.beforehand import MOST_IN_ROOM
from reputation.enforcement.acl import LARGEST_BEFOREHAND, covers
from reputation.enforcement.model import Does, Mode, State, Veto, Why
from reputation.enforcement.rooms import Membership, Powers
from reputation.lists.model import Recommendation
from tests.integration.app import test_protecting as base
from tests.integration.app.test_protecting import BAD, BOT, NICE, OWNER, ROOM, WORSE, Bot, follow, server, user
from tests.support.moderated import member
from tests.support.services import Clock, a_container


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def container(tmp_path: Path, database: Database, clock: Clock) -> Container:
    return a_container(tmp_path, database, clock=clock)


@pytest.fixture
def bot(container: Container, clock: Clock) -> Bot:
    """A management room that protects a room of 83, where five percent are four."""
    with container.work() as work:
        made = work.moderation.make(work.people.number(OWNER), "Home")
        work.moderation.protect(made.id, ROOM)
    found = Bot(container, clock, made.id)
    found.rooms[ROOM] = base.a_room(ROOM, BAD, WORSE, *NICE)
    return found


def denied(bot: Bot, room: RoomId = ROOM) -> set[str]:
    acl = bot.rooms[room].acl
    return set() if acl is None else set(acl.deny)


def test_a_server_is_denied_before_anybody_of_it_comes_and_let_in_again(bot: Bot) -> None:
    number = follow(bot.container, "bad", server("away.example"), server("port.example:8448"))
    base.subscribe(bot, number, "bad")
    bot.settle()
    assert denied(bot) == {"away.example", "port.example"}
    assert bot.plan().changes == []
    with bot.container.work() as work:
        work.moderation.lists.unsubscribe(bot.management, number)
    bot.settle()
    assert denied(bot) == set()
    assert set(base.states(bot).values()) == {State.UNDONE}


def test_a_list_that_only_tells_denies_and_notes_nobody_beforehand(bot: Bot) -> None:
    base.subscribe(bot, follow(bot.container, "bad", server("away.example")), "bad", Mode.NOTIFY)
    assert bot.settle().steps == ()


def test_what_goes_beyond_the_share_is_asked_and_keeps_the_list_from_nothing_else(bot: Bot) -> None:
    number = follow(bot.container, "bad", user(BAD), *(server(f"s{n}.example") for n in range(20)))
    base.subscribe(bot, number, "bad")
    found = bot.settle()
    assert bot.banned() == {BAD}, "what it does to people goes on"
    assert {step.why for step in found.of(Does.ASK)} == {Why.SHARE}
    assert (len(found.of(Does.ASK)), denied(bot)) == (20, set())
    bot.rooms[ROOM] = member(bot.rooms[ROOM], BAD, Membership.LEAVE, BAD)
    assert protecting.answer(bot.container, bot.management, yes=True, by=None) == 20
    bot.settle()
    assert len(denied(bot)) == 20


def test_a_list_that_adds_one_after_the_other_stops_at_its_share_too(bot: Bot) -> None:
    base.subscribe(bot, follow(bot.container, "bad", server("s0.example")), "bad")
    for count in range(2, 8):
        follow(bot.container, "bad", *(server(f"s{n}.example") for n in range(count)))
        bot.settle()
    assert len(denied(bot)) == 4
    bot.clock.pass_(days=8)
    bot.settle()
    assert len(denied(bot)) == 4, "what was asked waits for a yes"


def test_ones_own_servers_are_never_denied_beforehand(bot: Bot) -> None:
    room = bot.rooms[ROOM]
    powers = Powers(
        {BOT: 100, OWNER: 100, UserId("@gone:moderators.example"): 50},
        creators=frozenset({UserId("@founder:creators.example")}),
    )
    bot.rooms[ROOM] = replace(room, powers=powers)
    own = ["moderators.example", "creators.example", "home.example", "example.org"]
    number = follow(bot.container, "bad", *map(server, own), server("away.example"))
    base.subscribe(bot, number, "bad", share=100)
    bot.settle()
    assert denied(bot) == {"away.example"}


def test_whoever_comes_to_look_after_the_room_is_denied_no_more_though_they_were_before(bot: Bot) -> None:
    number = follow(bot.container, "bad", server("moderators.example"), server("away.example"))
    base.subscribe(bot, number, "bad")
    bot.settle()
    assert denied(bot) == {"moderators.example", "away.example"}
    before = bot.rooms[ROOM].powers
    powers = replace(before, users={**before.users, UserId("@mod:moderators.example"): 50})
    bot.rooms[ROOM] = replace(bot.rooms[ROOM], powers=powers)
    bot.settle()
    assert denied(bot) == {"away.example"}
    assert bot.plan().changes == []
    bot.rooms[ROOM] = replace(bot.rooms[ROOM], powers=before)
    bot.settle()
    assert denied(bot) == {"moderators.example", "away.example"}, "once they look after it no more"


def test_a_server_is_let_be_of_whom_a_list_or_a_veto_lets_somebody_be(bot: Bot) -> None:
    entries = (server("friends.example"), user("@friend:friends.example", Recommendation.ALLOW))
    base.subscribe(bot, follow(bot.container, "bad", *entries, server("spared.example"), server("ours.example")), "bad")
    with bot.container.work() as work:
        work.moderation.lists.veto(bot.management, Veto(user=UserId("@one:spared.example")))
        work.moderation.lists.veto(bot.management, Veto(server="ours.example"))
    bot.settle()
    assert denied(bot) == set()


def test_as_many_must_agree_as_ever(bot: Bot) -> None:
    for name, entries in (("one", ("a.example", "b.example")), ("two", ("b.example", "c.example"))):
        base.subscribe(bot, follow(bot.container, name, *map(server, entries)), name)
    with bot.container.work() as work:
        work.moderation.tune(bot.management, threshold=2)
    bot.settle()
    assert denied(bot) == {"b.example"}


def test_no_more_is_denied_than_the_event_holds(bot: Bot) -> None:
    long = "x" * 60
    number = follow(bot.container, "bad", *(server(f"{n:05}.{long}.{long}.example") for n in range(1_000)))
    base.subscribe(bot, number, "bad", share=100)
    bot.rooms[ROOM] = base.a_room(ROOM, *(UserId(f"@p{n}:nice.example") for n in range(1_000)))
    bot.settle()
    written = sum(len(name) + 3 for name in denied(bot))
    assert LARGEST_BEFOREHAND - 1_000 < written < LARGEST_BEFOREHAND
    assert len(denied(bot)) <= MOST_IN_ROOM


def test_beside_another_bot_nothing_is_published_beforehand(bot: Bot) -> None:
    base.subscribe(bot, follow(bot.container, "bad", server("away.example"), server("worse.example")), "bad")
    with bot.container.work() as work:
        work.moderation.beside.set(bot.management, UserId("@draupnir:home.example"))
    bot.settle()
    with bot.container.read() as work:
        assert [one.target for one in work.moderation.beside.outcome(bot.management)] == ["worse.example"]
    assert not covers(bot.rooms[ROOM].acl, "away.example")
