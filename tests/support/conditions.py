"""Conditions made up: every operator and type of the language, written with as few parentheses as CEL needs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from hypothesis import strategies as st

from reputation.conditions.model import (
    BOOL,
    DOUBLE,
    GREATEST_INT,
    INT,
    LEAST_INT,
    MOMENT,
    SPAN,
    TEXT,
    TEXTS,
    Fact,
    Schema,
    Type,
)
from reputation.conditions.moments import show_moment, show_span

SCHEMA: Final = Schema(
    (
        Fact("a.yes", BOOL),
        Fact("a.no", BOOL),
        Fact("a.few", INT),
        Fact("b.many", INT),
        Fact("b.part", DOUBLE),
        Fact("a.name", TEXT),
        Fact("b.word", TEXT),
        Fact("a.names", TEXTS),
        Fact("b.since", MOMENT),
        Fact("b.until", MOMENT),
    )
)
Written = tuple[str, int]
"""The text of a part, and how tightly its outermost operator binds."""

_TERNARY, _OR, _AND, _RELATION, _SUM, _PRODUCT, _UNARY, _MEMBER = range(8)
# Letters that ASCII has: the oracle counts bytes where CEL counts characters (see test_conditions).
_words = st.text(alphabet="abAB \\\"'\n", max_size=4)
_numbers = st.integers(-5, 5) | st.sampled_from([LEAST_INT + 1, GREATEST_INT]) | st.integers(-(2**40), 2**40)
_decimals = st.sampled_from([0.0, -0.0, 0.5, -1.5, 1.0, 2.0, 3.0, 1e6]) | st.floats(-100, 100, width=16)
_moments = st.datetimes(datetime(2000, 1, 1), datetime(2040, 1, 1)).map(  # noqa: DTZ001 - the zone comes right below
    lambda at: at.replace(microsecond=0, tzinfo=UTC)
)
_spans = st.integers(-(10**6), 10**6).map(lambda seconds: timedelta(seconds=seconds))
_values: Mapping[Type, st.SearchStrategy[Any]] = {
    BOOL: st.booleans(),
    INT: _numbers,
    DOUBLE: _decimals,
    TEXT: _words,
    TEXTS: st.lists(_words, max_size=3),
    MOMENT: _moments,
    SPAN: _spans,
}
known: Final = st.fixed_dictionaries({}, optional={fact.name: _values[fact.type] for fact in SCHEMA.facts})
"""Facts of which some are missing."""


def quoted(text: str) -> str:
    """Write a text as a literal."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def nested(facts: Mapping[str, object]) -> dict[str, dict[str, object]]:
    """Give facts as a CEL library takes them."""
    found: dict[str, dict[str, object]] = {"a": {}, "b": {}}
    for name, value in facts.items():
        group, _, last = name.partition(".")
        found[group][last] = value
    return found


def _literal(kind: Type) -> st.SearchStrategy[Written]:
    writers: Mapping[Type, Callable[[Any], str]] = {
        BOOL: lambda value: "true" if value else "false",
        INT: str,
        DOUBLE: repr,
        TEXT: quoted,
        TEXTS: lambda value: "[" + ", ".join(map(quoted, value)) + "]",
        MOMENT: lambda value: f"timestamp({quoted(show_moment(value))})",
        SPAN: lambda value: f"duration({quoted(show_span(value))})",
    }
    return _values[kind].map(writers[kind]).map(lambda text: (text, _UNARY if text.startswith("-") else _MEMBER))


def _at(part: Written, level: int) -> str:
    """Write a part where something binds as tightly as ``level``: in parentheses if it binds less."""
    text, own = part
    return text if own >= level else f"({text})"


def _pair(sign: str, level: int) -> Callable[[tuple[Written, Written]], Written]:
    """Write two parts with an operator between them, which takes its left side first."""
    return lambda parts: (f"{_at(parts[0], level)} {sign} {_at(parts[1], level + 1)}", level)


def _row(sign: str, level: int) -> Callable[[list[Written]], Written]:
    return lambda parts: (f" {sign} ".join(_at(part, level + 1) for part in parts), level)


def _compared(left: st.SearchStrategy[Written], right: st.SearchStrategy[Written]) -> st.SearchStrategy[Written]:
    signs = st.sampled_from(["<", "<=", ">", ">=", "==", "!="])
    # A comparison of a comparison stands in parentheses: the language asks for them, where CEL does not.
    return st.tuples(signs, left, right).map(
        lambda told: (f"{_at(told[1], _SUM)} {told[0]} {_at(told[2], _SUM)}", _RELATION)
    )


