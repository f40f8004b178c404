"""Documents in force (pure, total): read once, then asked of any knock or message, with the rule that decided."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Generic, NoReturn, TypeAlias, TypeVar

from pydantic import ValidationError

from kit.errors import Invalid
from kit.identifiers import on_one_line
from reputation.conditions.condition import Condition, Trace, read
from reputation.conditions.facts import DOOR_FACTS, FILTER_FACTS, ROOM_FACTS
from reputation.conditions.mistakes import Misread
from reputation.conditions.model import Broken, Part, Record, Schema, Unknown
from reputation.filters.patterns import Group, check
from reputation.filters.scanning import Scanner
from reputation.policy import (
    KINDS,
    Action,
    AnyRule,
    Document,
    DoorDocument,
    FilterDocument,
    Labelling,
    Pattern,
    ProtectionsDocument,
    ShopDocument,
    ShopRule,
)

AnyDocument = TypeVar("AnyDocument", DoorDocument, FilterDocument, ProtectionsDocument, ShopDocument)

LONGEST_DOCUMENT: Final = 300_000
"""Characters of a document as JSON."""
MOST_PARTS_IN_ALL: Final = 2_500
"""Parts of all conditions in one document: to read so many takes a sixth of a second of a slow core."""
MOST_INSTRUCTIONS: Final = 5_000
"""Instructions of all regexes in one document. The worst of them, on the worst text, cost as much for each character as
there are instructions: with ten times as many a text of 10,000 characters took 25 seconds."""
_LONGEST_QUOTED: Final = 300
"""Characters of a document that are told in a mistake's sentence."""
FOUND: Final = "text.found"
"""The fact that holds the names of all patterns of the document which are in the text."""


@dataclass(frozen=True)
class RulesRead(Generic[AnyDocument]):
    """Rules that were read: their document, and each one's condition."""

    document: AnyDocument
    conditions: tuple[Condition, ...]

    @cached_property
    def facts(self) -> frozenset[str]:
        """The names of all facts that any of its rules asks about."""
        return frozenset(name for condition in self.conditions for name in condition.facts)

    @cached_property
    def finder(self) -> Finder:
        """What finds its patterns in texts; made when the first text is looked through."""
        return Finder(self.document.patterns)


@dataclass(frozen=True)
class Policy(RulesRead[DoorDocument]):
    """A door that was read: its document, and each rule's condition."""

    @cached_property
    def actions(self) -> tuple[Action, ...]:
        """All that it may do."""
        return (*(rule.then for rule in self.document.rules), self.document.otherwise)

    @property
    def schema(self) -> Schema:
        """The facts that it may ask about."""
        return DOOR_FACTS


@dataclass(frozen=True)
class Screen(RulesRead[FilterDocument]):
    """A filter that was read: its document, and each rule's condition."""

    @property
    def schema(self) -> Schema:
        """The facts that it may ask about."""
        return FILTER_FACTS


@dataclass(frozen=True)
class Guard(RulesRead[ProtectionsDocument]):
    """Protections that were read: their document, and each rule's condition."""

    @property
    def schema(self) -> Schema:
        """The facts that it may ask about."""
        return ROOM_FACTS


InForce: TypeAlias = Policy | Screen | Guard


@dataclass(frozen=True, slots=True)
class Unsure:
    """A rule of which it could not be said whether it holds, so that it decided nothing; counted from 1."""

    number: int
    name: str
    outcome: Unknown | Broken


@dataclass(frozen=True, slots=True)
class Ruling:
    """What a door says: the action, the rule that decided (``None``: none did), and those that could not tell."""

    action: Action
    number: int | None = None
    name: str | None = None
    unsure: tuple[Unsure, ...] = ()


@dataclass(frozen=True, slots=True)
class Considered:
    """One rule that was come to: counted from 1, its own words, and why its condition gave what it did."""

    number: int
    name: str
    when: str
    because: str | None
    trace: Trace


@dataclass(frozen=True, slots=True)
class Explained:
    """A ruling with every rule up to the one that decided."""

    ruling: Ruling
    considered: tuple[Considered, ...]


@dataclass(frozen=True, slots=True)
class Attached:
    """A label that a filter attaches, and the rule that did it."""

    label: Labelling
    number: int
    name: str


# ------------------------------------------------------------------------------------------------- reading


