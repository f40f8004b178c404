"""The wire of x402: whatever is sent in is read, or refused with one of its reasons."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.identifiers import Address, parse_address
from payments.settlements.x402 import Flaw, Reason, Token, check, check_times, read_demand, read_payment

ASSET, SELLER, BUYER = "0x" + "11" * 20, "0x" + "22" * 20, "0x" + "33" * 20
DEMAND = {
    "scheme": "exact",
    "network": "eip155:31337",
    "asset": ASSET,
    "amount": "5",
    "payTo": SELLER,
    "maxTimeoutSeconds": 60,
    "extra": {"name": "Earnest", "version": "1", "more": [1]},
}
PAYMENT = {
    "x402Version": 2,
    "resource": {"url": "https://shop.example"},
    "accepted": DEMAND,
    "payload": {
        "signature": "0x" + "ab" * 65,
        "authorization": {
            "from": BUYER,
            "to": SELLER,
            "value": "5",
            "validAfter": "0",
            "validBefore": "1000",
            "nonce": "0x" + "cd" * 32,
        },
    },
    "extensions": {"anything": None},
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def places(told: Any, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:  # noqa: ANN401 - JSON
    """Every place in a document."""
    if not isinstance(told, dict):
        return [path]
    return [path, *(place for name in told for place in places(told[name], (*path, name)))]


@given(st.sampled_from(places(PAYMENT)[1:]), JSON)
def test_a_payment_with_anything_anywhere_is_read_or_refused(place: tuple[str, ...], value: object) -> None:
    told: Any = copy.deepcopy(PAYMENT)
    inner = told
    for name in place[:-1]:
        inner = inner[name]
    inner[place[-1]] = value
    with pytest.raises(Flaw) as refused:  # nobody signed any of them
        check(read_payment(told), read_demand(DEMAND), Token(31337, parse_address(ASSET)))
    assert refused.value.reason in Reason


@given(JSON)
def test_anything_is_read_or_refused(told: object) -> None:
    for read in (read_payment, read_demand):
        with pytest.raises(Flaw):
            read(told)


def test_what_is_well_formed_is_read_whatever_stands_beside_it() -> None:
    payment = read_payment(PAYMENT)
    assert payment.accepted == read_demand(DEMAND)
    assert (payment.signed.payer, payment.signed.amount) == (Address(b"\x33" * 20), 5)
    assert read_demand({**DEMAND, "asset": ASSET.upper().replace("X", "x")}) == read_demand(DEMAND)


@pytest.mark.parametrize(("now", "reason"), [(0, Reason.TOO_EARLY), (991, Reason.TOO_LATE), (1001, Reason.TOO_LATE)])
def test_times_are_exclusive_and_have_a_margin(now: int, reason: Reason) -> None:
    signed = read_payment(PAYMENT).signed
    check_times(signed, 1)
    check_times(signed, 990)
    with pytest.raises(Flaw) as refused:
        check_times(signed, now)
    assert refused.value.reason is reason
