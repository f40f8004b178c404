"""Listings as anybody is shown them, by the API and on the pages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from api.schemas.selling import PriceOut
from app.container import Work
from kit.clock import unix
from kit.identifiers import show_address, show_hash
from ledger.model import Asset
from payments.content.model import Listing, ListingState
from payments.tokens.service import Tokens


def show_listing(work: Work, listing: Listing, tokens: Tokens | None = None) -> dict[str, Any]:
    """Return what ``ListingOut`` has; who sells is told by the wallet alone. ``tokens``: of many, read once."""
    version, offer, stored = listing.version, listing.version.offer, listing.version.stored
    tokens = tokens or work.tokens
    prices = show_prices(tokens, tokens.payable(offer.prices))
    return {
        "id": listing.id,
        "kind": offer.kind,
        "title": offer.title,
        "preview": offer.preview,
        "licence": offer.licence,
        "state": listing.state,
        "reason": listing.reason if listing.state is ListingState.TAKEN_DOWN else None,
        "for_sale": listing.is_for_sale(work.now) and bool(prices),
        "version": version.number,
        "prices": prices,
        "pay_to": show_address(offer.wallet),
        "finality": offer.finality,
        "left": listing.left,
        "sold": listing.sold,
        "complaints": listing.complaints,
        "size": None if stored is None else stored.size,
        "media_type": None if stored is None else stored.media_type,
        "terms": show_hash(version.terms),
        "created_at": unix(listing.created_at),
        "expires_at": None if offer.expires_at is None else unix(offer.expires_at),
    }


def show_prices(tokens: Tokens, prices: Mapping[Asset, int]) -> list[PriceOut]:
    """Return prices as anybody is shown them."""
    found = []
    for asset, amount in prices.items():
        symbol, decimals = tokens.name(asset)
        found.append(PriceOut(asset=asset, symbol=symbol, decimals=decimals, amount=str(amount)))
    return found