def read_json(text: str) -> InForce:
    """Read a document. Raises ``Invalid`` that says where the mistake is and what to write instead."""
    return read_document(parsed(text))


def parsed(text: str) -> dict[str, object]:
    """Return what a document says as JSON. Raises ``Invalid``."""
    if len(text) > LONGEST_DOCUMENT:
        message = f"A document has at most {LONGEST_DOCUMENT} characters."
        raise Invalid("document_too_long", message, most=LONGEST_DOCUMENT)
    try:
        found = json.loads(text, object_pairs_hook=_once)
    except json.JSONDecodeError as error:
        message = f"line {error.lineno}, column {error.colno}: this is no JSON: {error.msg}"
        raise Invalid("document_no_json", message, line=error.lineno, column=error.colno) from None
    except (ValueError, RecursionError):
        raise Invalid("document_no_json", "This is no JSON that a document could be.") from None
    if not isinstance(found, dict):
        raise Invalid("document_malformed", "A document is a JSON object, from { to }.", where="")
    return found


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Refuse what is said twice: which of both counts, another program may see otherwise."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        name = on_one_line(next(name for name in found if names.count(name) > 1)[:_LONGEST_QUOTED])
        raise Invalid("document_said_twice", f"{name} is said twice in one place; say it once.", name=name)
    return found


def read_document(found: Mapping[str, object]) -> InForce:
    """Read a document that was JSON. Raises ``Invalid``."""
    kind = found.get("kind")
    model = KINDS.get(kind) if isinstance(kind, str) else None
    if model is None:
        kinds = ", ".join(f'"{one}"' for one in KINDS)
        raise Invalid("document_kind", f'A document says what it is: "kind" is one of {kinds}.', where="kind")
    try:
        return in_force(model.model_validate(found))
    except ValidationError as error:
        malformed(error)
    except RecursionError:
        raise Invalid("document_malformed", "This document is nested too deeply.", where="") from None


def in_force(document: Document) -> InForce:
    """Read the conditions and patterns of a document. Raises ``Invalid``."""
    check_patterns(document.patterns)
    if isinstance(document, DoorDocument):
        return policy_of(document)
    return screen_of(document) if isinstance(document, FilterDocument) else guard_of(document)


def policy_of(document: DoorDocument) -> Policy:
    """Read a door's conditions. Raises ``Invalid``."""
    return Policy(document, conditions_of(document.rules, DOOR_FACTS, document.patterns))


def screen_of(document: FilterDocument) -> Screen:
    """Read a filter's conditions. Raises ``Invalid``."""
    return Screen(document, conditions_of(document.rules, FILTER_FACTS, document.patterns))


def guard_of(document: ProtectionsDocument) -> Guard:
    """Read the conditions of protections. Raises ``Invalid``."""
    return Guard(document, conditions_of(document.rules, ROOM_FACTS, document.patterns))


def conditions_of(
    rules: Sequence[AnyRule | ShopRule], schema: Schema, patterns: Mapping[str, Pattern]
) -> tuple[Condition, ...]:
    """Read the conditions of rules, which ask for facts of ``schema``. Raises ``Invalid``."""
    names = [rule.name for rule in rules]
    found: list[Condition] = []
    left = MOST_PARTS_IN_ALL
    for number, rule in enumerate(rules, 1):
        if names.index(rule.name) != number - 1:
            message = f"rule {number}: there is a rule {rule.name!r} already; give this one another name"
            raise Invalid("rule_name_twice", message, number=number, rule=rule.name)
        try:
            condition = read(rule.when, schema)
        except Misread as error:
            message = f"rule {number} ({rule.name}), {error.message}"
            values = error.values | {"number": number, "rule": rule.name, "sentence": error.sentence}
            raise Invalid(error.code, message, **values) from None
        left -= _parts(condition.part)
        if left < 0:
            message = f"rule {number} ({rule.name}): all conditions together have at most {MOST_PARTS_IN_ALL} parts"
            raise Invalid("document_too_many_parts", message, number=number, rule=rule.name, most=MOST_PARTS_IN_ALL)
        for name in _asked(condition.part, schema.places[FOUND]):
            if name not in patterns:
                there = ", ".join(patterns) or "none"
                message = f"rule {number} ({rule.name}): there is no pattern {name!r}; there are {there}"
                raise Invalid("pattern_unknown", message, number=number, rule=rule.name, name=name)
        found.append(condition)
    return tuple(found)


