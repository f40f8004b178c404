"""Offering: what a seller says over the API of what they put up, made into an offer by their own linked wallet.

And what buyers are shown of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from app.container import Work
from kit.errors import Conflict, Forbidden, Invalid
from kit.identifiers import Address, PersonId, parse_address
from ledger.model import Asset
from payments.content.model import Listing

_MOST_DIGITS = 78


def wallet_of(work: Work, seller: PersonId, named: str | None) -> Address:
    """Return the wallet that is paid: the one that is named, or else the primary one.

    Raises ``Forbidden`` for one that is not linked to the seller, ``Conflict`` where they have none.
    """
    if named:
        wallet = parse_address(named)
        if wallet not in work.holders.addresses(seller):
            raise Forbidden("wallet_not_linked", "Link that wallet first: its signature says that it is yours.")
        return wallet
    primary = work.holders.primary(seller)
    if primary is None:
        raise Conflict("no_wallet", "Link a wallet first: it is paid.")
    return primary


def payees_of(named: Mapping[str, int] | None) -> dict[Address, int]:
    """Read co-sellers' shares, in basis points by wallet. Raises ``Invalid`` for one that is named twice."""
    found = {parse_address(address): bps for address, bps in (named or {}).items()}
    if len(found) != len(named or {}):
        raise Invalid("shares_wrong", "A wallet is named twice.")
    return found


def prices_of(named: Mapping[str, str]) -> dict[Asset, int]:
    """Read prices, in base units by asset; whether they are allowed is asked later. Raises ``Invalid``."""
    return {Asset(asset.lower()): int(amount[:_MOST_DIGITS]) for asset, amount in named.items()}


def quote(work: Work, listing: str) -> Listing:
    """Return a listing that can be bought now, with the prices that can be paid now. Raises as ``Content.quote``."""
    found = work.content.quote(listing)
    payable = work.tokens.payable(found.version.offer.prices)
    if not payable:
        raise Conflict("not_for_sale", "This is not for sale now.")
    return replace(found, version=replace(found.version, offer=replace(found.version.offer, prices=payable)))
