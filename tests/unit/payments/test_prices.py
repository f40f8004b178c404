"""Prices and deadlines: what the escrow can hold, and until when an answer counts."""

from __future__ import annotations

from datetime import timedelta

import pytest

from kit.amounts import UINT256_MAX, ZERO, Amount
from kit.errors import Invalid
from payments.stakes.model import HIGHEST_PRICE, Price, answers_close, check_price, undo_closes
from tests.support.terms import TERMS


@pytest.mark.parametrize("price", [Price(Amount(1), ZERO), Price(ZERO, Amount(1)), Price(Amount(HIGHEST_PRICE), ZERO)])
def test_a_price_may_be_stake_or_fee_and_as_high_as_half_a_word(price: Price) -> None:
    check_price(price)


@pytest.mark.parametrize(
    ("price", "relay_fee", "code"),
    [
        (Price(ZERO, ZERO), ZERO, "price_zero"),
        (Price(Amount(HIGHEST_PRICE), Amount(1)), ZERO, "price_too_high"),
        (Price(Amount(HIGHEST_PRICE), ZERO), Amount(1), "price_too_high"),
        (Price(Amount(UINT256_MAX), Amount(UINT256_MAX)), Amount(UINT256_MAX), "price_too_high"),
    ],
)
def test_no_price_is_nothing_or_overflows(price: Price, relay_fee: Amount, code: str) -> None:
    with pytest.raises(Invalid) as refused:
        check_price(price, relay_fee=relay_fee)
    assert refused.value.code == code


def test_answers_close_one_finality_and_ten_minutes_before_answer_by() -> None:
    assert answers_close(TERMS, timedelta(minutes=20)) == TERMS.answer_by - 30 * 60
    assert undo_closes(10_000) == 10_000 - 10 * 60
