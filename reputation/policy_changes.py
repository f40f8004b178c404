"""What differs between two documents (pure), as values; ``app/wording/rules.py`` says it in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from reputation.policy import Action, AnyRule, Document, DoorDocument, Following, Labelling, Limits, Pattern


class What(StrEnum):
    """What happened to a part of a document."""

    RULE_ADDED = "rule_added"
    RULE_REMOVED = "rule_removed"
    RULE_MOVED = "rule_moved"
    WHEN_CHANGED = "when_changed"
    THEN_CHANGED = "then_changed"
    BECAUSE_CHANGED = "because_changed"
    OTHERWISE_CHANGED = "otherwise_changed"
    LIMITS_CHANGED = "limits_changed"
    PATTERN_ADDED = "pattern_added"
    PATTERN_REMOVED = "pattern_removed"
    PATTERN_CHANGED = "pattern_changed"
    KIND_CHANGED = "kind_changed"


Told = AnyRule | Action | Following | Labelling | Limits | Pattern | str | int | None


@dataclass(frozen=True, slots=True)
class Change:
    """One difference: to what (the name of a rule or pattern), and what stood and stands there."""

    what: What
    name: str = ""
    before: Told = None
    after: Told = None


def changes(before: Document, after: Document) -> tuple[Change, ...]:
    """Return all that differs, in the order of the newer document; nothing where both say the same."""
    return tuple(_changes(before, after))


def _changes(before: Document, after: Document) -> Iterator[Change]:
    if before.kind != after.kind:
        yield Change(What.KIND_CHANGED, before=before.kind, after=after.kind)
    yield from _of_rules(before, after)
    if isinstance(before, DoorDocument) and isinstance(after, DoorDocument):
        if before.otherwise != after.otherwise:
            yield Change(What.OTHERWISE_CHANGED, before=before.otherwise, after=after.otherwise)
        if before.limits != after.limits:
            yield Change(What.LIMITS_CHANGED, before=before.limits, after=after.limits)
    yield from _of_patterns(before.patterns, after.patterns)


def _of_rules(before: Document, after: Document) -> Iterator[Change]:
    old: dict[str, AnyRule] = {rule.name: rule for rule in before.rules}
    new: dict[str, AnyRule] = {rule.name: rule for rule in after.rules}
    for name, rule in old.items():
        if name not in new:
            yield Change(What.RULE_REMOVED, name, before=rule)
    stayed = [name for name in old if name in new]
    moved = _moved(stayed, [name for name in new if name in old])
    for number, (name, rule) in enumerate(new.items(), 1):
        earlier = old.get(name)
        if earlier is None:
            yield Change(What.RULE_ADDED, name, after=rule)
            continue
        if name in moved:
            yield Change(What.RULE_MOVED, name, before=list(old).index(name) + 1, after=number)
        if earlier.when != rule.when:
            yield Change(What.WHEN_CHANGED, name, before=earlier.when, after=rule.when)
        if earlier.then != rule.then:
            yield Change(What.THEN_CHANGED, name, before=earlier.then, after=rule.then)
        if earlier.because != rule.because:
            yield Change(What.BECAUSE_CHANGED, name, before=earlier.because, after=rule.because)


def _moved(before: list[str], after: list[str]) -> frozenset[str]:
    """Return the fewest names that had to be moved to make one order of the other."""
    places = {name: place for place, name in enumerate(before)}
    best: list[list[str]] = []
    for name in after:
        best.append([*_longest([row for row in best if places[row[-1]] < places[name]]), name])
    return frozenset(after) - frozenset(_longest(best))


def _longest(rows: list[list[str]]) -> list[str]:
    return max(rows, key=len) if rows else []


def _of_patterns(before: Mapping[str, Pattern], after: Mapping[str, Pattern]) -> Iterator[Change]:
    for name, pattern in before.items():
        if name not in after:
            yield Change(What.PATTERN_REMOVED, name, before=pattern)
    for name, pattern in after.items():
        if name not in before:
            yield Change(What.PATTERN_ADDED, name, after=pattern)
        elif before[name] != pattern:
            yield Change(What.PATTERN_CHANGED, name, before=before[name], after=pattern)
