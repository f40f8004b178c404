"""Quotes: one standing price for a pair, unguessable, replaced when it no longer holds."""

from __future__ import annotations

from dataclasses import replace

import pytest

from contracts import codec
from kit.amounts import UINT256_MAX, ZERO, Amount
from kit.errors import Invalid, NotFound
from kit.identifiers import ZERO_ADDRESS, Address
from payments.stakes.model import ANSWER_WINDOW, QUOTE_TTL, RENEW_BEFORE, UNPAID_KEPT, Price, Quote
from tests.support.house import House
from tests.support.knocks import ALICE, BOB
from tests.support.stakes import ESCROW, ESCROW_TERMS, PAYEE

FIVE = Price(Amount(5), ZERO)


def quoted(house: House, price: Price = FIVE, payee: Address | None = None) -> Quote:
    with house.work() as rooms:
        bob, alice = rooms.people.number(BOB), rooms.people.number(ALICE)
        return rooms.stakes.quote(bob, alice, price, payee, stranger_id=BOB, recipient_id=ALICE)


def test_a_quote_says_all_that_a_stake_will_be_bound_by(house: House) -> None:
    quote = quoted(house, Price(Amount(5), Amount(2)), PAYEE)
    assert (quote.price.stake.base_units, quote.price.fee.base_units, quote.fee_payee) == (5, 2, PAYEE)
    assert (quote.resolver, quote.guardian) == (ESCROW_TERMS.resolver, ESCROW_TERMS.guardian)
    assert quote.quote_expiry == house.time + QUOTE_TTL.total_seconds()
    assert quote.answer_by == quote.quote_expiry + ANSWER_WINDOW.total_seconds()
    assert quote.commitment == codec.commitment(BOB, ALICE, quote.salt)
    assert len(quote.check_code) == 9
    assert len(quote.id) == 22
    with house.work() as rooms:
        assert rooms.stakes.find_quote(quote.id) == quote
        assert rooms.stakes.standing(quote)


def test_the_same_price_is_quoted_once(house: House) -> None:
    first = quoted(house)
    house.time += 3600
    assert quoted(house) == first


def test_another_price_takes_the_first_ones_place(house: House) -> None:
    first = quoted(house)
    second = quoted(house, Price(Amount(6), ZERO))
    assert second.id != first.id
    assert {second.salt, second.commitment, second.check_code}.isdisjoint(
        {first.salt, first.commitment, first.check_code}
    )
    with house.work() as rooms:
        old = rooms.stakes.find_quote(first.id)
        assert old.superseded_at == house.time
        assert not rooms.stakes.standing(old)
    assert quoted(house, FIVE).id not in {first.id, second.id}


def test_a_quote_that_nobody_could_pay_in_time_is_renewed(house: House) -> None:
    first = quoted(house)
    house.time = first.quote_expiry - int(RENEW_BEFORE.total_seconds())
    second = quoted(house)
    assert second.id != first.id
    house.time = second.quote_expiry
    with house.work() as rooms:
        assert not rooms.stakes.standing(second)


def test_other_keys_or_another_payee_make_another_quote(house: House) -> None:
    first = quoted(house)
    house.escrow = replace(house.escrow, resolver=Address(b"\x44" * 20))
    second = quoted(house)
    assert second.id != first.id
    third = quoted(house, Price(Amount(5), Amount(1)), PAYEE)
    fourth = quoted(house, Price(Amount(5), Amount(1)), Address(b"\x55" * 20))
    assert third.id != fourth.id


def test_a_pair_is_quoted_one_way_only(house: House) -> None:
    there = quoted(house)
    with house.work() as rooms:
        bob, alice = rooms.people.number(BOB), rooms.people.number(ALICE)
        back = rooms.stakes.quote(alice, bob, FIVE, None, stranger_id=ALICE, recipient_id=BOB)
        assert rooms.stakes.standing(rooms.stakes.find_quote(there.id))
    assert back.id != there.id
    assert back.commitment != there.commitment


def test_without_a_fee_nobody_is_named_to_earn_one(house: House) -> None:
    assert quoted(house, FIVE, PAYEE).fee_payee == ZERO_ADDRESS


@pytest.mark.parametrize(
    ("price", "payee", "code"),
    [
        (Price(ZERO, ZERO), PAYEE, "price_zero"),
        (Price(Amount(UINT256_MAX), ZERO), None, "price_too_high"),
        (Price(Amount(UINT256_MAX // 2), Amount(1)), PAYEE, "price_too_high"),
        (Price(ZERO, Amount(1)), None, "fee_payee_missing"),
        (Price(Amount(5), Amount(1)), ZERO_ADDRESS, "fee_payee_missing"),
        (Price(Amount(5), Amount(1)), ESCROW, "fee_payee_missing"),
    ],
)
def test_what_the_escrow_could_not_hold_or_pay_is_never_quoted(
    house: House, price: Price, payee: Address | None, code: str
) -> None:
    with pytest.raises(Invalid) as refused:
        quoted(house, price, payee)
    assert refused.value.code == code


def test_more_than_there_is_can_be_asked_and_kept_exactly(house: House) -> None:
    high = Price(Amount(UINT256_MAX // 2), ZERO)
    quote = quoted(house, high)
    with house.work() as rooms:
        assert rooms.stakes.find_quote(quote.id).price == high


def test_an_unknown_quote_is_not_found(house: House) -> None:
    with house.work() as rooms, pytest.raises(NotFound):
        rooms.stakes.find_quote("nothing")


def test_voided_quotes_stand_no_longer(house: House) -> None:
    first = quoted(house)
    with house.work() as rooms:
        alice, bob = rooms.people.number(ALICE), rooms.people.number(BOB)
        rooms.stakes.void(bob)
        assert rooms.stakes.standing(rooms.stakes.find_quote(first.id))
        rooms.stakes.void(alice, alice)
        assert rooms.stakes.standing(rooms.stakes.find_quote(first.id))
        rooms.stakes.void(alice)
        assert not rooms.stakes.standing(rooms.stakes.find_quote(first.id))


def test_forgetting_wipes_what_could_prove_the_pair(house: House) -> None:
    first = quoted(house)
    with house.work() as rooms:
        rooms.stakes.forget(rooms.people.number(BOB))
    with house.work() as rooms:
        left = rooms.stakes.find_quote(first.id)
        assert left.salt == bytes(32)
        assert left.commitment == first.commitment
        assert not rooms.stakes.standing(left)


def test_unpaid_quotes_go_after_a_month_and_paid_ones_stay(house: House) -> None:
    house.asking()
    paid = house.pay().quote_id
    unpaid = quoted(house, Price(Amount(9), ZERO))
    house.time = unpaid.quote_expiry + int(UNPAID_KEPT.total_seconds())
    with house.work() as rooms:
        assert rooms.stakes.prune(limit=10) == []
    house.time += 1
    with house.work() as rooms:
        assert len(rooms.stakes.prune(limit=10)) == 1
        assert paid is not None
        rooms.stakes.find_quote(paid)
        with pytest.raises(NotFound):
            rooms.stakes.find_quote(unpaid.id)
