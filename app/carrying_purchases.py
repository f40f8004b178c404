"""Carrying purchases: a buyer's signed purchase looked at, tried out and taken on, so that no ether is needed."""

from __future__ import annotations

from dataclasses import dataclass

from app import carrying_orders
from app.container import Container
from contracts import checkout
from contracts.checkout import Order, SaleTerms
from kit.errors import Invalid
from kit.identifiers import ZERO_ADDRESS, Address, Hash32
from payments.carrying.model import Carried
from payments.content.onchain import sale_terms


@dataclass(frozen=True, slots=True)
class Wish:
    """What a buyer signed: a version of a listing in our token, by an order of theirs; the fee is what we ask."""

    listing: str
    version: int
    buyer: Address
    memo: Hash32
    valid_before: int
    salt: Hash32


def carry(container: Container, wish: Wish, signature: bytes) -> Carried:
    """Take on a purchase that its buyer signed, to be sent by the relayer's key; asking twice is once.

    Raises ``NotFound`` for a listing that there is not, and what ``carrying_orders.carry`` does.
    """
    order = Order(wish.buyer, wish.memo, 0, ZERO_ADDRESS, wish.valid_before, wish.salt)
    return carrying_orders.carry(
        container, _terms(container, wish), order, signature, of=lambda work: work.signed_purchases
    )


def _terms(container: Container, wish: Wish) -> SaleTerms:
    """Return the terms that a wish is by, as the seller wrote them: nothing of them is the buyer's word."""
    place = container.deployment
    with container.read() as work:
        contract = work.signed_purchases.contract
        found = work.content.listing(wish.listing)
        version = next((one for one in work.content.versions(found.id) if one.number == wish.version), None)
    if version is None:
        raise Invalid("version_unknown", "It has no such version.")
    terms = sale_terms(found.id, version, place.token, chain_id=place.chain_id, checkout=contract)
    if wish.buyer in {part.payee for part in checkout.parts(terms)}:
        raise Invalid("payer_is_paid", "That wallet would pay itself: buy with another one.")
    return terms
