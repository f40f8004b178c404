"""Protections that a moderator understands in one sentence (pure): each a few rules, tuned by numbers.

They stand together in one document: choosing one leaves the rules of the others, and those that are one's own, alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final, NoReturn

from kit.errors import Invalid
from reputation.conditions.condition import read
from reputation.conditions.facts import ROOM_FACTS
from reputation.conditions.model import Part
from reputation.policy import AtOnce, Lasting, ProtectionRule, ProtectionsDocument

NOTHING: Final = ProtectionsDocument()
"""The protections of rooms for which nobody ever set any."""
_MEDIA: Final = '["m.image", "m.video", "m.audio", "m.file", "m.sticker"]'


class ProtectionsPreset(StrEnum):
    """The names by which they are chosen; ``app/wording/protections.py`` has the sentence of each."""

    FLOOD = "flood"
    MENTIONS = "mentions"
    JOIN_WAVE = "join-wave"
    NEWCOMERS_MEDIA = "newcomers-media"
    NEWCOMERS_LINKS = "newcomers-links"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Number:
    """A number by which a preset is tuned: what it is called in its sentence, what it usually is, and its bounds."""

    name: str
    usual: int
    least: int
    most: int


@dataclass(frozen=True, slots=True)
class _Made:
    names: tuple[str, ...]
    """The names of its rules, by which they are found again."""
    numbers: tuple[Number, ...]
    make: Callable[..., tuple[ProtectionRule, ...]]


_MINUTES: Final = Number("minutes", 10, 1, 10_080)
_NEW: Final = Number("minutes", 10, 1, 1_440)


def _both(name: str, when: str, minutes: int) -> tuple[ProtectionRule, ...]:
    """Mute for a time, and take out what was written."""
    muted = Lasting.model_validate({"do": "mute", "for": f"{minutes}m"})
    return (
        ProtectionRule(name=name, when=when, then=muted),
        ProtectionRule(name=f"{name}, taken out", when=when, then=AtOnce(do="redact")),
    )


def _flood(messages: int, same: int, minutes: int) -> tuple[ProtectionRule, ...]:
    return _both("flood", f"sender.messages_10s >= {messages} || sender.same_text_1m >= {same}", minutes)


def _mentions(people: int, minutes: int) -> tuple[ProtectionRule, ...]:
    return _both("mentions", f"message.mentions >= {people}", minutes)


def _join_wave(joins: int) -> tuple[ProtectionRule, ...]:
    when = f'message.kind == "join" && room.joins_1m >= {joins}'
    return (ProtectionRule(name="join wave", when=when, then=AtOnce(do="kick")),)


def _newcomers(name: str, what: str, minutes: int) -> tuple[ProtectionRule, ...]:
    when = f'{what} && (message.first || sender.in_room < duration("{minutes}m"))'
    return (ProtectionRule(name=name, when=when, then=AtOnce(do="redact")),)


_PRESETS: Final[Mapping[ProtectionsPreset, _Made]] = {
    ProtectionsPreset.FLOOD: _Made(
        ("flood", "flood, taken out"), (Number("messages", 10, 3, 500), Number("same", 5, 2, 500), _MINUTES), _flood
    ),
    ProtectionsPreset.MENTIONS: _Made(
        ("mentions", "mentions, taken out"), (Number("people", 10, 2, 500), _MINUTES), _mentions
    ),
    ProtectionsPreset.JOIN_WAVE: _Made(("join wave",), (Number("joins", 20, 2, 1_000),), _join_wave),
    ProtectionsPreset.NEWCOMERS_MEDIA: _Made(
        ("newcomers' media",),
        (_NEW,),
        lambda minutes: _newcomers("newcomers' media", f"message.kind in {_MEDIA}", minutes),
    ),
    ProtectionsPreset.NEWCOMERS_LINKS: _Made(
        ("newcomers' links",), (_NEW,), lambda minutes: _newcomers("newcomers' links", "message.links > 0", minutes)
    ),
    ProtectionsPreset.NONE: _Made((), (), lambda: ()),
}


def numbers_of(preset: ProtectionsPreset) -> tuple[Number, ...]:
    """Return the numbers by which a preset is tuned, in the order in which they are given."""
    return _PRESETS[preset].numbers


def rules_of(preset: ProtectionsPreset, numbers: Sequence[int] = ()) -> tuple[ProtectionRule, ...]:
    """Return the rules of a preset; numbers that are not given are the usual ones. Raises ``Invalid``."""
    made = _PRESETS[preset]
    if len(numbers) > len(made.numbers):
        _too_many(preset, made.numbers)
    for number, given in zip(made.numbers, numbers, strict=False):
        if not number.least <= given <= number.most:
            message = f"{preset.value}: {number.name} is a number between {number.least} and {number.most}."
            raise Invalid("preset_number", message, name=number.name, least=number.least, most=number.most)
    return made.make(*numbers, *(number.usual for number in made.numbers[len(numbers) :]))


def with_preset(
    document: ProtectionsDocument, preset: ProtectionsPreset, numbers: Sequence[int] = ()
) -> ProtectionsDocument:
    """Return a document in which a preset stands, with these numbers, where it stood before, else at the end.

    ``none`` takes all rules out. Raises ``Invalid`` for numbers that it has not, or out of bounds.
    """
    rules = rules_of(preset, numbers)
    if preset is ProtectionsPreset.NONE:
        return NOTHING
    names = _PRESETS[preset].names
    before = [rule.name for rule in document.rules]
    place = min((before.index(name) for name in names if name in before), default=len(before))
    others = [rule for rule in document.rules if rule.name not in names]
    place -= sum(rule.name in names for rule in document.rules[:place])
    changed = (*others[:place], *rules, *others[place:])
    return ProtectionsDocument(rules=changed, patterns=document.patterns)


def without_preset(document: ProtectionsDocument, preset: ProtectionsPreset) -> ProtectionsDocument:
    """Return a document without the rules of a preset; those of other names stay."""
    names = _PRESETS[preset].names
    rules = tuple(rule for rule in document.rules if rule.name not in names)
    return ProtectionsDocument(rules=rules, patterns=document.patterns)


def presets_in(document: ProtectionsDocument) -> dict[ProtectionsPreset, tuple[int, ...]]:
    """Return which presets stand in a document as they were made, each with its numbers."""
    found: dict[ProtectionsPreset, tuple[int, ...]] = {}
    by_name = {rule.name: rule for rule in document.rules}
    for preset, made in _PRESETS.items():
        rules = tuple(by_name[name] for name in made.names if name in by_name)
        numbers = _numbers_in(rules, made) if made.names and len(rules) == len(made.names) else None
        if numbers is not None:
            found[preset] = numbers
    return found


def own_rules(document: ProtectionsDocument) -> tuple[ProtectionRule, ...]:
    """Return the rules that are no preset's, or were changed since."""
    known = {rule for preset, numbers in presets_in(document).items() for rule in rules_of(preset, numbers)}
    return tuple(rule for rule in document.rules if rule not in known)


