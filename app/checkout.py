"""Checkout: what a wallet is given to buy something by the contract, by exactly the terms that its seller wrote."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Final

from app.container import Container
from contracts import checkout, codec, typed_data
from contracts.checkout import SaleTerms
from contracts.erc20 import GAS
from contracts.typed_data import EARNEST, Domain, TypedData
from kit.errors import ChainUnavailable, Conflict, Forbidden, Invalid, NotFound
from kit.identifiers import ZERO_ADDRESS, Address, Hash32
from ledger.model import Asset
from payments.content.model import Listing
from payments.content.onchain import sale_terms
from payments.tokens.model import address_of
from payments.tokens.service import Tokens

GOOD_FOR_SECONDS: Final = 3_600
"""How long a wallet may send it."""
NO_MEMO: Final = Hash32(bytes(32))


@dataclass(frozen=True, slots=True)
class Due:
    """A purchase to be: the listing, the contract, the seller's terms, the wallet's order, and the purchase's id.

    ``holds`` and ``allowance`` are the wallet's base units, ``permit`` what it may sign in place of an approval;
    ``None`` where the node does not tell, or the token takes no permit. ``symbol`` and ``decimals`` are the token's.
    """

    listing: Listing
    contract: Address
    terms: SaleTerms
    order: checkout.Order
    purchase: Hash32
    holds: int | None
    allowance: int | None
    permit: TypedData | None
    symbol: str
    decimals: int


def is_open(container: Container) -> bool:
    """Tell whether anything can be bought by the contract here."""
    return container.deployment.checkout is not None


def due(
    container: Container, listing: str, *, payer: Address, order: str | None = None, asset: Asset | None = None
) -> Due:
    """Return all that a wallet needs to buy a listing; ``order``: for whom, by its public name.

    ``asset``: what it pays with, our own token by default, or else the first that it is sold for. Raises ``NotFound``
    for a listing or an order that there is not, ``Conflict`` for what is not for sale and where there is no contract,
    ``Forbidden`` for an asset that it is not sold for now, ``Invalid`` for a wallet that would pay itself.
    """
    place = container.deployment
    if place.checkout is None:
        raise Conflict("checkout_missing", "Nothing is sold by a contract here: `earnest contracts add-checkout`.")
    with container.read() as work:
        found, chain_time, tokens = work.content.quote(listing), work.chain_time, work.tokens
        chosen = _chosen(tokens, found, asset)
        domain, (symbol, decimals) = tokens.domain(chosen), tokens.name(chosen)
        ordered = None if order is None else work.orders.find(order)
    if order is not None and (ordered is None or ordered.listing != listing):
        raise NotFound("order_unknown", "That order is over, or was of something else: ask for a new link.")
    token = address_of(chosen, place.chain_id)
    if token is None:
        raise Conflict("not_payable", "That is no token that the contract could be paid in.")
    terms = sale_terms(found.id, found.version, token, chain_id=place.chain_id, checkout=place.checkout)
    if payer in {part.payee for part in checkout.parts(terms)} | {ZERO_ADDRESS, place.checkout}:
        raise Invalid("payer_is_paid", "That wallet would pay itself: buy with another one.")
    until = min(chain_time + GOOD_FOR_SECONDS, terms.valid_until)
    salt, memo = Hash32(secrets.token_bytes(32)), NO_MEMO if ordered is None else ordered.memo
    made = checkout.Order(payer, memo, 0, ZERO_ADDRESS, until, salt)
    holds, allowance, permit = of_wallet(container, terms, made, place.checkout, domain)
    purchase = checkout.purchase_id(terms, made, chain_id=place.chain_id, checkout=place.checkout)
    return Due(found, place.checkout, terms, made, purchase, holds, allowance, permit, symbol, decimals)


def _chosen(tokens: Tokens, listing: Listing, asset: Asset | None) -> Asset:
    payable = tokens.payable(listing.version.offer.prices)
    if not payable:
        raise Conflict("not_for_sale", "This is not for sale now: the operator allows no token that it is sold for.")
    if asset is None:
        return next(iter(payable))
    if asset not in payable:
        names = ", ".join(tokens.name(one)[0] for one in payable)
        raise Forbidden("asset_not_allowed", f"This is not sold for that now. It is for {names}.", names=names)
    return asset


def of_wallet(
    container: Container, terms: SaleTerms, order: checkout.Order, contract: Address, domain: Domain | None = EARNEST
) -> tuple[int | None, int | None, TypedData | None]:
    """Return what ``Due`` says of a wallet: what it holds, what it allows, and what it may sign in place of that.

    ``domain`` is that of the permits of the terms' token, where it takes any.
    """
    payer, token = order.buyer, terms.asset
    holds = _number(container, token, codec.encode_balance_of(payer))
    allowance = None if holds is None else _number(container, token, codec.encode_allowance(payer, contract))
    if domain is None or (nonce := _number(container, token, codec.encode_nonces(payer))) is None:
        return holds, allowance, None
    permit = typed_data.permit_to_buy(
        terms,
        chain_id=container.deployment.chain_id,
        buyer=payer,
        checkout=contract,
        nonce=nonce,
        deadline=order.valid_before,
        domain=domain,
    )
    return holds, allowance, permit


def _number(container: Container, token: Address, call: bytes) -> int | None:
    try:
        return codec.decode_uint(container.chain.call(token, call, gas=GAS))
    except (ChainUnavailable, Conflict, Invalid):  # no answer, or none that a token would give
        return None
