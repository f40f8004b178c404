"""Distribution, in one transaction: what the contract told of roots and claims, as the chain stands now."""

from __future__ import annotations

from typing import Final

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from contracts.events import (
    BlockRef,
    Claimed,
    EarlierJoined,
    Position,
    RewardEvent,
    RootAccepted,
    RootCancelled,
    RootProposed,
)
from kit.identifiers import Address, Hash32
from payments.rewards.onchain import Payment, Root, roots
from payments.rewards.tables import RewardEventRow

MOST_SHOWN: Final = 100
_OF_ROOTS: Final = ("proposed", "accepted", "cancelled", "joined")


class Distribution:
    """Roots and claims of one distributor; the transfers by which money moved are in the books by themselves."""

    def __init__(self, session: Session, distributor: Address | None) -> None:
        """Read and write in ``session`` what ``distributor`` told; with none there is nothing."""
        self._session = session
        self._of = b"" if distributor is None else bytes(distributor)

    def told(self, event: RewardEvent) -> None:
        """Keep what a block tells that was just booked; told again it is kept once."""
        row = _row(event)
        same = (
            RewardEventRow.chain_id == row.chain_id,
            RewardEventRow.block_hash == row.block_hash,
            RewardEventRow.log_index == row.log_index,
        )
        if self._session.scalar(select(RewardEventRow.id).where(*same)) is None:
            self._session.add(row)
            self._session.flush()

    def left(self, block: BlockRef) -> None:
        """Forget what a block told that left the chain."""
        gone = RewardEventRow.chain_id == block.chain_id, RewardEventRow.block_hash == bytes(block.hash)
        self._session.execute(delete(RewardEventRow).where(*gone))

    def roots(self) -> list[Root]:
        """Return all roots that were proposed, oldest first, and how they stand."""
        query = select(RewardEventRow).where(RewardEventRow.distributor == self._of, RewardEventRow.kind.in_(_OF_ROOTS))
        rows = self._session.scalars(query.order_by(RewardEventRow.block_number, RewardEventRow.log_index))
        return roots(_event(row) for row in rows)

    def claims(self, payee: Address | None = None, *, limit: int = MOST_SHOWN) -> list[Payment]:
        """Return the latest claims that were paid, of somebody or of all, the latest first."""
        query = select(RewardEventRow).where(RewardEventRow.distributor == self._of, RewardEventRow.kind == "claimed")
        query = query if payee is None else query.where(RewardEventRow.payee == bytes(payee))
        latest = query.order_by(RewardEventRow.block_number.desc(), RewardEventRow.log_index.desc()).limit(limit)
        return [_payment(row) for row in self._session.scalars(latest)]

    def claimed(self, payee: Address) -> int:
        """Return what a payee has had in all, in base units."""
        last = self.claims(payee, limit=1)
        return last[0].cumulative if last else 0

    def claims_paid(self) -> int:
        """Return how many claims were paid."""
        query = select(func.count()).where(RewardEventRow.distributor == self._of, RewardEventRow.kind == "claimed")
        return int(self._session.scalar(query) or 0)


def _row(event: RewardEvent) -> RewardEventRow:
    block = event.at.block
    row = RewardEventRow(
        chain_id=block.chain_id,
        distributor=bytes(event.distributor),
        block_hash=bytes(block.hash),
        block_number=block.number,
        block_time=block.timestamp,
        log_index=event.at.log_index,
        transaction=bytes(event.at.transaction),
        root=bytes(event.root),
    )
    if isinstance(event, Claimed):
        row.kind, row.payee, row.amount, row.cumulative = "claimed", bytes(event.payee), event.amount, event.cumulative
        return row
    row.epoch = event.epoch
    if isinstance(event, RootProposed):
        row.kind, row.amount, row.replaces = "proposed", event.budget, event.replaces
        row.counts_from = min(event.counts_from, 2**63 - 1)
    elif isinstance(event, RootAccepted):
        row.kind, row.amount = "accepted", event.budget
    elif isinstance(event, EarlierJoined):
        row.kind, row.amount = "joined", event.amount
    else:
        row.kind, row.amount = "cancelled", 0
    return row


def _event(row: RewardEventRow) -> RewardEvent:
    nowhere = Hash32(bytes(32))
    block = BlockRef(row.chain_id, row.block_number, Hash32(row.block_hash), nowhere, row.block_time)
    at, of = Position(block, row.log_index, Hash32(row.transaction)), Address(row.distributor)
    root, epoch = Hash32(row.root), row.epoch or 0
    if row.kind == "proposed":
        return RootProposed(at, of, epoch, root, row.amount, row.counts_from or 0, bool(row.replaces))
    if row.kind == "accepted":
        return RootAccepted(at, of, epoch, root, row.amount)
    if row.kind == "joined":
        return EarlierJoined(at, of, epoch, root, row.amount)
    return RootCancelled(at, of, epoch, root)


def _payment(row: RewardEventRow) -> Payment:
    return Payment(
        payee=Address(row.payee or b""),
        root=Hash32(row.root),
        amount=row.amount,
        cumulative=row.cumulative or 0,
        transaction=Hash32(row.transaction),
        block=Hash32(row.block_hash),
        at=row.block_time,
    )