def _parts(part: Part) -> int:
    return 1 + sum(map(_parts, part.parts))


def _asked(part: Part, place: int) -> Iterator[str]:
    """Find the names of patterns that a condition asks for."""
    if part.kind == "in" and part.parts[1].place == place and isinstance(part.parts[0].value, str):
        yield part.parts[0].value
    for each in part.parts:
        yield from _asked(each, place)


def check_patterns(patterns: Mapping[str, Pattern]) -> None:
    """Raise ``Invalid`` for patterns that cannot be looked for, or cost too much together."""
    total = 0
    for name, pattern in patterns.items():
        try:
            total += check(group_of(pattern))
        except Invalid as error:
            message = f"pattern {name}: {error.message}"
            raise Invalid(error.code, message, **(error.values | {"pattern": name})) from None
    if total > MOST_INSTRUCTIONS:
        raise Invalid(
            "too_many_regexes", "The regexes of this document together are too large.", most=MOST_INSTRUCTIONS
        )


def malformed(error: ValidationError) -> NoReturn:
    """Raise ``Invalid`` that tells the first mistake and its place as one writes it: ``rules[2].then.stake``."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    steps = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in first["loc"])
    # Both may hold words of whoever wrote the document.
    where = on_one_line(steps.lstrip(".")[:_LONGEST_QUOTED])
    said = on_one_line(first["msg"].removeprefix("Value error, ")[:_LONGEST_QUOTED])
    raise Invalid("document_malformed", f"{where or 'the document'}: {said}", where=where, said=said) from None


# ------------------------------------------------------------------------------------------------- asking


def judge(policy: Policy, record: Record) -> Ruling:
    """Return what a door says to a knock of which these facts are known: the first rule that holds, else ``otherwise``.

    A rule of which it cannot be said whether it holds decides nothing, and is named.
    """
    unsure: list[Unsure] = []
    for number, condition in enumerate(policy.conditions, 1):
        outcome = condition.ask(record)
        if outcome is True:
            rule = policy.document.rules[number - 1]
            return Ruling(rule.then, number, rule.name, tuple(unsure))
        if outcome is not False:
            unsure.append(Unsure(number, policy.document.rules[number - 1].name, outcome))
    return Ruling(policy.document.otherwise, unsure=tuple(unsure))


def explain(policy: Policy, record: Record) -> Explained:
    """Return what a door says, with the reasons of each rule up to the one that decided."""
    ruling = judge(policy, record)
    last = len(policy.conditions) if ruling.number is None else ruling.number
    pairs = zip(policy.document.rules[:last], policy.conditions[:last], strict=True)
    considered = (
        Considered(number, rule.name, rule.when, rule.because, condition.explain(record))
        for number, (rule, condition) in enumerate(pairs, 1)
    )
    return Explained(ruling, tuple(considered))


def attach(screen: Screen, record: Record) -> tuple[Attached, ...]:
    """Return the labels that a filter attaches to a message of which these facts are known."""
    return tuple(
        Attached(rule.then, number, rule.name)
        for number, (rule, condition) in enumerate(zip(screen.document.rules, screen.conditions, strict=True), 1)
        if condition.ask(record) is True
    )


def explain_screen(screen: Screen | Guard, record: Record) -> tuple[Considered, ...]:
    """Return of every rule of a filter, or of protections, why it holds or does not."""
    rules: Sequence[AnyRule] = screen.document.rules
    return tuple(
        Considered(number, rule.name, rule.when, rule.because, condition.explain(record))
        for number, (rule, condition) in enumerate(zip(rules, screen.conditions, strict=True), 1)
    )


# ------------------------------------------------------------------------------------------------- texts


def group_of(pattern: Pattern) -> Group:
    """Return a pattern as it is looked for."""
    return Group(pattern.words, pattern.regexes, pattern.whole_words, pattern.look_alikes)


class Finder:
    """Finds the patterns of one document in texts; many documents' are found at once by ``filters.fan``."""

    def __init__(self, patterns: Mapping[str, Pattern]) -> None:
        """Compile."""
        self._names = tuple(patterns)
        self._scanner = Scanner([group_of(pattern) for pattern in patterns.values()])

    def found(self, text: str) -> tuple[str, ...]:
        """Return the names of the patterns that are in a text: the value of ``text.found``."""
        bits = self._scanner.scan(text)
        return tuple(name for number, name in enumerate(self._names) if bits >> number & 1)
