"""Sales on the chain, in one transaction: what ``Checkout`` tells becomes purchases and refunds, and is taken back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

import structlog

from contracts.events import BlockRef, Bought, Refunded, SaleEvent
from kit.errors import NotFound
from kit.identifiers import Hash32
from ledger.book import Book
from ledger.model import Asset, Level, erc20
from payments.content.model import Purchase, PurchaseState
from payments.content.onchain import paid_by, time_of
from payments.content.orders import Orders
from payments.content.service import Content
from payments.content.waiting import Repaid, WaitingRefunds

LOG = structlog.get_logger(__name__)
_AT_ONCE: Final = 100
"""Purchases that become surer in one transaction."""


@dataclass(frozen=True, slots=True)
class Sales:
    """The chain as a rail: who bought by the contract, for whom, and what was paid back by it.

    ``taken_away`` tells whether a payment in an asset came too late: the operator allows it no more.
    """

    content: Content
    orders: Orders
    book: Book
    waiting: WaitingRefunds
    taken_away: Callable[[Asset, datetime], bool]

    def told(self, event: SaleEvent) -> None:
        """Take in what a block tells that was just booked, but for what no listing of ours is sold by."""
        if isinstance(event, Bought):
            self._bought(event)
        else:
            self._refunded(event)

    def left(self, block: BlockRef) -> None:
        """Take back what was bought, and what was paid back, in a block that left the chain."""
        self.waiting.left(block.hash)
        self.content.refunds_left(block.hash)
        for key in self.content.in_block(block.hash):
            self.content.took_back(key)

    def levels_moved(self) -> bool:
        """Let purchases be as sure as their blocks have become; ``True``: more wait for another transaction.

        A flood of cheap ones costs gas alone: nobody is to wait for the database meanwhile.
        """
        left = _AT_ONCE
        for block, level in self.content.unsure_blocks():
            now = self._level(block)
            if now is None or now in (level, Level.ORPHANED):
                continue
            some = self.content.moving(block, level, left)
            for key in some:
                self.content.level(key, now)
            left -= len(some)
            if not left:
                return True
        return False

    def refund_level(self, purchase: Purchase) -> Level | None:
        """Return how surely a refund stays in the chain; ``None`` where there is none, or none of the chain."""
        return None if purchase.refund_block is None else self._level(purchase.refund_block)

    def _bought(self, event: Bought) -> None:
        listing = self.content.of_hash(event.listing)
        if listing is None:
            return
        order = self.orders.of_memo(event.memo)
        person = order.person if order is not None and order.listing == listing else None
        level = self._level(event.at.block.hash) or Level.SEEN
        version = self.content.version_of_sale(listing, event.terms)
        versions = [] if version is None else [version]
        paid = paid_by(event, listing, versions, level=level, person=person)
        if paid is None:
            LOG.info("sale_by_nobodys_terms", listing=listing, transaction=event.at.transaction.hex())
            return
        made = self.content.bought(replace(paid, allowed=not self.taken_away(paid.asset, paid.at)))
        for told in self.waiting.of(paid.key, made.asset, event.buyer, self.content.wallets_of_seller(made)):
            self._paid_back(told)
        self.waiting.done(paid.key)

    def _refunded(self, event: Refunded) -> None:
        """Take a refund in; of a sale that is not known, or left the chain, it waits for that one to come."""
        told = Repaid(
            purchase=event.purchase,
            asset=erc20(event.at.block.chain_id, event.asset),
            amount=event.amount,
            sender=event.sender,
            recipient=event.recipient,
            transaction=event.at.transaction,
            block=event.at.block.hash,
            at=time_of(event.at.block.timestamp),
        )
        known = self.content.purchase(event.purchase)
        if known is None or known.state is PurchaseState.TAKEN_BACK:
            self.waiting.keep(told, self.content.wallets_beside(told.sender))
        else:
            self._paid_back(told)

    def _paid_back(self, told: Repaid) -> None:
        """Let access end by a refund that is whole: the seller's, to the wallet that paid, in what it paid with."""
        known = self.content.purchase(told.purchase)
        if known is None or known.state is PurchaseState.TAKEN_BACK or not self._is_whole(told, known):
            return
        self.content.refunded(told.purchase, told.transaction, told.block, at=told.at)

    def _is_whole(self, told: Repaid, known: Purchase) -> bool:
        to_payer = told.recipient == known.payer != told.sender
        whole = told.asset == known.asset and told.amount >= known.amount
        return whole and to_payer and told.sender in self.content.wallets_of_seller(known)

    def _level(self, block: Hash32) -> Level | None:
        try:
            return self.book.level(block)
        except NotFound:
            return None
