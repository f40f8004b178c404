"""Entitlements are a pure fold of what was told, monotone in what was given, and count no gift twice."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from kit.identifiers import PersonId
from ledger.model import Level
from payments.flair.entitling import entitled, join, joined
from payments.flair.model import Entitlement, Gift, Source
from tests.support.gifts import EUR, day, on_chain, patron, tiers, weekly

TIERS = tiers()
NOW = day(400)
_levels = st.sampled_from([Level.SEEN, Level.SAFE, Level.FINALIZED])
_days = st.integers(0, 400)
_months = st.integers(0, 14)
_taken = st.none() | _days.map(day)
_totals = st.none() | st.integers(0, 20_000)
chain_gifts = st.builds(
    lambda tokens, at, months, number, level, taken: on_chain(
        tokens, at=at, months=months, number=number, level=level, taken_back=taken
    ),
    st.integers(1, 200),
    _days,
    _months,
    st.integers(1, 6),
    _levels,
    _taken,
)
charges = st.builds(
    lambda euros, at, member, total, since, taken: patron(
        euros, at=at, member=member, total=total, since=since, taken_back=taken
    ),
    st.integers(1, 60),
    _days,
    st.sampled_from(["m1", "m2"]),
    _totals,
    st.none() | _days.map(day),
    _taken,
)
words = st.builds(
    lambda cents, at, name: weekly(cents / 100, at=at, name=name), st.integers(0, 500), _days, st.sampled_from("78")
)
histories = st.lists(chain_gifts | charges | words, max_size=12)
payments = st.lists(chain_gifts | charges, max_size=10).map(
    lambda gifts: [replace(gift, taken_back=None, total=None) for gift in gifts]
)


def of(gifts: list[Gift]) -> list[Entitlement]:
    return entitled(gifts, TIERS, person=PersonId(1))


def held(gifts: list[Gift]) -> set[tuple[str, bool]]:
    return {(one.tier, one.thanks_only) for one in of(gifts) if one.holds(NOW)}


@given(histories, st.randoms(use_true_random=False))
def test_neither_order_nor_repetition_matters(history: list[Gift], chance: Random) -> None:
    shuffled = [*history, *history[: len(history) // 2]]
    chance.shuffle(shuffled)
    assert of(shuffled) == of(history)


@given(chain_gifts | charges, chain_gifts | charges, chain_gifts | charges)
def test_joining_is_the_same_however_it_is_done(one: Gift, two: Gift, three: Gift) -> None:
    two, three = (replace(other, key=one.key) for other in (two, three))
    assert join(one, two) == join(two, one)
    assert join(join(one, two), three) == join(one, join(two, three))
    assert join(one, one) == one
    assert join(join(one, two), two) == join(one, two)


@given(payments, chain_gifts | charges)
def test_tiers_are_monotone_in_what_was_given(history: list[Gift], more: Gift) -> None:
    more = replace(more, taken_back=None, total=None, key="another")
    before, after = held(history), held([*history, more])
    assert before <= after
    ends = {one.tier: one.grace_until or NOW for one in of(history) if one.holds(NOW)}
    for one in of([*history, more]):
        if one.tier in ends and not one.thanks_only:
            assert one.grace_until is None or one.grace_until >= ends[one.tier]


@given(payments, chain_gifts | charges)
def test_giving_more_by_one_gift_is_never_less(history: list[Gift], one: Gift) -> None:
    small = replace(one, taken_back=None, total=None, key="this")
    large = replace(small, amount=small.amount * 2)
    assert held([*history, small]) <= held([*history, large])


@given(histories, st.integers(0, 11))
def test_what_is_taken_back_is_as_if_it_had_never_been_given(history: list[Gift], which: int) -> None:
    history = [replace(gift, total=None) for gift in joined(history)]
    if which >= len(history):
        return
    gone = [replace(gift, taken_back=day(1)) if place == which else gift for place, gift in enumerate(history)]
    never = [gift for place, gift in enumerate(history) if place != which]
    assert of(gone) == of(never)


@given(st.lists(charges, max_size=8))
def test_sums_count_each_gift_once_whatever_a_source_says_it_had_in_all(history: list[Gift]) -> None:
    """The most that a sum can rest on is what was given, or what the sources say, never both."""
    gifts = [replace(gift, taken_back=None) for gift in joined(history)]
    most = 0
    for member in {gift.giver for gift in gifts}:
        mine = [gift for gift in gifts if gift.giver == member and gift.source is Source.PATREON and gift.asset == EUR]
        said = max((gift.total or 0 for gift in mine), default=0)
        most += max(sum(gift.amount for gift in mine), said + sum(gift.amount for gift in mine))
    reached = any(one.tier == "founder" for one in of(gifts))
    assert not reached or most >= 10_000


@given(histories)
def test_what_is_sure_is_held_and_what_is_ahead_is_not(history: list[Gift]) -> None:
    for one in of(history):
        assert one.since <= (one.until or NOW.replace(year=9999))
        assert not one.sure(NOW) or one.holds(NOW)
        assert one.sure_from is None or one.sure_from >= min(min(gift.at, gift.since or gift.at) for gift in history)
