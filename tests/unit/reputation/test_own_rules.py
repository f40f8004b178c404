"""Own rules beside lists: they agree with themselves, have no share, and hold only where they are about a place."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from kit.identifiers import RoomId, UserId
from reputation.enforcement import own, planning
from reputation.enforcement.model import (
    OF_PEOPLE,
    Consequence,
    Does,
    Mode,
    Plan,
    Rules,
    Subscription,
    Veto,
    Words,
)
from reputation.enforcement.own import Standing
from reputation.enforcement.rooms import RoomSeen
from reputation.lists.model import Recommendation
from tests.support.moderated import ADMIN, ME, START, a_room, said, words

P, Q = UserId("@p:a.example"), UserId("@q:a.example")
ONE, TWO = a_room("!one:home.example", P, Q), a_room("!two:home.example", P, Q)
RULES = Rules(ME, confirm=False)


def stands(
    what: Consequence, user: UserId = P, rule: str = "flood", room: RoomSeen = ONE, minutes: int = 10
) -> Standing:
    return Standing(room.room, user, what, rule, START, START + timedelta(minutes=minutes))


def plan(
    *standing: Standing, rules: Rules = RULES, lists: Words | None = None, rooms: tuple[RoomSeen, ...] = ()
) -> Plan:
    known = own.said(lists or Words(), standing)
    return planning.plan(rooms or (ONE, TWO), known, own.ruled(rules, standing), now=START)


def done(found: Plan, does: Does = Does.DO) -> set[tuple[RoomId, Consequence, str]]:
    return {(step.room, step.what, step.target) for step in found.of(does)}


def test_a_mute_holds_in_all_rooms_and_a_removal_where_it_was() -> None:
    found = plan(stands(Consequence.MUTE), stands(Consequence.REDACT))
    assert done(found) == {
        (ONE.room, Consequence.MUTE, P),
        (TWO.room, Consequence.MUTE, P),
        (ONE.room, Consequence.REDACT, P),
    }
    assert {cause.reason for step in found.steps for cause in step.causes} == {"flood"}


def test_it_agrees_with_itself_whatever_lists_must() -> None:
    lists = words(said(1, P))
    rules = replace(RULES, threshold=3, subscriptions=(Subscription(1, "one", Mode.ACT),))
    found = plan(stands(Consequence.MUTE), rules=rules, lists=lists, rooms=(ONE,))
    assert done(found) == {(ONE.room, Consequence.MUTE, P)}


def test_a_list_that_only_tells_is_not_let_act_elsewhere_by_a_rule() -> None:
    lists = words(said(1, P, Recommendation.TAKEDOWN))
    rules = replace(RULES, subscriptions=(Subscription(1, "one", Mode.NOTIFY, people=OF_PEOPLE),))
    found = plan(stands(Consequence.REDACT), rules=rules, lists=lists)
    assert done(found) == {(ONE.room, Consequence.REDACT, P)}
    assert (TWO.room, Consequence.REDACT, P) in done(found, Does.NOTE)


def test_it_has_no_share() -> None:
    crowd = tuple(UserId(f"@p{number}:a.example") for number in range(50))
    room = a_room("!crowd:home.example", *crowd)
    found = plan(*(stands(Consequence.BAN, user, room=room) for user in crowd), rooms=(room,))
    assert len(found.of(Does.DO)) == len(crowd)
    assert not any(share.exceeded for share in found.shares)


def test_moderators_vetoes_rehearsal_and_confirmation_hold() -> None:
    assert not done(plan(stands(Consequence.BAN, ADMIN)))
    assert not done(plan(stands(Consequence.BAN), rules=replace(RULES, vetoes=(Veto(user=P),))))
    rehearsed = plan(stands(Consequence.KICK), rules=replace(RULES, rehearsing=True))
    assert not done(rehearsed)
    assert len(done(rehearsed, Does.NOTE)) == 2
    asked = plan(stands(Consequence.KICK), stands(Consequence.MUTE), rules=replace(RULES, confirm=True))
    assert {what for _, what, _ in done(asked, Does.ASK)} == {Consequence.KICK}
    assert {what for _, what, _ in done(asked)} == {Consequence.MUTE}


def test_who_left_has_their_messages_taken_out_and_nothing_else_done() -> None:
    gone = a_room("!one:home.example", Q)
    found = plan(stands(Consequence.REDACT), stands(Consequence.WARN), stands(Consequence.BAN), rooms=(gone,))
    assert done(found) == {(gone.room, Consequence.REDACT, P)}
    assert len(found.steps) == 1


def test_of_several_the_longest_gives_the_reason() -> None:
    some = [stands(Consequence.MUTE, rule="short", minutes=1), stands(Consequence.MUTE, rule="long", room=TWO)]
    for standing in (some, some[::-1]):
        assert {c.reason for step in plan(*standing).of(Does.DO) for c in step.causes} == {"long"}
    for what, rooms in ((Consequence.WARN, 2), (Consequence.MUTE, 2)):
        assert len(done(plan(stands(what), stands(what, room=TWO)))) == rooms
