"""Whoever comes to a room: they are let in or not as the plan says that would be made were they there."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from kit.identifiers import PersonId, RoomId, UserId
from reputation.enforcement.arriving import TurnedAway, turned_away
from reputation.enforcement.grounds import ground
from reputation.enforcement.model import (
    Consequence,
    Done,
    Ground,
    Mode,
    Rules,
    State,
    Subscription,
    Veto,
    Words,
    merged,
)
from reputation.enforcement.wanting import Speaking
from reputation.lists.model import Recommendation
from tests.support.moderated import ADMIN, ME, START, a_room, said, words

ROOM = RoomId("!r:home.example")
BAD, PEER = UserId("@bad:a.example"), UserId("@peer:a.example")
ACTS = Subscription(1, "one", Mode.ACT)
RULES = Rules(ME, (ACTS,))
NAMED, SERVER = words(said(1, BAD, reason="tea")), words(said(1, "a.example"))
GROUND = Ground(100, frozenset({ADMIN, ME}), frozenset({"admin.example", "home.example"}))


def asked(
    of: Words = NAMED,
    rules: Rules = RULES,
    *done: Done,
    user: UserId = BAD,
    ground: Ground = GROUND,
    spent: dict[int, dict[str, int]] | None = None,
) -> TurnedAway | None:
    return turned_away(user, ROOM, of, rules, done, ground, now=START, spent=spent or {})


def row(state: State, what: Consequence = Consequence.BAN, target: str = BAD, *, approved: bool = False) -> Done:
    speaking = Speaking(RULES, NAMED if what is Consequence.BAN else SERVER, START)
    told = speaking.of_person(BAD) if what is Consequence.BAN else speaking.of_server("a.example")
    from reputation.enforcement.wanting import _cause  # noqa: PLC0415

    causes = merged(_cause(known, word) for known, word in told)
    return Done(1, ROOM, what, target, state, START - timedelta(hours=1), causes, approved)


def test_whom_a_list_would_ban_is_not_let_in_and_the_entry_is_told() -> None:
    found = asked()
    assert found is not None
    assert (found.what, found.target, found.standing) == (Consequence.BAN, BAD, False)
    assert [(cause.name, cause.entity, cause.reason) for cause in found.causes] == [("one", BAD, "tea")]
    assert asked(words()) is None


def test_whose_server_a_list_would_deny_is_not_let_in() -> None:
    found = asked(SERVER)
    assert found is not None
    assert (found.what, found.target) == (Consequence.DENY, "a.example")
    allowed = words(said(1, "a.example"), said(1, BAD, Recommendation.ALLOW))
    assert asked(allowed) is None
    other = asked(allowed, user=PEER)
    assert other is not None
    assert other.what is Consequence.DENY


@pytest.mark.parametrize(
    "rules",
    [
        Rules(ME, (replace(ACTS, mode=Mode.NOTIFY),)),
        Rules(ME, (replace(ACTS, mode=Mode.APPROVE),)),
        Rules(ME, (ACTS,), threshold=2),
        Rules(ME, (ACTS,), rehearsing=True),
        Rules(ME, (ACTS,), vetoes=(Veto(user=BAD),)),
        Rules(ME, (ACTS,), spared=frozenset({BAD})),
        Rules(ME, (replace(ACTS, until=START - timedelta(seconds=1)),)),
        Rules(ME, (replace(ACTS, people={Recommendation.BAN: frozenset({Consequence.MUTE})}),)),
        Rules(ME),
    ],
    ids=["notify", "approve", "too few", "rehearsal", "veto", "spared", "over", "other consequence", "left"],
)
def test_nobody_is_kept_out_by_more_than_the_plan_would_do(rules: Rules) -> None:
    assert asked(NAMED, rules) is None


def test_two_that_agree_keep_out_where_two_must() -> None:
    both = words(said(1, BAD), said(2, BAD))
    rules = Rules(ME, (ACTS, replace(ACTS, list=2, name="two")), threshold=2)
    found = asked(both, rules)
    assert found is not None
    assert [cause.name for cause in found.causes] == ["one", "two"]
    assert asked(NAMED, rules) is None


def test_beyond_its_share_a_list_keeps_nobody_out() -> None:
    spent = {1: {f"@{n}:x.example": 1 for n in range(5)}}
    assert asked(spent=spent) is None, "five of a hundred were acted on"
    assert asked(spent=spent, ground=replace(GROUND, people=200)) is not None
    assert asked(spent={1: {**spent[1], BAD: 1}}) is not None, "they count already"


def test_who_looks_after_rooms_is_let_in_whatever_lists_say() -> None:
    assert asked(ground=replace(GROUND, keepers=frozenset({BAD}))) is None
    assert asked(SERVER, ground=replace(GROUND, servers=frozenset({"a.example"}))) is None


@pytest.mark.parametrize(
    ("state", "kept_out"),
    [
        (State.OWED, True),
        (State.APPLIED, True),
        (State.FAILED, True),
        (State.NOTED, True),
        (State.REFUSED, False),
        (State.LIFTED, False),
    ],
)
def test_what_was_decided_of_them_in_the_room_holds_at_the_gate(state: State, *, kept_out: bool) -> None:
    found = asked(NAMED, RULES, row(state))
    assert (found is not None) is kept_out
    if found is not None:
        assert found.standing is (state is not State.NOTED)


def test_what_waits_for_a_yes_keeps_nobody_out_before_it_is_said() -> None:
    asks = Rules(ME, (replace(ACTS, mode=Mode.APPROVE),))
    assert asked(NAMED, asks, row(State.ASKED)) is None
    assert asked(NAMED, asks, row(State.APPLIED, approved=True)) is not None
    assert asked(SERVER, RULES, row(State.APPLIED, Consequence.DENY, "a.example")) is not None


def test_what_nobody_wants_any_more_keeps_nobody_out_though_it_stands_yet() -> None:
    assert asked(words(), RULES, row(State.APPLIED)) is None
    assert asked(NAMED, Rules(ME, (ACTS,), vetoes=(Veto(user=BAD),)), row(State.APPLIED)) is None


def test_a_ground_is_what_the_planner_sees_of_the_rooms() -> None:
    found = ground([a_room("!r:home.example", BAD), a_room("!s:home.example", BAD, PEER)], RULES)
    assert found == Ground(3, frozenset({ADMIN, ME}), frozenset({"admin.example", "home.example"}))


@pytest.mark.parametrize(
    ("weight", "trust", "kept_out"),
    [(1, None, False), (1, 0.99, False), (1, 1.0, True), (2, 0.5, True), (2, 0.49, False), (10, 0.1, True)],
)
def test_a_list_counts_its_weight_as_far_as_its_author_is_trusted(
    weight: int, trust: float | None, *, kept_out: bool
) -> None:
    rules = Rules(ME, (replace(ACTS, weight=weight, trusted=PersonId(7), trust=trust),))
    assert (asked(NAMED, rules) is not None) is kept_out


def test_parts_of_weights_add_up() -> None:
    three = [replace(ACTS, list=n, name=f"l{n}", trusted=PersonId(n), trust=1 / 3) for n in (1, 2, 3)]
    of = words(*(said(n, BAD) for n in (1, 2, 3)))
    assert asked(of, Rules(ME, tuple(three))) is not None
    assert asked(of, Rules(ME, tuple(three[:2]))) is None
