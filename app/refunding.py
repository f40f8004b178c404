"""Refunds: what a seller owes of a purchase, the calls by which they pay it themselves, and how far that is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from app import reading
from app.container import Container
from contracts import codec
from contracts.checkout import encode_refund
from contracts.events import Refunded
from kit.errors import ChainUnavailable, Conflict, Unavailable
from kit.identifiers import Address, Hash32, PersonId
from ledger.model import Level
from payments.content.model import Purchase, PurchaseState
from payments.tokens.model import address_of

_MOST_BLOCKS: Final = 500
"""Blocks above those that we booked in which a refund is looked for."""


@dataclass(frozen=True, slots=True)
class Repayment:
    """What pays a purchase back: ``amount`` base units of ``asset`` go from one of the ``senders`` to ``recipient``.

    A refund from anybody else, or of less, counts for nothing.
    """

    purchase: Purchase
    chain_id: int
    checkout: Address
    asset: Address
    amount: int
    recipient: Address
    senders: frozenset[Address]

    @property
    def allowance(self) -> bytes:
        """The call of the asset that comes first: the checkout may take just this."""
        return codec.encode_approve(self.checkout, self.amount)

    @property
    def refund(self) -> bytes:
        """The call of the checkout that pays."""
        return encode_refund(self.purchase.key, self.recipient, self.asset, self.amount)


def owed(container: Container, seller: PersonId, purchase: str) -> Repayment:
    """Return what pays a purchase of a seller's back.

    Raises ``NotFound`` for what is not theirs, and ``Conflict`` where nothing can be paid back, or not yet: a payment
    that may still leave the chain would take the refund for nothing.
    """
    place = container.deployment
    with container.read() as work:
        known = work.content.sale(seller, purchase)
        senders = frozenset(work.content.wallets_of_seller(known))
    if known.state is PurchaseState.REFUNDED:
        raise Conflict("refunded", "This was paid back already.")
    if known.state is PurchaseState.TAKEN_BACK:
        raise Conflict("payment_gone", "This payment left the chain: there is nothing to pay back.")
    if known.level is not Level.FINALIZED:
        raise Conflict("payment_not_final", "This payment may still leave the chain. Pay it back once it is final.")
    recipient = known.payer
    if recipient is None:
        raise Conflict("wallet_unknown", "Nobody knows a wallet that this was paid from.")
    if recipient in senders:
        raise Conflict("own_purchase", "This was paid by a wallet of the seller's own.")
    if place.checkout is None:
        raise Conflict("checkout_missing", "Refunds have no contract on this chain yet.")
    token = address_of(known.asset, place.chain_id)
    if token is None:
        raise Conflict("asset_unknown", "This was not paid in a token of this chain.")
    return Repayment(known, place.chain_id, place.checkout, token, known.amount, recipient, senders)


def on_its_way(container: Container, what: Repayment) -> Hash32 | None:
    """Return the transaction of a refund that stands in a block which we have not booked yet.

    Raises ``ChainUnavailable``, and ``Unavailable`` where too many blocks are not booked.
    """
    head = container.chain.block("latest")
    if head is None:
        raise ChainUnavailable("The node has no head block.")
    for number in range(head.number, max(head.number - _MOST_BLOCKS, -1), -1):
        found = reading.block(container, number)
        if found is None:
            continue  # the chain was cut shorter meanwhile
        with container.read() as work:
            if work.book.at(number) == found.ref:
                return None
        for event in reading.events_of(container, found):
            if isinstance(event, Refunded) and _counts(event, what):
                return event.at.transaction
    message = "the books are far behind the chain, so nobody can tell whether this was paid back already"
    raise Unavailable(message)


def _counts(event: Refunded, what: Repayment) -> bool:
    whole = event.asset == what.asset and event.amount >= what.amount
    named = event.purchase == what.purchase.key and event.recipient == what.recipient
    return named and whole and event.sender in what.senders
