"""Rules as sentences: what a door does and why, what a preset means, and what differs between two documents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import assert_never

from app.wording.catalogue import marked
from app.wording.message import Literal, Message, Safe, Value, render
from app.wording.reader import Reader
from payments.stakes.model import Price
from reputation.conditions.condition import Step
from reputation.conditions.facts import plain
from reputation.conditions.model import Broken, Failure, Unknown
from reputation.policy import (
    Admitting,
    AtOnce,
    FilterRule,
    Following,
    Holding,
    Labelling,
    Lasting,
    Limits,
    Pattern,
    ProtectionRule,
    Refusing,
    Rule,
)
from reputation.policy_changes import Change, Told, What
from reputation.policy_presets import Preset
from reputation.policy_rules import Considered, Explained, Ruling
from reputation.verdict import FreePath, Hold

PRESETS: Mapping[Preset, str] = {
    Preset.OPEN: marked("Everybody comes in free."),
    Preset.STAKE: marked("Strangers stake 5; whoever you know comes in free."),
    Preset.FRIENDS_OF_FRIENDS: marked("Friends of friends come in free; other strangers stake 5, or ask."),
    Preset.KNOWN: marked("Only people you know come in."),
}
OPEN_BUT = marked("Everybody comes in free, but for those whom you name.")

_Line = tuple[str, Message]
_LETTERS = str.maketrans("0123456789", "abcdefghij")
"""Holes in templates have names of letters."""
_ITEM = "- "
_FREE: Mapping[FreePath, str] = {
    FreePath.ASK: marked("one sentence that waits in your queue"),
    FreePath.VOUCH: marked("the word of one of your contacts"),
}
_FOLLOWS: Mapping[str, str] = {
    "warn": marked("they are warned"),
    "redact": marked("it is taken out"),
    "mute": marked("they are muted"),
    "kick": marked("they are put out"),
    "ban": marked("they are banned"),
}
_FOLLOWS_FOR: Mapping[str, str] = {
    "mute": marked("they are muted for {time}"),
    "ban": marked("they are banned for {time}"),
}
_UNITS = (
    (timedelta(days=1), marked("a day"), marked("{count} days")),
    (timedelta(hours=1), marked("an hour"), marked("{count} hours")),
    (timedelta(minutes=1), marked("a minute"), marked("{count} minutes")),
)
_WHY_BROKEN: Mapping[Failure, str] = {
    Failure.OVERFLOW: marked("a number in it is too large"),
    Failure.DIVIDED_BY_ZERO: marked("it divides by nothing"),
}
_CHANGES: Mapping[What, str] = {
    What.RULE_ADDED: marked("Rule **{name}** is new: {after}"),
    What.RULE_REMOVED: marked("Rule **{name}** is gone; it said: {before}"),
    What.RULE_MOVED: marked("Rule **{name}** now comes as number {after}; it was number {before}."),
    What.WHEN_CHANGED: marked("Rule **{name}** now holds when {after}; before, when {before}."),
    What.THEN_CHANGED: marked("Rule **{name}** now does this: {after}; before: {before}."),
    What.BECAUSE_CHANGED: marked("The note of rule **{name}** is now: {after}; before: {before}."),
    What.OTHERWISE_CHANGED: marked("Whom no rule names: {after}; before: {before}."),
    What.LIMITS_CHANGED: marked("The door takes {after}; before: {before}."),
    What.PATTERN_ADDED: marked("Pattern **{name}** is new."),
    What.PATTERN_REMOVED: marked("Pattern **{name}** is gone."),
    What.PATTERN_CHANGED: marked("Pattern **{name}** looks for something else now."),
    What.KIND_CHANGED: marked("This is a {after} now; it was a {before}."),
}


def explained(told: Explained, reader: Reader) -> Message:
    """Say what a door does to a knock and why: the rule that decided first, then those that came before it."""
    ruling = told.ruling
    lines: list[_Line] = []
    action = _action(ruling.action, reader)
    if ruling.number is None:
        lines.append(("", reader.say(marked("**{action}**, because no rule says otherwise."), action=action)))
    else:
        by = marked("**{action}**, by rule {number}, {name}:")
        lines.append(("", reader.say(by, action=action, number=ruling.number, name=ruling.name or "")))
        lines += _steps(told.considered[-1], reader)
    earlier = told.considered if ruling.number is None else told.considered[:-1]
    for rule in earlier:
        template = (
            marked("Rule {number}, {name}, does not hold:")
            if rule.trace.answer == "false"
            else marked("Rule {number}, {name}, decides nothing, because it cannot be said whether it holds:")
        )
        lines.append(("", reader.say(template, number=rule.number, name=rule.name)))
        lines += _steps(rule, reader)
    return _under_one_another(lines)


def screened(rules: Sequence[Considered], reader: Reader) -> Message:
    """Say of each rule of a filter, or of protections, whether it holds, and why."""
    lines: list[_Line] = []
    for rule in rules:
        match rule.trace.answer:
            case "true":
                template = marked("Rule {number}, {name}, holds:")
            case "false":
                template = marked("Rule {number}, {name}, does not hold:")
            case _:
                template = marked("Rule {number}, {name}, decides nothing, because it cannot be said whether it holds:")
        lines.append(("", reader.say(template, number=rule.number, name=rule.name)))
        lines += _steps(rule, reader)
    return _under_one_another(lines or [("", reader.say(marked("There are no rules.")))])


def action(done: Admitting | Holding | Refusing, reader: Reader) -> Message:
    """Say what happens to whoever knocks."""
    return reader.say("{action}", action=_action(done, reader))


def asked(held: Hold, reader: Reader) -> Safe:
    """Say what somebody who is held may do: put down what is asked, or take a free path."""
    return Safe(_asked(held.price, held.free, reader))


def preset(name: Preset, reader: Reader) -> Message:
    """Say in one sentence what a preset does."""
    return reader.say(PRESETS[name])


def follows(then: Following, reader: Reader) -> Message:
    """Say what becomes of whoever a rule of a room's protections holds for, or of their message."""
    if isinstance(then, Lasting) and then.time is not None:
        return reader.say(_FOLLOWS_FOR[then.do], time=time(then.time, reader))
    return reader.say(_FOLLOWS[then.do])


