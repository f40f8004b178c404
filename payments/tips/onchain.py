"""Tips on the chain (pure): the terms by which ``Checkout`` pays one; they commit to its note and hide it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from eth_utils.crypto import keccak

from contracts.checkout import SaleTerms, check
from kit.errors import Invalid
from kit.identifiers import ZERO_ADDRESS, Address, Hash32
from payments.tips.model import Wish
from payments.tokens.model import address_of

SALT_BYTES: Final = 32
_LISTING: Final = b"earnest-tip:"
_MEMO: Final = b"earnest-tip-memo:"
_NOTE: Final = b"earnest-tip-note:"


@dataclass(frozen=True, slots=True)
class Place:
    """Where tips are paid: chain, our own token, the contract, and the operator's part in basis points."""

    chain_id: int
    token: Address
    checkout: Address
    fee_bps: int = 0
    fee_receiver: Address = ZERO_ADDRESS


def listing_hash(token: str) -> Hash32:
    """Return what stands for a link on the chain; it is never a listing's (``payments.content.onchain``)."""
    return Hash32(keccak(_LISTING + token.encode()))


def memo_of(token: str) -> Hash32:
    """Return what an order says of a link."""
    return Hash32(keccak(_MEMO + token.encode()))


def note_hash(salt: bytes, wish: Wish) -> Hash32:
    """Return what commits to a note and to who may see it: nobody guesses it without the salt, of 32 random bytes."""
    flags = bytes([wish.public, wish.anonymous])
    return Hash32(keccak(_NOTE + salt + flags + wish.note.encode()))


def tip_terms(token: str, wish: Wish, salt: bytes, *, wallet: Address, valid_until: int, place: Place) -> SaleTerms:
    """Return the terms of a tip to ``wallet``, good until ``valid_until`` (Unix seconds of chain time).

    Raises ``Invalid`` where ``Checkout`` would refuse them, no sum is chosen, or it is in no token of that chain.
    """
    if wish.amount is None:
        raise Invalid("amount_missing", "Say how much.")
    asset = place.token if wish.asset is None else address_of(wish.asset, place.chain_id)
    if asset is None:
        raise Invalid("asset_unknown", "That is no token of this chain.")
    terms = SaleTerms(
        seller=wallet,
        asset=asset,
        price=wish.amount,
        listing=listing_hash(token),
        content=note_hash(salt, wish),
        valid_until=valid_until,
        fee_bps=place.fee_bps,
        fee_receiver=place.fee_receiver if place.fee_bps else ZERO_ADDRESS,
    )
    check(terms, checkout=place.checkout)
    return terms
