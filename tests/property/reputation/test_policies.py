"""Doors of rules are total (promise 5), own word beats any rule, and today's doors say the same as documents."""

from __future__ import annotations

import json
from dataclasses import replace

from hypothesis import assume, given
from hypothesis import strategies as st

from kit.errors import Invalid
from kit.identifiers import server_of
from payments.stakes.model import HIGHEST_PRICE
from reputation.conditions.model import Broken, Record, Unknown
from reputation.decision import decide, decide_by, forged
from reputation.model import ContactWhy, Door, Facts, Knock
from reputation.policy import KINDS, DoorDocument, Holding
from reputation.policy_changes import What, changes
from reputation.policy_doors import document_of
from reputation.policy_rules import Policy, explain, judge, policy_of, read_document, read_json
from reputation.verdict import Admit, Code, Hold, Refuse
from tests.support.knocks import ALICE, BOB, HOME, any_moments, doors, facts, knocks, rooms
from tests.support.policies import documents, records

strangers = st.builds(Knock, st.just(1), st.just(HOME), st.just(BOB), st.just(ALICE), rooms, any_moments, st.booleans())
judged = facts.map(lambda found: replace(found, bot=None, leaving=False))


@given(knocks, doors, facts, records)
def test_a_door_and_its_document_give_the_same_verdict(knock: Knock, door: Door, found: Facts, known: Record) -> None:
    assume(door.stake.base_units + door.fee.base_units <= HIGHEST_PRICE)  # what a door's price always keeps to
    assert decide_by(knock, policy_of(document_of(door)), found, known) == decide(knock, door, found)


@given(knocks, documents, facts, records)
def test_every_knock_gets_a_verdict_with_a_reason(
    knock: Knock, document: DoorDocument, found: Facts, known: Record
) -> None:
    policy = policy_of(document)
    verdict = decide_by(knock, policy, found, known)
    assert isinstance(verdict, Admit | Hold | Refuse)
    assert len(verdict.because) >= 1
    assert decide_by(knock, policy, found, known) == verdict
    if isinstance(verdict, Hold):
        assert verdict.price.stake or verdict.price.fee or verdict.free


@given(strangers, documents, judged, records)
def test_own_word_beats_any_rule(knock: Knock, document: DoorDocument, found: Facts, known: Record) -> None:
    policy = policy_of(document)
    assume(not forged(knock))
    assert isinstance(decide_by(knock, policy, replace(found, called_spam=True), known), Refuse)
    for own in (
        replace(found, called_spam=False, exempt=True),
        replace(found, called_spam=False, contact=ContactWhy.ACCEPTED),
        replace(found, called_spam=False, contact=ContactWhy.INVITED),
    ):
        assert isinstance(decide_by(knock, policy, own, known), Admit)


@given(knocks, documents, facts, records)
def test_nobody_but_the_tenants_own_users_is_ever_held_or_refused(
    knock: Knock, document: DoorDocument, found: Facts, known: Record
) -> None:
    if server_of(knock.invitee) != knock.tenant_server:
        lied = forged(knock) and not found.leaving
        assert isinstance(decide_by(knock, policy_of(document), found, known), Refuse if lied else Admit)


@given(documents, records)
def test_the_first_rule_that_holds_decides_and_its_trace_says_so(document: DoorDocument, known: Record) -> None:
    policy = policy_of(document)
    told = explain(policy, known)
    assert told.ruling == judge(policy, known)
    answers = [rule.trace.answer for rule in told.considered]
    if told.ruling.number is None:
        assert "true" not in answers
        assert len(answers) == len(document.rules)
        assert told.ruling.action == document.otherwise
    else:
        assert answers.index("true") == told.ruling.number - 1 == len(answers) - 1
        assert told.ruling.action == document.rules[told.ruling.number - 1].then
    unsure = [rule.number for rule in told.considered if rule.trace.answer in ("unknown", "broken")]
    assert [each.number for each in told.ruling.unsure] == unsure
    assert all(isinstance(each.outcome, Unknown | Broken) for each in told.ruling.unsure)


@given(strangers, documents, judged, records)
def test_a_rule_that_decided_is_named_and_a_stake_that_was_paid_still_opens(
    knock: Knock, document: DoorDocument, found: Facts, known: Record
) -> None:
    policy = policy_of(document)
    free = replace(found, called_spam=False, exempt=False, contact=None, grants=(), lapsed=())
    verdict = decide_by(knock, policy, free, known)
    ruling = judge(policy, known)
    codes = [reason.code for reason in verdict.because]
    if not forged(knock) and ruling.number is not None and Code.VOUCHED not in codes and Code.DOOR_FULL not in codes:
        assert Code.BY_RULE in codes
    if isinstance(verdict, Hold):
        assert isinstance(ruling.action, Holding)
        assert verdict.free == ruling.action.free


@given(documents)
def test_documents_come_back_from_json_as_they_were(document: DoorDocument) -> None:
    read = read_json(document.model_dump_json())
    assert isinstance(read, Policy)
    assert read.document == document
    assert changes(document, read.document) == ()


@given(documents, documents)
def test_changes_are_told_unless_there_are_none(before: DoorDocument, after: DoorDocument) -> None:
    told = changes(before, after)
    assert bool(told) is (before != after)
    gone = {change.name for change in told if change.what is What.RULE_REMOVED}
    new = {change.name for change in told if change.what is What.RULE_ADDED}
    assert {rule.name for rule in before.rules} - gone | new == {rule.name for rule in after.rules}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
_keys = st.sampled_from(["version", "kind", "rules", "otherwise", "limits", "patterns", "x"])
_near = st.sampled_from(
    [1, "door", "filter", [], {}, {"do": "admit"}, {"do": "hold", "stake": "5"}, {"do": "hold"}, [{"name": "a"}]]
)


@given(st.dictionaries(_keys, _near | json_values))
def test_any_json_is_a_document_or_refused_with_a_sentence(found: dict[str, object]) -> None:
    try:
        read = read_document(found)
    except Invalid as refused:
        told = bool(refused.code and refused.message)
    else:
        told = read.document.kind in KINDS
    assert told


@given(st.text(max_size=60) | json_values.map(json.dumps))
def test_any_text_is_a_document_or_refused_with_a_sentence(text: str) -> None:
    try:
        told = read_json(text).document.kind in KINDS
    except Invalid as refused:
        told = bool(refused.code and refused.message)
    assert told
