"""Queries on how the last reconciliation of a book ended."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from contracts.events import BlockRef
from kit.identifiers import Address, Hash32
from ledger.model import Account, Asset, Level
from ledger.reconciling import Check, Kept, Line
from ledger.tables import ReconciliationRow

_MOST_LINES = 200
"""Lines that are kept: all but a disaster's, of which the first ones are enough."""


def last(session: Session, chain_id: int, asset: Asset) -> Kept | None:
    """Return the last reconciliation of a book."""
    row = session.get(ReconciliationRow, (chain_id, asset), populate_existing=True)
    if row is None:
        return None
    return Kept(
        block=BlockRef(chain_id, row.block_number, Hash32(row.block_hash), Hash32(row.parent_hash), row.block_time),
        level=Level(row.level),
        checked_at=row.checked_at,
        full_at=row.full_at,
        differs_since=row.differs_since,
        wallets=row.wallets,
        asked=row.asked,
        asked_to=None if row.asked_to is None else Address(row.asked_to),
        checks=tuple(_check(line) for line in row.lines),
    )


def keep(session: Session, chain_id: int, asset: Asset, kept: Kept) -> None:
    """Put a reconciliation in the place of the one before it."""
    session.merge(
        ReconciliationRow(
            chain_id=chain_id,
            asset=asset,
            block_hash=kept.block.hash,
            block_number=kept.block.number,
            parent_hash=kept.block.parent_hash,
            block_time=kept.block.timestamp,
            level=kept.level.value,
            checked_at=kept.checked_at,
            full_at=kept.full_at,
            differs_since=kept.differs_since,
            wallets=kept.wallets,
            asked=kept.asked,
            asked_to=kept.asked_to,
            # Amounts as text: most readers of JSON know no whole number of 78 digits.
            lines=[
                {"line": check.line.value, "books": str(check.ledger), "other": str(check.other), "of": check.account}
                for check in kept.checks[:_MOST_LINES]
            ],
        )
    )
    session.flush()


def _check(line: dict[str, Any]) -> Check:
    account = line["of"]
    return Check(
        Line(line["line"]), int(line["books"]), int(line["other"]), None if account is None else Account(account)
    )
