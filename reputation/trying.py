"""Trying: what a door that somebody drafted would have done with whoever knocked at theirs lately; it only reads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from sqlalchemy.orm import Session

from kit.errors import Invalid
from kit.identifiers import PersonId, UserId, server_of
from ledger.people import People
from reputation.arrivals import Arrivals
from reputation.conditions.model import Unknown
from reputation.doors import Doors
from reputation.model import KNOCKS_KEPT, Knock
from reputation.policy import DoorDocument
from reputation.policy_rules import judge
from reputation.store import GateStore
from reputation.verdict import Admit, Code, Hold, Verdict
from reputation.weighing import Weighed, Weighing

MOST_DAYS: Final = KNOCKS_KEPT.days
"""How far back can be tried: nothing older is kept."""
USUAL_DAYS: Final = 14
MOST_TRIED: Final = 100
"""Strangers of each count who are looked at: each of them takes 20 to 30 ms of a busy core."""
_ANYBODY: Final = UserId("@somebody:elsewhere.invalid")
MOST_SAMPLES: Final = 10
"""People who are named of each kind of difference; all are counted."""
OWN_WORD: Final = frozenset(
    {Code.CALLED_SPAM, Code.EXEMPT, Code.CONTACTED_FIRST, Code.ACCEPTED_BEFORE, Code.KNOWN_BEFORE}
)
"""What a recipient said of somebody themselves: no door changes it."""
BEFORE_RULES: Final = OWN_WORD | {Code.FORGED, Code.OWN_BOT, Code.NOT_OURS, Code.LEAVING, Code.SELF}
"""What decides before a door is asked at all."""


class Fate(StrEnum):
    """What becomes of a knock, in short."""

    COMES_IN = "comes_in"
    HELD = "held"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Sample:
    """Somebody with whom a drafted door deals otherwise: how often they knocked, and what both doors say today."""

    stranger: UserId
    came_in: int
    kept_out: int
    last_at: datetime
    now: Verdict
    then: Verdict


@dataclass(frozen=True, slots=True)
class Difference:
    """All with whom it deals otherwise in one way; ``samples`` names the latest of them."""

    now: Fate
    then: Fate
    strangers: int
    samples: tuple[Sample, ...]


@dataclass(frozen=True, slots=True)
class Tried:
    """What a drafted door changes for whoever knocked in the last ``days``.

    ``strangers``: who was looked at; ``own_word``: how many of them do not depend on the door, since its owner said
    something of them; ``lacking``: how many strangers it lacked a fact for that a rule of the draft asks about.
    """

    days: int
    strangers: int
    own_word: int
    differences: tuple[Difference, ...]
    lacking: Mapping[str, int] = field(default_factory=dict)
    cut: bool = False
    """Whether there were more than are looked at: then these are the latest."""
    counted: bool = True
    """Whether it was counted whom the door let in: only a door that its owner set does."""

    @property
    def changed(self) -> int:
        """How many strangers it deals with otherwise."""
        return sum(one.strangers for one in self.differences)


@dataclass(slots=True)
class _Knocker:
    """A stranger at a door, as both counts together know them."""

    last_at: datetime
    came_in: int = 0
    kept_out: int = 0


class Trying:
    """Puts those who knocked to the door that is and to one that might be, in one reading transaction."""

    def __init__(self, session: Session, *, now: datetime, people: People, doors: Doors, weighing: Weighing) -> None:
        """Read in ``session``, at ``now``."""
        self._now = now
        self._people = people
        self._doors = doors
        self._weighing = weighing
        self._store = GateStore(session)
        self._arrivals = Arrivals(session, now)

    def try_(
        self, person: PersonId, document: DoorDocument, days: int = USUAL_DAYS, *, most: int = MOST_TRIED
    ) -> Tried:
        """Return what a document would change, by what is known of everybody today; at most ``most`` of each count.

        Raises ``Invalid`` for a document that could not be this person's door, or days of which nothing is kept.
        """
        if not 1 <= days <= MOST_DAYS:
            raise Invalid("days_out_of_range", f"Between 1 and {MOST_DAYS} days can be tried.", most=MOST_DAYS)
        present, draft = self._doors.show(person), self._doors.drafted(person, document)
        knockers, cut = self._knockers(person, self._now - timedelta(days=days), most)
        names = self._people.mxids(knockers)
        own_word, lacking = 0, Counter[str]()
        knock = self._weighing.knock_of(person, _ANYBODY, self._now)
        found: dict[tuple[Fate, Fate], list[Sample]] = {}
        for stranger, knocker in knockers.items():
            name = names.get(stranger)
            if name is None:
                continue
            now, then = self._weighing.weigh_at(_knock_by(name, knock), present, draft)
            if OWN_WORD & {reason.code for reason in now.verdict.because}:
                own_word += 1
                continue
            lacking.update(_lacking(then))
            if not same(now.verdict, then.verdict):
                sample = Sample(name, knocker.came_in, knocker.kept_out, knocker.last_at, now.verdict, then.verdict)
                found.setdefault((fate(now.verdict), fate(then.verdict)), []).append(sample)
        return Tried(
            days,
            len(names),
            own_word,
            tuple(_differences(found)),
            dict(sorted(lacking.items())),
            cut,
            self._store.has_door(person),
        )

    def _knockers(self, person: PersonId, since: datetime, most: int) -> tuple[dict[PersonId, _Knocker], bool]:
        """Return who knocked since then, latest first, and whether there were more than that."""
        arrived = self._arrivals.at(person, since=since)
        kept_out = [one for one in self._store.knocks_at(person, most + 1) if one.last_at > since]
        found: dict[PersonId, _Knocker] = {}
        for one in arrived[:most]:
            found.setdefault(one.stranger, _Knocker(one.last_at)).came_in = one.count
        for each in kept_out[:most]:
            knocker = found.setdefault(each.stranger, _Knocker(each.last_at))
            knocker.kept_out, knocker.last_at = each.count, max(each.last_at, knocker.last_at)
        latest = sorted(found.items(), key=lambda item: (item[1].last_at, item[0]), reverse=True)
        return dict(latest), len(arrived) > most or len(kept_out) > most


def _knock_by(stranger: UserId, knock: Knock) -> Knock:
    return replace(knock, inviter=stranger, federated=server_of(stranger) != knock.tenant_server)


def fate(verdict: Verdict) -> Fate:
    """Return a verdict in short."""
    if isinstance(verdict, Admit):
        return Fate.COMES_IN
    return Fate.HELD if isinstance(verdict, Hold) else Fate.REFUSED


def same(one: Verdict, other: Verdict) -> bool:
    """Tell whether two verdicts are the same to whoever meets them, for whatever reasons."""
    if isinstance(one, Hold) and isinstance(other, Hold):
        mine, theirs = (one.price.stake, one.price.fee, one.free), (other.price.stake, other.price.fee, other.free)
        return mine == theirs
    return fate(one) is fate(other)


def rule_of(verdict: Verdict) -> str | None:
    """Return the name of the rule by which a verdict came about; ``None`` where none named the stranger."""
    names = (reason.values.get("rule") for reason in verdict.because if reason.code is Code.BY_RULE)
    return next((str(name) for name in names), None)


def _lacking(weighed: Weighed) -> Iterable[str]:
    """Return the facts for want of which rules could not be told to hold."""
    if weighed.door.policy is None:
        return ()
    unsure = judge(weighed.door.policy, weighed.record).unsure
    return frozenset(fact for one in unsure if isinstance(one.outcome, Unknown) for fact in one.outcome.facts)


def _differences(found: Mapping[tuple[Fate, Fate], list[Sample]]) -> Iterable[Difference]:
    for now in Fate:
        for then in Fate:
            if samples := found.get((now, then)):
                yield Difference(now, then, len(samples), tuple(samples[:MOST_SAMPLES]))
