"""The fold (pure): what was told of gifts comes to entitlements, the same in whatever order and however often."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from kit.identifiers import PersonId
from ledger.model import Level
from payments.flair.model import (
    THANKS_ONLY,
    Entitlement,
    Gift,
    Giver,
    Kind,
    Source,
    Spans,
    Threshold,
    Tier,
    Tiers,
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
    return sorted(found.values(), key=_in_time)


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
    taken = [gift for gift in gifts if gift.taken_back is not None]
    free = [gift for gift in standing if gift.source not in THANKS_ONLY]
    mixed = len(free) < len(standing)
    found = []
    for tier in tiers.tiers:
        if tier.corporate is not corporate:
            continue
        full = _best(free, taken, tier, tiers.spans, listings) if free else None
        thanks = _best(standing, taken, tier, tiers.spans, listings) if mixed else None
        for stretch, thanks_only in ((full, False), (thanks, True)):
            if stretch is None or (thanks_only and full is not None and stretch.end <= full.end):
                continue
            found.append(
                Entitlement(
                    person=person,
                    giver=giver,
                    tier=tier.id,
                    since=stretch.since,
                    until=stretch.until,
                    grace_until=None if stretch.until is None else _after(stretch.until, tiers.spans.grace),
                    source=stretch.source,
                    renews=stretch.renews,
                    thanks_only=thanks_only,
                    sure_from=stretch.sure_from,
                )
            )
    return found


def _best(gifts: Sequence[Gift], taken: Sequence[Gift], tier: Tier, spans: Spans, listings: Listings) -> Stretch | None:
    """Return the stretch that lasts longest of all ways to a tier."""
    found: list[Stretch] = []
    running: defaultdict[int, list[Stretch]] = defaultdict(list)
    for threshold in tier.thresholds:
        mine = [gift for gift in gifts if gift.asset == threshold.asset]
        if not mine:
            continue
        if threshold.kind is Kind.SUM:
            found += _for_good(mine, taken, threshold, spans)
        else:
            running[threshold.months] += _running(mine, threshold, spans, listings)
    for months, parts in running.items():
        for stretch in _unbroken(parts, spans.grace):
            complete = months_after(stretch.since, months)
            if months and stretch.end < complete:
                continue
            sure_from = None if stretch.sure_from is None else max(complete, stretch.sure_from)
            found.append(stretch._replace(since=complete, sure_from=sure_from))
    return max(found, key=lambda stretch: (stretch.end, -stretch.since.timestamp()), default=None)


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


def _running(gifts: Sequence[Gift], threshold: Threshold, spans: Spans, listings: Listings) -> list[Stretch]:
    """Return when these gifts (of one asset, by their times) reach what a threshold asks a month.

    Prepaid months of one giver follow each other, so that nothing is lost by giving early. Of a source's standing words
    the latest holds.
    """
    found: list[Stretch] = []
    paid_until: dict[tuple[Source, str], datetime] = {}
    words: defaultdict[tuple[Source, str], list[Gift]] = defaultdict(list)
    for gift in gifts:
        giver = (gift.source, gift.giver)
        if gift.is_word:
            words[giver].append(gift)
        elif gift.months and threshold.reached_by(gift):
            until = months_after(max(gift.at, paid_until.get(giver, gift.at)), gift.months)
            paid_until[giver] = until
            found.append(_stretch(gift, until, spans))
    for (source, _), said in words.items():
        listed = listings.get(source, ())
        for place, gift in enumerate(said):
            if not threshold.reached_by(gift):
                continue
            following = said[place + 1].at if place + 1 < len(said) else None
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


def _unbroken(parts: Iterable[Stretch], grace: timedelta) -> list[Stretch]:
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
