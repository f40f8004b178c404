"""Mirroring: what is planned for a policy room makes it equal to a list, whatever stood there, and then no more."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from reputation.lists.mirroring import Place, plan, rules_of
from reputation.lists.model import Entry, Listing, Recommendation, Subject
from reputation.lists.policy_events import TYPES, read_events

ENTRIES = st.builds(
    lambda number, kind, recommendation, reason: Entry(
        kind,
        {
            Subject.USER: f"@u{number}:x.example",
            Subject.SERVER: f"s{number}.example",
            Subject.ROOM: f"!r{number}:x.example",
        }[kind],
        recommendation,
        reason,
    ),
    st.integers(0, 9),
    st.sampled_from(Subject),
    st.sampled_from(Recommendation),
    st.sampled_from(["", "spam"]),
)
LISTINGS = st.lists(ENTRIES, max_size=12, unique_by=lambda entry: entry.key).map(
    lambda found: Listing("", tuple(found))
)
CONTENTS = st.dictionaries(st.sampled_from(["entity", "recommendation", "reason"]), st.text(max_size=9), max_size=3)
ROOMS = st.dictionaries(st.tuples(st.sampled_from(sorted(TYPES)), st.text(max_size=5)), CONTENTS, max_size=9)


@given(ROOMS, LISTINGS, LISTINGS)
def test_a_plan_makes_a_room_equal_and_then_there_is_nothing_to_do(
    room: dict[Place, Any], before: Listing, after: Listing
) -> None:
    for listing in (before, after):
        room.update(plan(room.items(), listing).writes)
        assert {place: content for place, content in room.items() if content} == rules_of(listing)
        assert not plan(room.items(), listing)


@given(LISTINGS)
def test_what_a_room_says_is_what_the_list_says(listing: Listing) -> None:
    events = [{"type": kind, "state_key": key, "content": said} for (kind, key), said in rules_of(listing).items()]
    read = read_events(events)
    said = {(entry.key, entry.recommendation, entry.reason) for entry in read}
    limits = [entry for entry in listing if entry.recommendation is Recommendation.LIMIT]
    assert said == {(entry.key, entry.recommendation, entry.reason) for entry in listing if entry not in limits}
    assert [fault.code for fault in read.faults] == ["recommendation"] * len(limits), "for who reads opinions"


def test_state_keys_are_nobodys_own_and_never_too_long() -> None:
    long = Entry(Subject.USER, f"@{'x' * 200}:{'y' * 53}", Recommendation.BAN)
    hidden = Entry(Subject.USER, None, Recommendation.TAKEDOWN, sha256=b"\x01" * 32)
    below = Entry(Subject.SERVER, "evil.example", Recommendation.BAN, below=True)
    rules = rules_of(Listing("", (long, hidden, below)))
    assert len(rules) == 4, "the servers below have a rule of their own"
    assert all(not key.startswith("@") and len(key) == 44 for _, key in rules)
    assert {content["opinion"] for content in rules.values()} == {-100}


def test_other_state_of_the_room_stays() -> None:
    room: dict[Place, dict[str, Any]] = {("m.room.topic", ""): {"topic": "x"}, ("m.policy.rule.user", "old"): {}}
    assert plan(room.items(), Listing("", ())).writes == ()
