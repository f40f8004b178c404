"""Tipping: what a wallet is given to pay a tip by the contract, by the terms that its giver chose a moment ago."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from app import checkout
from app.container import Container
from contracts.checkout import Order, SaleTerms, purchase_id
from contracts.typed_data import TypedData
from kit.amounts import Amount, parse, show
from kit.errors import Conflict, Forbidden, Invalid
from kit.identifiers import ZERO_ADDRESS, Address, Hash32, parse_address
from ledger.model import Asset
from payments.tips.model import Wish, least
from payments.tips.onchain import Place, memo_of
from payments.tokens.service import Tokens

GOOD_FOR_SECONDS: Final = checkout.GOOD_FOR_SECONDS
PRESETS: Final = (1, 5, 20)
"""Whole tokens that are offered."""
_HOW: Final = frozenset({"private", "public", "anonymous"})
_SUM: Final = re.compile(r"([0-9][0-9.]*)(?::(\S+)|([A-Za-z]\S*))?", re.ASCII)
_LIKE_A_TOKEN: Final = re.compile(r"[A-Z][A-Z0-9.-]{2,10}|0[xX][0-9A-Fa-f]{40}|erc20:\S+", re.ASCII)
"""What behind a sum is taken for a token, known or not: nobody is to give ERN who wrote of dollars."""


@dataclass(frozen=True, slots=True)
class Due:
    """A tip to be: the contract, the terms, the salt of the note in them, the wallet's order, and the purchase's id.

    ``holds``, ``allowance``, ``permit``, ``symbol`` and ``decimals`` are as in ``app.checkout.Due``.
    """

    contract: Address
    terms: SaleTerms
    salt: bytes
    order: Order
    purchase: Hash32
    holds: int | None
    allowance: int | None
    permit: TypedData | None
    symbol: str
    decimals: int


def place_of(container: Container) -> Place:
    """Return where tips are paid. Raises ``Conflict`` where there is no contract for that."""
    settings, at = container.settings, container.deployment
    if at.checkout is None:
        raise Conflict("checkout_missing", "Nothing is paid by a contract here: `earnest contracts add-checkout`.")
    if not has_part(container) or settings.sales_fee_receiver is None:
        return Place(at.chain_id, at.token, at.checkout)
    receiver = parse_address(settings.sales_fee_receiver)
    return Place(at.chain_id, at.token, at.checkout, settings.sales_fee_bps, receiver)


def has_part(container: Container) -> bool:
    """Tell whether the operator has a part of tips."""
    return bool(container.settings.sales_fee_bps and container.settings.sales_fee_receiver)


def check_amount(wish: Wish, tokens: Tokens) -> None:
    """Make sure that a sum, where one is chosen, is not too small to be told of. Raises ``Invalid``."""
    symbol, decimals = tokens.name(wish.asset or tokens.own)
    smallest = least(decimals)
    if wish.amount is not None and wish.amount < smallest:
        raise Invalid("tip_small", f"A tip is at least {show(Amount(smallest), decimals)} {symbol}.")


def read_wish(text: str, tokens: Tokens, *, public: bool) -> Wish:
    """Read how somebody writes a tip: ``5 thank you``, ``5 USDX private: thank you``, ``5 anonymous: …``, or nothing.

    It is in our own token where none is named. ``public`` is what holds where they say neither. Raises ``Invalid``, and
    ``Forbidden`` for a token that the operator does not allow.
    """
    said, *more = text.split(maxsplit=1)[:2] or ("",)
    if not said:
        return Wish(public=public)
    amount, asset, note = _sum_in(said, "".join(more), tokens)
    wish = Wish(parse(amount, tokens.name(asset)[1]).base_units, asset=None if asset == tokens.own else asset)
    check_amount(wish, tokens)
    first, _, rest = note.partition(":")
    word = first.strip().lower()
    if word not in _HOW:
        return replace(wish, note=note.strip(), public=public)
    return replace(wish, note=rest.strip(), public=word == "public", anonymous=word == "anonymous")


def _sum_in(said: str, more: str, tokens: Tokens) -> tuple[str, Asset, str]:
    """Return how much is given of what, and what is said with it."""
    found = _SUM.fullmatch(said)
    if found is None:
        return said, tokens.own, more
    name = found[2] or found[3]
    if name is not None:
        return found[1], find_token(tokens, name), more
    first, *rest = more.split(maxsplit=1)[:2] or ("",)
    word = first.rstrip(",:;")
    if first.lower().rstrip(":") in _HOW or not word:
        return found[1], tokens.own, more
    if _LIKE_A_TOKEN.fullmatch(word) or tokens.meant(word) is not None:
        return found[1], find_token(tokens, word), "".join(rest)
    return found[1], tokens.own, more


def find_token(tokens: Tokens, name: str, *, among: Iterable[Asset] = ()) -> Asset:
    """Return the token that a giver or a receiver means; one of ``among`` also where it is allowed no more.

    Raises ``Forbidden`` where the operator does not allow it, ``Invalid`` for a symbol that more than one have.
    """
    wanted = name.strip().casefold()
    found = next((one for one in among if wanted in (tokens.name(one)[0].casefold(), one.rpartition(":")[2])), None)
    found = found or tokens.meant(name)
    if found is None:
        names = ", ".join(label for label, _, _ in tokens.known())
        raise Forbidden(
            "tip_token_unknown",
            f"Nobody is tipped in that here; there is {names}. Write the sum, its token, and then what you say.",
            names=names,
        )
    return found


def due(container: Container, token: str, wish: Wish, *, payer: Address) -> Due:
    """Return all that a wallet needs to pay a tip by a link.

    Raises ``Invalid`` for a sum that is too small, ``Conflict`` without a contract, and what ``TipLinks.terms`` does.
    """
    place = place_of(container)
    with container.work() as work:
        tokens = work.tokens
        asset = wish.asset or tokens.own
        check_amount(wish, tokens)
        domain, (symbol, decimals) = tokens.domain(asset), tokens.name(asset)
        terms, salt = work.tip_links.terms(token, wish, payer, place)
        chain_time = work.chain_time
    until = min(chain_time + GOOD_FOR_SECONDS, terms.valid_until)
    order = Order(payer, memo_of(token), 0, ZERO_ADDRESS, until, Hash32(secrets.token_bytes(32)))
    purchase = purchase_id(terms, order, chain_id=place.chain_id, checkout=place.checkout)
    holds, allowance, permit = checkout.of_wallet(container, terms, order, place.checkout, domain)
    return Due(place.checkout, terms, salt, order, purchase, holds, allowance, permit, symbol, decimals)
