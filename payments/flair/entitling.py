"""The fold (pure): what was told of gifts comes to entitlements, the same in whatever order and however often."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from kit.identifiers import PersonId
from ledger.model import Asset, Level
from payments.flair.model import (
    Entitlement,
    Gift,
    Giver,
    Kind,
    Source,
    Spans,
    Threshold,
    Tier,
    Tiers,
    is_for_thanks,
    months_after,
)

Listings = Mapping[Source, Sequence[datetime]]
"""When a source was listed as a whole, ascending: whom it names no more by then gives no more."""
NO_LISTINGS: Final[Listings] = {}
_SURER: Final = (Level.ORPHANED, Level.SEEN, Level.SAFE, Level.FINALIZED)
_FOR_GOOD: Final = datetime.max.replace(tzinfo=UTC)


# ------------------------------------------------------------------------------------------ what was told of a gift


def join(one: Gift, other: Gift) -> Gift:
    """Return what two tellings of one gift come to: the more of each; what either takes back is taken back.

    It is the same in any order, and telling a thing again adds nothing.
    """
    if one == other:
        return one
    return replace(
        max(one, other, key=_content),
        amount=max(one.amount, other.amount),
        until=_latest(one.until, other.until),
        since=_earliest(one.since, other.since),
        total=max((total for total in (one.total, other.total) if total is not None), default=None),
        level=max(one.level, other.level, key=_SURER.index),
        taken_back=_earliest(one.taken_back, other.taken_back),
        memo=max((memo for memo in (one.memo, other.memo) if memo is not None), default=None),
    )


def joined(told: Iterable[Gift]) -> list[Gift]:
    """Return each gift once, in the order of their times: all that was told of it, joined."""
    found: dict[str, Gift] = {}
    for gift in told:
        known = found.get(gift.key)
        found[gift.key] = gift if known is None else join(known, gift)
    return list(found.values()) if len(found) == 1 else sorted(found.values(), key=_in_time)


def _content(gift: Gift) -> tuple[object, ...]:
    """Order tellings by what ``join`` takes from one of them as a whole."""
    recurring = "" if gift.recurring is None else gift.recurring.value
    return (gift.at, gift.months, recurring, gift.asset, gift.source.value, gift.giver, gift.cause)


def _in_time(gift: Gift) -> tuple[datetime, str]:
    return gift.at, gift.key


def _latest(*moments: datetime | None) -> datetime | None:
    return max((moment for moment in moments if moment is not None), default=None)


def _earliest(*moments: datetime | None) -> datetime | None:
    return min((moment for moment in moments if moment is not None), default=None)


def final_from(gift: Gift, spans: Spans) -> datetime | None:
    """Return from when on a gift can no longer be taken back; ``None`` where that cannot be told yet."""
    if gift.source is Source.CHAIN:
        return gift.at if gift.level is Level.FINALIZED else None
    return gift.at if gift.source is Source.HAND else gift.at + spans.charge_back


# ------------------------------------------------------------------------------------------ what it comes to


class Stretch(NamedTuple):
    """A stretch of time in which a threshold is reached; ``until`` is ``None`` where it is for good."""

    since: datetime
    until: datetime | None
    source: Source
    renews: bool
    sure_from: datetime | None

    @property
    def end(self) -> datetime:
        """When it ends, as a moment that can be compared."""
        return self.until or _FOR_GOOD


def entitled(
    told: Iterable[Gift],
    tiers: Tiers,
    *,
    person: PersonId | None = None,
    giver: Giver | None = None,
    listings: Listings = NO_LISTINGS,
    corporate: bool = False,
) -> list[Entitlement]:
    """Return what one supporter is, was or will be entitled to: of each tier the last stretch of time.

    Of a tier there are two where one gives all of it and another, that gives thanks alone, lasts longer. It depends on
    nothing but what is given here: the time comes in where a phase is asked for.
    """
    gifts = joined(told)
    standing = [gift for gift in gifts if gift.taken_back is None and gift.level is not Level.ORPHANED]
    taken = [gift for gift in gifts if gift.taken_back is not None] if len(standing) < len(gifts) else []
    free = [gift for gift in standing if not is_for_thanks(gift.source)]
    all_of_it = _Given(free, taken, tiers.spans, listings)
    for_thanks = _Given(standing, taken, tiers.spans, listings) if len(free) < len(standing) else None
    found = []
    for tier in tiers.tiers:
        if tier.corporate is not corporate:
            continue
        full = all_of_it.best(tier)
        if full is not None:
            found.append(_entitlement(full, tier, tiers.spans, person, giver))
        thanks = None if for_thanks is None else for_thanks.best(tier)
        if thanks is not None and (full is None or thanks.end > full.end):
            found.append(_entitlement(thanks, tier, tiers.spans, person, giver, thanks_only=True))
    return found


def _entitlement(
    stretch: Stretch,
    tier: Tier,
    spans: Spans,
    person: PersonId | None,
    giver: Giver | None,
    *,
    thanks_only: bool = False,
) -> Entitlement:
    return Entitlement(
        person=person,
        giver=giver,
        tier=tier.id,
        since=stretch.since,
        until=stretch.until,
        grace_until=None if stretch.until is None else _after(stretch.until, spans.grace),
        source=stretch.source,
        renews=stretch.renews,
        thanks_only=thanks_only,
        sure_from=stretch.sure_from,
    )


class _Given:
    """What counts of one supporter's gifts, and since when and until when it reaches what tiers ask."""

    def __init__(self, gifts: Sequence[Gift], taken: Sequence[Gift], spans: Spans, listings: Listings) -> None:
        """Take gifts by their times, and those that were taken back."""
        self._taken = taken
        self._spans = spans
        self._listings = listings
        self._by_asset: dict[Asset, list[Gift]] = {}
        for gift in gifts:
            self._by_asset.setdefault(gift.asset, []).append(gift)
        self._known: dict[tuple[Asset, tuple[int, ...]], list[Stretch]] = {}

    def best(self, tier: Tier) -> Stretch | None:
        """Return the stretch that lasts longest of all ways to a tier."""
        found: list[Stretch] = []
        running: dict[int, list[Stretch]] = {}
        for threshold in tier.thresholds:
            gifts = self._by_asset.get(threshold.asset)
            if gifts is None:
                continue
            if threshold.kind is Kind.SUM:
                found += _for_good(gifts, self._taken, threshold, self._spans)
            elif parts := self._parts(gifts, threshold):
                running[threshold.months] = running.get(threshold.months, []) + parts
        for months, parts in running.items():
            whole = parts if len(parts) == 1 else _unbroken(parts, self._spans.grace)
            found += whole if not months else _complete(whole, months)
        if len(found) < 2:  # noqa: PLR2004 - nothing to choose from, which is the rule
            return found[0] if found else None
        return max(found, key=lambda stretch: (stretch.end, -stretch.since.timestamp()))

    def _parts(self, gifts: Sequence[Gift], threshold: Threshold) -> list[Stretch]:
        """Return when what is given a month reaches a threshold; what another one asked too is not computed again."""
        reached = tuple([place for place, gift in enumerate(gifts) if threshold.reached_by(gift)])
        if not reached:
            return []
        known = self._known.get((threshold.asset, reached))
        if known is None:
            known = _running(gifts, frozenset(reached), self._spans, self._listings)
            self._known[threshold.asset, reached] = known
        return known


