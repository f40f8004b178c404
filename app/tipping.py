"""Tipping: what a wallet is given to pay a tip by the contract, by the terms that its giver chose a moment ago."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Final

from app import checkout
from app.container import Container
from contracts.checkout import Order, SaleTerms, purchase_id
from contracts.typed_data import TypedData
from kit.amounts import Amount, parse, show
from kit.errors import Conflict, Invalid
from kit.identifiers import ZERO_ADDRESS, Address, Hash32, parse_address
from payments.tips.model import Wish, least
from payments.tips.onchain import Place, memo_of

PRESETS: Final = (1, 5, 20)
"""Whole tokens that are offered."""
_HOW: Final = frozenset({"private", "public", "anonymous"})


@dataclass(frozen=True, slots=True)
class Due:
    """A tip to be: the contract, the terms, the salt of the note in them, the wallet's order, and the purchase's id.

    ``holds``, ``allowance`` and ``permit`` are as in ``app.checkout.Due``.
    """

    contract: Address
    terms: SaleTerms
    salt: bytes
    order: Order
    purchase: Hash32
    holds: int | None
    allowance: int | None
    permit: TypedData | None


def place_of(container: Container) -> Place:
    """Return where tips are paid. Raises ``Conflict`` where there is no contract for that."""
    settings, at = container.settings, container.deployment
    if at.checkout is None:
        raise Conflict("checkout_missing", "Nothing is paid by a contract here: `earnest contracts add-checkout`.")
    if not settings.sales_fee_bps or settings.sales_fee_receiver is None:
        return Place(at.chain_id, at.token, at.checkout)
    receiver = parse_address(settings.sales_fee_receiver)
    return Place(at.chain_id, at.token, at.checkout, settings.sales_fee_bps, receiver)


def check_amount(amount: int | None, symbol: str, decimals: int) -> None:
    """Make sure that a sum, where one is chosen, is not too small to be told of. Raises ``Invalid``."""
    smallest = least(decimals)
    if amount is not None and amount < smallest:
        raise Invalid("tip_small", f"A tip is at least {show(Amount(smallest), decimals)} {symbol}.")


def read_wish(text: str, symbol: str, decimals: int, *, public: bool) -> Wish:
    """Read how somebody writes a tip: ``5 thank you``, ``5 private: thank you``, ``5 anonymous: …``, or nothing yet.

    ``public`` is what holds where they say neither. Raises ``Invalid``.
    """
    said, _, note = text.strip().partition(" ")
    if not said:
        return Wish(public=public)
    amount = parse(said.removesuffix(symbol), decimals).base_units
    check_amount(amount, symbol, decimals)
    first, _, rest = note.strip().partition(":")
    word = first.strip().lower()
    if word not in _HOW:
        return Wish(amount, note.strip(), public=public)
    return Wish(amount, rest.strip(), public=word == "public", anonymous=word == "anonymous")


def due(container: Container, token: str, wish: Wish, *, payer: Address) -> Due:
    """Return all that a wallet needs to pay a tip by a link.

    Raises ``Invalid`` for a sum that is too small, ``Conflict`` without a contract, and what ``TipLinks.terms`` does.
    """
    place, token_terms = place_of(container), container.terms
    check_amount(wish.amount, token_terms.symbol, token_terms.decimals)
    with container.work() as work:
        terms, salt = work.tip_links.terms(token, wish, payer, place)
        chain_time = work.chain_time
    until = min(chain_time + checkout.GOOD_FOR_SECONDS, terms.valid_until)
    order = Order(payer, memo_of(token), 0, ZERO_ADDRESS, until, Hash32(secrets.token_bytes(32)))
    purchase = purchase_id(terms, order, chain_id=place.chain_id, checkout=place.checkout)
    holds, allowance, permit = checkout.of_wallet(container, terms, order, place.checkout)
    return Due(place.checkout, terms, salt, order, purchase, holds, allowance, permit)
