"""Plans for supporters' rooms: who is asked in and put out, who is left alone, what is shown and what is taken down."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.supporting.planning import (
    CHILD,
    FLAIR,
    JOIN_RULES,
    Ask,
    Asked,
    Grade,
    Guest,
    Place,
    PutOut,
    Step,
    Wanted,
    Write,
    flair_key,
    join_rules,
    plan,
)
from kit.identifiers import PersonId, RoomId, UserId
from reputation.enforcement.rooms import ABOVE_ALL, Member, Membership, Powers, RoomSeen

ME, MOD = UserId("@earnest:home.example"), UserId("@mod:home.example")
ALICE, BOB = UserId("@alice:home.example"), UserId("@bob:away.example")
ROOM, SPACE = RoomId("!room:home.example"), RoomId("!space:home.example")
SINCE = datetime(2026, 11, 1, tzinfo=UTC)
NOW = datetime(2026, 11, 27, tzinfo=UTC)
NUMBERS = {ALICE: PersonId(1), BOB: PersonId(2), MOD: PersonId(3)}


def guest(user: UserId, *, since: datetime = SINCE, level: int | None = None) -> Guest:
    return Guest(NUMBERS[user], user, since, level)


def wanted(*guests: Guest, asks: bool = True, **more: Any) -> Wanted:  # noqa: ANN401 - as Wanted has them
    return Wanted(asks=asks, guests={one.user: one for one in guests}, **more)


def planned(
    members: Mapping[UserId, Member],
    want: Wanted,
    *,
    asked: Mapping[PersonId, Asked] | None = None,
    states: Mapping[Place, Mapping[str, Any]] | None = None,
    users: Mapping[UserId, int] | None = None,
) -> tuple[Step, ...]:
    powers = Powers(users={MOD: 50, **(users or {})}, creators=frozenset({ME}))
    assert powers.of(ME) == ABOVE_ALL
    seen = RoomSeen(ROOM, {ME: Member(Membership.JOIN, ME), **members}, powers)
    there = {(JOIN_RULES, ""): join_rules(want.within), **(states or {})}
    return plan(seen, there, want, asked or {}, me=ME, now=NOW)


def here(user: UserId) -> dict[UserId, Member]:
    return {user: Member(Membership.JOIN, user)}


def left(user: UserId, by: UserId) -> dict[UserId, Member]:
    return {user: Member(Membership.LEAVE, by)}


def test_a_supporter_is_asked_in_and_whoever_is_none_is_put_out() -> None:
    assert planned(here(BOB), wanted(guest(ALICE))) == (PutOut(BOB), Ask(guest(ALICE)))
    assert planned({BOB: Member(Membership.INVITE, ME)}, wanted()) == (PutOut(BOB),), "an invitation is taken back"
    assert planned(here(ALICE), wanted(guest(ALICE))) == ()
    assert planned({ALICE: Member(Membership.INVITE, ME)}, wanted(guest(ALICE))) == ()


def test_whoever_looks_after_the_room_is_never_put_out() -> None:
    assert planned(here(MOD), wanted()) == ()
    assert planned(here(BOB), wanted(), users={BOB: 50}) == ()


@pytest.mark.parametrize("by", [ALICE, MOD])
def test_whoever_left_or_was_put_out_by_hand_is_asked_in_once_for_each_time(by: UserId) -> None:
    before = {NUMBERS[ALICE]: Asked(SINCE)}
    assert planned(left(ALICE, by), wanted(guest(ALICE)), asked=before) == ()
    later = guest(ALICE, since=SINCE + timedelta(days=9))
    assert planned(left(ALICE, by), wanted(later), asked=before) == (Ask(later),), "they support anew"
    assert planned(left(ALICE, by), wanted(guest(ALICE))) == (Ask(guest(ALICE)),), "never asked before"


def test_an_invitation_that_was_noted_and_not_sent_is_sent() -> None:
    before = {NUMBERS[ALICE]: Asked(SINCE)}
    assert planned({}, wanted(guest(ALICE)), asked=before) == (Ask(guest(ALICE)),)
    assert planned(left(ALICE, ME), wanted(guest(ALICE)), asked=before) == (Ask(guest(ALICE)),), "we put them out"


def test_whoever_is_banned_is_not_asked_and_whoever_knocks_is() -> None:
    assert planned({ALICE: Member(Membership.BAN, MOD)}, wanted(guest(ALICE))) == ()
    assert planned({ALICE: Member(Membership.KNOCK, ALICE)}, wanted(guest(ALICE))) == (Ask(guest(ALICE)),)
    assert planned({BOB: Member(Membership.KNOCK, BOB)}, wanted()) == (PutOut(BOB),)


def test_a_refusal_is_respected_for_a_while() -> None:
    for until, steps in ((NOW + timedelta(hours=1), ()), (NOW, (Ask(guest(ALICE)),))):
        asked = {NUMBERS[ALICE]: Asked(SINCE, until)}
        assert planned({}, wanted(guest(ALICE)), asked=asked) == steps


def test_into_a_room_of_the_whole_space_nobody_is_asked_but_stewards() -> None:
    steward = guest(MOD, level=50)
    assert planned({}, wanted(guest(ALICE), steward, asks=False, within=SPACE)) == (Ask(steward),)


def test_levels_are_those_of_tiers_and_a_muted_one_stays_muted() -> None:
    tall = guest(ALICE, level=10)
    assert planned(here(ALICE), wanted(tall)) == (Grade({ALICE: 10}),)
    assert planned(here(ALICE), wanted(tall), users={ALICE: 10}) == ()
    assert planned(here(ALICE), wanted(guest(ALICE)), users={ALICE: 10}) == (Grade({ALICE: 0}),), "the tier is over"
    assert planned(here(ALICE), wanted(tall), users={ALICE: -1}) == (), "muted by hand"
    assert planned(here(ALICE), wanted(tall), users={ALICE: 75}) == (), "raised by hand"
    assert planned(left(BOB, BOB), wanted(), users={BOB: 10}) == (Grade({BOB: 0}),), "gone, and their level with them"
    assert planned({ALICE: Member(Membership.INVITE, ME)}, wanted(tall)) == (), "not before they came"


def test_who_may_enter_is_put_back() -> None:
    opened = {(JOIN_RULES, ""): {"join_rule": "public"}}
    assert planned({}, wanted(), states=opened) == (Write(JOIN_RULES, "", {"join_rule": "invite"}),)
    assert planned({}, wanted(within=SPACE), states=opened) == (Write(JOIN_RULES, "", join_rules(SPACE)),)


def test_a_room_of_the_space_that_was_taken_out_by_hand_is_put_back_and_others_are_left() -> None:
    child = {"via": ["home.example"]}
    want = wanted(states={(CHILD, ROOM): child, (CHILD, "!gone:home.example"): {}})
    assert planned({}, want, states={(CHILD, "!theirs:x.example"): child}) == (Write(CHILD, ROOM, child),)
    assert planned({}, want, states={(CHILD, ROOM): child, (CHILD, "!gone:home.example"): child}) == (
        Write(CHILD, "!gone:home.example", {}),
    )


def test_flair_is_shown_changed_and_taken_down() -> None:
    shown = {"tier": "gold"}
    want = wanted(guest(ALICE), flairs={ALICE: shown})
    key = flair_key(ALICE)
    assert not key.startswith("@"), "only its owner could write it"
    assert planned(here(ALICE), want) == (Write(FLAIR, key, shown),)
    assert planned(here(ALICE), want, states={(FLAIR, key): shown}) == ()
    assert planned(here(ALICE), want, states={(FLAIR, key): {"tier": "old"}}) == (Write(FLAIR, key, shown),)
    assert planned(here(ALICE), wanted(guest(ALICE)), states={(FLAIR, key): shown}) == (Write(FLAIR, key, {}),)
    assert planned(here(ALICE), wanted(guest(ALICE)), states={(FLAIR, key): {}}) == ()
    forged = {(FLAIR, "anything"): {"tier": "gold"}}
    assert planned({}, wanted(), states=forged) == (Write(FLAIR, "anything", {}),)


def test_a_name_too_long_for_a_key_has_no_flair_there() -> None:
    longest = UserId("@" + "a" * 241 + ":home.example")
    assert len(longest) == 255
    assert planned({}, wanted(flairs={longest: {"tier": "gold"}})) == ()


def test_who_goes_is_planned_before_who_comes() -> None:
    want = wanted(guest(ALICE, level=10), flairs={ALICE: {"tier": "gold"}})
    steps = planned({**here(BOB), **here(ALICE)}, want, states={(JOIN_RULES, ""): {}})
    assert [type(step) for step in steps] == [Write, PutOut, Grade, Write]
