"""A room's state as it is read: who may do what, whom it denies, what belongs to it, and state of any shape at all."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.identifiers import RoomId, UserId
from reputation.enforcement.levels import has_room, with_level
from reputation.enforcement.reading import GREATEST_LEVEL, KINDS, level_of, read_room
from reputation.enforcement.rooms import ABOVE_ALL, Acl, Member, Membership, Powers, RoomSeen

OLD = RoomId("!room:home.example")
NEW = RoomId("!" + "a" * 43)
ALICE, BOB, CAROL = (UserId(f"@{name}:home.example") for name in ("alice", "bob", "carol"))


def event(kind: str, content: object, key: object = "", sender: object = ALICE) -> dict[str, object]:
    return {"type": kind, "state_key": key, "sender": sender, "content": content}


def seen(*events: object, room: RoomId = OLD) -> RoomSeen:
    return read_room(room, [event("m.room.create", {"room_version": "10"}), *events])


def powers(content: object, **create: object) -> Powers:
    return read_room(
        OLD, [event("m.room.create", {"room_version": "10"} | create), event("m.room.power_levels", content)]
    ).powers


def test_a_room_as_it_is() -> None:
    found = seen(
        event("m.room.member", {"membership": "join"}, ALICE),
        event("m.room.member", {"membership": "ban", "reason": "spam\nand\tmore"}, BOB, ALICE),
        event("m.room.member", {"membership": "invite"}, CAROL, ALICE),
        event("m.room.name", {"name": "Tea \u202e& cake"}),
        event("m.room.encryption", {"algorithm": "m.megolm.v1.aes-sha2"}),
        event("m.room.join_rules", {"join_rule": "public"}),
        event("m.room.server_acl", {"allow": ["*"], "deny": ["evil.example"], "allow_ip_literals": False}),
        event("m.room.topic", {"topic": "nothing that is asked"}),
    )
    assert found.members == {
        ALICE: Member(Membership.JOIN, ALICE),
        BOB: Member(Membership.BAN, ALICE, "spam and more"),
        CAROL: Member(Membership.INVITE, ALICE),
    }
    assert found.joined() == {ALICE}
    assert (found.name, found.encrypted, found.public, found.space) == ("Tea & cake", True, True, False)
    assert found.acl == Acl(("*",), ("evil.example",), ip_literals=False)
    assert (found.successor, dict(found.children)) == (None, {})


def test_a_space_and_its_rooms() -> None:
    found = read_room(
        OLD,
        [
            event("m.room.create", {"type": "m.space"}),
            event("m.space.child", {"via": ["a.example", "b.example"]}, "!one:a.example"),
            event("m.space.child", {"via": ["a.example", 5, "not a server"]}, NEW),
            event("m.space.child", {}, "!gone:a.example"),
            event("m.space.child", {"via": "a.example"}, "!odd:a.example"),
            event("m.space.child", {"via": ["a.example"]}, "no room"),
        ],
    )
    assert found.space
    assert found.children == {RoomId("!one:a.example"): ("a.example", "b.example"), NEW: ("a.example",)}


def test_a_room_that_was_closed_for_another() -> None:
    assert seen(event("m.room.tombstone", {"replacement_room": "!next:home.example"})).successor == "!next:home.example"
    for odd in (OLD, "", 5, None, "next"):
        assert seen(event("m.room.tombstone", {"replacement_room": odd})).successor is None, odd


def test_an_acl_that_allows_nobody_is_not_taken_for_one_that_allows_all() -> None:
    assert seen().acl is None
    assert seen(event("m.room.server_acl", {})).acl == Acl((), ())
    assert seen(event("m.room.server_acl", {"allow": "*", "deny": 5, "allow_ip_literals": "no"})).acl == Acl((), ())


@pytest.mark.parametrize(
    ("written", "level"),
    [
        ("50", 50),
        (" -5 ", -5),
        ("+7", 7),
        (50.9, 50),
        (10**30, GREATEST_LEVEL),
        (-(10**30), -GREATEST_LEVEL),
        ("9" * 20, GREATEST_LEVEL),
        ("9" * 5_000, 0),
        (True, 0),
        (None, 0),
        ("fifty", 0),
        ("5_0", 0),
        (float("nan"), 0),
        (float("inf"), 0),
        ([50], 0),
    ],
)
def test_levels_of_old_rooms_and_of_none(written: object, level: int) -> None:
    found = powers({"users": {ALICE: written, "nobody": 100}})
    assert (found.of(ALICE), "nobody" in found.users) == (level, False)
    assert powers({"ban": written}).ban == (level if level_of(written, 1) == level else 50)


def test_what_a_room_does_not_say_of_levels() -> None:
    assert powers({}) == Powers()
    found = powers({"events": {"m.room.server_acl": 100, "odd": []}, "users_default": "25", "users": {BOB: "odd"}})
    assert found.for_state("m.room.server_acl") == 100
    assert found.for_state("odd") == found.for_state("m.room.name") == 50
    assert found.of(BOB) == found.of(CAROL) == 25


def test_before_anything_was_said_of_levels_the_creator_may_do_all_and_state_is_anybodys() -> None:
    found = seen().powers
    assert (found.of(ALICE), found.of(BOB), found.state_default) == (100, 0, 0)
    assert read_room(OLD, [event("m.room.create", {"creator": BOB})]).powers.of(BOB) == 100


def test_creators_are_above_all_since_version_12() -> None:
    create = event("m.room.create", {"room_version": "12", "additional_creators": [BOB, 5, "odd"]})
    levels = event("m.room.power_levels", {"users": {CAROL: 100}})
    found = read_room(NEW, [create, levels]).powers
    assert (found.of(ALICE), found.of(BOB), found.of(CAROL)) == (ABOVE_ALL, ABOVE_ALL, 100)
    unnamed = read_room(NEW, [event("m.room.create", {"room_version": "org.example.13"}), levels]).powers
    assert unnamed.of(ALICE) == ABOVE_ALL, "its id has no server: it is one of the new ones"
    old = read_room(OLD, [event("m.room.create", {"room_version": "11", "additional_creators": [BOB]}), levels]).powers
    assert (old.of(ALICE), old.of(BOB)) == (0, 0)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from([ALICE, OLD, "12"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.text(max_size=5) | st.sampled_from(["membership", "users", "allow", "via", "type", "room_version"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)
_EVENTS = st.lists(
    _JSON
    | st.builds(
        event,
        st.sampled_from(sorted(KINDS)) | _JSON,
        _JSON,
        st.sampled_from(["", ALICE, OLD]) | _JSON,
        st.sampled_from([ALICE, ""]) | _JSON,
    ),
    max_size=12,
)


@given(events=_EVENTS)
def test_state_of_any_shape_is_read(events: list[Any]) -> None:
    found = read_room(OLD, events)
    for user in [*found.members, *found.powers.users, *found.powers.creators]:
        assert user.startswith("@")
        assert -GREATEST_LEVEL <= found.powers.of(user) <= ABOVE_ALL
    assert found.name is None or found.name.isprintable()


def test_one_level_is_changed_and_all_else_stays() -> None:
    levels = {
        "users": {ALICE: "100", BOB: 50},
        "users_default": "0",
        "ban": "50",
        "events": {"m.room.name": "75"},
        "notifications": {"room": 20},
        "org.example.other": "as it is",
    }
    found = with_level(levels, CAROL, -1)
    assert found == {
        "users": {ALICE: 100, BOB: 50, CAROL: -1},
        "users_default": 0,
        "ban": 50,
        "events": {"m.room.name": 75},
        "notifications": {"room": 20},
        "org.example.other": "as it is",
    }
    assert with_level(levels, ALICE, 100) is None
    assert with_level(levels, CAROL, 0) is None
    gone = with_level(levels, BOB, 0)
    assert gone is not None
    assert gone["users"] == {ALICE: 100}, "who has what everybody has is named no more"
    assert json.dumps(levels).count('"100"') == 1, "what was given is not changed"


def test_of_those_who_are_muted_levels_hold_no_more_than_leaves_room_for_others() -> None:
    users = {f"@{number}:{'x' * 40}.example": -1 for number in range(700)}
    full = {"users": users}
    more = with_level(full, CAROL, -1)
    assert more is not None
    assert not has_room(full, more)
    assert has_room(full, full)
    assert has_room({"users": {}}, {"users": {CAROL: -1}})
    assert has_room({"users": 7}, {"users": {CAROL: -1}})
