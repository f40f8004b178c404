"""Purchases: the hand-written calls and logs of ``Checkout`` against the general codec; a price is paid whole."""

from dataclasses import astuple

import pytest
from eth_abi.abi import encode
from eth_utils.crypto import keccak
from hypothesis import given
from hypothesis import strategies as st

from contracts import checkout
from contracts.checkout import Order, SaleTerms, Share
from contracts.events import Bought, Position, Refunded
from contracts.words import word_of_address
from kit.errors import Invalid
from kit.identifiers import Address, Hash32
from tests.support.terms import BLOCK, CHECKOUT, TRANSACTION, addresses, amounts, hashes, log_of, times

TERMS_TYPE = "(address,address,uint256,uint16,address,(address,uint16)[],bytes32,bytes32,uint64)"
ORDER_TYPE = "(address,bytes32,uint256,address,uint64,bytes32)"
AT = Position(BLOCK, 3, TRANSACTION)

shares = st.lists(st.builds(Share, addresses, st.integers(0, 2**16 - 1)), max_size=16).map(tuple)
any_terms = st.builds(
    SaleTerms,
    seller=addresses,
    asset=addresses,
    price=amounts,
    listing=hashes,
    content=hashes,
    valid_until=times,
    fee_bps=st.integers(0, 2**16 - 1),
    fee_receiver=addresses,
    shares=shares,
)
any_orders = st.builds(
    Order,
    buyer=addresses,
    memo=hashes,
    relay_fee=amounts,
    relay_receiver=addresses,
    valid_before=times,
    salt=hashes,
)
signatures = st.tuples(hashes, st.integers(1, 2**254), st.sampled_from([27, 28]))


def shown(value: object) -> object:
    """A value as eth-abi takes it."""
    return "0x" + value.hex() if isinstance(value, bytes) and len(value) == 20 else value


def plain(terms: SaleTerms) -> tuple[object, ...]:
    """Terms as eth-abi takes them, in the contract's order."""
    along = [(shown(payee), bps) for payee, bps in terms.shares]
    before = (terms.seller, terms.asset, terms.price, terms.fee_bps, terms.fee_receiver)
    return (*map(shown, before), along, terms.listing, terms.content, terms.valid_until)


def plain_order(order: Order) -> tuple[object, ...]:
    """An order as eth-abi takes it."""
    return tuple(map(shown, astuple(order)))


@given(any_terms, any_orders, st.integers(1, 2**63))
def test_the_hashes_are_those_of_the_general_encoding(terms: SaleTerms, order: Order, chain_id: int) -> None:
    of_terms = keccak(encode([TERMS_TYPE], [plain(terms)]))
    assert checkout.terms_hash(terms) == of_terms
    whole = encode(
        ["uint256", "address", "bytes32", ORDER_TYPE], [chain_id, shown(CHECKOUT), of_terms, plain_order(order)]
    )
    assert checkout.purchase_id(terms, order, chain_id=chain_id, checkout=CHECKOUT) == keccak(whole)


@given(any_terms, any_orders, amounts, signatures)
def test_calls_are_written_as_the_general_encoder_does(
    terms: SaleTerms, order: Order, deadline: int, signed: tuple[Hash32, int, int]
) -> None:
    r, s, v = signed
    signature, v_r_s = r + s.to_bytes(32) + bytes([v]), [v, r, s.to_bytes(32)]
    types, values = [TERMS_TYPE, ORDER_TYPE], [plain(terms), plain_order(order)]
    of_signature = ["uint8", "bytes32", "bytes32"]
    assert checkout.encode_buy(terms, order)[4:] == encode(types, values)
    assert checkout.encode_purchase_id(terms, order)[4:] == encode(types, values)
    assert checkout.encode_terms_hash(terms)[4:] == encode(types[:1], values[:1])
    assert checkout.encode_buy_with_permit(terms, order, deadline, signature)[4:] == encode(
        [*types, "uint256", *of_signature], [*values, deadline, *v_r_s]
    )
    call = checkout.encode_buy_with_authorization(terms, order, signature)
    assert call[4:] == encode([*types, *of_signature], [*values, *v_r_s])
    assert checkout.decode_buy_with_authorization(call) == (terms, order)


