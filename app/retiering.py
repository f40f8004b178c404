"""Another tier document: what it would change, before it holds; it only reads."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field

from app.container import Work
from kit.identifiers import PersonId
from payments.flair.model import Giver, Tiers


@dataclass(frozen=True, slots=True)
class Moved:
    """Somebody, and which tiers they would gain and lose."""

    who: PersonId | Giver
    gained: tuple[str, ...]
    lost: tuple[str, ...]


@dataclass
class Change:
    """How many would gain and lose each tier, and some of those by name."""

    gained: Counter[str] = field(default_factory=Counter)
    lost: Counter[str] = field(default_factory=Counter)
    some: list[Moved] = field(default_factory=list)


def would_change(work: Work, tiers: Tiers, *, shown: int) -> Change:
    """Return what other tiers would change now, with at most ``shown`` by name; all reads must see one moment."""
    before: defaultdict[PersonId | Giver, set[str]] = defaultdict(set)
    for one in work.supporters.holding():
        who = one.giver if one.person is None else one.person
        if who is not None:
            before[who].add(one.tier)
    change = Change()
    for who, found in work.supporters.under(tiers):
        after, old = {one.tier for one in found if one.holds(work.now)}, before.get(who, set())
        change.gained.update(after - old)
        change.lost.update(old - after)
        if after != old and len(change.some) < shown:
            change.some.append(Moved(who, tuple(sorted(after - old)), tuple(sorted(old - after))))
    return change
