"""Protections as documents and presets, what a message mentions, and who is a newcomer."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from kit.errors import Invalid
from kit.identifiers import RoomId, UserId
from reputation.enforcement.rooms import Powers
from reputation.policy import AtOnce, Lasting, Pattern, ProtectionRule, ProtectionsDocument, show_time
from reputation.policy_changes import What, changes
from reputation.policy_rules import guard_of, read_json
from reputation.protections.model import Came, Heard, Outcome, Posted, mentions_in
from reputation.protections.presets import (
    NOTHING,
    ProtectionsPreset,
    numbers_of,
    own_rules,
    presets_in,
    rules_of,
    with_preset,
    without_preset,
)
from reputation.protections.protecting import MOST_REMEMBERED, Protecting
from reputation.protections.trying import tried
from reputation.seeing import Place

ROOM = RoomId("!tea:h.example")
ANN, BOB, BOT = UserId("@ann:h.example"), UserId("@bob:away.example"), UserId("@bot:h.example")
PLACE = Place(ROOM, frozenset({ANN, BOB}), name="Tea")
NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)
MUTE = Lasting.model_validate({"do": "mute", "for": "10m"})


def document(*rules: tuple[str, AtOnce | Lasting], patterns: dict[str, Pattern] | None = None) -> ProtectionsDocument:
    made = tuple(ProtectionRule(name=f"rule {n}", when=when, then=then) for n, (when, then) in enumerate(rules, 1))
    return ProtectionsDocument(rules=made, patterns=patterns or {})


class Room:
    """A protected room, in which things are heard one after another."""

    def __init__(self, standing: ProtectionsDocument, powers: Powers | None = None) -> None:
        """Begin at noon."""
        self.protecting = Protecting(guard_of(standing), me=BOT)
        self.powers = powers or Powers()
        self.now = NOON
        self.events = 0

    def hears(self, what: Heard, *, after: float = 1.0, late: bool = False, **known: object) -> list[str]:
        """Say what follows, as ``do rule``."""
        return [f"{one.do} {one.rule}" for one in self.outcomes(what, after=after, late=late, **known)]

    def outcomes(self, what: Heard, *, after: float = 1.0, late: bool = False, **known: object) -> list[Outcome]:
        """Give what follows."""
        self.now += timedelta(seconds=after)
        names = {name.replace("__", "."): value for name, value in known.items()}
        return self.protecting.heard(PLACE, self.powers, what, self.now, known=names, late=late)

    def says(self, text: str, *, by: UserId = ANN, kind: str = "m.text", after: float = 1.0) -> list[str]:
        """Let somebody write; say what follows."""
        self.events += 1
        return self.hears(Posted(f"$e{self.events}", by, text, kind, *mentions_in(None, text)), after=after)


# ------------------------------------------------------------------------------------------------- documents


@pytest.mark.parametrize(
    ("then", "time"),
    [
        ({"do": "mute", "for": "10m"}, timedelta(minutes=10)),
        ({"do": "ban", "for": "7d"}, timedelta(days=7)),
        ({"do": "ban", "for": "90m"}, timedelta(minutes=90)),
        ({"do": "mute"}, None),
    ],
)
def test_what_lasts_says_how_long_and_is_written_as_it_was(then: dict[str, str], time: timedelta | None) -> None:
    read = Lasting.model_validate(then)
    assert read.time == time
    assert read.model_dump(mode="json", exclude_none=True) == then


@pytest.mark.parametrize(
    "then",
    [
        {"do": "mute", "for": "0m"},
        {"do": "mute", "for": "366d"},
        {"do": "mute", "for": "9999999m"},
        {"do": "mute", "for": "10"},
        {"do": "mute", "for": "1w"},
        {"do": "mute", "for": 10.5e9},
        {"do": "mute", "for": "\u0661\u0660m"},
        {"do": "mute", "for": 600},
        {"do": "mute", "for": True},
        {"do": "mute", "time": "10m"},
        {"do": "kick", "for": "10m"},
        {"do": "deny"},
        {"do": "admit"},
    ],
)
def test_what_no_rule_can_do_is_refused_with_its_place(then: dict[str, object]) -> None:
    written = {"kind": "protections", "rules": [{"name": "a", "when": "true", "then": then}]}
    with pytest.raises(Invalid) as refused:
        read_json(json.dumps(written))
    assert refused.value.code == "document_malformed"
    assert str(refused.value.values["where"]).startswith("rules[0].then")


@pytest.mark.parametrize(
    ("minutes", "shown"), [(1, "1m"), (59, "59m"), (60, "1h"), (90, "90m"), (1_440, "1d"), (525_600, "365d")]
)
def test_times_are_shown_in_the_largest_unit_that_says_them(minutes: int, shown: str) -> None:
    assert show_time(timedelta(minutes=minutes)) == shown


def test_facts_of_other_documents_are_told_apart() -> None:
    for when, whose in (
        ("message.mentions_me", "a filter"),
        ("stake.amount > 1.0", "a door"),
    ):
        with pytest.raises(Invalid) as refused:
            guard_of(document((when, MUTE)))
        assert f"is known to {whose} alone" in refused.value.message
    rule = {"name": "a", "when": "message.text == 'x'", "then": {"do": "refuse"}}
    with pytest.raises(Invalid) as refused:
        read_json(json.dumps({"kind": "door", "rules": [rule], "otherwise": {"do": "admit"}}))
    assert "is known to a filter and protections alone" in refused.value.message


# ------------------------------------------------------------------------------------------------- presets


def test_presets_stand_beside_each_other_and_rules_of_ones_own() -> None:
    own = document(("message.links > 3", AtOnce(do="warn")))
    made = with_preset(with_preset(own, ProtectionsPreset.FLOOD), ProtectionsPreset.JOIN_WAVE, [50])
    assert presets_in(made) == {ProtectionsPreset.FLOOD: (10, 5, 10), ProtectionsPreset.JOIN_WAVE: (50,)}
    assert own_rules(made) == own.rules
    tuned = with_preset(made, ProtectionsPreset.FLOOD, [7, 3, 60])
    assert [rule.name for rule in tuned.rules] == [rule.name for rule in made.rules]
    assert presets_in(tuned)[ProtectionsPreset.FLOOD] == (7, 3, 60)
    assert {change.what for change in changes(made, tuned)} == {What.WHEN_CHANGED, What.THEN_CHANGED}
    assert without_preset(without_preset(tuned, ProtectionsPreset.FLOOD), ProtectionsPreset.JOIN_WAVE) == own
    assert with_preset(tuned, ProtectionsPreset.NONE) == NOTHING


@pytest.mark.parametrize("preset", [one for one in ProtectionsPreset if one is not ProtectionsPreset.NONE])
def test_every_preset_can_be_read_and_is_known_again_with_its_numbers(preset: ProtectionsPreset) -> None:
    for pick in ("usual", "least", "most"):
        numbers = tuple(getattr(number, pick) for number in numbers_of(preset))
        made = guard_of(with_preset(NOTHING, preset, numbers)).document
        assert presets_in(made) == {preset: numbers}
        assert presets_in(ProtectionsDocument.model_validate_json(made.model_dump_json())) == {preset: numbers}


def test_a_preset_that_was_changed_is_somebodys_own() -> None:
    made = with_preset(NOTHING, ProtectionsPreset.FLOOD)
    first = made.rules[0].model_copy(update={"when": "sender.messages_10s >= 10 && sender.same_text_1m >= 5"})
    changed = ProtectionsDocument(rules=(first, *made.rules[1:]))
    assert presets_in(changed) == {}
    assert own_rules(changed) == changed.rules


@pytest.mark.parametrize(
    ("preset", "numbers", "code"),
    [
        (ProtectionsPreset.FLOOD, [1], "preset_number"),
        (ProtectionsPreset.JOIN_WAVE, [10**9], "preset_number"),
        (ProtectionsPreset.NONE, [1], "preset_numbers"),
        (ProtectionsPreset.MENTIONS, [10, 10, 10], "preset_numbers"),
    ],
)
def test_numbers_that_make_no_sense_are_refused(preset: ProtectionsPreset, numbers: list[int], code: str) -> None:
    with pytest.raises(Invalid) as refused:
        rules_of(preset, numbers)
    assert refused.value.code == code


def test_a_flood_is_muted_at_the_number_that_was_said_and_not_before() -> None:
    room = Room(with_preset(NOTHING, ProtectionsPreset.FLOOD, [5, 3, 10]))
    assert [room.says(f"text {number}", after=0.1) for number in range(4)] == [[], [], [], []]
    assert room.says("text 4", after=0.1) == ["mute flood", "redact flood, taken out"]
    slow = Room(with_preset(NOTHING, ProtectionsPreset.FLOOD, [5, 3, 10]))
    assert [slow.says(f"text {number}", after=2.6) for number in range(20)] == [[]] * 20
    assert [slow.says("Buy  now" if number else "buy NOW", after=20) for number in range(2)] == [[], []]
    assert slow.says("buy now", after=19.9) == ["mute flood", "redact flood, taken out"]


def test_the_same_again_is_a_flood_too_and_what_says_something_else_stays() -> None:
    room = Room(with_preset(NOTHING, ProtectionsPreset.FLOOD, [50, 3, 10]))
    assert room.says("buy now", after=15) == []
    assert room.says("how are you?", after=15) == []
    assert room.says("Buy  NOW", after=15) == []
    room.events += 1
    found = room.outcomes(Posted("$e4", ANN, "buy now"), after=15)
    assert [(one.do, one.events) for one in found] == [("mute", ()), ("redact", ("$e1", "$e3", "$e4"))]


@pytest.mark.parametrize(
    ("when", "taken"),
    [
        ("sender.messages_1m >= 3", ("$e1", "$e2", "$e3")),
        ("sender.messages_10s >= 2", ("$e2", "$e3")),
        ("sender.messages_10s >= 2 || sender.messages_1m >= 99", ("$e2", "$e3")),
        ("sender.messages_1m >= 3 && message.kind != 'join'", ("$e1", "$e2", "$e3")),
        ("sender.messages_1m >= 3 && message.links > 0", ("$e3",)),
        ("message.links > 0", ("$e3",)),
    ],
)
def test_where_a_count_decided_what_was_counted_is_taken_out_and_else_the_message_alone(
    when: str, taken: tuple[str, ...]
) -> None:
    room = Room(document((when, AtOnce(do="redact"))))
    for number, text in enumerate(["good morning", "how are you?"], 1):
        assert room.hears(Posted(f"$e{number}", ANN, text), after=11) == []
    (found,) = room.outcomes(Posted("$e3", ANN, "https://x.example"), after=9)
    assert found.events == taken


def test_a_message_that_mentions_many_is_taken_out() -> None:
    room = Room(with_preset(NOTHING, ProtectionsPreset.MENTIONS, [3]))
    names = [f"https://matrix.to/#/@m{number}:h.example" for number in range(3)]
    assert room.says(" ".join(names[:2])) == []
    assert room.says(" ".join([*names[:2], names[0]])) == [], "who is named twice is mentioned once"
    assert room.says(" ".join(names)) == ["mute mentions", "redact mentions, taken out"]


def test_a_wave_is_put_out_from_the_number_that_was_said_and_nobody_who_writes_meanwhile() -> None:
    room = Room(with_preset(NOTHING, ProtectionsPreset.JOIN_WAVE, [4]))
    came = [room.hears(Came(UserId(f"@n{number}:x.example"))) for number in range(6)]
    assert came == [[], [], [], ["kick join wave"], ["kick join wave"], ["kick join wave"]]
    assert room.says("what is going on?") == []
    assert room.hears(Came(BOB), after=61) == []


@pytest.mark.parametrize(
    ("preset", "kind", "text"),
    [
        (ProtectionsPreset.NEWCOMERS_MEDIA, "m.image", "cat.png"),
        (ProtectionsPreset.NEWCOMERS_LINKS, "m.text", "see https://x.example"),
    ],
)
def test_newcomers_are_those_who_were_seen_to_come(preset: ProtectionsPreset, kind: str, text: str) -> None:
    room, rule = Room(with_preset(NOTHING, preset)), f"redact newcomers' {preset.value.removeprefix('newcomers-')}"
    assert room.says(text, by=BOB, kind=kind) == [], "who was there before is no newcomer, their first message or not"
    assert room.says(text, by=BOB, kind=kind) == []
    room.hears(Came(ANN))
    assert room.says(text, kind=kind) == [rule]
    assert room.says(text, kind=kind, after=90) == [rule]
    assert room.says("hello", kind="m.text") == []
    assert room.says(text, kind=kind, after=600) == []
    room.hears(Came(BOT))
    room.protecting.left(ROOM, ANN)
    assert room.says(text, kind=kind) == [], "who went and wrote all the same was there in some way that nobody knows"
    room.hears(Came(ANN))
    assert room.says(text, kind=kind, after=3_600) == [rule], "their first message, however long they waited"


# ------------------------------------------------------------------------------------------------- who, and when


def test_whoever_looks_after_the_room_and_the_bot_itself_are_never_judged() -> None:
    all_ = document(("true", Lasting(do="ban")))
    keeper = Room(all_, Powers(users={ANN: 50}))
    assert keeper.says("hello") == []
    assert keeper.says("hello", by=BOB) == ["ban rule 1"]
    creator = Room(all_, Powers(creators=frozenset({ANN})))
    assert creator.says("hello") == []
    assert creator.says("hello", by=BOT) == []
    assert creator.hears(Came(BOT)) == []


def test_what_was_missed_is_judged_by_what_it_says_and_not_by_how_much_it_is() -> None:
    rules = document(("sender.messages_10s > 1", MUTE), ("message.links > 0", AtOnce(do="redact")))
    room = Room(rules)
    for number in range(20):
        assert room.hears(Posted(f"$l{number}", ANN, "hello"), late=True, after=0) == []
    (found,) = room.outcomes(Posted("$m", ANN, "https://x.example"), late=True)
    assert (found.do, found.events) == ("redact", ("$m",))
    assert room.says("hello") == []


def test_what_is_known_elsewhere_is_asked_for_and_used() -> None:
    room = Room(document(("'bad' in sender.labels && message.kind == 'join'", Lasting(do="ban"))))
    assert room.protecting.wanted == {"sender.labels"}
    assert room.hears(Came(ANN)) == []
    assert room.hears(Came(ANN), sender__labels=("bad",)) == ["ban rule 1"]
    assert room.hears(Came(BOB), sender__labels=("bad",), sender__standing=0.1) == ["ban rule 1"], "the rest is left"


def test_what_is_known_here_is_asked_of_nobody() -> None:
    here = "room.name == 'Tea' && room.members == 2 && sender.server == 'h.example' && message.kind == 'm.text'"
    room = Room(document((f"{here} && !has(room.topic) && time.now > timestamp('2026-01-01T00:00:00Z')", MUTE)))
    assert room.protecting.wanted == frozenset()
    assert room.says("hello") == ["mute rule 1"]


def test_what_there_is_no_key_for_counts_and_says_nothing() -> None:
    rules = document(("sender.messages_10s >= 2", MUTE), ("message.links == 0", AtOnce(do="warn")))
    room = Room(rules)
    sealed = [Posted(f"$s{number}", ANN, None, "m.room.encrypted") for number in range(2)]
    assert [room.hears(one) for one in sealed] == [[], ["mute rule 1"]]


def test_patterns_are_looked_for_and_no_text_is_remembered() -> None:
    bad = Pattern(words=("airdrop",), look_alikes=True)
    room = Room(document(("'coins' in text.found", MUTE), patterns={"coins": bad}))
    assert room.says("free a1rdrop here") == ["mute rule 1"]
    (one,) = room.protecting.remembered(room.now)
    assert not any(isinstance(value, str) and "a1rdrop" in value for value in one.record)


def test_rules_that_are_loaded_later_know_what_was_counted_before() -> None:
    room = Room(NOTHING)
    for number in range(4):
        room.says(f"text {number}")
    room.protecting.load(guard_of(document(("sender.messages_10s >= 5", MUTE))))
    assert room.says("text 4") == ["mute rule 1"]
    room.protecting.load(None)
    assert room.says("text 5") == []


def test_a_room_that_ended_and_a_person_who_is_forgotten_are_not_remembered() -> None:
    room = Room(document(("sender.messages_10s >= 2", MUTE)))
    room.says("one")
    room.says("one", by=BOB)
    room.protecting.forget(ANN)
    assert [one.heard.user for one in room.protecting.remembered(room.now)] == [BOB]
    assert room.says("two") == []
    room.protecting.ended(ROOM)
    assert room.protecting.remembered(room.now) == ()
    assert room.says("three", by=BOB) == []


def test_an_hour_is_remembered_and_no_more_than_is_bounded() -> None:
    room = Room(NOTHING)
    room.says("first")
    for _ in range(MOST_REMEMBERED + 5):
        room.says("more", after=0.1)
    assert len(room.protecting.remembered(room.now)) == MOST_REMEMBERED
    assert room.protecting.remembered(room.now + timedelta(hours=1)) == ()


# ------------------------------------------------------------------------------------------------- trying


def test_trying_says_which_rule_would_have_done_what_to_how_many_and_what_it_could_not_tell() -> None:
    room = Room(NOTHING)
    for number in range(6):
        room.hears(Came(UserId(f"@n{number}:x.example")))
    for number in range(8):
        room.says(f"text {number}", after=0.5)
    draft = document(
        ("sender.messages_10s >= 5", MUTE),
        ("sender.messages_10s >= 5 && message.kind == 'm.text'", AtOnce(do="redact")),
        ("message.kind == 'join' && room.joins_1m > 2", AtOnce(do="kick")),
        ("message.text.contains('x')", AtOnce(do="warn")),
    )
    told = tried(guard_of(draft), room.protecting.remembered(room.now))
    assert (told.messages, told.joins, told.people, told.rooms) == (8, 6, 7, 1)
    assert [(one.do, one.times, one.people, one.messages) for one in told.rules] == [
        ("mute", 1, 1, 0),
        ("redact", 4, 1, 8),
        ("kick", 4, 4, 0),
        ("warn", 0, 0, 0),
    ]
    assert [one.user for one in told.rules[2].samples] == [f"@n{number}:x.example" for number in (2, 3, 4)]
    assert told.lacking == {"message.text": 14}


# ------------------------------------------------------------------------------------------------- mentions


@pytest.mark.parametrize(
    ("said", "text", "wanted"),
    [
        (None, "hello", (0, False)),
        (None, "hello @room", (0, True)),
        ({}, "hello @room", (0, False)),
        ({"room": True}, "hello", (0, True)),
        ({"room": "yes", "user_ids": "@a:b"}, "hello", (0, False)),
        ({"user_ids": ["@a:b", "@a:b", 5, None, "@c:d"]}, "", (2, False)),
        ({"user_ids": ["@a:b"]}, "https://matrix.to/#/@a:b and https://matrix.to/#/%40c%3Ad", (2, False)),
        ({"user_ids": ["@a:b"]}, "matrix:u/a:b MATRIX:U/e:f?action=chat", (2, False)),
        (None, "https://matrix.to/#/#room:b https://matrix.to/#/!room:b", (0, False)),
        ([], "(https://matrix.to/#/@a:b) [x](https://matrix.to/#/@a:b)", (1, False)),
        ("x", "@room", (0, True)),
    ],
)
def test_mentions_are_counted_once_each_whatever_the_event_says(
    said: object, text: str, wanted: tuple[int, bool]
) -> None:
    assert mentions_in(said, text) == wanted


def test_hostile_mentions_are_read_soon() -> None:
    assert mentions_in({"user_ids": ["@a:b"] * 10**6}, "matrix.to/#/@" * 5_000)[0] >= 1
