"""Totalling (pure): what is said in public of all servers of a day, of which nobody learns anything of one of them.

Servers are counted in fives, rounded down: fewer than five are none, and no sum shows by subtraction what was left out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final

SMALLEST_GROUP: Final = 5
"""Fewer servers than these are not counted in public, and how many there are is said in steps of these."""
PEOPLE: Final = ((0, "0"), (1, "1 to 4"), (5, "5 to 19"), (20, "20 to 99"), (100, "100 to 499"), (500, "500 and more"))
"""How many people used a server that day, as it is said: from how many on, and how that is called."""
AVAILABILITY: Final = (
    (Fraction(0), "under 90 %"),
    (Fraction(9, 10), "90 % to 99 %"),
    (Fraction(99, 100), "99 % and more"),
)
"""How many of a day's looks a server answered, as it is said."""


@dataclass(frozen=True, slots=True)
class OneDay:
    """A server on one day: how many people used it, as far as that is believed, and how many looks it answered.

    ``there`` is ``None`` where no place has looked often enough that day.
    """

    people: int
    there: Fraction | None


def total(some: Iterable[OneDay]) -> dict[str, Any]:
    """Return what is said of servers on one day."""
    servers = list(some)
    by_people = Counter(_called(PEOPLE, one.people) for one in servers)
    by_availability = Counter(_called(AVAILABILITY, one.there) for one in servers if one.there is not None)
    return {
        "servers": _in_fives(len(servers)),
        "people": _groups(by_people, [name for _, name in PEOPLE]),
        "availability": _groups(by_availability, [name for _, name in AVAILABILITY]),
    }


def _called(steps: Iterable[tuple[Fraction | int, str]], value: Fraction | int) -> str:
    return [name for least, name in steps if value >= least][-1]


def _groups(counted: Mapping[str, int], names: Iterable[str]) -> dict[str, int]:
    return {name: few for name in names if (few := _in_fives(counted.get(name, 0)))}


def _in_fives(count: int) -> int:
    return count - count % SMALLEST_GROUP
