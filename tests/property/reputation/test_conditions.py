"""Conditions mean what CEL means (a CEL library is the oracle), and nothing that is written breaks them.

Where they differ on purpose, and so what is not compared here:

- A missing fact is *unknown*; CEL has no such value in a library's hands, and says that there is no such key. Both are
  absorbed by ``&&`` and ``||`` in the same way, so they are taken for the same; ``test_what_is_missing_…`` tells more.
- Types are checked when a condition is read. A comparison of a text with a number is refused, not false.
- The library counts the bytes of a text where CEL counts characters, rounds whole numbers beyond 2**53 before it
  compares them with decimals, turns the least whole number into itself by a minus, and has no order for what is no
  number (``0.0 / 0.0``), where CEL says that none holds. There ours does what CEL says.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import cel
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from reputation.conditions.condition import read
from reputation.conditions.facts import DOOR_FACTS, FILTER_FACTS, record
from reputation.conditions.mistakes import Misread
from reputation.conditions.model import DEEPEST, HIGHEST_COST, MOST_PARTS, Broken, Part, Record, Unknown
from tests.support.conditions import SCHEMA, conditions, known, nested

WITHOUT_ANSWER = "without an answer"


def by_the_oracle(text: str, facts: Mapping[str, object]) -> object:
    """Ask the library."""
    try:
        return cel.evaluate(text, nested(facts))
    except (KeyError, OverflowError, ValueError, TypeError, RuntimeError, ZeroDivisionError):
        return WITHOUT_ANSWER


def has_no_number(part: Part, values: Record) -> bool:
    """Tell whether a decimal in a condition is no number."""
    own = part.run(values)
    return (isinstance(own, float) and math.isnan(own)) or any(has_no_number(each, values) for each in part.parts)


@settings(max_examples=1_500)
@given(conditions, known)
@example("a.few - 1 - 1 == a.few - 2", {"a.few": 5})
@example("-5 / 2 == -2 && -5 % 3 == -2 && 5 % -3 == 2", {})
@example("a.yes || 1 / 0 == 1", {})
@example("(a.yes ? a.no : 1 / 0 == 1) || a.few < 1.5", {"a.few": 1})
def test_conditions_mean_what_cel_says(text: str, facts: Mapping[str, Any]) -> None:
    try:
        condition = read(text, SCHEMA)
    except Misread as mistake:
        assume(mistake.code not in {"condition_too_many_parts", "condition_too_deep", "condition_too_costly"})
        raise
    values = record(SCHEMA, facts)
    assume(not has_no_number(condition.part, values))
    answer = condition.ask(values)
    ours = answer if isinstance(answer, bool) else WITHOUT_ANSWER
    assert ours == by_the_oracle(text, facts), (text, facts, answer)


@given(conditions, known)
def test_every_condition_gives_an_answer_with_the_part_that_decided(text: str, facts: Mapping[str, Any]) -> None:
    try:
        condition = read(text, SCHEMA)
    except Misread:
        return
    assert condition.cost <= HIGHEST_COST
    values = record(SCHEMA, facts)
    answer = condition.ask(values)
    trace = condition.explain(values)
    names = {True: "true", False: "false"}
    assert trace.answer == (names[answer] if isinstance(answer, bool) else type(answer).__name__.lower())
    assert trace.steps, "something decided"
    for step in trace.steps:
        assert text[step.start : step.end] == step.text
        for seen in step.facts:
            assert seen.value == values[SCHEMA.places[seen.name]]


@given(conditions, known, st.data())
def test_what_is_missing_is_named_and_what_is_known_never_undoes_an_answer(
    text: str, facts: Mapping[str, Any], data: st.DataObject
) -> None:
    """An answer that was given without a fact stays whatever that fact turns out to be; ``has`` alone asks for it."""
    try:
        condition = read(text, SCHEMA)
    except Misread:
        return
    answer = condition.ask(record(SCHEMA, facts))
    if isinstance(answer, Unknown):
        assert answer.facts
        assert answer.facts <= set(condition.facts) - set(facts)
        assert set(condition.explain(record(SCHEMA, facts)).missing) == answer.facts
    more = data.draw(known)
    if isinstance(answer, bool) and "has(" not in text:
        assert condition.ask(record(SCHEMA, {**more, **facts})) is answer
    if set(condition.facts) <= set(facts):
        assert isinstance(answer, bool | Broken)


@given(conditions, known)
def test_the_parts_that_decided_are_enough(text: str, facts: Mapping[str, Any]) -> None:
    """With nothing known but the facts of the deciding parts, the answer is the same."""
    try:
        condition = read(text, SCHEMA)
    except Misread:
        return
    trace = condition.explain(record(SCHEMA, facts))
    if trace.answer in ("true", "false") and "has(" not in text:
        told = {seen.name for step in trace.steps for seen in step.facts}
        fewer = {name: value for name, value in facts.items() if name in told}
        assert condition.explain(record(SCHEMA, fewer)).answer == trace.answer


@given(st.text() | st.text(alphabet="()[]!-&|<>=.,?:\"'\\ abc019truefalsinh"))
@example("(" * 2_000)
@example("!" * 2_000)
@example("-" * 1_000 + "1")
@example("[" * 2_000)
@example("a.yes&&" * 285 + "a.yes")
@example("1 +" * 600 + " 1 == 1")
@example("a." * 999 + "a")
@example("true ? true : " * 140 + "true")
@example("size(" * 390)
@example("a.name + " * 220)
@example("'\\")
@example("\ud800")
def test_no_text_breaks_the_reading(text: str) -> None:
    try:
        condition = read(text, SCHEMA)
    except Misread as mistake:
        told = mistake.line >= 1 and mistake.column >= 1 and mistake.code.startswith("condition_")
    else:
        told = isinstance(condition.ask(record(SCHEMA, {})), bool | Unknown | Broken)
    assert told


@pytest.mark.parametrize("schema", [DOOR_FACTS, FILTER_FACTS])
def test_facts_of_the_house_are_ones_that_cel_can_name(schema: Any) -> None:  # noqa: ANN401 - either of two
    for fact in schema.facts:
        assert read(f"has({fact.name}) || true", schema).ask(record(schema, {})) is True
        assert cel.evaluate(f"has({fact.name}) || true", {fact.name.partition(".")[0]: {}}) is True


def test_limits_are_met_and_not_passed() -> None:
    assert read("(" * (DEEPEST - 1) + "true" + ")" * (DEEPEST - 1), SCHEMA).ask(record(SCHEMA, {})) is True
    with pytest.raises(Misread, match="deep"):
        read("(" * DEEPEST + "true" + ")" * DEEPEST, SCHEMA)
    terms = ["true"] * (MOST_PARTS - 1)
    assert read("&&".join(terms), SCHEMA).ask(record(SCHEMA, {})) is True
    with pytest.raises(Misread, match="parts"):
        read("&&".join([*terms, "true"]), SCHEMA)
    looked = ["a.name.contains('b')"] * (HIGHEST_COST // 12)
    assert read("||".join(looked), SCHEMA).cost <= HIGHEST_COST
    with pytest.raises(Misread, match="steps"):
        read("||".join([*looked, looked[0]]), SCHEMA)


def test_moments_are_compared_in_any_zone() -> None:
    at = datetime(2026, 1, 1, 12, tzinfo=UTC)
    condition = read("b.since == timestamp('2026-01-01T13:00:00+01:00')", SCHEMA)
    assert condition.ask(record(SCHEMA, {"b.since": at})) is True
