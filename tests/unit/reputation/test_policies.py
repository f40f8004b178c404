"""Documents by example: what is refused and where, the presets, and what differs."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from kit.amounts import Amount
from kit.errors import Invalid
from kit.identifiers import ServerName, UserId
from reputation.conditions.facts import DOOR_FACTS, record
from reputation.decision import decide_by
from reputation.model import Door, DoorMode
from reputation.policy import MOST_RULES, Admitting, DoorDocument, Holding, Limits, Pattern, Refusing, Rule
from reputation.policy_changes import What, changes
from reputation.policy_doors import document_of
from reputation.policy_presets import PRESETS, Preset, open_but
from reputation.policy_rules import Finder, Policy, in_force, judge, policy_of, read_document, read_json
from reputation.pricing import Caps, Pressure
from reputation.verdict import Admit, Code, FreePath, Hold, Refuse
from tests.support.knocks import FACTS, KNOCK

RULE = {"name": "low", "when": "sender.standing < 0.2", "then": {"do": "refuse"}}
DOOR = {"version": 1, "kind": "door", "rules": [RULE], "otherwise": {"do": "hold", "stake": "0.5", "free": ["ask"]}}


def test_a_document_is_read() -> None:
    policy = read_json(json.dumps(DOOR))
    assert isinstance(policy, Policy)
    assert policy.document.otherwise == Holding(stake=Amount(5 * 10**17), free=(FreePath.ASK,))
    ruling = judge(policy, record(DOOR_FACTS, {"sender.standing": 0.1}))
    assert (ruling.action, ruling.number, ruling.name) == (Refusing(), 1, "low")
    ruling = judge(policy, record(DOOR_FACTS, {}))
    assert (ruling.number, [each.name for each in ruling.unsure]) == (None, ["low"])


@pytest.mark.parametrize(
    ("change", "code", "said"),
    [
        ({"kind": "house"}, "document_kind", '"door"'),
        ({"version": 2}, "document_malformed", "version"),
        ({"otherwise": {"do": "hold"}}, "document_malformed", "asks for a stake, a fee, or a free path"),
        ({"otherwise": {"do": "hold", "stake": "five"}}, "amount_malformed", "plain digits"),
        ({"otherwise": {"do": "hold", "stake": "1" * 70}}, "amount_out_of_range", "2**256"),
        ({"otherwise": {"do": "hold", "stake": str(2**256 // 10**18 - 1)}}, "document_malformed", "escrow"),
        ({"otherwise": {"do": "hold", "stake": 5}}, "document_malformed", "otherwise"),
        ({"otherwise": {"do": "ban"}}, "document_malformed", "otherwise"),
        ({"otherwise": {"do": "hold", "free": ["ask", "ask"]}}, "document_malformed", "named once"),
        ({"rules": [RULE, RULE]}, "rule_name_twice", "another name"),
        (
            {"rules": [RULE | {"when": "sender.standng < 1"}]},
            "condition_fact_misspelt",
            "rule 1 (low), line 1, column 1",
        ),
        ({"rules": [RULE | {"when": "'bad' in text.found"}]}, "pattern_unknown", "no pattern 'bad'"),
        ({"rules": [RULE | {"name": " low"}]}, "document_malformed", "rules[0].name"),
        ({"rules": [RULE | {"wen": "true"}]}, "document_malformed", "rules[0].wen"),
        ({"rules": [RULE] * (MOST_RULES + 1)}, "document_malformed", "rules"),
        ({"patterns": {"bad": {"regexes": ["("]}}}, "regex_malformed", "pattern bad"),
        ({"patterns": {"bad": {"words": [""]}}}, "document_malformed", "patterns.bad.words[0]"),
        ({"patterns": {"bad": {"regexes": ["a[ab]{900}"] * 6}}}, "too_many_regexes", "together"),
        ({"patterns": {"Bad name": {}}}, "document_malformed", "patterns"),
        ({"limits": {"at_once": 0}}, "document_malformed", "limits.at_once"),
        ({"limits": {"at_once": True}}, "document_malformed", "limits.at_once"),
        ({"limits": {"a_day": "7"}}, "document_malformed", "limits.a_day"),
        ({"limits": {"a_day": 7.0}}, "document_malformed", "limits.a_day"),
        ({"version": True}, "document_malformed", "version"),
        ({"version": 1.0}, "document_malformed", "version"),
        ({"patterns": {"bad": {"whole_words": "yes"}}}, "document_malformed", "patterns.bad.whole_words"),
        ({"patterns": {"bad": {"look_alikes": 1}}}, "document_malformed", "patterns.bad.look_alikes"),
    ],
)
def test_mistakes_are_told_with_their_place(change: dict[str, Any], code: str, said: str) -> None:
    with pytest.raises(Invalid) as caught:
        read_document({**DOOR, **change})
    assert caught.value.code == code
    assert said in caught.value.message


@pytest.mark.parametrize(
    "change",
    [
        {"\x1b[2J\u202e": 1},
        {"x" * 100_000: 1},
        {"otherwise": {"do": "\x1b[2J\u202e" + "x" * 10_000}},
        {"rules": [RULE | {"then": {"\u2028": 1}}]},
        {"rules": [RULE | {"when": "sender.id == '\x1b[2J\u202e'"}]},
        {"patterns": {"bad": {"regexes": ["(\x1b[2J\u202e"]}}},
    ],
)
def test_what_a_document_holds_moves_no_terminal_when_its_mistakes_are_told(change: dict[str, Any]) -> None:
    with pytest.raises(Invalid) as caught:
        read_document({**DOOR, **change})
    assert caught.value.message.isprintable()
    assert len(caught.value.message) < 1_000


@pytest.mark.parametrize("text", ["", "[]", "nonsense", "{" * 100_000, "1" * 10_000, '{"kind": ' + "[" * 50_000])
def test_what_is_no_document_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        read_json(text)


@pytest.mark.parametrize(
    "text",
    [
        '{"kind": "door", "otherwise": {"do": "refuse"}, "otherwise": {"do": "admit"}}',
        '{"kind": "door", "otherwise": {"do": "refuse", "do": "admit"}}',
    ],
)
def test_what_is_said_twice_is_refused(text: str) -> None:
    with pytest.raises(Invalid, match="twice"):
        read_json(text)


@pytest.mark.parametrize(
    ("preset", "facts", "kind", "code"),
    [
        (Preset.OPEN, {}, Admit, Code.DOOR_OPEN),
        (Preset.STAKE, {"sender.vouches": 3}, Hold, Code.ASKS_STAKE),
        (Preset.FRIENDS_OF_FRIENDS, {"sender.known_by": 1}, Admit, Code.BY_RULE),
        (Preset.FRIENDS_OF_FRIENDS, {"sender.known_by": 0, "sender.vouches": 1}, Admit, Code.BY_RULE),
        (Preset.FRIENDS_OF_FRIENDS, {"sender.known_by": 0, "sender.vouches": 0}, Hold, Code.ASKS_STAKE),
        (Preset.FRIENDS_OF_FRIENDS, {}, Hold, Code.ASKS_STAKE),
        (Preset.KNOWN, {"sender.known_by": 9}, Refuse, Code.DOOR_CLOSED),
    ],
)
def test_presets(preset: Preset, facts: dict[str, object], kind: type, code: Code) -> None:
    verdict = decide_by(KNOCK, policy_of(PRESETS[preset]), FACTS, record(DOOR_FACTS, facts))
    assert type(verdict) is kind
    assert verdict.because[0].code is code


def test_every_preset_is_a_document_that_can_be_written_down() -> None:
    assert set(PRESETS) == set(Preset)
    for document in PRESETS.values():
        policy = read_json(document.model_dump_json())
        assert policy.document == document


def test_open_but_not_for_these() -> None:
    people = [UserId(f'@p{number}"\\:away.example') for number in range(200)]
    door = policy_of(open_but(people, [ServerName("bad.example")]))
    for facts, action in (
        ({"sender.id": people[0], "sender.server": "away.example"}, Refusing()),
        ({"sender.id": people[-1], "sender.server": "away.example"}, Refusing()),
        ({"sender.id": "@x:bad.example", "sender.server": "bad.example"}, Refusing()),
        ({"sender.id": "@x:good.example", "sender.server": "good.example"}, Admitting()),
    ):
        assert judge(door, record(DOOR_FACTS, facts)).action == action
    short = [ServerName(f"{number:03}") for number in range(300)]  # more of them have room in a text than it has parts
    assert judge(policy_of(open_but(servers=short)), record(DOOR_FACTS, {"sender.server": "299"})).action == Refusing()
    assert open_but().rules == ()
    for many in ([f"@{'x' * 240}{number}:a.b" for number in range(400)], [f"@{number}:a" for number in range(2_001)]):
        with pytest.raises(Invalid, match="too many"):
            open_but([UserId(name) for name in many])
    most = open_but([UserId(f"@{number}:a") for number in range(1_000)], [ServerName(f"{n}") for n in range(1_000)])
    assert len(policy_of(most).conditions) == len(most.rules)


def test_all_conditions_of_a_document_together_are_bounded() -> None:
    long = " && ".join(["sender.vouches > 0"] * 40)
    rules = tuple(Rule(name=f"{number}", when=long, then=Admitting()) for number in range(50))
    with pytest.raises(Invalid, match="together have at most 2500 parts") as refused:
        policy_of(DoorDocument(rules=rules, otherwise=Refusing()))
    assert refused.value.code == "document_too_many_parts"
    assert len(policy_of(DoorDocument(rules=rules[:12], otherwise=Refusing())).conditions) == 12


def test_a_vouch_is_a_free_path_where_the_rule_says_so() -> None:
    vouched = record(DOOR_FACTS, {"sender.vouches": 1})
    paths = {(FreePath.VOUCH,): Admit, (FreePath.ASK,): Hold, (): Hold}
    for free, kind in paths.items():
        policy = policy_of(DoorDocument(otherwise=Holding(stake=Amount(5), free=free)))
        assert type(decide_by(KNOCK, policy, FACTS, vouched)) is kind
    free_alone = policy_of(DoorDocument(otherwise=Holding(free=(FreePath.ASK,))))
    verdict = decide_by(KNOCK, free_alone, FACTS, vouched)
    assert isinstance(verdict, Hold)
    assert (verdict.free, verdict.because[0].code) == ((FreePath.ASK,), Code.ASKS_FREE)


def test_a_door_takes_as_many_at_once_and_a_day_as_its_limits_say() -> None:
    asking = Holding(stake=Amount(5))
    written = DoorDocument(otherwise=asking, limits=Limits(at_once=9, a_day=3))
    moded = document_of(Door(DoorMode.ASK, stake=Amount(5), caps=Caps(most_open=9, most_a_day=3)))
    assert moded == written
    for pressure, kind in (
        (Pressure(open_now=8, opened_today=2), Hold),
        (Pressure(open_now=9), Refuse),
        (Pressure(opened_today=3), Refuse),
    ):
        verdict = decide_by(KNOCK, policy_of(written), replace(FACTS, pressure=pressure), record(DOOR_FACTS, {}))
        assert type(verdict) is kind


def test_patterns_are_found_by_name() -> None:
    finder = Finder({"coin": Pattern(words=("airdrop",), look_alikes=True), "link": Pattern(regexes=(r"https?://",))})
    assert finder.found("A1RDROP at HTTP://x") == ("coin", "link")
    assert finder.found("hello") == ()


def test_what_differs_is_told() -> None:
    one, two, three = (Rule(name=name, when="true", then=Admitting()) for name in ("one", "two", "three"))
    before = DoorDocument(rules=(one, two, three), otherwise=Refusing(), patterns={"p": Pattern(words=("a",))})
    changed = two.model_copy(update={"when": "false", "then": Refusing(), "because": "tired"})
    after = DoorDocument(
        rules=(three, one, changed, Rule(name="four", when="true", then=Admitting())),
        otherwise=Admitting(),
        limits=Limits(at_once=1),
        patterns={"q": Pattern()},
    )
    told = changes(before, after)
    assert [(change.what, change.name) for change in told] == [
        (What.RULE_MOVED, "three"),
        (What.WHEN_CHANGED, "two"),
        (What.THEN_CHANGED, "two"),
        (What.BECAUSE_CHANGED, "two"),
        (What.RULE_ADDED, "four"),
        (What.OTHERWISE_CHANGED, ""),
        (What.LIMITS_CHANGED, ""),
        (What.PATTERN_REMOVED, "p"),
        (What.PATTERN_ADDED, "q"),
    ]
    assert (told[0].before, told[0].after) == (3, 1)
    assert in_force(after).document == after
