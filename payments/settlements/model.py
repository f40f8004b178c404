"""Settlements as values (pure): a payment that a program signed, and where it stands."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from eth_utils.crypto import keccak

from contracts.authorizations import Authorization
from contracts.words import word, word_of_address
from kit.identifiers import Address, Hash32
from payments.carrying.model import Outcome
from payments.settlements.x402 import Reason

REASONS: Final = {
    Outcome.REVERTED: Reason.FAILED,
    Outcome.WOULD_REVERT: Reason.FAILED,
    Outcome.TOO_LATE: Reason.TOO_LATE,
    Outcome.WITHDRAWN: Reason.SETTLE,
}
"""What a settlement that came to nothing is called on the wire."""


class Use(StrEnum):
    """What the chain says of an authorization that we carried in vain."""

    MADE = "made"
    """Somebody else carried it there."""
    UNUSED = "unused"
    LOST = "lost"
    """Its nonce went to something else: taken back, or another transfer."""


@dataclass(frozen=True, slots=True)
class Order:
    """What a payment to a seller of ours is for: a listing's public name, and the hash of the buyer's ``claim``.

    The claim is a secret word in what the buyer was asked and sent back. Once a payment is on the chain everybody can
    read its signature there, but not the claim: so it is what proves later that the buyer asks. ``tip``: it is no
    listing that is paid, but a tip by the link of that name, and the claim is the hash of its terms.
    """

    listing: str
    claim: Hash32
    tip: bool = False


@dataclass(frozen=True, slots=True)
class Settlement:
    """A payment that we settle: ``id`` names it among what is carried, and is the hash of (chain, asset, payer, nonce).

    ``since_block``: the head when it was taken on, so that it is in no block before. ``use``: what the chain said once
    ours had failed, by a final block; ``transaction``: in which it was made then. ``order``: what it is for, where we
    sell that. ``identifier``: the hash of how its buyer names it (``named``). ``signature``: where another facilitator
    carries it, the payer's; then ``transaction`` is what our own node has it in, once it has, ``tries`` how often it
    was handed over, and it is ``open`` until all is known of it.
    """

    id: Hash32
    asset: Address
    signed: Authorization
    created_at: datetime
    since_block: int
    use: Use | None = None
    transaction: Hash32 | None = None
    order: Order | None = None
    identifier: Hash32 | None = None
    signature: bytes | None = None
    tries: int = 0
    open: bool = False

    @property
    def elsewhere(self) -> bool:
        """Tell whether another facilitator carries it."""
        return self.signature is not None


def order_of(listing: str, claim: str) -> Order:
    """Return what a payment with this claim is for."""
    return Order(listing, Hash32(keccak(claim.encode())))


def purchase_key(settlement: Hash32, order: Order) -> Hash32:
    """Return under which key a payment buys: nobody finds the purchase without its claim."""
    return Hash32(keccak(settlement + order.claim))


def named(identifier: str, order: Order | None, pay_to: Address) -> Hash32:
    """Return as what a payer's identifier is kept: theirs for all that they buy here, or of one seller elsewhere."""
    return Hash32(keccak((b"here" if order is not None else pay_to) + identifier.encode()))


def settlement_id(*, chain_id: int, asset: Address, payer: Address, nonce: Hash32) -> Hash32:
    """Return the id of whatever is paid with a payer's nonce."""
    return Hash32(keccak(word(chain_id) + word_of_address(asset) + word_of_address(payer) + nonce))
