"""Rules as sentences."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from app.wording import rules
from app.wording.message import LONGEST_MESSAGE
from app.wording.reader import Reader, Service
from kit.amounts import Amount
from reputation.conditions.facts import DOOR_FACTS, record
from reputation.policy import MOST_RULES, Admitting, DoorDocument, Holding, Limits, Pattern, Refusing, Rule
from reputation.policy_changes import What, changes
from reputation.policy_presets import PRESETS, Preset
from reputation.policy_rules import explain, judge, policy_of
from reputation.verdict import FreePath

READER = Reader(Service("ERN", 18, "https://earnest.example", None), datetime(2026, 11, 22, tzinfo=UTC))


@pytest.mark.parametrize("preset", Preset)
def test_every_preset_has_one_sentence(preset: Preset) -> None:
    said = rules.preset(preset, READER).plain
    assert said.endswith(".")
    assert said.count(".") == 1
    assert preset in PRESETS


def test_every_change_has_a_sentence() -> None:
    assert set(rules._CHANGES) == set(What)


def test_an_action_is_told_with_its_price_and_free_paths() -> None:
    asked = Holding(stake=Amount(5 * 10**18), fee=Amount(10**18), free=(FreePath.ASK,))
    assert rules.action(asked, READER).plain == (
        "Is asked for a stake of 5 ERN and a fee of 1 ERN, or one sentence that waits in your queue"
    )
    assert rules.action(Admitting(), READER).plain == "Comes in free"
    assert rules.action(Refusing(), READER).plain == "Is refused"


def test_a_verdict_is_told_with_the_rule_that_decided_and_strange_values_do_no_harm() -> None:
    rule = Rule(name="<b>**x**", when="sender.server == 'a' || size(sender.labels) > 0", then=Refusing())
    policy = policy_of(DoorDocument(rules=(rule,), otherwise=Admitting()))
    known = record(DOOR_FACTS, {"sender.server": "b", "sender.labels": ["<script>"]})
    told = rules.explained(explain(policy, known), READER)
    assert told.plain == (
        "Is refused, by rule 1, \u2068<b>**x**\u2069:\n"
        "- size(sender.labels) > 0 is true (sender.labels = \u2068<script>\u2069)"
    )
    assert "<script>" not in told.html
    assert "<b>" not in told.html
    assert "<li><code>size(sender.labels) &gt; 0</code> is true" in told.html
    assert rules.of_ruling(judge(policy, known), READER).plain == "Is refused, by rule 1, \u2068<b>**x**\u2069"


def test_a_condition_over_several_lines_begins_none_of_ours() -> None:
    policy = policy_of(DoorDocument(otherwise=Admitting()))
    rule = Rule(name="deep", when="sender.vouches >\n- 1", then=Refusing())
    forged = policy_of(DoorDocument(rules=(rule,), otherwise=Admitting()))
    said = rules.explained(explain(forged, record(DOOR_FACTS, {"sender.vouches": 0})), READER).plain
    assert said.splitlines()[1:] == ["- sender.vouches > - 1 is true (sender.vouches = \u20680\u2069)"]
    assert len(rules.changed(changes(policy.document, forged.document), READER).plain.splitlines()) == 1


def test_the_longest_explanation_is_cut_and_not_refused() -> None:
    when = " || ".join(f"sender.vouches > {10**17 + number}" for number in range(16))
    many = tuple(Rule(name=f"rule {number}", when=when, then=Refusing()) for number in range(MOST_RULES))
    told = explain(
        policy_of(DoorDocument(rules=many, otherwise=Admitting())), record(DOOR_FACTS, {"sender.vouches": 0})
    )
    said = rules.explained(told, READER)
    assert said.plain.startswith("Comes in free, because no rule says otherwise.\nRule 1, ")
    assert LONGEST_MESSAGE - 100 < len(said.plain) <= LONGEST_MESSAGE


def test_why_nothing_could_be_said_is_told() -> None:
    broken = Rule(name="broken", when="1 / room.members > 0", then=Refusing())
    unknown = Rule(name="unknown", when="sender.standing > 0.5", then=Refusing())
    policy = policy_of(DoorDocument(rules=(broken, unknown), otherwise=Admitting()))
    said = rules.explained(explain(policy, record(DOOR_FACTS, {"room.members": 0})), READER).plain
    assert said.splitlines()[0] == "Comes in free, because no rule says otherwise."
    assert "- 1 / room.members > 0 cannot be computed: it divides by nothing" in said
    assert "- sender.standing > 0.5 cannot be told: sender.standing not known" in said


def test_changes_are_told_in_words() -> None:
    one = Rule(name="one", when="true", then=Admitting())
    before = DoorDocument(rules=(one,), otherwise=Refusing())
    changed = one.model_copy(update={"when": "false", "because": "tired"})
    after = DoorDocument(rules=(changed,), otherwise=Admitting(), limits=Limits(at_once=1), patterns={"p": Pattern()})
    said = rules.changed(changes(before, after), READER).plain
    assert said.splitlines() == [
        "- Rule \u2068one\u2069 now holds when \u2068false\u2069; before, when \u2068true\u2069.",
        "- The note of rule \u2068one\u2069 is now: \u2068tired\u2069; before: nothing.",
        "- Whom no rule names: Comes in free; before: Is refused.",
        "- The door takes 1 strangers at once and 5 a day; before: 10 strangers at once and 5 a day.",
        "- Pattern \u2068p\u2069 is new.",
    ]
    assert rules.changed((), READER).plain == "Nothing is different."
