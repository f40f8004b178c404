"""Terms of what is sold: the hash is stable, documented, and of every word that a buyer agrees to."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from kit.errors import Invalid
from kit.identifiers import ZERO_ADDRESS, Address, show_hash
from ledger.model import Asset, Level
from payments.content.model import Kind, Offer, Stored
from payments.content.terms import terms_hash

WALLET, FRIEND = Address(bytes([1]) * 20), Address(bytes([2]) * 20)
ERN = Asset("erc20:31337:0x" + "07" * 20)
OFFER = Offer(
    kind=Kind.FILE,
    title="On doors",
    wallet=WALLET,
    prices={ERN: 5 * 10**18},
    payees={WALLET: 9_000, FRIEND: 1_000},
    preview="What a door is.",
    licence="CC-BY-4.0",
    fee_bps=100,
    finality=Level.SAFE,
    expires_at=datetime(2030, 1, 1, tzinfo=UTC),
)
STORED = Stored("0" * 32, 19, bytes([5]) * 32, "application/pdf", "doors.pdf")
LISTING = "AAAAAAAAAAAAAAAAAAAAAA"


def test_the_hash_of_the_documented_example_never_changes() -> None:
    assert (
        show_hash(terms_hash(LISTING, 1, OFFER, STORED))
        == "0x4037ace961b0a58c61f25fb14c92da8c8b6560fd9d2a89970eeb0d380e4fac0c"
    )


@pytest.mark.parametrize(
    "change",
    [
        {"title": "On windows"},
        {"preview": ""},
        {"licence": "none"},
        {"prices": {ERN: 5}},
        {"payees": {}},
        {"fee_bps": 0},
        {"finality": Level.SEEN},
        {"expires_at": None},
        {"wallet": FRIEND},
    ],
)
def test_every_term_is_in_the_hash(change: dict[str, Any]) -> None:
    assert terms_hash(LISTING, 1, replace(OFFER, **change), STORED) != terms_hash(LISTING, 1, OFFER, STORED)


def test_content_version_and_listing_are_in_the_hash_and_the_place_of_the_blob_is_not() -> None:
    one = terms_hash(LISTING, 1, OFFER, STORED)
    assert terms_hash(LISTING, 2, OFFER, STORED) != one
    assert terms_hash(LISTING[:-1] + "B", 1, OFFER, STORED) != one
    assert terms_hash(LISTING, 1, OFFER, replace(STORED, digest=bytes(32))) != one
    assert terms_hash(LISTING, 1, OFFER, replace(STORED, blob="1" * 32)) == one


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"title": ""}, "title_wrong"),
        ({"title": "a\nb"}, "title_wrong"),
        ({"title": "a\u202eb"}, "title_wrong"),
        ({"title": "x" * 121}, "title_wrong"),
        ({"preview": "x" * 2_001}, "preview_wrong"),
        ({"prices": {}}, "no_price"),
        ({"prices": {ERN: 0}}, "price_outside"),
        ({"prices": {ERN: 2**256}}, "price_outside"),
        ({"payees": {WALLET: 9_999}}, "shares_wrong"),
        ({"payees": {FRIEND: 10_000}}, "shares_wrong"),
        ({"payees": {WALLET: 10_001, FRIEND: -1}}, "shares_wrong"),
        ({"payees": {WALLET: 9_999, ZERO_ADDRESS: 1}}, "wallet_zero"),
        ({"fee_bps": 1_001}, "fee_outside"),  # the contract takes no more
        ({"stock": 0}, "stock_outside"),
        ({"finality": Level.ORPHANED}, "finality_unknown"),
        ({"reference": "!room:x"}, "reference_wrong"),
        ({"admitted": timedelta(days=1)}, "admission_period"),
        ({"kind": Kind.POST, "reference": "$e", "admitted": timedelta(days=1)}, "admission_period"),
        ({"kind": Kind.GATEWAY, "reference": "x", "admitted": timedelta(minutes=1)}, "admission_period"),
        ({"kind": Kind.GATEWAY}, "reference_wrong"),
        ({"kind": Kind.ADMISSION}, "admission_period"),
        ({"kind": Kind.POST}, "reference_wrong"),
    ],
)
def test_what_nobody_could_buy_is_refused(change: dict[str, Any], code: str) -> None:
    with pytest.raises(Invalid) as refused:
        replace(OFFER, **change)
    assert refused.value.code == code