def time(span: timedelta, reader: Reader) -> Message:
    """Say how long something holds, in the largest unit that says it exactly."""
    unit, one, many = next(found for found in _UNITS if not span % found[0] or found is _UNITS[-1])
    count = span // unit
    return reader.say(one) if count == 1 else reader.say(many, count=count)


def changed(found: Sequence[Change], reader: Reader) -> Message:
    """Say what differs between two documents, a line each."""
    if not found:
        return reader.say(marked("Nothing is different."))
    return _under_one_another([(_ITEM, _change(change, reader)) for change in found])


def of_ruling(ruling: Ruling, reader: Reader) -> Message:
    """Say in one line what a door does and by which rule."""
    if ruling.number is None:
        return reader.say(marked("{action}; no rule says otherwise"), action=_action(ruling.action, reader))
    return reader.say(
        marked("{action}, by rule {number}, {name}"),
        action=_action(ruling.action, reader),
        number=ruling.number,
        name=ruling.name or "",
    )


def _change(change: Change, reader: Reader) -> Message:
    before, after = _told(change.before, reader), _told(change.after, reader)
    return reader.say(_CHANGES[change.what], name=change.name, before=before, after=after)


def _action(done: Admitting | Holding | Refusing, reader: Reader) -> Safe:
    match done:
        case Admitting():
            return Safe(reader.translate(marked("Comes in free")))
        case Refusing():
            return Safe(reader.translate(marked("Is refused")))
        case Holding():
            return Safe(reader.translate(marked("Is asked for %s")) % _asked(done.price, done.free, reader))
    assert_never(done)


