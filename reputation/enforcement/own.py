"""Own rules (pure): what outcomes of a room's protections say to the planner, each as the word of a list of our own.

Such lists have negative numbers, one for each consequence, and are agreed with by themselves.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from kit.identifiers import RoomId, UserId
from reputation.enforcement.model import Cause, Consequence, Mode, Rules, Subscription, Word, Words
from reputation.lists.model import Recommendation, Subject

NAME: Final = "a rule of this room"
"""What such a list is called, for all to read in the reason of a ban."""
DECIDED_NAME: Final = "the moderators"
"""The same of what somebody decided about one message that was reported."""
HERE: Final = frozenset({Consequence.WARN, Consequence.REDACT})
"""What is done once, and only in the room where somebody did something; all else in all rooms."""
_NUMBERS: Final = {
    Consequence.WARN: -1,
    Consequence.REDACT: -2,
    Consequence.MUTE: -3,
    Consequence.KICK: -4,
    Consequence.BAN: -5,
}
_DECIDED: Final = -10
"""How much lower the numbers are of what somebody who looks after the room decided, and nobody is to be asked about."""
_WHOLE: Final = 100
"""Percent: a rule acts on all for whom it holds."""


@dataclass(frozen=True, slots=True)
class Standing:
    """An outcome that holds now; without ``until`` it holds for good. ``decided``: by somebody, and not by a rule."""

    room: RoomId
    user: UserId
    what: Consequence
    rule: str
    at: datetime
    until: datetime | None = None
    decided: bool = False

    @property
    def number(self) -> int:
        """Return the number of the list whose word it is."""
        return _NUMBERS[self.what] + (_DECIDED if self.decided else 0)


def is_decided(number: int) -> bool:
    """Tell whether a list of that number is what somebody decided who looks after the room."""
    return number < _DECIDED


def is_own(cause: Cause) -> bool:
    """Tell whether a cause is a rule of the room's own."""
    return cause.list < 0


def only_own(causes: Collection[Cause]) -> bool:
    """Tell whether rules alone are the cause, and no list."""
    return bool(causes) and all(map(is_own, causes))


def ruled(rules: Rules, standing: Collection[Standing]) -> Rules:
    """Return rules by which those outcomes act, too."""
    wanted = {one.number: one.what for one in standing}
    lists = tuple(
        Subscription(
            number,
            DECIDED_NAME if is_decided(number) else NAME,
            Mode.ACT,
            max(rules.threshold, 1),
            {Recommendation.BAN: frozenset({wanted[number]})},
            {},
            _WHOLE,
        )
        for number in sorted(wanted)
    )
    return replace(rules, subscriptions=(*rules.subscriptions, *lists))


def said(words: Words, standing: Iterable[Standing]) -> Words:
    """Return what lists say, and beside it those outcomes; of several the one that holds longest gives the reason."""
    people = {user: dict(found) for user, found in words.people.items()}
    for one in sorted(standing, key=lambda one: (one.until is None, one.until or one.at, one.at, one.rule)):
        mine, number = people.setdefault(one.user, {}), one.number
        before = mine.get(number)
        rooms = frozenset({one.room}) | (before.rooms or frozenset() if before is not None else frozenset())
        where = rooms if one.what in HERE else None
        mine[number] = Word(number, Subject.USER, one.user, Recommendation.BAN, one.rule, where)
    return replace(words, people=people)
