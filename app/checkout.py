"""Checkout: what a wallet is given to buy something by the contract, by exactly the terms that its seller wrote."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Final

from app.container import Container
from contracts import checkout, codec, typed_data
from contracts.checkout import SaleTerms
from contracts.typed_data import TypedData
from kit.errors import ChainUnavailable, Conflict, Invalid, NotFound
from kit.identifiers import ZERO_ADDRESS, Address, Hash32
from payments.content.model import Listing
from payments.content.onchain import sale_terms

GOOD_FOR_SECONDS: Final = 3_600
"""How long a wallet may send it."""
NO_MEMO: Final = Hash32(bytes(32))


@dataclass(frozen=True, slots=True)
class Due:
    """A purchase to be: the listing, the contract, the seller's terms, the wallet's order, and the purchase's id.

    ``holds`` and ``allowance`` are the wallet's base units, ``permit`` what it may sign in place of an approval;
    ``None`` where the node does not tell, or the token is another one.
    """

    listing: Listing
    contract: Address
    terms: SaleTerms
    order: checkout.Order
    purchase: Hash32
    holds: int | None
    allowance: int | None
    permit: TypedData | None


def is_open(container: Container) -> bool:
    """Tell whether anything can be bought by the contract here."""
    return container.deployment.checkout is not None


def due(container: Container, listing: str, *, payer: Address, order: str | None = None) -> Due:
    """Return all that a wallet needs to buy a listing; ``order``: for whom, by its public name.

    Raises ``NotFound`` for a listing or an order that there is not, ``Conflict`` for what is not for sale and where
    there is no contract, ``Invalid`` for a wallet that would pay itself.
    """
    place = container.deployment
    if place.checkout is None:
        raise Conflict("checkout_missing", "Nothing is sold by a contract here: `earnest contracts add-checkout`.")
    with container.read() as work:
        found, chain_time = work.content.quote(listing), work.chain_time
        ordered = None if order is None else work.orders.find(order)
    if order is not None and (ordered is None or ordered.listing != listing):
        raise NotFound("order_unknown", "That order is over, or was of something else: ask for a new link.")
    terms = sale_terms(found.id, found.version, place.token, chain_id=place.chain_id, checkout=place.checkout)
    if payer in {part.payee for part in checkout.parts(terms)} | {ZERO_ADDRESS, place.checkout}:
        raise Invalid("payer_is_paid", "That wallet would pay itself: buy with another one.")
    until = min(chain_time + GOOD_FOR_SECONDS, terms.valid_until)
    salt, memo = Hash32(secrets.token_bytes(32)), NO_MEMO if ordered is None else ordered.memo
    made = checkout.Order(payer, memo, 0, ZERO_ADDRESS, until, salt)
    holds, allowance, permit = of_wallet(container, terms, made, place.checkout)
    purchase = checkout.purchase_id(terms, made, chain_id=place.chain_id, checkout=place.checkout)
    return Due(found, place.checkout, terms, made, purchase, holds, allowance, permit)


def of_wallet(
    container: Container, terms: SaleTerms, order: checkout.Order, contract: Address
) -> tuple[int | None, int | None, TypedData | None]:
    """Return what ``Due`` says of a wallet: what it holds, what it allows, and what it may sign in place of that."""
    payer, token = order.buyer, container.deployment.token
    calls = (codec.encode_balance_of(payer), codec.encode_allowance(payer, contract), codec.encode_nonces(payer))
    try:
        holds, allowance, nonce = (codec.decode_uint(container.chain.call(token, call)) for call in calls)
    except (ChainUnavailable, Invalid):  # no answer, or none that our token would give
        return None, None, None
    permit = typed_data.permit_to_buy(
        terms,
        chain_id=container.deployment.chain_id,
        token=token,
        buyer=payer,
        checkout=contract,
        nonce=nonce,
        deadline=order.valid_before,
    )
    return holds, allowance, permit
