"""Prices rise with what is unanswered, never fall with it, and stay within what can be held (ADR 16)."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.amounts import Amount
from kit.identifiers import ServerName
from payments.stakes.model import HIGHEST_PRICE, Price, check_price
from reputation import pricing
from reputation.pricing import Caps, Pressure
from tests.support.knocks import chain_times, counts, pressures

prices = st.builds(
    Price, st.integers(0, HIGHEST_PRICE // 4).map(Amount), st.integers(1, HIGHEST_PRICE // 4).map(Amount)
)
WORSE = ("door", "own", "wallet", "server")
BETTER = ("door_answered", "server_accepted")


@given(prices, pressures, st.sampled_from(WORSE), counts)
def test_what_is_unanswered_never_makes_anything_cheaper(own: Price, on: Pressure, what: str, more: int) -> None:
    harder = replace(on, **{what: getattr(on, what) + more})
    assert pricing.price_for(own, harder).stake >= pricing.price_for(own, on).stake


@given(prices, pressures, st.sampled_from(BETTER), counts)
def test_what_is_answered_never_makes_anything_dearer(own: Price, on: Pressure, what: str, more: int) -> None:
    easier = replace(on, **{what: getattr(on, what) + more})
    assert pricing.price_for(own, easier).stake <= pricing.price_for(own, on).stake


@given(prices, pressures)
def test_a_price_is_one_that_the_escrow_holds_and_its_fee_is_the_doors(own: Price, on: Pressure) -> None:
    asked = pricing.price_for(own, on)
    check_price(asked)
    assert own.stake.base_units <= asked.stake.base_units <= own.stake.base_units << pricing.MOST_STEPS
    assert asked.fee == own.fee
    assert asked.own == own
    assert bool(asked.dearer) == (asked.stake > own.stake)


@pytest.mark.parametrize("stake", [1, HIGHEST_PRICE // 2 + 1, HIGHEST_PRICE])
def test_the_dearest_doors_cannot_be_pushed_beyond_what_can_be_held(stake: int) -> None:
    asked = pricing.price_for(Price(Amount(stake), Amount(0)), Pressure(door=10**9, own=10**9))
    check_price(asked)
    assert asked.stake.base_units == max(stake, min(stake * 64, HIGHEST_PRICE // 2))


@given(counts, counts, counts)
def test_three_views_of_one_sender_do_not_add_up(own: int, wallet: int, server: int) -> None:
    steps = pricing.steps_of(Pressure(own=own, wallet=wallet, server=server))
    assert steps.total == max(
        pricing.steps_of(Pressure(**{name: count})).total
        for name, count in (("own", own), ("wallet", wallet), ("server", server))
    )


@given(st.lists(chain_times, min_size=1, max_size=40))
def test_a_bar_doubles_and_has_an_end(lapsed: list[int]) -> None:
    until, last = pricing.barred_until(lapsed), max(lapsed)
    assert until is not None
    days = (until - last) / 86_400
    assert days == min(7 * 2 ** (len(lapsed) - 1), 112)
    assert pricing.barred_until([]) is None


@given(pressures, st.builds(Caps, st.integers(1, 1000), st.integers(1, 1000)), chain_times)
def test_a_full_door_says_until_when_in_coarse_steps(on: Pressure, caps: Caps, now: int) -> None:
    until = pricing.free_at(on, now)
    assert until >= now
    assert until % (6 * 3600) == 0
    if pricing.is_full(caps, on):
        assert pricing.is_full(caps, replace(on, open_now=on.open_now + 1, opened_today=on.opened_today + 1))


@given(st.text(max_size=300).map(ServerName))
def test_any_name_of_a_homeserver_counts_somewhere(server: ServerName) -> None:
    assert len(pricing.origin_of(server)) <= 2 * len(server)  # some letters grow when they are made small
    assert {field.name for field in fields(Pressure)} >= set(WORSE) | set(BETTER)


@pytest.mark.parametrize(
    ("server", "origin"),
    [
        ("example.org", "example.org"),
        ("a.b.Example.org:8448", "example.org"),
        ("x.example.co.uk", "example.co.uk"),
        ("co.uk", "co.uk"),
        ("matrix.example.at", "matrix.example.at"[7:]),
        ("localhost", "localhost"),
        ("10.0.0.1:8448", "10.0.0.1"),
        ("[2001:db8::1]:8448", "[2001:db8::1]"),
    ],
)
def test_names_below_a_registered_domain_count_as_that_domain(server: str, origin: str) -> None:
    assert pricing.origin_of(ServerName(server)) == origin
