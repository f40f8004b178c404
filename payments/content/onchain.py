"""The chain as a rail for what is sold (pure): a version as ``Checkout`` takes it, and what a log of it has paid for.

Every version in every asset has one hash on the chain, for as long as it is offered: so what a ``Bought`` names is
found again from the listing alone, and nothing has to be kept of who was shown what.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from eth_utils.crypto import keccak

from contracts.checkout import SaleTerms, Share, check, terms_hash
from contracts.events import Bought
from kit.clock import from_unix, unix
from kit.errors import Invalid
from kit.identifiers import ZERO_ADDRESS, Address, Hash32, PersonId
from ledger.model import Level, erc20
from payments.content.model import Buyer, Paid, Version

FOR_EVER: Final = 2**64 - 1
"""``valid_until`` of what has no end."""
_LAST: Final = 250_246_627_200
"""The year 9900, in Unix seconds: a block's time may be anything."""


def listing_hash(listing: str) -> Hash32:
    """Return what stands for a listing on the chain: the hash of its public id."""
    return Hash32(keccak(text=listing))


def sale_terms(listing: str, version: Version, asset: Address, *, chain_id: int, checkout: Address) -> SaleTerms:
    """Return the terms by which a version is bought in a token: its price, who gets it, until when, and its own hash.

    The seller's wallet gets what fee and co-sellers leave. Raises ``Invalid`` where it has no price in that token, or
    ``Checkout`` would refuse it.
    """
    price = version.offer.prices.get(erc20(chain_id, asset))
    if price is None:
        raise Invalid("wrong_asset", "It is not sold for that token.")
    terms = _terms(listing, version, asset, price)
    check(terms, checkout=checkout)
    return terms


def sale_hashes(listing: str, version: Version) -> list[Hash32]:
    """Return the hashes that stand for a version on any chain: one for each token that it is sold for."""
    tokens = [(asset, price) for asset, price in version.offer.prices.items() if asset.startswith("erc20:")]
    return [
        terms_hash(_terms(listing, version, Address(bytes.fromhex(asset.rpartition("0x")[2])), price))
        for asset, price in tokens
    ]


def time_of(timestamp: int) -> datetime:
    """Return the time of a block, which may say anything."""
    return from_unix(min(timestamp, _LAST))


def _terms(listing: str, version: Version, asset: Address, price: int) -> SaleTerms:
    offer = version.offer
    return SaleTerms(
        seller=offer.wallet,
        asset=asset,
        price=price,
        listing=listing_hash(listing),
        content=version.terms,
        valid_until=FOR_EVER if offer.expires_at is None else unix(offer.expires_at),
        fee_bps=offer.fee_bps,
        fee_receiver=offer.fee_receiver if offer.fee_bps else ZERO_ADDRESS,
        shares=tuple(Share(payee, bps) for payee, bps in sorted(offer.shares.items()) if payee != offer.wallet),
    )


def paid_by(
    event: Bought, listing: str, versions: Iterable[Version], *, level: Level, person: PersonId | None = None
) -> Paid | None:
    """Return the payment that a ``Bought`` is of one of these versions of a listing; ``None`` where it is of none.

    Anybody can have the contract tell of terms that no seller ever wrote; nobody need have been paid by these, so they
    are no payment and nothing is owed for them. ``person``: for whom it is, beside the wallet. Whether the terms are
    good still is not asked here.
    """
    if event.listing != listing_hash(listing):
        return None
    chain_id = event.at.block.chain_id
    for version in versions:
        try:
            terms = sale_terms(listing, version, event.asset, chain_id=chain_id, checkout=event.checkout)
        except Invalid:  # not sold for that token, or not by this contract
            continue
        if terms_hash(terms) == event.terms:
            return Paid(
                key=event.purchase,
                listing=listing,
                terms=version.terms,
                buyer=Buyer(person, event.buyer),
                asset=erc20(chain_id, event.asset),
                amount=event.amount,
                level=level,
                at=time_of(event.at.block.timestamp),
                block=event.at.block.hash,
            )
    return None
