"""What is told of an invite: facts of the right kind and nothing else, whatever a homeserver sends."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.told import Told, told_of
from reputation.conditions.facts import DOOR_FACTS, record

STATE = [
    {"type": "m.room.create", "content": {}},
    {"type": "m.room.name", "content": {"name": "Tea"}},
    {"type": "m.room.topic", "content": {"topic": "Leaves"}},
    {"type": "m.room.join_rules", "content": {"join_rule": "invite"}},
]


def event(content: object = None, state: object = None) -> dict[str, Any]:
    return {"content": content or {"membership": "invite"}, "unsigned": {"invite_room_state": state}}


def test_all_that_rules_may_ask_is_found() -> None:
    content = {"membership": "invite", "reason": "Tea?", "is_direct": True}
    assert told_of(event(content, STATE)) == {
        "knock.text": "Tea?",
        "room.direct": True,
        "room.name": "Tea",
        "room.topic": "Leaves",
        "room.public": False,
        "room.encrypted": False,
    }
    secret = [*STATE, {"type": "m.room.encryption", "content": {}}]
    assert told_of(event(None, secret))["room.encrypted"] is True
    public = [{"type": "m.room.join_rules", "content": {"join_rule": "public"}}]
    assert told_of(event(None, public))["room.public"] is True


@pytest.mark.parametrize(
    "state", [None, [], {}, "x", [1, None], [{"type": 1, "content": 2}], [{"type": "m.room.name"}]]
)
def test_nonsense_is_left_out(state: object) -> None:
    found = told_of({"content": {"reason": 1, "is_direct": "yes"}, "unsigned": {"invite_room_state": state}})
    assert not set(found) - {"room.encrypted"}
    assert told_of({"content": [], "unsigned": 7}) == {}


nothing = st.none() | st.booleans() | st.integers() | st.text(max_size=5)
kinds = st.sampled_from(
    ["type", "content", "unsigned", "invite_room_state", "reason", "is_direct", "name", "topic", "join_rule"]
)
kind_names = st.sampled_from(["m.room.name", "m.room.topic", "m.room.join_rules", "m.room.encryption"])
json = st.recursive(
    nothing | kind_names, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(kinds, inner, max_size=4)
)


@given(st.dictionaries(kinds, json, max_size=4))
def test_whatever_is_sent_makes_a_record(sent: dict[str, Any]) -> None:
    record(DOOR_FACTS, told_of(sent))


def test_the_second_call_of_an_invite_knows_what_the_first_told_for_a_minute() -> None:
    told, which = Told(), (1, "@bob:far.example", "@alice:example.org", "!r:far.example")
    assert told.of(which, 0) == {}
    told.keep(which, {"knock.text": "Tea?"}, 0)
    told.keep(which, {}, 1)
    assert told.of(which, 59) == {"knock.text": "Tea?"}
    assert told.of(which, 61) == {}
    assert told.of((2, *which[1:]), 1) == {}, "another tenant's call is another's"


def test_what_is_kept_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.told._MOST_KEPT", 3)
    told = Told()
    for number in range(10):
        told.keep((number, "", "", ""), {"knock.text": "x"}, 0)
    assert [number for number in range(10) if told.of((number, "", "", ""), 0)] == [7, 8, 9]


def test_what_is_kept_is_bounded_by_its_length_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.told._MOST_CHARACTERS", 25)
    told = Told()
    for number in range(5):
        told.keep((number, "", "", ""), {"knock.text": "x" * 10, "room.direct": True}, 0)
        told.keep((number, "", "", ""), {"knock.text": "y" * 10}, 0)
    assert [number for number in range(5) if told.of((number, "", "", ""), 0)] == [3, 4]


def test_a_text_is_no_longer_than_is_looked_at() -> None:
    long = "x" * 100_000
    found = told_of(event({"reason": long}, [{"type": "m.room.name", "content": {"name": long}}]))
    assert {name: len(value) for name, value in found.items() if isinstance(value, str)} == {
        "knock.text": 65_536,
        "room.name": 10_000,
    }
