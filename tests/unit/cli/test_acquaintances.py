"""Acquaintances: whatever a homeserver says, only people whom it makes known are taken, and no more than a bound."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.acquaintances import (
    MOST_PEOPLE,
    Acquaintances,
    Room,
    Tie,
    ignored_in,
    joined_in,
    kind_of,
    members_in,
)
from kit.errors import Invalid
from kit.identifiers import RoomId, UserId, parse_room_id, parse_user_id

ALICE, BOB, CAROL = (UserId(f"@{name}:x") for name in ("alice", "bob", "carol"))
HERE, THERE = RoomId("!here:x"), RoomId("!there:x")

texts = st.sampled_from([ALICE, BOB, CAROL, HERE, THERE, "joined", "joined_rooms", "ignored_users"]) | st.text(
    max_size=20
)
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=20,
)


@given(anything, anything, anything, anything, anything)
def test_whatever_is_said_what_is_taken_are_people_and_rooms(
    direct: object, joined: object, ignored: object, rule: object, past: object
) -> None:
    known = Acquaintances(ALICE, ignored_in(ignored))
    try:
        rooms = joined_in(joined)
    except Invalid:
        rooms = [HERE]
    assert [parse_room_id(room) for room in rooms] == rooms
    known.meet_direct(direct, rooms)
    known.meet_room(kind_of(rule, past), members_in(joined) or [])
    for who in known.people:
        assert parse_user_id(who) == who
        assert who != ALICE
        assert who not in known.ignored


@pytest.mark.parametrize(
    ("rule", "read", "kind"),
    [
        ("invite", "shared", Room.PRIVATE),
        ("invite", None, Room.PRIVATE),
        ("knock", "joined", Room.PRIVATE),
        ("invite", "world_readable", Room.OPEN),
        ("public", "shared", Room.OPEN),
        ("never heard of", "shared", Room.OPEN),
        ("restricted", "shared", Room.SHARED),
        ("knock_restricted", "shared", Room.SHARED),
        (None, "shared", Room.UNREAD),
        (["invite"], "shared", Room.UNREAD),
    ],
)
def test_what_is_not_known_to_be_private_is_not(rule: object, read: object, kind: Room) -> None:
    assert kind_of({"join_rule": rule}, {"history_visibility": read}) is kind


def test_a_direct_chat_counts_while_one_is_in_it() -> None:
    known = Acquaintances(ALICE)
    known.meet_direct({BOB: [THERE, HERE], CAROL: [THERE], ALICE: [HERE], "@d:x": HERE, "@e:x": []}, [HERE])
    assert known.people == {BOB: Tie(direct=True)}


def test_rooms_add_up_and_those_that_are_not_private_add_nobody() -> None:
    known = Acquaintances(ALICE, ignored_in({"ignored_users": {CAROL: {}}}))
    for kind in (Room.PRIVATE, Room.PRIVATE, Room.OPEN, Room.LARGE):
        known.meet_room(kind, [ALICE, BOB, CAROL] if kind is Room.PRIVATE else [UserId("@x:x")])
    known.meet_direct({BOB: [HERE]}, [HERE])
    assert known.people == {BOB: Tie(direct=True, rooms=2)}
    assert known.rooms == {Room.PRIVATE: 2, Room.OPEN: 1, Room.LARGE: 1}


def test_no_more_people_are_taken_than_a_bound_and_that_is_said() -> None:
    known = Acquaintances(ALICE)
    known.meet_room(Room.PRIVATE, [UserId(f"@guest{number}:x") for number in range(MOST_PEOPLE)])
    assert (len(known.people), known.full) == (MOST_PEOPLE, False)
    known.meet_room(Room.PRIVATE, [BOB, UserId("@guest0:x")])
    assert (len(known.people), known.full) == (MOST_PEOPLE, True)
    assert known.people[UserId("@guest0:x")] == Tie(rooms=2)
