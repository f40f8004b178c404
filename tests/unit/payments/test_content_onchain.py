"""What is sold on the chain: one hash for a version in an asset, and nothing else is a payment of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from contracts.checkout import SaleTerms, Share, parts, terms_hash
from contracts.events import Bought, Position
from kit.errors import Invalid
from kit.identifiers import ZERO_ADDRESS, Address, Hash32
from ledger.model import Level, erc20, ether
from payments.content.model import Buyer, Kind, Offer, Version
from payments.content.onchain import FOR_EVER, listing_hash, paid_by, sale_terms
from tests.support.terms import BLOCK, CHAIN_ID, TRANSACTION

WALLET, FRIEND, OTHER = (Address(bytes([number]) * 20) for number in (9, 2, 7))
SHOP, BUYER = (Address(bytes([number]) * 20) for number in (4, 6))
TOKEN, STABLE, CHECKOUT = (Address(bytes([number]) * 20) for number in (0x70, 0x71, 0xC0))
LISTING = "AAAAAAAAAAAAAAAAAAAAAA"
MEMO, PURCHASE = Hash32(b"\x3e" * 32), Hash32(b"\x99" * 32)
OFFER = Offer(
    kind=Kind.POST,
    title="On doors",
    wallet=WALLET,
    prices={erc20(CHAIN_ID, TOKEN): 1_001, erc20(CHAIN_ID, STABLE): 7, ether(CHAIN_ID): 5},
    payees={WALLET: 8_000, OTHER: 500, FRIEND: 1_500},
    reference="$event",
    fee_bps=100,
    fee_receiver=SHOP,
    expires_at=datetime(2030, 1, 1, tzinfo=UTC),
)
VERSION = Version(1, OFFER, Hash32(b"\x01" * 32), None, datetime(2027, 1, 1, tzinfo=UTC), None)
NEXT = replace(VERSION, number=2, offer=replace(OFFER, title="On windows"), terms=Hash32(b"\x02" * 32))


def of(version: Version, asset: Address = TOKEN) -> SaleTerms:
    return sale_terms(LISTING, version, asset, chain_id=CHAIN_ID, checkout=CHECKOUT)


def bought(terms: SaleTerms) -> Bought:
    """What the contract tells when somebody has paid by these terms."""
    return Bought(
        at=Position(BLOCK, 3, TRANSACTION),
        checkout=CHECKOUT,
        purchase=PURCHASE,
        buyer=BUYER,
        seller=terms.seller,
        asset=terms.asset,
        amount=terms.price,
        listing=terms.listing,
        terms=terms_hash(terms),
        memo=MEMO,
    )


def test_an_offer_as_the_contract_takes_it() -> None:
    terms = of(VERSION)
    assert terms == SaleTerms(
        seller=WALLET,
        asset=TOKEN,
        price=1_001,
        listing=listing_hash(LISTING),
        content=VERSION.terms,
        valid_until=1_893_456_000,
        fee_bps=100,
        fee_receiver=SHOP,
        shares=(Share(FRIEND, 1_500), Share(OTHER, 500)),
    )
    assert parts(terms) == ((SHOP, 10), (FRIEND, 148), (OTHER, 49), (WALLET, 794))


def test_a_seller_alone_without_fee_or_end() -> None:
    terms = of(replace(VERSION, offer=replace(OFFER, payees={}, fee_bps=0, expires_at=None)))
    assert (terms.shares, terms.fee_receiver, terms.valid_until) == ((), ZERO_ADDRESS, FOR_EVER)
    assert parts(terms) == ((WALLET, 1_001),)


@pytest.mark.parametrize(
    ("change", "asset", "why"),
    [
        ({}, OTHER, "wrong_asset"),
        ({}, ZERO_ADDRESS, "wrong_asset"),
        ({"prices": {erc20(CHAIN_ID, TOKEN): 2**256 - 1}}, TOKEN, "price_out_of_range"),
        ({"wallet": CHECKOUT, "payees": {}}, TOKEN, "bad_payee"),
    ],
)
def test_what_the_contract_would_refuse(change: dict[str, Any], asset: Address, why: str) -> None:
    with pytest.raises(Invalid) as caught:
        of(replace(VERSION, offer=replace(OFFER, **change)), asset)
    assert caught.value.code == why


@pytest.mark.parametrize("asset", [TOKEN, STABLE])
@pytest.mark.parametrize("version", [VERSION, NEXT])
def test_a_purchase_is_of_the_version_and_asset_that_were_paid(version: Version, asset: Address) -> None:
    terms = of(version, asset)
    paid = paid_by(bought(terms), LISTING, [VERSION, NEXT], level=Level.SEEN)
    assert paid is not None
    assert (paid.key, paid.listing, paid.terms, paid.buyer) == (PURCHASE, LISTING, version.terms, Buyer(wallet=BUYER))
    assert (paid.asset, paid.amount, paid.level) == (erc20(CHAIN_ID, asset), terms.price, Level.SEEN)
    assert paid.at.timestamp() == BLOCK.timestamp


def test_whoever_never_took_a_fee_names_nobody() -> None:
    free = replace(VERSION, offer=replace(OFFER, fee_bps=0))
    assert paid_by(bought(of(free)), LISTING, [free], level=Level.SEEN) is not None


@pytest.mark.parametrize(
    "change",
    [
        {"price": 1},
        {"seller": BUYER},
        {"asset": OTHER},
        {"shares": (Share(BUYER, 9_999),)},
        {"content": Hash32(b"\x0f" * 32)},
        {"fee_bps": 0},
        {"valid_until": FOR_EVER},
        {"listing": Hash32(b"\x0f" * 32)},
    ],
)
def test_terms_that_no_seller_wrote_are_no_payment(change: dict[str, Any]) -> None:
    event = bought(replace(of(VERSION), **change))
    assert paid_by(event, LISTING, [VERSION, NEXT], level=Level.SEEN) is None


def test_nor_are_they_of_another_listing_or_chain() -> None:
    event = bought(of(VERSION))
    assert paid_by(event, "B" * 22, [VERSION], level=Level.SEEN) is None
    elsewhere = replace(event, at=event.at._replace(block=replace(BLOCK, chain_id=1)))
    assert paid_by(elsewhere, LISTING, [VERSION], level=Level.SEEN) is None


def test_a_block_of_the_end_of_time_stops_nothing() -> None:
    event = bought(of(VERSION))
    far = replace(event, at=event.at._replace(block=replace(BLOCK, timestamp=2**63 - 1)))
    paid = paid_by(far, LISTING, [VERSION], level=Level.SEEN)
    assert paid is not None
    assert paid.at.year == 9900
