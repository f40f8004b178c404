"""What operators do (pure, total): CEL's arithmetic, with overflow and division by zero as outcomes, not exceptions."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from datetime import datetime, timedelta

from reputation.conditions.model import (
    BOOL,
    DOUBLE,
    GREATEST_INT,
    INT,
    LEAST_INT,
    MOMENT,
    SPAN,
    TEXT,
    Broken,
    Failure,
    Outcome,
    Type,
    Unknown,
)

OVERFLOW = Broken(Failure.OVERFLOW)
DIVIDED = Broken(Failure.DIVIDED_BY_ZERO)

_LONGEST_SPAN = timedelta(seconds=315_576_000_000)
"""How long a duration is at most, in CEL: ten thousand years."""

Operation = Callable[..., Outcome]


def merged(*outcomes: Outcome) -> Outcome:
    """Return what a part gives some of whose own parts have no value: unknown before broken, as in CEL."""
    facts: set[str] = set()
    broken: Broken | None = None
    for outcome in outcomes:
        if isinstance(outcome, Unknown):
            facts |= outcome.facts
        elif isinstance(outcome, Broken) and broken is None:
            broken = outcome
    return Unknown(frozenset(facts)) if facts or broken is None else broken


def _whole(value: int) -> Outcome:
    return value if LEAST_INT <= value <= GREATEST_INT else OVERFLOW


def _add_whole(left: int, right: int) -> Outcome:
    return _whole(left + right)


def _subtract_whole(left: int, right: int) -> Outcome:
    return _whole(left - right)


def _multiply_whole(left: int, right: int) -> Outcome:
    return _whole(left * right)


def _divide_whole(left: int, right: int) -> Outcome:
    if right == 0:
        return DIVIDED
    quotient = abs(left) // abs(right)  # toward zero, not down as Python does
    return _whole(quotient if (left < 0) == (right < 0) else -quotient)


def _rest_whole(left: int, right: int) -> Outcome:
    if right == 0:
        return DIVIDED
    if left == LEAST_INT and right == -1:
        return OVERFLOW
    rest = abs(left) % abs(right)
    return -rest if left < 0 else rest


def _divide(left: float, right: float) -> Outcome:
    if right:
        return left / right
    if not left or math.isnan(left):
        return math.nan
    return math.copysign(math.inf, left) * math.copysign(1.0, right)


def negate_whole(value: int) -> Outcome:
    """Return the number on the other side of zero; the least of all has none."""
    return _whole(-value)


def _span(value: timedelta) -> Outcome:
    return value if abs(value) <= _LONGEST_SPAN else OVERFLOW


def _in_time(work: Callable[[object, object], datetime | timedelta]) -> Operation:
    """Make an operation on moments and durations that overflows where the calendar ends."""

    def run(left: object, right: object) -> Outcome:
        try:
            value = work(left, right)
        except OverflowError:
            return OVERFLOW
        return _span(value) if isinstance(value, timedelta) else value

    return run


_add_time, _subtract_time = _in_time(operator.add), _in_time(operator.sub)

ARITHMETIC: dict[tuple[str, Type, Type], tuple[Type, Operation]] = {
    ("+", INT, INT): (INT, _add_whole),
    ("-", INT, INT): (INT, _subtract_whole),
    ("*", INT, INT): (INT, _multiply_whole),
    ("/", INT, INT): (INT, _divide_whole),
    ("%", INT, INT): (INT, _rest_whole),
    ("+", DOUBLE, DOUBLE): (DOUBLE, operator.add),
    ("-", DOUBLE, DOUBLE): (DOUBLE, operator.sub),
    ("*", DOUBLE, DOUBLE): (DOUBLE, operator.mul),
    ("/", DOUBLE, DOUBLE): (DOUBLE, _divide),
    ("+", TEXT, TEXT): (TEXT, operator.add),
    ("+", MOMENT, SPAN): (MOMENT, _add_time),
    ("+", SPAN, MOMENT): (MOMENT, _add_time),
    ("+", SPAN, SPAN): (SPAN, _add_time),
    ("-", MOMENT, SPAN): (MOMENT, _subtract_time),
    ("-", MOMENT, MOMENT): (SPAN, _subtract_time),
    ("-", SPAN, SPAN): (SPAN, _subtract_time),
}
"""Which types can be put together how, and what comes of it."""

COMPARED: dict[str, Operation] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}
ORDERED = frozenset({BOOL, INT, DOUBLE, TEXT, MOMENT, SPAN})


def contains(text: str, other: str) -> bool:
    """Tell whether ``other`` stands somewhere in ``text``."""
    return other in text


METHODS: dict[str, Operation] = {
    "contains": contains,
    "startsWith": str.startswith,
    "endsWith": str.endswith,
}
"""What a text can be asked, with another text."""
