"""Checkout: what a wallet signs and sends to buy a listing by the contract of sales, for itself or by an order."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from app.container import Container, Work
from contracts import checkout, codec, typed_data
from contracts.checkout import Order, SaleTerms
from contracts.typed_data import TypedData
from kit.errors import ChainUnavailable, Conflict, Invalid, NotFound
from kit.identifiers import ZERO_ADDRESS, Address, Hash32
from ledger.model import erc20
from payments.content.model import Listing, Purchase
from payments.content.onchain import sale_terms

GOOD_FOR_SECONDS: Final = 3_600
"""For how long what is offered can be signed and sent."""
_NO_MEMO: Final = Hash32(bytes(32))
# Any well-formed signature: it is cut out again, and a wallet's own is put into its place.
_SOME_SIGNATURE: Final = b"\x01" * 64 + b"\x1b"
_SIGNATURE_BYTES: Final = 3 * 32


@dataclass(frozen=True, slots=True)
class Calls:
    """Call data for the wallet; the last two are what stands before and behind v, r and s, which are three words."""

    approve: bytes
    buy: bytes
    buy_with_permit: tuple[bytes, bytes] | None
    buy_with_authorization: tuple[bytes, bytes]


@dataclass(frozen=True, slots=True)
class Holds:
    """What the wallet has, in base units and wei; ``None`` where the chain's node does not answer."""

    tokens: int | None
    ether: int | None
    allowance: int | None


@dataclass(frozen=True, slots=True)
class Offer:
    """A listing's terms for one wallet. ``purchase`` is the id that the purchase will have, on the chain and here."""

    listing: Listing
    terms: SaleTerms
    order: Order
    purchase: Hash32
    checkout: Address
    permit: TypedData | None
    authorization: TypedData
    calls: Calls
    holds: Holds


def checkout_of(container: Container) -> Address:
    """Return the contract of sales. Raises ``Conflict`` where there is none."""
    found = container.deployment.checkout
    if found is None:
        raise Conflict("no_checkout", "Sales have no contract here: a program pays by x402.")
    return found


def offer(container: Container, listing: str, order: str | None, payer: Address) -> Offer:
    """Return all that ``payer``'s wallet needs to buy a listing in the service's token.

    ``order``: the token of the order for whose person it is, beside the wallet. Raises ``NotFound`` for a listing or an
    order that there is not, ``Conflict`` for what is not for sale, and ``Invalid`` for a wallet that cannot buy it.
    """
    place, contract = container.terms, checkout_of(container)
    with container.read(one_moment=True) as work:
        found = work.content.quote(listing)
        memo = _memo(work, listing, order)
        until = work.chain_time + GOOD_FOR_SECONDS
    terms = sale_terms(listing, found.version, place.token, chain_id=place.chain_id, checkout=contract)
    if payer in {ZERO_ADDRESS, contract, *(part.payee for part in checkout.parts(terms))}:
        raise Invalid("payer_is_payee", "That wallet is paid by this sale: nobody buys from themselves.")
    made = Order(payer, memo, 0, ZERO_ADDRESS, min(until, terms.valid_until), Hash32(secrets.token_bytes(32)))
    chain, token = container.chain, place.token
    nonce = _asked(lambda: codec.decode_uint(chain.call(token, codec.encode_nonces(payer))))
    deadline, permit = made.valid_before, None
    if nonce is not None:
        permit = typed_data.permit_to_buy(
            terms,
            chain_id=place.chain_id,
            token=token,
            buyer=payer,
            checkout=contract,
            nonce=nonce,
            deadline=deadline,
        )
    with_permit = checkout.encode_buy_with_permit(terms, made, deadline, _SOME_SIGNATURE)
    with_authorization = checkout.encode_buy_with_authorization(terms, made, _SOME_SIGNATURE)
    behind = len(checkout.encode_terms(terms))
    return Offer(
        listing=found,
        terms=terms,
        order=made,
        purchase=checkout.purchase_id(terms, made, chain_id=place.chain_id, checkout=contract),
        checkout=contract,
        permit=permit,
        authorization=typed_data.authorization_to_buy(
            terms, made, chain_id=place.chain_id, token=token, checkout=contract
        ),
        calls=Calls(
            approve=codec.encode_approve(contract, terms.price),
            buy=checkout.encode_buy(terms, made),
            buy_with_permit=None if permit is None else _around_signature(with_permit, behind),
            buy_with_authorization=_around_signature(with_authorization, behind),
        ),
        holds=Holds(
            tokens=_asked(lambda: codec.decode_uint(chain.call(token, codec.encode_balance_of(payer)))),
            ether=_asked(lambda: chain.balance(payer)),
            allowance=_asked(lambda: codec.decode_uint(chain.call(token, codec.encode_allowance(payer, contract)))),
        ),
    )


def progress(container: Container, purchase: Hash32, order: str | None = None) -> tuple[Purchase, bool | None]:
    """Return what became of a payment, and whether it was handed over: that is told to whoever has its order.

    Raises ``NotFound`` where nothing is known of it yet.
    """
    with container.read() as work:
        found = work.content.purchase(purchase)
        if found is None:
            raise NotFound("purchase_unknown", "The service has seen no such payment yet.")
        known = None if order is None else work.orders.find(order)
    person = None if found.buyer is None else found.buyer.person
    theirs = known is not None and known.listing == found.listing and known.person == person
    return found, (found.delivered_at is not None) if theirs else None


def sells(container: Container, listing: Listing) -> bool:
    """Tell whether the contract of sales takes a listing's price in the service's token."""
    if container.deployment.checkout is None:
        return False
    token = container.terms.token
    return erc20(container.terms.chain_id, token) in listing.version.offer.prices


def _memo(work: Work, listing: str, order: str | None) -> Hash32:
    if order is None:
        return _NO_MEMO
    known = work.orders.find(order)
    if known is None or known.listing != listing:
        raise NotFound("order_unknown", "This link is no longer good. Ask the bot for a new one.")
    return known.memo


def _around_signature(data: bytes, behind: int) -> tuple[bytes, bytes]:
    return data[: -behind - _SIGNATURE_BYTES], data[-behind:]


def _asked(question: Callable[[], int]) -> int | None:
    try:
        return question()
    except (ChainUnavailable, Invalid):  # no answer, or none that a token of ours would give
        return None
