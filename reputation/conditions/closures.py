"""How parts are computed (pure): each becomes a function of a record, the frequent shapes a quick one of their own."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

from reputation.conditions.model import NO_OUTCOME, Outcome, Record, Run, Unknown, Value
from reputation.conditions.operations import Operation, merged

# The types are checked before anything is computed, so nothing here asks for them; Any stands for "as checked".


def constant(value: Value) -> Run:
    """Give always the same."""
    return lambda _record: value


def fact(place: int, missing: Unknown) -> Run:
    """Give a fact, or say that it is missing."""
    return lambda record: missing if (value := record[place]) is None else value


def is_known(place: int) -> Run:
    """Tell whether a fact is there."""
    return lambda record: record[place] is not None


def not_fact(place: int, missing: Unknown) -> Run:
    """Give the opposite of a fact."""
    return lambda record: missing if (value := record[place]) is None else not value


def strictly(work: Operation, runs: Sequence[Run]) -> Run:
    """Compute from parts that all must have values."""
    if len(runs) == 1:
        return _of_one(work, runs[0])
    left, right = runs

    def run(record: Record) -> Outcome:
        first, second = left(record), right(record)
        if first.__class__ in NO_OUTCOME or second.__class__ in NO_OUTCOME:
            return merged(first, second)
        return work(first, second)

    return run


def _of_one(work: Operation, inner: Run) -> Run:
    def run(record: Record) -> Outcome:
        value = inner(record)
        return value if value.__class__ in NO_OUTCOME else work(value)

    return run


def listed(runs: Sequence[Run]) -> Run:
    """Put the values of several parts into a list."""

    def run(record: Record) -> Any:  # noqa: ANN401 - a tuple of what was checked
        values = [each(record) for each in runs]
        if any(value.__class__ in NO_OUTCOME for value in values):
            return merged(*values)
        return tuple(values)

    return run


# Comparisons of a fact with something fixed are most of what people write; each has its operator written out, because
# calling one costs as much as all the rest.
_WITH_FIXED: dict[object, Callable[[int, Any, Unknown], Run]] = {
    operator.lt: lambda p, c, u: lambda r: u if (v := r[p]) is None else v < c,
    operator.le: lambda p, c, u: lambda r: u if (v := r[p]) is None else v <= c,
    operator.gt: lambda p, c, u: lambda r: u if (v := r[p]) is None else v > c,
    operator.ge: lambda p, c, u: lambda r: u if (v := r[p]) is None else v >= c,
    operator.eq: lambda p, c, u: lambda r: u if (v := r[p]) is None else v == c,
    operator.ne: lambda p, c, u: lambda r: u if (v := r[p]) is None else v != c,
}


def with_fixed(work: Operation, place: int, fixed: Value, missing: Unknown) -> Run:
    """Compute from a fact and something that is always the same."""
    quick = _WITH_FIXED.get(work)
    if quick is not None:
        return quick(place, fixed, missing)
    return lambda record: missing if (value := record[place]) is None else work(value, fixed)


def text_contains(place: int, fixed: str, missing: Unknown) -> Run:
    """Tell whether a fact that is a text contains a text that is always the same."""
    return lambda record: missing if (value := record[place]) is None else fixed in value  # type: ignore[operator]


def list_holds(place: int, fixed: Value, missing: Unknown) -> Run:
    """Tell whether a fact that is a list holds something that is always the same."""
    return lambda record: missing if (value := record[place]) is None else fixed in value  # type: ignore[operator]


def fixed_holds(place: int, fixed: Sequence[Value], missing: Unknown) -> Run:
    """Tell whether a fact is among values that are always the same."""
    return lambda record: missing if (value := record[place]) is None else value in fixed


def holds(item: object, items: Sequence[object]) -> bool:
    """Tell whether a list holds an item; compared, not recognised: what equals nothing is in no list."""
    return any(item == each for each in items)


def negated(inner: Run) -> Run:
    """Give the opposite."""

    def run(record: Record) -> Outcome:
        value = inner(record)
        return value if value.__class__ in NO_OUTCOME else not value

    return run


def every(runs: Sequence[Run]) -> Run:
    """Hold if all parts do; one that does not decides, whatever is unknown or broken in the others."""
    return _joined(runs, decides=False)


def some(runs: Sequence[Run]) -> Run:
    """Hold if some part does; one that does decides, whatever is unknown or broken in the others."""
    return _joined(runs, decides=True)


def _joined(runs: Sequence[Run], *, decides: bool) -> Run:
    goes_on = not decides
    if len(runs) == 2:  # noqa: PLR2004 - the most frequent number of parts, and the next one, written out
        return _two(runs[0], runs[1], decides=decides)
    if len(runs) == 3:  # noqa: PLR2004 - as above
        return _three(runs[0], runs[1], runs[2], decides=decides)
    fixed = tuple(runs)

    def run(record: Record) -> Outcome:
        odd: list[Outcome] = []
        for each in fixed:
            value = each(record)
            if value is decides:
                return decides
            if value is not goes_on:
                odd.append(value)
        return merged(*odd) if odd else goes_on

    return run


def _two(one: Run, two: Run, *, decides: bool) -> Run:
    goes_on = not decides

    def run(record: Record) -> Outcome:
        first = one(record)
        if first is decides:
            return decides
        second = two(record)
        if second is decides or first is goes_on:
            return second
        return first if second is goes_on else merged(first, second)

    return run


def _three(one: Run, two: Run, three: Run, *, decides: bool) -> Run:
    goes_on = not decides

    def run(record: Record) -> Outcome:
        if (first := one(record)) is decides or (second := two(record)) is decides:
            return decides
        third = three(record)
        if third is decides or (first is goes_on and second is goes_on):
            return third
        # No part is asked twice: what is nested would be asked twice as often at each level.
        return merged(*(value for value in (first, second, third) if value is not goes_on))

    return run


def chosen(asked: Run, then: Run, otherwise: Run) -> Run:
    """Give one of two, as a third part says; the other is never computed."""

    def run(record: Record) -> Outcome:
        value = asked(record)
        if value is True:
            return then(record)
        return otherwise(record) if value is False else value

    return run