def _numbers_in(rules: tuple[ProtectionRule, ...], made: _Made) -> tuple[int, ...] | None:
    """Return with which numbers a preset made these rules; ``None``: with none, so they are somebody's own."""
    try:
        condition = read(rules[0].when, ROOM_FACTS)
    except Invalid:
        return None
    told = list(_whole(condition.part))
    then = rules[0].then
    if isinstance(then, Lasting) and then.time is not None:
        told.append(then.time // timedelta(minutes=1))
    numbers = tuple(told[-len(made.numbers) :]) if made.numbers else ()
    inside = len(numbers) == len(made.numbers) and all(
        number.least <= one <= number.most for number, one in zip(made.numbers, numbers, strict=True)
    )
    return numbers if inside and made.make(*numbers) == rules else None


def _whole(part: Part) -> Iterator[int]:
    """Find the whole numbers that a condition was written with, and durations in minutes, from left to right."""
    if part.kind == "literal" and isinstance(part.value, timedelta):
        yield part.value // timedelta(minutes=1)
    elif part.kind == "literal" and isinstance(part.value, int) and not isinstance(part.value, bool):
        yield part.value
    for each in part.parts:
        yield from _whole(each)


def _too_many(preset: ProtectionsPreset, numbers: Sequence[Number]) -> NoReturn:
    names = ", ".join(number.name for number in numbers) or "no numbers"
    raise Invalid("preset_numbers", f"{preset.value} is tuned by {names}, and by no more.", names=names)
