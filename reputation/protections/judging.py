"""Judging (pure): rules are asked of each message and arrival, and what follows is said once, not for every message.

Whoever looks after a room is never judged. A fact that nobody knows decides nothing, as everywhere.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from kit.identifiers import RoomId, UserId
from reputation.conditions.condition import Condition
from reputation.conditions.model import Record, Run
from reputation.policy import Lasting, ProtectionRule
from reputation.policy_rules import Guard
from reputation.protections.model import Do, Outcome
from reputation.protections.recent import Reach, Recently
from reputation.seeing import facts_of

WHILE: Final = 60.0
"""Seconds in which a rule acts once on somebody in a room; what it takes out goes on, up to ``MOST_TAKEN``."""
MOST_TAKEN: Final = 100
"""Messages of somebody that one rule takes out in such a while."""
_MOST_REMEMBERED: Final = 20_000
_COVERS: Final[Mapping[Do, frozenset[Do]]] = {"ban": frozenset({"kick", "mute"})}
"""What is not done besides, because it is in another."""


class Judged(NamedTuple):
    """What is put to the rules: whose it is, where, when, and which message; ``None``: they came."""

    room: RoomId
    user: UserId
    event: str | None
    at: datetime


class Judging:
    """The rules of one document, and on whom each has acted just now."""

    def __init__(self, guard: Guard) -> None:
        """Ask these rules."""
        self.facts = guard.facts
        self._rules: Sequence[ProtectionRule] = guard.document.rules
        self._conditions: Sequence[Condition] = guard.conditions
        self._runs = _together(guard.conditions)
        self._acted: OrderedDict[tuple[RoomId, UserId, int], tuple[float, int]] = OrderedDict()

    def follow(self, heard: Judged, record: Record, recently: Recently | None) -> list[Outcome]:
        """Return what follows from a message or arrival of which this is known.

        ``recently``: where it was counted just now; ``None`` where it was not.
        """
        held = [numbers for run, numbers in self._runs if run(record) is True]
        if not held:
            return []
        done: dict[Do, int] = {}
        for number in sorted(number for numbers in held for number in numbers):
            do = self._rules[number].then.do
            if heard.event is not None or do != "redact":
                done.setdefault(do, number)
        for greater in [do for do in done if do in _COVERS]:
            for less in _COVERS[greater]:
                done.pop(less, None)
        found = (self._outcome(heard, number, record, recently) for number in done.values())
        return [outcome for outcome in found if outcome is not None]

    def unsure(self, record: Record) -> frozenset[str]:
        """Return the facts for want of which some rule could not tell."""
        outcomes = (condition.ask(record) for condition in self._conditions)
        return frozenset(name for outcome in outcomes for name in getattr(outcome, "facts", ()))

    def _outcome(self, heard: Judged, number: int, record: Record, recently: Recently | None) -> Outcome | None:
        rule, key, now = self._rules[number], (heard.room, heard.user, number), heard.at.timestamp()
        begun, taken = self._acted.get(key, (float("-inf"), 0))
        fresh = not 0 <= now - begun < WHILE
        if fresh:
            begun, taken = now, 0
        elif rule.then.do != "redact" or taken >= MOST_TAKEN:
            return None
        explain, events = self._conditions[number].explain, list[str]()
        facts = facts_of(explain(record)) if fresh else {}
        if rule.then.do == "redact" and heard.event is not None:
            events = [heard.event]
            if recently is not None:
                events = recently.take(heard.user, _reach(facts) if fresh else Reach.THIS, MOST_TAKEN - taken)
            if not events:  # another rule takes it out already
                return None
            facts = facts or facts_of(explain(record))
        self._acted[key] = begun, taken + len(events)
        self._acted.move_to_end(key)
        if len(self._acted) > _MOST_REMEMBERED:
            self._acted.popitem(last=False)
        time = rule.then.time if isinstance(rule.then, Lasting) else None
        return Outcome(
            heard.room, heard.user, rule.then.do, rule.name, number + 1, heard.at, time, tuple(events), facts
        )


def _together(conditions: Sequence[Condition]) -> list[tuple[Run, list[int]]]:
    """Return what asks each condition, with the rules that ask it: what two rules ask is asked once."""
    numbers: dict[str, list[int]] = {}
    for number, condition in enumerate(conditions):
        numbers.setdefault(condition.text, []).append(number)
    return [(conditions[same[0]].part.run, same) for same in numbers.values()]


def _reach(facts: Collection[str]) -> Reach:
    """Return which messages a rule speaks of, by the facts that decided.

    By a count, all that were counted; but where what is in the message decided, that message alone.
    """
    if any(name.partition(".")[0] in ("message", "text") and name != "message.kind" for name in facts):
        return Reach.THIS
    if "sender.messages_1m" in facts:
        return Reach.MINUTE
    if "sender.messages_10s" in facts:
        return Reach.SHORT
    return Reach.SAME if "sender.same_text_1m" in facts else Reach.THIS
