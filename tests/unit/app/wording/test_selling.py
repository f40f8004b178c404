"""What the bot says of what is sold: other people's words in it stay theirs, and every state has a sentence."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from app.wording import bought, selling
from app.wording.reader import Reader, Service
from kit.identifiers import Address, Hash32, PersonId, UserId
from ledger.model import Asset, Level
from payments.content.model import (
    Buyer,
    Kind,
    Listing,
    ListingState,
    Offer,
    OwedBecause,
    Purchase,
    PurchaseState,
    Stored,
    Version,
)

NOW = datetime(2026, 11, 22, tzinfo=UTC)
READER = Reader(Service("ERN", 18, "https://earnest.example", None), NOW)
ERN = Asset("erc20:1:0x00")
LEA = UserId("@lea:earnest.example")
OFFER = Offer(
    Kind.TEXT,
    "**On** <doors>",
    Address(b"\x01" * 20),
    {ERN: 25 * 10**17},
    preview="A `door` is\na [policy](https://evil.example).",
    licence="{title} <b>",
    stock=3,
)
STORED = Stored("blob", 1234, bytes(32), "text/plain", "doors.txt")
LISTING = Listing(
    "L" * 22,
    PersonId(1),
    ListingState.LISTED,
    None,
    Version(1, OFFER, Hash32(bytes(32)), STORED, NOW, None),
    left=3,
    sold=2,
    complaints=1,
    created_at=NOW,
    ended_at=None,
)
PURCHASE = Purchase(
    id="P" * 22,
    key=Hash32(bytes(32)),
    listing=LISTING.id,
    seller=PersonId(1),
    version=1,
    title=OFFER.title,
    buyer=Buyer(PersonId(2), Address(b"\x02" * 20)),
    asset=ERN,
    amount=25 * 10**17,
    level=Level.SAFE,
    state=PurchaseState.PAID,
    because=None,
    wash=False,
    finality=Level.SAFE,
    paid_at=NOW,
    delivered_at=None,
    access_until=None,
    refund=None,
)


def names(_: Asset) -> tuple[str, int]:
    return "ERN", 18


def test_a_card_says_what_it_costs_and_whose_it_is_and_foreign_words_are_no_marks() -> None:
    card = selling.card(READER, LISTING, LEA, names)
    for part in ("2.5 ERN", LEA, "a text: 1,234 bytes, text/plain", "3 pieces left", "complaints: 1", "**On** <doors>"):
        assert part in card.plain
    assert "<doors>" not in card.html
    assert "<b>" not in card.html
    assert "<a " not in card.html
    assert "&lt;doors&gt;" in card.html


def test_an_offer_has_a_link_and_until_when() -> None:
    said = selling.offered(READER, LISTING, LEA, names, order="O" * 22, until=NOW).plain
    assert f"https://earnest.example/buy/{LISTING.id}?order={'O' * 22}" in said
    assert f"standing {LEA}" in said


@pytest.mark.parametrize("state", list(PurchaseState))
def test_every_state_of_a_purchase_is_told_to_both(state: PurchaseState) -> None:
    one = replace(PURCHASE, state=state, because=OwedBecause.TOO_LITTLE)
    for said in (
        bought.library(READER, [one], names, more="next"),
        selling.sales(READER, [one], names, owed={one.asset: (1, 5)}, more="next"),
        bought.not_yours(READER, one),
    ):
        assert "too little" in said.plain
        assert "{" not in said.plain


@pytest.mark.parametrize("state", list(ListingState))
def test_every_state_of_a_listing_is_told(state: ListingState) -> None:
    assert LISTING.id in selling.goods(READER, [replace(LISTING, state=state)], names, more=None).plain


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("level", [Level.SEEN, Level.SAFE, Level.FINALIZED])
def test_every_kind_and_certainty_is_told(kind: Kind, level: Level) -> None:
    admitted = timedelta(days=1) if kind is Kind.ADMISSION else None
    places = {Kind.ADMISSION: "!room:lea.example"}
    reference = "" if not kind.has_reference else places.get(kind, "https://lea.example")
    offer = replace(OFFER, kind=kind, finality=level, admitted=admitted, reference=reference)
    version = replace(LISTING.version, offer=offer, stored=STORED if kind.has_content else None)
    assert "2.5 ERN" in selling.card(READER, replace(LISTING, version=version), LEA, names).plain
    receipt = bought.receipt(READER, PURCHASE, version, None, names).plain
    assert PURCHASE.id in receipt
    assert "left us" in receipt


def test_whoever_pays_back_is_told_to_which_wallet() -> None:
    assert "0x0202" in selling.approved(READER, PURCHASE, names, Address(b"\x02" * 20)).plain
    assert "earnest sell refund" in selling.approved(READER, PURCHASE, names, None).plain
    assert "2.5 ERN" in bought.refund_asked(READER, PURCHASE, names).plain
