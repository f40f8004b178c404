"""What is sold: the rules that terms must keep, each broken once, and who gets which part of a price."""

from dataclasses import replace

import pytest

from contracts import checkout, codec
from contracts.checkout import Order, Part, SaleTerms, Share
from contracts.reverts import reverted_because
from kit.errors import Invalid
from kit.identifiers import ZERO_ADDRESS, Address, Hash32
from tests.contracts.escrow_chain import CHECKOUT as ARTIFACT
from tests.support.terms import BLOCK, CHECKOUT, TOKEN, log_of

SELLER, SHOP = Address(b"\x5e" * 20), Address(b"\x50" * 20)
PAINTER, EDITOR = Address(b"\x9a" * 20), Address(b"\xed" * 20)
TERMS = SaleTerms(
    seller=SELLER,
    asset=TOKEN,
    price=19,
    listing=Hash32(b"\x11" * 32),
    content=Hash32(b"\x22" * 32),
    valid_until=2_000_000_000,
    fee_bps=1_000,
    fee_receiver=SHOP,
    shares=(Share(PAINTER, 2_000), Share(EDITOR, 500)),
)


def test_parts_are_rounded_down_and_the_seller_has_the_rest() -> None:
    assert checkout.parts(TERMS) == (Part(SHOP, 1), Part(PAINTER, 3), Part(SELLER, 15))
    assert checkout.parts(replace(TERMS, fee_bps=0, shares=())) == (Part(SELLER, 19),)
    whole = replace(TERMS, price=20, fee_bps=0, shares=(Share(PAINTER, 10_000),))
    assert checkout.parts(whole) == (Part(PAINTER, 20),)


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        (replace(TERMS, price=0), "price_out_of_range"),
        (replace(TERMS, price=2**256 // 10_000 + 1), "price_out_of_range"),
        (replace(TERMS, fee_bps=1_001), "fee_out_of_range"),
        (replace(TERMS, fee_bps=-1), "fee_out_of_range"),
        (replace(TERMS, shares=(Share(PAINTER, 1),) * 17), "too_many_shares"),
        (replace(TERMS, shares=(Share(PAINTER, 0),)), "shares_out_of_range"),
        (replace(TERMS, shares=(Share(PAINTER, 9_000), Share(EDITOR, 1_001))), "shares_out_of_range"),
        (replace(TERMS, seller=ZERO_ADDRESS), "bad_payee"),
        (replace(TERMS, seller=CHECKOUT), "bad_payee"),
        (replace(TERMS, fee_receiver=ZERO_ADDRESS), "bad_payee"),
        (replace(TERMS, shares=(Share(CHECKOUT, 1),)), "bad_payee"),
    ],
    ids=str,
)
def test_what_the_contract_would_refuse_is_refused_before(changed: SaleTerms, code: str) -> None:
    with pytest.raises(Invalid) as refused:
        checkout.check(changed, checkout=CHECKOUT)
    assert refused.value.code == code


def test_what_the_contract_takes_is_taken() -> None:
    for terms in (
        TERMS,
        replace(TERMS, fee_bps=0, fee_receiver=ZERO_ADDRESS),
        replace(TERMS, shares=(Share(PAINTER, 1),) * 16),
        replace(TERMS, shares=(Share(SELLER, 10_000),)),
        replace(TERMS, price=(2**256 - 1) // 10_000),
    ):
        checkout.check(terms, checkout=CHECKOUT)


def test_a_value_without_place_in_its_type_is_refused() -> None:
    order = Order(SELLER, Hash32(bytes(32)), 0, ZERO_ADDRESS, 1, Hash32(bytes(32)))
    for terms in (replace(TERMS, fee_bps=2**16), replace(TERMS, valid_until=2**64), replace(TERMS, price=2**256)):
        with pytest.raises(Invalid):
            checkout.terms_hash(terms)
    for broken in (replace(order, valid_before=2**64), replace(order, memo=Hash32(b"short"))):
        with pytest.raises(Invalid):
            checkout.encode_buy(TERMS, broken)


def test_logs_of_others_and_of_other_blocks() -> None:
    log = log_of(CHECKOUT, (Hash32(b"\x01" * 32),), b"")
    assert checkout.decode_log(log, BLOCK, checkout=CHECKOUT) is None
    assert checkout.decode_log(log._replace(topics=()), BLOCK, checkout=CHECKOUT) is None
    with pytest.raises(Invalid, match="another block"):
        checkout.decode_log(log._replace(block_hash=Hash32(b"\x02" * 32)), BLOCK, checkout=CHECKOUT)


def test_calls_events_and_errors_are_those_of_the_artifact() -> None:
    order = Order(SELLER, Hash32(bytes(32)), 0, ZERO_ADDRESS, 1, Hash32(bytes(32)))
    signature = b"\x01" * 64 + b"\x1b"
    calls = {
        checkout.encode_buy(TERMS, order),
        checkout.encode_buy_with_permit(TERMS, order, 1, signature),
        checkout.encode_buy_with_authorization(TERMS, order, signature),
        checkout.encode_refund(Hash32(bytes(32)), SELLER, TOKEN, 1),
        checkout.encode_bought(Hash32(bytes(32))),
        checkout.encode_terms_hash(TERMS),
        checkout.encode_purchase_id(TERMS, order),
    }
    known = {codec.selector_of(signature): name for name, signature in ARTIFACT.functions.items()}
    assert {known[call[:4]] for call in calls} == {
        name for name in ARTIFACT.functions if name not in {"token", "MAX_FEE_BPS", "MAX_SHARES"}
    }
    assert {checkout.BOUGHT, checkout.REFUNDED} == ARTIFACT.events.keys()
    unnamed = [name for selector, name in ARTIFACT.errors.items() if not reverted_because(selector).startswith(name)]
    assert not unnamed