@given(hashes, addresses, addresses, amounts)
def test_refunds_are_written_as_the_general_encoder_does(
    purchase: Hash32, to: Address, asset: Address, amount: int
) -> None:
    wanted = encode(["bytes32", "address", "address", "uint256"], [purchase, shown(to), shown(asset), amount])
    assert checkout.encode_refund(purchase, to, asset, amount)[4:] == wanted
    assert checkout.encode_bought(purchase)[4:] == purchase


@given(any_terms, any_orders, st.data())
def test_a_call_that_is_not_ours_is_refused(terms: SaleTerms, order: Order, data: st.DataObject) -> None:
    call = checkout.encode_buy_with_authorization(terms, order, b"\x01" * 64 + b"\x1b")
    cut = data.draw(st.integers(0, len(call) - 1))
    for broken in (call[:cut], call + b"\0", call + bytes(64), b"\0" + call[1:]):
        with pytest.raises(Invalid):
            checkout.decode_buy_with_authorization(broken)


@given(st.binary(max_size=1_000))
def test_no_bytes_make_it_fall_over(junk: bytes) -> None:
    for call in (junk, checkout._BUY_WITH_AUTHORIZATION + junk):
        with pytest.raises(Invalid):
            checkout.decode_buy_with_authorization(call)


@given(hashes, addresses, addresses, addresses, amounts, hashes, hashes, hashes)
def test_logs_are_read_as_the_general_encoder_writes_them(
    purchase: Hash32,
    one: Address,
    other: Address,
    asset: Address,
    amount: int,
    listing: Hash32,
    terms: Hash32,
    memo: Hash32,
) -> None:
    people = (purchase, word_of_address(one), word_of_address(other))
    data = encode(["address", "uint256", "bytes32", "bytes32", "bytes32"], [shown(asset), amount, listing, terms, memo])
    log = log_of(CHECKOUT, (checkout.BOUGHT, *people), data)
    bought = Bought(AT, CHECKOUT, purchase, one, other, asset, amount, listing, terms, memo)
    assert checkout.decode_log(log, BLOCK, checkout=CHECKOUT) == bought
    log = log_of(CHECKOUT, (checkout.REFUNDED, *people), encode(["address", "uint256"], [shown(asset), amount]))
    refunded = Refunded(AT, CHECKOUT, purchase, one, other, asset, amount)
    assert checkout.decode_log(log, BLOCK, checkout=CHECKOUT) == refunded
    assert checkout.decode_log(log._replace(address=asset), BLOCK, checkout=CHECKOUT) is (
        refunded if asset == CHECKOUT else None
    )


@given(st.sampled_from([checkout.BOUGHT, checkout.REFUNDED]), st.lists(st.binary(max_size=33), max_size=4), st.binary())
def test_a_log_that_it_cannot_have_written_is_refused(topic: Hash32, rest: list[bytes], data: bytes) -> None:
    with pytest.raises(Invalid):
        checkout.decode_log(log_of(CHECKOUT, (topic, *rest), data), BLOCK, checkout=CHECKOUT)


@given(any_terms)
def test_parts_sum_to_the_price_of_whatever_is_lawful(terms: SaleTerms) -> None:
    try:
        checkout.check(terms, checkout=CHECKOUT)
    except Invalid:
        return
    paid = checkout.parts(terms)
    assert sum(part.amount for part in paid) == terms.price
    assert all(part.amount > 0 for part in paid)


@given(
    st.integers(1, 10**30),
    st.integers(0, 1_000),
    st.lists(st.integers(1, 625), max_size=16),
)
def test_what_is_lawful_is_split_to_the_last_unit(price: int, fee: int, bps: list[int]) -> None:
    terms = SaleTerms(
        seller=Address(b"\x01" * 20),
        asset=Address(b"\x02" * 20),
        price=price,
        listing=Hash32(bytes(32)),
        content=Hash32(bytes(32)),
        valid_until=1,
        fee_bps=fee,
        fee_receiver=Address(b"\x03" * 20),
        shares=tuple(Share(Address(bytes([9 + place]) * 20), part) for place, part in enumerate(bps)),
    )
    checkout.check(terms, checkout=CHECKOUT)
    paid = checkout.parts(terms)
    assert sum(part.amount for part in paid) == price
    by_payee = dict(paid)
    net = price - by_payee.get(terms.fee_receiver, 0)
    assert all(by_payee.get(share.payee, 0) == net * share.bps // 10_000 for share in terms.shares)