def _complete(stretches: Sequence[Stretch], months: int) -> list[Stretch]:
    """Return stretches from when their streak is complete, those of which it ever is."""
    found = []
    for stretch in stretches:
        since = months_after(stretch.since, months)
        if stretch.end >= since:
            sure_from = None if stretch.sure_from is None else max(since, stretch.sure_from)
            found.append(Stretch(since, stretch.until, stretch.source, stretch.renews, sure_from))
    return found


# ------------------------------------------------------------------------------------------ sums


def _for_good(gifts: Sequence[Gift], taken: Sequence[Gift], threshold: Threshold, spans: Spans) -> list[Stretch]:
    """Return since when all that was given reaches a threshold, if it does."""
    since = _reached([(gift.at, gift) for gift in gifts], taken, threshold.amount)
    if since is None:
        return []
    final = [(moment, gift) for gift in gifts if (moment := final_from(gift, spans)) is not None]
    sure_from = _reached(sorted(final, key=lambda one: (one[0], one[1].key)), taken, threshold.amount)
    largest = max(gifts, key=lambda gift: (gift.total or gift.amount, gift.key))
    return [Stretch(since, None, largest.source, renews=False, sure_from=sure_from)]


def _reached(gifts: Iterable[tuple[datetime, Gift]], taken: Sequence[Gift], amount: int) -> datetime | None:
    """Return at which of these moments, ascending, the sum of what was given by then is ``amount``.

    What a source says was given in all includes what we know of, so the higher of both counts, for each giver.
    """
    sums: dict[tuple[Source, str], int] = {}
    total = 0
    for moment, gift in gifts:
        giver = (gift.source, gift.giver)
        before = sums.get(giver, 0)
        now = before if gift.is_word else before + gift.amount
        if gift.total is not None:
            now = max(now, gift.total - (_gone(gift, taken) if taken else 0))
        sums[giver] = now
        total += now - before
        if total >= amount:
            return moment
    return None


