"""Enforcement, example by example: ACLs, powers, what a consequence comes to, and which steps a plan has."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from kit.identifiers import RoomId, UserId
from reputation.enforcement import acl
from reputation.enforcement.acting import Ban, Nothing, Owed, SetAcl, SetLevel, act, act_on_servers
from reputation.enforcement.model import (
    Before,
    Consequence,
    Does,
    Done,
    Mode,
    Rules,
    State,
    Step,
    Subscription,
    Why,
    host,
)
from reputation.enforcement.overrides import overrides
from reputation.enforcement.planning import plan
from reputation.enforcement.powers import lacking, level_of_muted
from reputation.enforcement.rooms import Acl, Membership, Powers, RoomSeen
from reputation.lists.model import Recommendation
from tests.support.moderated import ADMIN, ME, START, Books, a_room, levels, member, said, words

BAD, GOOD = UserId("@bad:evil.example"), UserId("@good:evil.example")
CROWD = tuple(UserId(f"@x{number}:crowd.example") for number in range(30))
ROOM = RoomId("!r:home.example")


def lists(*names: str, mode: Mode = Mode.ACT, **how: object) -> tuple[Subscription, ...]:
    return tuple(Subscription(number, name, mode, **how) for number, name in enumerate(names, 1))  # type: ignore[arg-type]


def steps(room: RoomSeen, *spoken: object, rules: Rules | None = None, done: tuple[Done, ...] = ()) -> list[Step]:
    found = plan([room], words(*spoken), rules or Rules(ME, lists("bad")), done, now=START)  # type: ignore[arg-type]
    return list(found.steps)


def told(some: list[Step]) -> list[tuple[str, str, str, str | None]]:
    return [(step.does.value, step.what.value, step.target, step.why and step.why.value) for step in some]


# ------------------------------------------------------------------------------------------------ ACLs


def test_an_acl_grows_to_less_than_an_event_may_have_and_the_first_go_first() -> None:
    servers = [f"server{number}.{'x' * 60}.example" for number in range(2_000)]
    made, left = acl.with_denials(None, servers)
    assert len(json.dumps({"allow": made.allow, "deny": made.deny}).encode()) < 60_000
    assert made.deny + left == tuple(servers)
    assert left
    assert acl.without(made, set(servers)) == Acl()


@pytest.mark.parametrize(
    ("before", "denied"),
    [
        (None, False),
        (Acl(), False),
        (Acl(deny=("evil.example",)), True),
        (Acl(deny=("EVIL.*",)), True),
        (Acl(allow=("home.example",)), True),
        (Acl(allow=()), True),
        (Acl(allow=("*.example",), deny=("other.example",)), False),
    ],
)
def test_what_an_acl_denies_already_is_not_denied_again(before: Acl | None, *, denied: bool) -> None:
    assert acl.covers(before, "evil.example") is denied
    made, _ = acl.with_denials(before, ["evil.example", "evil.example"])
    assert made.deny.count("evil.example") == (0 if denied and "evil.example" not in made.deny else 1)


def test_nothing_but_plain_names_is_put_into_an_acl() -> None:
    made, left = acl.with_denials(None, ["*", "a.*", "?", "", "home.example", "evil.example"], ["HOME.example"])
    assert (made.deny, left) == (("evil.example",), ())


def test_servers_for_which_there_is_no_room_are_acted_on_one_by_one() -> None:
    full = Acl(deny=tuple(f"{number}.{'x' * 240}" for number in range(220)))
    room = a_room(ROOM, BAD, *CROWD, acl=full)
    some = steps(room, said(1, "evil.example"), said(1, "crowd.example"), rules=Rules(ME, lists("bad", share=100)))
    assert ("leave", "deny", "crowd.example", "full") not in told(some), "the one with more people goes first"
    assert ("do", "deny", "crowd.example", None) in told(some)
    left = acl.LARGEST - len(json.dumps(full.deny))
    tight = replace(room, acl=Acl(deny=(*full.deny, *(f"{number:02}.example" for number in range(left // 13)))))
    some = steps(tight, said(1, "evil.example"), said(1, "crowd.example"), rules=Rules(ME, lists("bad", share=100)))
    assert ("do", "deny", "crowd.example", None) in told(some)
    assert ("leave", "deny", "evil.example", "full") in told(some)
    assert ("do", "ban", BAD, None) in told(some)


@pytest.mark.parametrize(
    ("server", "name"),
    [("A.example:8448", "a.example"), ("[::1]:8448", "[::1]"), ("[::1]", "[::1]"), ("1.2.3.4", "1.2.3.4")],
)
def test_an_acl_knows_no_ports(server: str, name: str) -> None:
    assert host(server) == name


# ------------------------------------------------------------------------------------------------ whom a list may hit


def test_an_allow_takes_back_the_word_of_its_own_list_alone() -> None:
    room = a_room(ROOM, BAD)
    allowed = said(1, BAD, Recommendation.ALLOW)
    rules = Rules(ME, lists("one", "two"))
    assert steps(room, allowed, said(1, "evil.example"), rules=rules) == []
    some = steps(room, allowed, said(1, "evil.example"), said(2, BAD), rules=rules)
    assert told(some) == [("do", "ban", BAD, None)]


def test_a_server_with_somebody_whom_its_list_lets_be_is_not_denied_but_its_others_are_banned() -> None:
    some = steps(a_room(ROOM, BAD, GOOD), said(1, "evil.example"), said(1, GOOD, Recommendation.ALLOW))
    assert told(some) == [("do", "ban", BAD, None)]


def test_servers_of_those_who_look_after_the_room_are_left_alone_with_all_their_people() -> None:
    other = UserId("@other:admin.example")
    some = steps(a_room(ROOM, other), said(1, "admin.example"), said(1, "home.example"))
    assert (
        told(some)
        == [
            ("leave", "deny", "admin.example", "server_of_keepers"),
            ("leave", "deny", "home.example", "server_of_keepers"),
        ][: len(some)]
    )
    assert not [step for step in some if step.does is not Does.LEAVE]


def test_whoever_looks_after_one_room_is_left_alone_in_the_others() -> None:
    here, there = a_room(ROOM, BAD), a_room("!s:home.example", BAD, powers=Powers({ME: 100, BAD: 50}))
    found = plan([here, there], words(said(1, BAD)), Rules(ME, lists("bad")), now=START)
    assert {(step.does, step.why) for step in found.steps} == {(Does.LEAVE, Why.KEEPER)}


def test_creators_and_the_bot_itself_are_left_alone() -> None:
    room = a_room(ROOM, BAD, powers=Powers({ADMIN: 100}, creators=frozenset({ME, BAD})))
    assert told(steps(room, said(1, BAD), said(1, ME))) == [
        ("leave", "ban", BAD, "keeper"),
        ("leave", "ban", ME, "ourselves"),
    ]


def test_whoever_was_banned_before_is_nothing_of_ours() -> None:
    room = member(a_room(ROOM), BAD, Membership.BAN, ADMIN)
    books = Books({ROOM: room})
    books.settle(words(said(1, BAD)), Rules(ME, lists("bad")))
    assert books.rows == {}


def test_whoever_denies_a_server_agrees_that_its_people_are_to_be_out() -> None:
    rules = Rules(ME, lists("one", "two"), threshold=2)
    some = steps(a_room(ROOM, BAD), said(1, BAD), said(2, "evil.example"), rules=rules)
    assert told(some) == [("do", "ban", BAD, None), ("leave", "deny", "evil.example", "too_few")]


def test_weights_are_summed() -> None:
    rules = Rules(ME, (Subscription(1, "one", Mode.ACT, weight=2), Subscription(2, "two", Mode.ACT)), threshold=3)
    assert told(steps(a_room(ROOM, BAD), said(1, BAD), said(2, BAD), rules=rules)) == [("do", "ban", BAD, None)]
    assert told(steps(a_room(ROOM, BAD), said(1, BAD), rules=rules)) == [("leave", "ban", BAD, "too_few")]


def test_lists_of_which_not_enough_may_act_ask_together() -> None:
    rules = Rules(ME, (Subscription(1, "one", Mode.ACT), Subscription(2, "two", Mode.APPROVE)), threshold=2)
    assert told(steps(a_room(ROOM, BAD), said(1, BAD), said(2, BAD), rules=rules)) == [("ask", "ban", BAD, "approve")]


def test_who_is_invited_or_knocks_is_banned_before_they_come() -> None:
    for how in (Membership.INVITE, Membership.KNOCK):
        assert told(steps(member(a_room(ROOM), BAD, how, BAD), said(1, BAD))) == [("do", "ban", BAD, None)]
    assert steps(member(a_room(ROOM), BAD, Membership.LEAVE, BAD), said(1, BAD)) == []


def test_a_subscription_ends_by_itself_and_what_it_did_with_it() -> None:
    books = Books({ROOM: a_room(ROOM, BAD)})
    until = Rules(ME, (Subscription(1, "bad", Mode.ACT, until=START + timedelta(days=1)),))
    books.settle(words(said(1, BAD)), until)
    assert books.rooms[ROOM].members[BAD].membership is Membership.BAN
    books.now += timedelta(days=1)
    books.settle(words(said(1, BAD)), until)
    assert books.rooms[ROOM].members[BAD].membership is Membership.LEAVE


# ------------------------------------------------------------------------------------------------ what cannot be undone


def test_what_cannot_be_undone_waits_for_a_yes_unless_somebody_said_otherwise() -> None:
    rules = Rules(ME, lists("bad"))
    takedown = said(1, BAD, Recommendation.TAKEDOWN)
    room = a_room(ROOM, BAD)
    assert told(steps(room, takedown, rules=rules)) == [("do", "ban", BAD, None), ("ask", "redact", BAD, "confirm")]
    assert told(steps(room, takedown, rules=replace(rules, confirm=False))) == [
        ("do", "ban", BAD, None),
        ("do", "redact", BAD, None),
    ]


def test_whoever_is_kicked_and_comes_back_is_kicked_again() -> None:
    kicks = {Recommendation.BAN: frozenset({Consequence.KICK})}
    rules = Rules(ME, lists("bad", people=kicks), confirm=False)
    books = Books({ROOM: a_room(ROOM, BAD)})
    books.settle(words(said(1, BAD)), rules)
    assert books.rooms[ROOM].members[BAD].membership is Membership.LEAVE
    books.rooms[ROOM] = member(books.rooms[ROOM], BAD, Membership.JOIN, BAD)
    books.settle(words(said(1, BAD)), rules)
    assert books.rooms[ROOM].members[BAD].membership is Membership.LEAVE
    assert len(books.rows) == 1


# ------------------------------------------------------------------------------------------------ mutes, powers, acting


def test_a_mute_puts_back_the_level_that_was_there_unless_somebody_changed_it() -> None:
    mutes = {Recommendation.BAN: frozenset({Consequence.MUTE})}
    rules = Rules(ME, lists("bad", people=mutes))
    room = a_room(ROOM, BAD, powers=Powers({ME: 100, ADMIN: 100, BAD: -1}, events={"m.reaction": -3}))
    books = Books({ROOM: room})
    books.settle(words(said(1, BAD)), rules)
    assert books.rooms[ROOM].powers.users[BAD] == -4
    books.settle(words(), rules)
    assert books.rooms[ROOM].powers.users[BAD] == -1
    books.settle(words(said(1, BAD)), rules)
    books.rooms[ROOM] = levels(books.rooms[ROOM], BAD, None)
    books.settle(words(said(1, BAD)), rules)
    assert BAD not in books.rooms[ROOM].powers.users
    assert [row.state for row in books.rows.values()] == [State.UNDONE, State.LIFTED]


def test_a_muted_level_is_one_that_can_be_written() -> None:
    assert level_of_muted(Powers(events={"x": -(2**60)})) == -(2**53) + 1
    assert level_of_muted(Powers(events_default=50)) == -1


def test_what_power_is_lacking() -> None:
    assert lacking(a_room(ROOM, powers=Powers({ME: 100})), ME) == ()
    half = Powers({ME: 50}, ban=60, events={"m.room.server_acl": 100, "m.room.power_levels": 100})
    assert set(lacking(a_room(ROOM, powers=half), ME)) == {Consequence.BAN, Consequence.DENY, Consequence.MUTE}
    assert Consequence.WARN in lacking(a_room(ROOM, powers=Powers(events={"m.room.message": 1})), ME)


def owed(what: Consequence, target: str, *, undo: bool = False, before: Before | None = None) -> Owed:
    return Owed(1, 1, ROOM, what, target, undo, (), before or Before(), 1)


def test_whoever_came_to_look_after_the_room_since_is_left_alone() -> None:
    room = a_room(ROOM, BAD)
    assert act(owed(Consequence.BAN, BAD), room, ME) == Ban(BAD)
    promoted = levels(room, BAD, 50)
    mute = Before(set_to=-1)
    for what in (Consequence.BAN, Consequence.KICK, Consequence.REDACT, Consequence.WARN):
        assert act(owed(what, BAD), promoted, ME) == Nothing()
    assert act(owed(Consequence.MUTE, BAD, before=mute), promoted, ME) == Nothing()
    assert act_on_servers([owed(Consequence.DENY, "evil.example")], promoted, ME) == Nothing()


def test_all_denials_of_a_room_come_to_one_acl() -> None:
    room = a_room(ROOM, acl=Acl(deny=("theirs.example", "old.example"), ip_literals=False))
    found = act_on_servers(
        [owed(Consequence.DENY, "new.example"), owed(Consequence.DENY, "old.example", undo=True)], room, ME
    )
    assert found == SetAcl(Acl(("*",), ("theirs.example", "new.example"), ip_literals=False))
    assert isinstance(found, SetAcl)
    again = act_on_servers([owed(Consequence.DENY, "new.example")], replace(room, acl=found.acl), ME)
    assert again == Nothing()


def test_an_unmute_that_comes_twice_is_none() -> None:
    room = levels(a_room(ROOM, BAD), BAD, -1)
    one = owed(Consequence.MUTE, BAD, undo=True, before=Before(level=0, set_to=-1))
    assert act(one, room, ME) == SetLevel(BAD, 0)
    assert act(one, levels(room, BAD, 0), ME) == Nothing()


def test_overrides_have_an_error_bar() -> None:
    found = overrides(10, 1, 5)
    assert (round(found.low, 3), round(found.high, 3)) == (0.018, 0.404)
    assert found.for_author
    assert (overrides(0, 0, 9).low, overrides(0, 0, 9).high) == (0.0, 1.0)
    assert not overrides(10, 0, 4).for_author


def a_row(state: State, *, approved: bool = False, ago: float = 0.0) -> Done:
    causes = steps(a_room(ROOM, BAD), said(1, BAD))[0].causes
    return Done(1, ROOM, Consequence.BAN, BAD, state, START - timedelta(hours=ago), causes, approved)


def test_what_was_done_since_the_room_was_looked_at_is_not_taken_for_lifted() -> None:
    room = a_room(ROOM, BAD)
    assert steps(room, said(1, BAD), done=(a_row(State.APPLIED),)) == []
    assert told(steps(room, said(1, BAD), done=(a_row(State.APPLIED, ago=1),))) == [("lift", "ban", BAD, "lifted")]


def test_a_yes_holds_when_it_is_tried_again() -> None:
    rules = Rules(ME, lists("bad", share=0))
    some = [said(1, BAD), *(said(1, user) for user in CROWD)]
    room = a_room(ROOM, BAD, *CROWD)
    for approved, does in ((True, "do"), (False, "ask")):
        row = a_row(State.FAILED, approved=approved, ago=6)
        assert {step[0] for step in told(steps(room, *some, rules=rules, done=(row,))) if step[2] == BAD} == {does}
    asks_first = Rules(ME, lists("bad", mode=Mode.APPROVE))
    for state in (State.UNDOING, State.FAILED):
        row = a_row(state, approved=True, ago=6)
        assert told(steps(room, said(1, BAD), rules=asks_first, done=(row,))) == [("do", "ban", BAD, None)]


def test_what_is_owed_is_not_done_to_whoever_has_come_to_look_after_rooms_since() -> None:
    books, rules = Books({ROOM: a_room("!r:home.example", BAD)}), Rules(ME, lists("bad", mode=Mode.APPROVE))
    books.write(books.plan(words(said(1, BAD)), rules))
    books.say_yes()
    books.write(books.plan(words(said(1, BAD)), replace(rules, spared=frozenset({BAD}))))
    books.apply()
    assert books.rooms[ROOM].members[BAD].membership is Membership.JOIN
    assert not books.open()
