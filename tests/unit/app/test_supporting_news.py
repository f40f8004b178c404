"""What supporters are told of their tiers, as time goes on and gifts come and go."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from app.supporting.small import missing
from app.supporting.telling import News, Told, news, of_tier, told_of
from kit.identifiers import PersonId
from ledger.model import Asset
from payments.flair.model import Entitlement, Gift, Kind, Phase, Source, Spans, Threshold, Tier, Tiers, currency

NOW = datetime(2026, 11, 27, tzinfo=UTC)
DAY = timedelta(days=1)
SPANS = Spans(warning=7 * DAY, grace=14 * DAY)


def holds(days: int | None, *, thanks: bool = False, since: int = 60) -> Entitlement:
    """A tier that ends in so many days."""
    until = None if days is None else NOW + days * DAY
    grace = None if until is None else until + SPANS.grace
    return Entitlement(
        person=PersonId(1),
        giver=None,
        tier="gold",
        since=NOW - since * DAY,
        until=until,
        grace_until=grace,
        source=Source.HAND,
        thanks_only=thanks,
    )


def after(*some: Entitlement) -> Told:
    return told_of(of_tier(some, "gold", NOW), NOW, SPANS)


@pytest.mark.parametrize(
    ("before", "held", "expected"),
    [
        (None, (), None),
        (None, (holds(30),), News.REACHED),
        (None, (holds(-1),), News.REACHED),
        (None, (holds(-15),), None),
        (Told(Phase.RUNNING, NOW + 30 * DAY), (holds(30),), None),
        (Told(Phase.RUNNING, NOW + 10 * DAY), (holds(30),), None),
        (Told(Phase.RUNNING, NOW + 5 * DAY), (holds(5),), News.ENDING),
        (Told(Phase.ENDING, NOW + 5 * DAY), (holds(5),), None),
        (Told(Phase.ENDING, NOW + 5 * DAY), (holds(35),), News.RENEWED),
        (Told(Phase.ENDING, NOW - DAY), (holds(-1),), News.GRACE),
        (Told(Phase.RUNNING, NOW - DAY), (holds(-1),), News.GRACE),
        (Told(Phase.GRACE, NOW - DAY), (holds(29),), News.RENEWED),
        (Told(Phase.GRACE, NOW - DAY), (holds(3),), News.RENEWED),
        (Told(Phase.GRACE, NOW - 15 * DAY), (holds(-15),), News.LAPSED),
        (Told(Phase.RUNNING, NOW - 15 * DAY), (), News.LAPSED),
        (Told(Phase.LAPSED, None), (), None),
        (Told(Phase.LAPSED, None), (holds(30),), News.RETURNED),
        (Told(Phase.LAPSED, None), (holds(None),), News.RETURNED),
    ],
)
def test_each_change_is_told_once(before: Told | None, held: tuple[Entitlement, ...], expected: News | None) -> None:
    assert news(before, after(*held), NOW) is expected
    if before is not None or held:
        assert news(after(*held), after(*held), NOW) is None


@pytest.mark.parametrize("until", [NOW + 30 * DAY, None])
def test_what_ends_before_its_time_was_taken_back_or_the_tiers_changed(until: datetime | None) -> None:
    before = Told(Phase.RUNNING, until)
    assert news(before, after(), NOW, taken_back=True) is News.TAKEN_BACK
    assert news(before, after(), NOW) is News.CHANGED


def test_all_of_a_tier_counts_before_thanks_that_last_longer() -> None:
    assert of_tier([holds(5), holds(90, thanks=True)], "gold", NOW) == holds(5)
    assert of_tier([holds(-20), holds(90, thanks=True)], "gold", NOW) == holds(90, thanks=True)
    assert of_tier([holds(5), holds(None)], "gold", NOW) == holds(None)
    assert of_tier([holds(5)], "silver", NOW) is None
    assert of_tier([holds(5, since=-1)], "gold", NOW) is None, "a streak that will be complete"


EUR = currency("EUR")
MONTHLY = Tier(id="friend", title="Friend", thresholds=(Threshold(Kind.MONTH, EUR, 500),))
SUMMED = Tier(id="friend", title="Friend", thresholds=(Threshold(Kind.MONTH, EUR, 500), Threshold(Kind.SUM, EUR, 900)))


def test_what_is_missing_is_the_least_that_reaches_a_tier() -> None:
    def lacks(tier: Tier, *cents: int) -> int | None:
        gifts = [
            Gift(key=f"g{number}", source=Source.HAND, giver="g", asset=EUR, amount=one, at=NOW, months=1)
            for number, one in enumerate(cents)
        ]
        return missing(gifts, tier, Tiers((tier,)), NOW)

    assert lacks(MONTHLY, 100) == 500, "what was given for a month does not add up"
    assert lacks(SUMMED, 100) == 500
    assert lacks(SUMMED, 400, 450) == 50
    assert lacks(replace(MONTHLY, thresholds=(Threshold(Kind.SUM, Asset("ether:1"), 1),)), 100) is None
