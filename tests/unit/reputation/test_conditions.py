"""Conditions by example: what they answer, what decided, and what is said of mistakes in them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from kit.errors import Invalid
from reputation.conditions import closures
from reputation.conditions.condition import read
from reputation.conditions.facts import DOOR_FACTS, flat, plain, record
from reputation.conditions.mistakes import Misread
from reputation.conditions.model import (
    GREATEST_INT,
    LEAST_INT,
    LONGEST_TEXT,
    MOST_ITEMS,
    SPAN,
    Broken,
    Fact,
    Failure,
    Outcome,
    Record,
    Run,
    Schema,
    Unknown,
)
from reputation.conditions.moments import read_moment, read_span, show_moment, show_span

KNOWN = {
    "sender.id": "@bob:away.example",
    "sender.standing": 0.1,
    "sender.labels": ["spam", "new"],
    "knock.federated": False,
    "knock.text": "Free AIRDROP for you é",
    "room.members": 3,
    "time.now": datetime(2026, 11, 22, 12, tzinfo=UTC),
    "sender.first_seen": datetime(2026, 11, 21, 12, tzinfo=UTC),
}


def ask(text: str) -> object:
    """Ask a condition of what is known above."""
    return read(text, DOOR_FACTS).ask(record(DOOR_FACTS, KNOWN))


@pytest.mark.parametrize(
    "text",
    [
        "sender.standing < 0.2 && !knock.federated && knock.text.contains('AIRDROP')",
        'sender.id == "@bob:away.example"',
        "'spam' in sender.labels && !('old' in sender.labels)",
        "size(knock.text) == 22 && knock.text.size() == 22",
        "has(sender.standing) && !has(sender.confidence)",
        "sender.confidence < 0.5 || sender.standing < 0.5",
        "!(sender.confidence < 0.5 && sender.standing > 0.5)",
        "time.now - sender.first_seen == duration('24h')",
        "time.now > timestamp('2026-11-22T12:59:59+01:00')",
        "sender.first_seen + duration('1h30m') < time.now",
        "room.members == 3.0 && 2.5 < room.members && 3 in [1, 3]",
        "7 / 2 == 3 && -7 / 2 == -3 && 7 % -2 == 1 && -7 % 2 == -1",
        "1.0 / 0.0 > 1e300 && -1.0 / 0.0 < -1e300 && !(0.0 / 0.0 == 0.0 / 0.0) && !(0.0 / 0.0 in [0.0 / 0.0])",
        "!(0 < 0.0 / 0.0) && !(0.0 / 0.0 >= 0.0 / 0.0) && 0 != 0.0 / 0.0",
        "room.members > 2 ? true : sender.confidence > 0.5",
        r"'\x41\u00e9\101\U0001F600\n' == 'A' + 'é' + 'A😀\n' && r'\n' == '\\n'",
        "0x10 == 16 && -9223372036854775808 < 0 && .5 == 0.5 && 1e3 == 1000.0",
        "sender.labels == ['spam', 'new'] && [] != ['x'] && !('x' in [])",
        "true // and a remark\n && true",
        "[1, 2,] == [1, 2]",
        "9007199254740993 > 9007199254740992.0",
        "false < true && 'a' < 'b' && knock.text.startsWith('Free') && knock.text.endsWith('é')",
    ],
)
def test_what_holds(text: str) -> None:
    assert ask(text) is True


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ("sender.confidence < 0.5", Unknown(frozenset({"sender.confidence"}))),
        ("sender.confidence < 0.5 && stake.amount > 1", Unknown(frozenset({"sender.confidence", "stake.amount"}))),
        ("1 / 0 == 1 || sender.confidence < 0.5", Unknown(frozenset({"sender.confidence"}))),
        ("1 / 0 == 1", Broken(Failure.DIVIDED_BY_ZERO)),
        ("1 % 0 == 1 || false", Broken(Failure.DIVIDED_BY_ZERO)),
        (f"{GREATEST_INT} + room.members > 0", Broken(Failure.OVERFLOW)),
        (f"-({LEAST_INT}) > 0", Broken(Failure.OVERFLOW)),
        (f"({LEAST_INT}) / -1 > 0", Broken(Failure.OVERFLOW)),
        (f"({LEAST_INT}) % -1 == 0", Broken(Failure.OVERFLOW)),
        ("time.now + duration('87600000h') > time.now", Broken(Failure.OVERFLOW)),
        ("sender.vouches > 0 ? true : false", Unknown(frozenset({"sender.vouches"}))),
        ("sender.vouches + 1 > room.members", Unknown(frozenset({"sender.vouches"}))),
        ("size([sender.vouches]) == 1", Unknown(frozenset({"sender.vouches"}))),
    ],
)
def test_what_has_no_answer_says_why(text: str, outcome: object) -> None:
    assert ask(text) == outcome


@pytest.mark.parametrize(
    ("text", "code", "line", "column", "said"),
    [
        ("", "empty", 1, 1, "true"),
        ("sender.id = 'x'", "character", 1, 11, "write == instead"),
        ("room.members > 3\n  and true", "word", 2, 3, "write && instead"),
        ("not knock.federated", "word", 1, 1, "write ! instead"),
        ("sender.standng < 1", "fact_misspelt", 1, 1, "did you mean sender.standing?"),
        ("standing < 1", "fact_misspelt", 1, 1, "did you mean sender.standing?"),
        ("message.text == 'x'", "fact_elsewhere", 1, 1, "filter"),
        ("sender == 'x'", "fact_group", 1, 1, "sender.id"),
        ("wholly.strange == 'x'", "fact_unknown", 1, 1, "there is no fact"),
        ("1 < room.members < 5", "chained", 1, 18, "&&"),
        ("(true", "unfinished", 1, 1, ")"),
        ("true &&", "unfinished", 1, 8, "ends too early"),
        ("true true", "unexpected", 1, 6, "&& or ||"),
        ("sender.id == 'x", "unclosed", 1, 14, "'"),
        ("sender.id == '''x'''", "triple_quote", 1, 14, "'"),
        (r"sender.id == '\q'", "escape", 1, 15, r"\\"),
        (r"sender.id == '\ud800'", "escape", 1, 15, "Unicode"),
        ("b'x' == b'x'", "bytes", 1, 1, "without the b"),
        ("room.members == 5u", "unsigned", 1, 18, "write 5"),
        ("stake.amount > 5ERN", "number", 1, 17, "units"),
        ("9223372036854775808 > 1", "number_large", 1, 1, "at most"),
        ("99999999999999999999 > 1", "number_large", 1, 1, "at most"),
        ("sender.id == null", "null", 1, 14, "has("),
        ("sender.labels[0] == 'x'", "index", 1, 14, "in list"),
        ("package == 1", "reserved", 1, 1, "package"),
        ("sender.id == 5", "not_comparable", 1, 1, "cannot be compared"),
        ("knock.federated == 'yes'", "not_comparable", 1, 1, "needs no comparison"),
        ("time.now > '2026-01-01'", "not_comparable", 1, 1, "timestamp("),
        ("sender.labels < sender.labels", "not_ordered", 1, 1, "smaller"),
        ("'x' in knock.text", "not_list", 1, 1, "contains"),
        ("1 in sender.labels", "never_in_list", 1, 1, "never"),
        ("room.members", "not_bool", 1, 1, "true or false"),
        ("!room.members", "not_bool", 1, 2, "behind !"),
        ("room.members + 1.0 > 2.0", "not_computable", 1, 1, "1.0"),
        ("5.0 % 2.0 == 1.0", "not_computable", 1, 1, "cannot be computed"),
        ("-sender.id == 'x'", "not_number", 1, 1, "number"),
        ("true ? 1 : 'x'", "choice_mixed", 1, 1, "one type"),
        ("[1, 'x'] == []", "list_mixed", 1, 1, "one type"),
        ("[[1]] == []", "list_nested", 1, 1, "no lists"),
        ("knock.text.matches('x')", "function_unknown", 1, 1, "text.found"),
        ("lower(knock.text) == 'x'", "function_unknown", 1, 1, "size"),
        ("contains(knock.text, 'x')", "method", 1, 1, "text.contains("),
        ("sender.labels.contains('x')", "not_text", 1, 1, "'x' in list"),
        ("knock.text.contains()", "arguments", 1, 1, "one text"),
        ("size() == 1", "arguments", 1, 1, "one text or list"),
        ("size(5) == 1", "no_size", 1, 6, "size"),
        ("has(sender)", "arguments", 1, 1, "dot"),
        ("duration('3d') > duration('1h')", "time_malformed", 1, 1, "36h"),
        ("timestamp(knock.text) > time.now", "arguments", 1, 1, "written out"),
        ("timestamp('2026-02-30T00:00:00Z') > time.now", "time_malformed", 1, 1, "2026-12-31"),
        ("(true).x", "no_parts", 1, 1, "names"),
        ("sender. == 1", "name_expected", 1, 9, "name"),
        ("“x” == sender.id", "character", 1, 1, 'write " instead'),
        ("sender.standing ≤ 0.5", "character", 1, 17, "write <= instead"),
        ("sender.id == @bob", "character", 1, 14, "means nothing"),
        ("sender.id == '\x1b[2J'", "hidden", 1, 15, r"\U0000001b"),
        ("true // \u202eeurt &&", "hidden", 1, 9, r"\U0000202e"),
        ("true ||\u2028false", "hidden", 1, 8, r"\U00002028"),
    ],
)
def test_mistakes_are_told_with_place_and_remedy(text: str, code: str, line: int, column: int, said: str) -> None:
    with pytest.raises(Misread) as caught:
        read(text, DOOR_FACTS)
    mistake = caught.value
    assert (mistake.code, mistake.line, mistake.column) == (f"condition_{code}", line, column)
    assert said in mistake.sentence


@pytest.mark.parametrize(
    ("text", "answer", "parts"),
    [
        ("sender.standing < 0.2 && !knock.federated", "true", ["sender.standing < 0.2", "knock.federated"]),
        ("room.members > 5 && sender.standing < 0.2", "false", ["room.members > 5"]),
        ("sender.confidence > 0.9 && room.members > 5", "false", ["room.members > 5"]),
        ("sender.confidence > 0.9 || sender.standing < 0.2", "true", ["sender.standing < 0.2"]),
        ("room.members > 5 || knock.federated", "false", ["room.members > 5", "knock.federated"]),
        ("sender.standing < 0.2 && sender.vouches > 1", "unknown", ["sender.vouches > 1"]),
        ("!(room.members > 5 || 'spam' in sender.labels)", "false", ["'spam' in sender.labels"]),
        ("room.members > 2 ? knock.federated : true", "false", ["room.members > 2", "knock.federated"]),
        ("1 / 0 == 1 || false", "broken", ["1 / 0 == 1"]),
    ],
)
def test_the_smallest_parts_that_decided_are_told(text: str, answer: str, parts: list[str]) -> None:
    trace = read(text, DOOR_FACTS).explain(record(DOOR_FACTS, KNOWN))
    assert trace.answer == answer
    assert [step.text for step in trace.steps] == parts


def test_the_facts_in_a_deciding_part_are_told_with_their_values() -> None:
    (step,) = read("sender.standing * 2.0 < 0.5", DOOR_FACTS).explain(record(DOOR_FACTS, KNOWN)).steps
    assert [(seen.name, seen.value) for seen in step.facts] == [("sender.standing", 0.1)]


def test_texts_and_lists_of_strangers_are_cut() -> None:
    values = record(DOOR_FACTS, {"knock.text": "x" * 50_000, "sender.labels": ["y"] * 5_000, "room.name": "a\ud800b"})
    assert len(str(values[DOOR_FACTS.places["knock.text"]])) == LONGEST_TEXT
    labels = values[DOOR_FACTS.places["sender.labels"]]
    assert isinstance(labels, tuple)
    assert len(labels) == MOST_ITEMS
    assert values[DOOR_FACTS.places["room.name"]] == "a?b"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("sender.standing", "high"),
        ("sender.standing", True),
        ("sender.standing", float("nan")),
        ("sender.standing", 10**400),
        ("room.members", 1.5),
        ("room.members", 2**63),
        ("knock.federated", 1),
        ("knock.text", 5),
        ("sender.labels", "spam"),
        ("sender.labels", [1]),
        ("time.now", "yesterday"),
        ("time.now", datetime(2026, 1, 1)),  # noqa: DTZ001 - that it has no zone is the point
        ("sender.standng", 0.5),
    ],
)
def test_facts_that_fit_nowhere_are_refused(name: str, value: object) -> None:
    with pytest.raises(Invalid) as caught:
        record(DOOR_FACTS, {name: value})
    assert name in caught.value.message


def test_the_name_of_no_fact_is_told_back_in_short_and_harmless() -> None:
    with pytest.raises(Invalid) as caught:
        record(DOOR_FACTS, {"\x1b[2J\u202e" + "x" * 10_000: 1})
    assert caught.value.message.isprintable()
    assert len(caught.value.message) < 200


def test_facts_are_read_from_json_and_written_to_it() -> None:
    values = record(
        DOOR_FACTS, flat({"time": {"now": "2026-11-22T13:00:00+01:00"}, "sender.labels": ["a"], "room": {}})
    )
    assert plain(values[DOOR_FACTS.places["time.now"]]) == "2026-11-22T12:00:00Z"
    assert plain(values[DOOR_FACTS.places["sender.labels"]]) == ["a"]
    assert plain(values[DOOR_FACTS.places["room.name"]]) is None


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("36h", timedelta(hours=36)),
        ("1h30m", timedelta(minutes=90)),
        ("-1.5s", timedelta(seconds=-1.5)),
        ("0", timedelta()),
        ("1us", timedelta(microseconds=1)),
        ("250ms", timedelta(milliseconds=250)),
        ("1", None),
        ("", None),
        ("0.1us", None),
        ("999999999999h", None),
        ("h", None),
    ],
)
def test_durations(text: str, span: timedelta | None) -> None:
    assert read_span(text) == span
    if span is not None:
        assert read_span(show_span(span)) == span


def test_moments() -> None:
    at = read_moment("2026-12-31T18:00:00.5-01:00")
    assert at == datetime(2026, 12, 31, 19, 0, 0, 500_000, tzinfo=UTC)
    assert show_moment(at) == "2026-12-31T19:00:00.500000Z"
    assert read_moment("2026-12-31") is None
    assert read_moment("0001-01-01T00:00:00+23:00") is None


def test_a_duration_can_be_a_fact() -> None:
    schema = Schema((Fact("a.age", SPAN),))
    assert read("a.age > duration('1h')", schema).ask(record(schema, {"a.age": "2h"})) is True


@pytest.mark.parametrize("parts", [2, 3, 4])
def test_each_part_is_asked_once_however_deep_it_stands(parts: int) -> None:
    missing = Unknown(frozenset({"sender.vouches"}))
    asked = []

    def run(record: Record) -> Outcome:
        asked.append(record)
        return missing

    whole: Run = run
    for _ in range(12):
        whole = closures.every([whole, *[closures.constant(value=True)] * (parts - 1)])
    assert whole(()) == missing
    assert len(asked) == 1
