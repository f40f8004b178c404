"""Trying rules (pure): what they would have done to what was heard in the last hour, by the same code that does it.

Texts are not remembered, so rules that ask for them cannot tell; it says of how many. Standing and the like are known
only as far as the rules that stood then asked for them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from kit.identifiers import RoomId, UserId
from reputation.policy import Lasting
from reputation.policy_rules import Guard
from reputation.protections.judging import Judging
from reputation.protections.model import Do, Outcome
from reputation.protections.protecting import Remembered
from reputation.protections.recent import Recently

MOST_SAMPLES: Final = 3
"""People who are named of those on whom a rule would have acted."""


@dataclass(frozen=True, slots=True)
class ByRule:
    """What one rule (counted from 1) would have done: how often, to how many people, to how many messages.

    ``samples``: the first time of some people each.
    """

    number: int
    rule: str
    do: Do
    time: timedelta | None
    times: int
    people: int
    messages: int
    samples: tuple[Outcome, ...]


@dataclass(frozen=True, slots=True)
class Tried:
    """What rules would have done to so many messages and arrivals, of so many people in so many rooms.

    ``lacking``: of how many some rule could not tell, for want of which fact.
    """

    since: datetime | None
    messages: int
    joins: int
    people: int
    rooms: int
    rules: tuple[ByRule, ...]
    lacking: Mapping[str, int]


def outcomes(guard: Guard, remembered: Sequence[Remembered]) -> list[Outcome]:
    """Return what these rules would have done, had they stood then."""
    return _replayed(Judging(guard), remembered, Counter())


def tried(guard: Guard, remembered: Sequence[Remembered]) -> Tried:
    """Tell what these rules would have done, rule by rule in their order; those that did nothing are told, too."""
    lacking: Counter[str] = Counter()
    found = _replayed(Judging(guard), remembered, lacking)
    heard = [one.heard for one in remembered]
    messages = sum(one.event is not None for one in heard)
    return Tried(
        since=heard[0].at if heard else None,
        messages=messages,
        joins=len(heard) - messages,
        people=len({one.user for one in heard}),
        rooms=len({one.room for one in heard}),
        rules=tuple(_by_rule(guard, number, found) for number in range(1, len(guard.document.rules) + 1)),
        lacking=dict(lacking),
    )


def _replayed(judging: Judging, remembered: Sequence[Remembered], lacking: Counter[str]) -> list[Outcome]:
    rooms: dict[RoomId, Recently] = {}
    found: list[Outcome] = []
    for one in remembered:
        heard, text, record = one
        recently = rooms.setdefault(heard.room, Recently())
        if (
            one.counted and heard.event is not None
        ):  # arrivals are counted in the record; here it is about what to take out
            recently.posted(heard.user, text, heard.event, heard.at.timestamp())
        found += judging.follow(heard, record, recently if one.counted else None)
        lacking.update(judging.unsure(record))
    return found


def _by_rule(guard: Guard, number: int, found: Sequence[Outcome]) -> ByRule:
    rule = guard.document.rules[number - 1]
    mine = [outcome for outcome in found if outcome.number == number]
    first: dict[UserId, Outcome] = {}
    for outcome in mine:
        first.setdefault(outcome.user, outcome)
    return ByRule(
        number=number,
        rule=rule.name,
        do=rule.then.do,
        time=rule.then.time if isinstance(rule.then, Lasting) else None,
        times=len(mine),
        people=len(first),
        messages=sum(len(outcome.events) for outcome in mine),
        samples=tuple(first.values())[:MOST_SAMPLES],
    )
