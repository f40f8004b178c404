"""What conditions are made of (pure): types, facts and their values, what is unknown, what failed, and the limits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from difflib import get_close_matches
from enum import StrEnum
from functools import cached_property
from typing import TypeAlias

LONGEST_CONDITION = 2_000
"""Characters of a condition's text."""
MOST_PARTS = 200
"""Parts (operators, calls, facts, literals) of a condition."""
DEEPEST = 24
"""How deep parts stand inside each other; a row of ``&&`` or ``||`` is one part."""
HIGHEST_COST = 500
"""What a condition may cost: 1 for each part, and more where it reads a text or a list."""
LONGEST_TEXT = 10_000
"""Characters of a fact that is a text; the rest is not looked at."""
MOST_ITEMS = 100
"""Items of a fact that is a list; the rest is not looked at."""

LEAST_INT, GREATEST_INT = -(2**63), 2**63 - 1


@dataclass(frozen=True, slots=True)
class Type:
    """What kind of value a part gives; a list says of what."""

    name: str
    item: Type | None = None

    @property
    def is_number(self) -> bool:
        """Tell whether it is a whole number or a decimal one."""
        return self in (INT, DOUBLE)

    def __str__(self) -> str:
        """Write it as CEL does."""
        return self.name if self.item is None else f"list({self.item})"


BOOL = Type("bool")
INT = Type("int")
DOUBLE = Type("double")
TEXT = Type("string")
MOMENT = Type("timestamp")
SPAN = Type("duration")
TEXTS = Type("list", TEXT)
NOTHINGS = Type("list", Type("dyn"))
"""The type of ``[]``."""


class Failure(StrEnum):
    """Why a part has no value though all its facts are known."""

    OVERFLOW = "overflow"
    DIVIDED_BY_ZERO = "divided_by_zero"


@dataclass(frozen=True, slots=True)
class Unknown:
    """What a part gives that needs facts which are missing: their names."""

    facts: frozenset[str]


@dataclass(frozen=True, slots=True)
class Broken:
    """What a part gives that cannot be computed."""

    why: Failure


Scalar: TypeAlias = bool | int | float | str | datetime | timedelta
Value: TypeAlias = Scalar | tuple[Scalar, ...]
Outcome: TypeAlias = Value | Unknown | Broken
Record: TypeAlias = tuple[Value | None, ...]
"""The facts of one knock or message, each in its place; ``None`` where it is missing."""
Run: TypeAlias = Callable[[Record], Outcome]

NO_OUTCOME = frozenset({Unknown, Broken})
"""The classes of outcomes that are no values."""


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that a condition may ask about: its name with dots, and its type."""

    name: str
    type: Type


@dataclass(frozen=True)
class Schema:
    """All facts of which there can be any, in the order of a record."""

    facts: tuple[Fact, ...]
    elsewhere: Mapping[str, str] = field(default_factory=dict)
    """Facts of other documents: name to what knows it, as a sentence has it (``a door``)."""

    @cached_property
    def places(self) -> Mapping[str, int]:
        """Where each fact stands in a record."""
        return {fact.name: place for place, fact in enumerate(self.facts)}

    @cached_property
    def groups(self) -> frozenset[str]:
        """The names that stand before a dot."""
        return frozenset(fact.name.rpartition(".")[0] for fact in self.facts) - {""}

    def nearest(self, name: str) -> str | None:
        """Return the fact that somebody may have meant by a name that is none."""
        close = get_close_matches(name, list(self.places), n=1, cutoff=0.6)
        if close:
            return close[0]
        last = name.rpartition(".")[2]
        return next((known for known in self.places if known.rpartition(".")[2] == last), None)


@dataclass(frozen=True, slots=True)
class Node:
    """A part of a condition as it was written: what it does, its own parts, and where it stands in the text.

    ``kind`` is an operator (``&&``, ``<``), or one of literal, name, dot, call, list. ``value`` is a literal's value
    or the name of what is called or selected.
    """

    kind: str
    start: int
    end: int
    parts: tuple[Node, ...] = ()
    value: Scalar | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """A part that was checked: its type, and what computes it; ``place`` where it is a fact."""

    kind: str
    type: Type
    run: Run
    start: int
    end: int
    parts: tuple[Part, ...] = ()
    value: Value | None = None
    place: int | None = None
    cost: int = 1