def _asked(price: Price, free: Sequence[FreePath], reader: Reader) -> str:
    parts = []
    if price.stake:
        parts.append(reader.translate(marked("a stake of %s")) % reader.money(price.stake).text)
    if price.fee:
        parts.append(reader.translate(marked("a fee of %s")) % reader.money(price.fee).text)
    priced = reader.translate(marked(" and ")).join(parts)
    paths = [reader.translate(_FREE[path]) for path in free]
    return reader.translate(marked(", or ")).join([*([priced] if priced else []), *paths])


def _steps(rule: Considered, reader: Reader) -> list[_Line]:
    return [(_ITEM, _step(step, reader)) for step in rule.trace.steps]


def _step(step: Step, reader: Reader) -> Message:
    part = _written(step.text)
    if isinstance(step.outcome, Unknown):
        return reader.say(
            marked("{part} cannot be told: {facts} not known"),
            part=part,
            facts=Safe(", ".join(sorted(step.outcome.facts))),
        )
    if isinstance(step.outcome, Broken):
        why = Safe(reader.translate(_WHY_BROKEN[step.outcome.why]))
        return reader.say(marked("{part} cannot be computed: {why}"), part=part, why=why)
    template = marked("{part} is true{facts}") if step.outcome is True else marked("{part} is not true{facts}")
    return reader.say(template, part=part, facts=_facts(step, reader))


def _written(condition: str) -> Literal:
    """Show a condition, or a part of one, on one line: its own line breaks would begin lines of ours."""
    return Literal(" ".join(condition.split()))


def fact(name: str, value: object, reader: Reader) -> Message:
    """Say what a fact is; ``value`` as JSON has it."""
    return reader.say("{name} = {value}", name=Safe(name), value=_value(value, reader))


def _facts(step: Step, reader: Reader) -> Value:
    if not step.facts:
        return Safe("")
    told = [fact(seen.name, plain(seen.value), reader) for seen in step.facts]
    inner = told[0]
    for each in told[1:]:
        inner = reader.say("{one}, {two}", one=inner, two=each)
    return reader.say(" ({inner})", inner=inner)


def _value(value: object, reader: Reader) -> Value:
    match value:
        case None:
            return Safe(reader.translate(marked("not known")))
        case bool():
            return Safe(reader.translate(marked("true") if value else marked("false")))
        case list():
            return ", ".join(map(str, value)) or Safe(reader.translate(marked("nothing")))
        case _:
            return str(value)


def _told(told: Told, reader: Reader) -> Value:
    match told:
        case Rule() | FilterRule() | ProtectionRule():
            return reader.say(marked("{then} when {when}"), then=_then(told.then, reader), when=_written(told.when))
        case Limits():
            return reader.say(
                marked("{at_once} strangers at once and {a_day} a day"), at_once=told.at_once, a_day=told.a_day
            )
        case str() | int():
            return told
        case None | Pattern():  # of a pattern it is said only that it changed
            return Safe(reader.translate(marked("nothing")))
        case _:
            return _then(told, reader)


def _then(then: Admitting | Holding | Refusing | Labelling | Following, reader: Reader) -> Value:
    match then:
        case AtOnce() | Lasting():
            return follows(then, reader)
        case Labelling():
            return reader.say(
                marked("label {label} ({severity})"), label=then.label, severity=Safe(then.severity.value)
            )
        case _:
            return _action(then, reader)


def _under_one_another(lines: Sequence[_Line]) -> Message:
    """Put lines under one another; what stands before each says whether it is an item of a list."""
    names = [f"line_{str(number).translate(_LETTERS)}" for number in range(len(lines))]
    template = "\n".join(f"{before}{{{name}}}" for name, (before, _) in zip(names, lines, strict=True))
    return render(template, {name: line for name, (_, line) in zip(names, lines, strict=True)})
