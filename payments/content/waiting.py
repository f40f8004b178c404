"""Refunds that wait, in one transaction: those that came before the sale that they name, as late blocks are read."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import structlog
from sqlalchemy import ColumnElement, delete, func, select
from sqlalchemy.orm import Session

from kit.identifiers import Address, Hash32
from ledger.model import Asset
from payments.content.side_tables import WaitingRefundRow

LOG = structlog.get_logger(__name__)
MOST: Final = 10_000
"""Refunds that wait: anybody may have the contract tell of one, of whatever purchase they name, from as many wallets
as they like. Sellers' have as much room again, which strangers' cannot fill."""
MOST_OF_A_SELLER: Final = 500
"""From all their linked wallets together: who sells is known here, yet may be anybody, too."""
KEPT_FOR: Final = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Repaid:
    """What a refund says: for which purchase, how many base units of what, from whom to whom, and where it stands."""

    purchase: Hash32
    asset: Asset
    amount: int
    sender: Address
    recipient: Address
    transaction: Hash32
    block: Hash32
    at: datetime


class WaitingRefunds:
    """Refunds of sales that are not known, yet."""

    def __init__(self, session: Session, now: datetime) -> None:
        """Work in ``session``, at ``now``."""
        self._session = session
        self._now = now

    def keep(self, told: Repaid, sellers: Collection[Address] = ()) -> None:
        """Keep one until its sale comes; where there is no room it is noted in the log alone.

        ``sellers``: all wallets of the seller here who sent it; none where a stranger did.
        """
        theirs = WaitingRefundRow.sender.in_([bytes(wallet) for wallet in sellers])
        too_many = self._count(theirs) >= MOST_OF_A_SELLER if sellers else False
        if too_many or self._count() >= (2 * MOST if sellers else MOST):
            LOG.warning("refund_of_nothing_lost", transaction=told.transaction.hex(), seller=bool(sellers))
            return
        row = WaitingRefundRow(
            purchase=bytes(told.purchase),
            asset=told.asset,
            amount=told.amount,
            sender=bytes(told.sender),
            recipient=bytes(told.recipient),
            transaction=bytes(told.transaction),
            block=bytes(told.block),
            at=told.at,
            kept_at=self._now,
        )
        self._session.add(row)
        self._session.flush()

    def _count(self, *where: ColumnElement[bool]) -> int:
        return self._session.scalar(select(func.count()).select_from(WaitingRefundRow).where(*where)) or 0

    def of(self, purchase: Hash32, asset: Asset, payer: Address, senders: Collection[Address]) -> list[Repaid]:
        """Return those of a purchase by one of these wallets, to its payer, in what they paid with, as they came.

        Anybody may have thousands of others told of it: they are not even read.
        """
        query = select(WaitingRefundRow).where(
            WaitingRefundRow.purchase == bytes(purchase),
            WaitingRefundRow.asset == asset,
            WaitingRefundRow.recipient == bytes(payer),
            WaitingRefundRow.sender.in_([bytes(sender) for sender in senders]),
        )
        return [_repaid(row) for row in self._session.scalars(query.order_by(WaitingRefundRow.id))]

    def done(self, purchase: Hash32) -> None:
        """Keep those of a purchase no longer."""
        self._session.execute(delete(WaitingRefundRow).where(WaitingRefundRow.purchase == bytes(purchase)))

    def left(self, block: Hash32) -> None:
        """Forget those of a block that left the chain."""
        self._session.execute(delete(WaitingRefundRow).where(WaitingRefundRow.block == bytes(block)))

    def prune(self, *, limit: int) -> int:
        """Take away those whose sale never came; return how many went."""
        old = select(WaitingRefundRow.id).where(WaitingRefundRow.kept_at < self._now - KEPT_FOR)
        gone = self._session.scalars(old.order_by(WaitingRefundRow.id).limit(limit)).all()
        self._session.execute(delete(WaitingRefundRow).where(WaitingRefundRow.id.in_(gone)))
        return len(gone)


def _repaid(row: WaitingRefundRow) -> Repaid:
    return Repaid(
        purchase=Hash32(row.purchase),
        asset=Asset(row.asset),
        amount=row.amount,
        sender=Address(row.sender),
        recipient=Address(row.recipient),
        transaction=Hash32(row.transaction),
        block=Hash32(row.block),
        at=row.at,
    )