def written(kind: Type, depth: int) -> st.SearchStrategy[Written]:
    """Make up a part of a type, at most so deep."""
    plain = [_literal(kind), *(st.just((fact.name, _MEMBER)) for fact in SCHEMA.facts if fact.type == kind)]
    if depth == 0 or kind == TEXTS:
        return st.one_of(plain)
    deeper: Callable[[Type], st.SearchStrategy[Written]] = lambda inner: written(inner, depth - 1)  # noqa: E731
    choice = st.tuples(deeper(BOOL), deeper(kind), deeper(kind)).map(
        lambda parts: (f"{_at(parts[0], _OR)} ? {_at(parts[1], _OR)} : {_at(parts[2], _TERNARY)}", _TERNARY)
    )
    return st.one_of([*plain, choice, *_COMPOUND[kind](deeper)])


_Deeper = Callable[[Type], st.SearchStrategy[Written]]


def _truths(deeper: _Deeper) -> list[st.SearchStrategy[Written]]:
    numbers = deeper(INT) | deeper(DOUBLE)
    asked = st.tuples(st.sampled_from(["contains", "startsWith", "endsWith"]), deeper(TEXT), deeper(TEXT))
    return [
        st.lists(deeper(BOOL), min_size=2, max_size=4).map(_row("&&", _AND)),
        st.lists(deeper(BOOL), min_size=2, max_size=4).map(_row("||", _OR)),
        deeper(BOOL).map(lambda part: (f"!{_at(part, _UNARY)}", _UNARY)),
        _compared(numbers, numbers),
        *(_compared(deeper(kind), deeper(kind)) for kind in (BOOL, TEXT, MOMENT, SPAN)),
        asked.map(lambda told: (f"{_at(told[1], _MEMBER)}.{told[0]}({told[2][0]})", _MEMBER)),
        st.tuples(deeper(TEXT), deeper(TEXTS)).map(
            lambda two: (f"{_at(two[0], _SUM)} in {_at(two[1], _SUM)}", _RELATION)
        ),
        st.tuples(numbers, st.lists(deeper(INT), max_size=3)).map(
            lambda told: (f"{_at(told[0], _SUM)} in [{', '.join(text for text, _ in told[1])}]", _RELATION)
        ),
        st.sampled_from(SCHEMA.facts).map(lambda fact: (f"has({fact.name})", _MEMBER)),
    ]


def _wholes(deeper: _Deeper) -> list[st.SearchStrategy[Written]]:
    two = st.tuples(deeper(INT), deeper(INT))
    return [
        *(two.map(_pair(sign, _SUM)) for sign in "+-"),
        *(two.map(_pair(sign, _PRODUCT)) for sign in "*/%"),
        (deeper(TEXT) | deeper(TEXTS)).map(lambda part: (f"size({part[0]})", _MEMBER)),
        deeper(TEXTS).map(lambda part: (f"{_at(part, _MEMBER)}.size()", _MEMBER)),
        # Not of what was computed: the oracle turns the least number of all into itself.
        written(INT, 0).map(lambda part: (f"-({part[0]})", _UNARY)),
    ]


def _reals(deeper: _Deeper) -> list[st.SearchStrategy[Written]]:
    two = st.tuples(deeper(DOUBLE), deeper(DOUBLE))
    return [
        *(two.map(_pair(sign, _SUM)) for sign in "+-"),
        *(two.map(_pair(sign, _PRODUCT)) for sign in "*/"),
        deeper(DOUBLE).map(lambda part: (f"-({part[0]})", _UNARY)),
    ]


def _texts(deeper: _Deeper) -> list[st.SearchStrategy[Written]]:
    return [st.tuples(deeper(TEXT), deeper(TEXT)).map(_pair("+", _SUM))]


def _moments_made(deeper: _Deeper) -> list[st.SearchStrategy[Written]]:
    return [st.tuples(deeper(MOMENT), deeper(SPAN)).map(_pair(sign, _SUM)) for sign in "+-"]


def _spans_made(deeper: _Deeper) -> list[st.SearchStrategy[Written]]:
    return [
        st.tuples(deeper(MOMENT), deeper(MOMENT)).map(_pair("-", _SUM)),
        *(st.tuples(deeper(SPAN), deeper(SPAN)).map(_pair(sign, _SUM)) for sign in "+-"),
    ]


_COMPOUND: Mapping[Type, Callable[[_Deeper], list[st.SearchStrategy[Written]]]] = {
    BOOL: _truths,
    INT: _wholes,
    DOUBLE: _reals,
    TEXT: _texts,
    MOMENT: _moments_made,
    SPAN: _spans_made,
}
conditions: Final = written(BOOL, 3).map(lambda part: part[0])
"""Conditions as texts."""