def _gone(gift: Gift, taken: Sequence[Gift]) -> int:
    """Return what a gift's ``total`` still counts though it was taken back since."""
    return sum(
        other.amount
        for other in taken
        if (other.source, other.giver, other.asset) == (gift.source, gift.giver, gift.asset)
        and other.taken_back is not None
        and other.at <= gift.at < other.taken_back
    )


# ------------------------------------------------------------------------------------------ what runs


def _running(gifts: Sequence[Gift], reached: frozenset[int], spans: Spans, listings: Listings) -> list[Stretch]:
    """Return when those gifts (of one asset, by their times) run that are ``reached``, by their places.

    Prepaid months of one giver follow each other, so that nothing is lost by giving early. Of a source's standing words
    the latest holds, also one that reaches nothing.
    """
    found: list[Stretch] = []
    paid_until: dict[tuple[Source, str], datetime] = {}
    words: dict[tuple[Source, str], list[tuple[int, Gift]]] = {}
    for place, gift in enumerate(gifts):
        giver = (gift.source, gift.giver)
        if gift.is_word:
            words.setdefault(giver, []).append((place, gift))
        elif place in reached:
            paid = paid_until.get(giver)
            until = months_after(gift.at if paid is None or paid < gift.at else paid, gift.months)
            paid_until[giver] = until
            found.append(_stretch(gift, until, spans))
    for (source, _), said in words.items():
        listed = listings.get(source, ())
        for (place, gift), following in zip(said, [*(one.at for _, one in said[1:]), None], strict=True):
            if place not in reached:
                continue
            left_out = bisect_right(listed, gift.at)
            ends = _earliest(gift.until, following, listed[left_out] if left_out < len(listed) else None)
            if ends is None or ends > gift.at:
                found.append(_stretch(gift, ends, spans))
    return found


def _stretch(gift: Gift, until: datetime | None, spans: Spans) -> Stretch:
    since = gift.at if gift.since is None else min(gift.since, gift.at)
    final = final_from(gift, spans)
    sure_from = None if final is None else final - (gift.at - since)
    return Stretch(since, until, gift.source, renews=gift.recurring is not None, sure_from=sure_from)


def _unbroken(parts: Sequence[Stretch], grace: timedelta) -> Sequence[Stretch]:
    """Join stretches that meet, or between which no more than grace lies."""
    found: list[Stretch] = []
    for part in sorted(parts, key=lambda part: (part.since, part.end)):
        if not found or _after(found[-1].end, grace) < part.since:
            found.append(part)
            continue
        last = found[-1]
        longer = part if part.end >= last.end else last
        sure_from = _earliest(last.sure_from, part.sure_from)
        found[-1] = Stretch(last.since, longer.until, longer.source, longer.renews, sure_from)
    return found


def _after(moment: datetime, span: timedelta) -> datetime:
    return moment + span if moment < _FOR_GOOD - span else _FOR_GOOD
