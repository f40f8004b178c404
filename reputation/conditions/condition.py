"""A condition (pure, total): read once, then asked of any record, with the part that decided as its explanation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from reputation.conditions.compiling import compiled, cost
from reputation.conditions.model import Broken, Outcome, Part, Record, Schema, Unknown, Value
from reputation.conditions.parsing import parse

Answer = Literal["true", "false", "unknown", "broken"]


@dataclass(frozen=True, slots=True)
class Seen:
    """A fact that a part looked at; ``None``: it is missing."""

    name: str
    value: Value | None


@dataclass(frozen=True, slots=True)
class Step:
    """A part that decided: its own text, what it gave, and the facts in it."""

    text: str
    start: int
    end: int
    outcome: Outcome
    facts: tuple[Seen, ...]


@dataclass(frozen=True, slots=True)
class Trace:
    """Why a condition gave what it did: the smallest parts that together decided, in the order they were written."""

    answer: Answer
    steps: tuple[Step, ...]

    @property
    def missing(self) -> tuple[str, ...]:
        """The facts for want of which nothing was decided."""
        unknown = {name for step in self.steps if isinstance(step.outcome, Unknown) for name in step.outcome.facts}
        return tuple(sorted(unknown))


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition that was read; ``part.run`` asks it of a record in the quickest way."""

    text: str
    schema: Schema
    part: Part

    def ask(self, record: Record) -> bool | Unknown | Broken:
        """Return whether it holds, or why that cannot be said."""
        # That the whole is true or false, where it is anything, was checked when it was read.
        return self.part.run(record)  # type: ignore[return-value]

    def explain(self, record: Record) -> Trace:
        """Return whether it holds, with the parts that decided."""
        outcome = self.ask(record)
        return Trace(_answer(outcome), tuple(self._steps(self.part, record)))

    @property
    def cost(self) -> int:
        """What it costs at most, in steps."""
        return cost(self.part)

    @property
    def facts(self) -> tuple[str, ...]:
        """The names of all facts in it."""
        return tuple(dict.fromkeys(self.schema.facts[place].name for place in _places(self.part)))

    def _steps(self, part: Part, record: Record) -> Iterator[Step]:
        """Descend to what decided. Parts are pure, so that each may be asked again: nothing else is ever computed."""
        outcome = part.run(record)
        if part.kind in ("&&", "||"):
            for each in part.parts:
                if self._counts(each.run(record), outcome):
                    yield from self._steps(each, record)
                    if isinstance(outcome, bool) and outcome is (part.kind == "||"):
                        return
        elif part.kind == "!":
            yield from self._steps(part.parts[0], record)
        elif part.kind == "?:":
            asked, then, otherwise = part.parts
            yield from self._steps(asked, record)
            told = asked.run(record)
            if isinstance(told, bool):
                yield from self._steps(then if told else otherwise, record)
        else:
            seen = (Seen(self.schema.facts[place].name, record[place]) for place in _places(part))
            yield Step(self.text[part.start : part.end], part.start, part.end, outcome, tuple(dict.fromkeys(seen)))

    @staticmethod
    def _counts(mine: Outcome, whole: Outcome) -> bool:
        if isinstance(whole, bool):
            return mine is whole
        return type(mine) is type(whole)


def read(text: str, schema: Schema) -> Condition:
    """Read a condition against the facts that there can be. Raises ``Misread`` with line, column and what to write."""
    return Condition(text, schema, compiled(text, parse(text), schema))


def _answer(outcome: Outcome) -> Answer:
    if isinstance(outcome, bool):
        return "true" if outcome else "false"
    return "unknown" if isinstance(outcome, Unknown) else "broken"


def _places(part: Part) -> Iterator[int]:
    if part.place is not None:
        yield part.place
    for each in part.parts:
        yield from _places(each)
