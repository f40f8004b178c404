"""What gifts come to: sums, months and streaks, grace and return, charge-backs, and gifts that are for thanks alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from kit.identifiers import PersonId
from ledger.model import Level
from payments.flair.entitling import entitled
from payments.flair.model import Entitlement, Gift, Period, Phase, Source, Tiers, months_after
from tests.support.gifts import day, on_chain, patron, tiers, weekly

TIERS = tiers()
ALICE = PersonId(1)


def of(*gifts: Gift, under: Tiers = TIERS, **more: object) -> dict[str, Entitlement]:
    return {one.tier: one for one in entitled(gifts, under, person=ALICE, **more)}  # type: ignore[arg-type]


def phase(found: Entitlement, at: float) -> Phase:
    return found.phase(day(at), TIERS.spans)


def test_a_month_counts_while_it_runs_and_through_grace() -> None:
    friend = of(patron(5))["friend"]
    assert (friend.since, friend.until) == (day(0), months_after(day(0), 1))
    assert phase(friend, 30.9) is Phase.RUNNING, "it renews by itself, so nothing is said before"
    assert phase(friend, 31) is Phase.GRACE
    assert phase(friend, 31 + 14) is Phase.LAPSED
    assert friend.holds(day(40))
    assert not friend.holds(day(45))


def test_prepaid_months_end_visibly() -> None:
    friend = of(on_chain(30, months=3))["friend"]
    assert friend.until == months_after(day(0), 3)
    end = (friend.until - day(0)).days
    assert [phase(friend, at) for at in (end - 8, end - 6, end + 1, end + 15)] == [
        Phase.RUNNING,
        Phase.ENDING,
        Phase.GRACE,
        Phase.LAPSED,
    ]


def test_prepaid_months_follow_each_other_so_that_giving_early_loses_nothing() -> None:
    early = of(on_chain(10, months=1), on_chain(10, months=1, at=20, number=2))["friend"]
    assert early.until == months_after(day(0), 2)
    assert "patron" not in of(on_chain(10, months=1), on_chain(10, months=1, at=20, number=2))


def test_more_a_month_counts_first_and_the_rest_after_it() -> None:
    both = of(on_chain(60, months=6), on_chain(20, months=1, at=10, number=2))
    assert both["patron"].until == months_after(day(10), 1)
    assert both["friend"].until == months_after(day(0), 7)


def test_ten_euros_a_month_are_two_thirty_a_week() -> None:
    assert "patron" in of(weekly(2.30))
    assert "patron" not in of(weekly(2.29))
    assert of(weekly(2.30))["patron"].thanks_only


def test_a_year_at_once_is_twelve_months_unless_the_document_says_how_much() -> None:
    discounted = patron(54, months=12, recurring=Period.YEAR)
    assert "friend" not in of(discounted)
    first = {"id": "friend", "title": "Friend", "month": {"EUR": "5"}, "year": {"EUR": "54"}}
    assert of(discounted, under=tiers(tiers=[first]))["friend"].until == months_after(day(0), 12)


def test_a_gift_within_grace_goes_on_and_a_later_one_begins_anew() -> None:
    assert of(patron(5), patron(5, at=40))["friend"].since == day(0)
    assert of(patron(5), patron(5, at=50))["friend"].since == day(50)


def test_a_streak_is_complete_after_its_months_and_starts_over_after_a_break() -> None:
    months = [patron(5, at=30 * number) for number in range(6)]
    faithful = of(*months)["faithful"]
    assert faithful.since == months_after(day(0), 6)
    assert "faithful" not in of(*months[:3])
    assert "faithful" not in of(*months[:3], *(patron(5, at=250 + 30 * number) for number in range(3)))


def test_a_source_says_since_when() -> None:
    old = patron(5, at=400, since=day(0))
    assert of(old)["faithful"].since == months_after(day(0), 6)


def test_sums_are_for_good_and_of_one_asset() -> None:
    assert of(patron(60), patron(40, at=31))["founder"].until is None
    assert of(patron(60), patron(40, at=31))["founder"].since == day(31)
    assert "founder" not in of(patron(60), on_chain(60))
    assert "founder" not in of(patron(99.99))


def test_what_a_source_says_was_given_in_all_is_not_counted_beside_what_we_saw() -> None:
    assert "founder" not in of(patron(40, total=4000), patron(40, at=31, total=8000))
    assert of(patron(40, at=31, total=10000))["founder"].since == day(31)
    assert "founder" not in of(patron(40), patron(50, at=31, total=9000))


def test_a_charge_back_takes_back_what_it_gave() -> None:
    first, second = patron(60), patron(40, at=31)
    assert "founder" not in of(first, replace(second, taken_back=day(33)))
    assert of(replace(first, taken_back=day(2))) == {}
    after = replace(second, taken_back=day(95))
    assert "founder" not in of(first, after, patron(20, at=62, total=12000)), "its total still had it"


def test_what_left_the_chain_counts_nothing() -> None:
    assert of(on_chain(100, taken_back=day(1))) == {}
    assert of(on_chain(100, level=Level.ORPHANED)) == {}


def test_an_import_is_sure_after_the_window_of_charge_backs_and_the_chain_once_final() -> None:
    assert of(patron(5))["friend"].sure_from == day(60)
    assert of(patron(5), patron(5, at=31))["friend"].sure_from == day(60), "by the first of an unbroken time"
    assert of(on_chain(10, months=1))["friend"].sure_from is None
    assert of(on_chain(10, months=1, level=Level.FINALIZED))["friend"].sure_from == day(0)
    assert of(patron(60), patron(60, at=31))["founder"].sure_from == day(91)


def test_where_rewards_are_forbidden_thanks_alone_are_given() -> None:
    found = entitled([weekly(2.5, at=0), on_chain(20, months=1)], TIERS, person=ALICE)
    patrons = {one.thanks_only: one for one in found if one.tier == "patron"}
    assert patrons[False].source is Source.CHAIN
    assert patrons[True].source is Source.LIBERAPAY
    assert patrons[True].until == day(35)


def test_of_standing_words_the_latest_holds() -> None:
    assert of(weekly(3, at=0), weekly(1.2, at=7))["patron"].until == day(7)
    assert of(weekly(1.2, at=0), weekly(3, at=7))["patron"].since == day(7)


def test_whom_a_whole_listing_leaves_out_gives_no_more() -> None:
    assert of(weekly(3, at=0), listings={Source.LIBERAPAY: [day(0), day(10)]})["patron"].until == day(10)
    assert of(weekly(3, at=0), listings={Source.PATREON: [day(10)]})["patron"].until == day(35)


def test_companies_are_in_tiers_of_their_own() -> None:
    large = patron(2000)
    assert "sponsor" not in of(large)
    assert set(of(large, corporate=True)) == {"sponsor"}


def test_months_end_with_shorter_months_and_never_beyond_the_calendar() -> None:
    assert months_after(day(30), 1) - day(30) == timedelta(days=28)
    assert months_after(day(0), 65_535).year == 7487
    assert months_after(months_after(day(0), 65_535), 65_535).year == 9999
