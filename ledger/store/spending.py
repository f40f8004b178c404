"""Queries on what our keys have sent: read from the transactions that were signed, so that no restart forgets any."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from kit.identifiers import Address
from ledger.calls import OutgoingState
from ledger.limits import DAY, LIMITED, Day, Sent, day_of
from ledger.store.outgoing import LIVE
from ledger.tables import AttemptRow, OutgoingRow


def day(session: Session, *, chain_id: int, sender: Address, now: datetime) -> Day:
    """Return what a key sent in the last 24 hours, and what of before is not settled yet."""
    ours = (AttemptRow.chain_id == chain_id, AttemptRow.sender == sender)
    columns = (AttemptRow.hash, AttemptRow.nonce, AttemptRow.gas, AttemptRow.max_fee, AttemptRow.cost_wei)
    lately = select(*columns).where(*ours, AttemptRow.made_at > now - DAY)
    held = (
        select(*columns)
        .join(OutgoingRow, (OutgoingRow.id == AttemptRow.outgoing_id) & (OutgoingRow.nonce == AttemptRow.nonce))
        .where(*ours, OutgoingRow.chain_id == chain_id, OutgoingRow.sender == sender, OutgoingRow.state.in_(LIVE))
    )
    rows = {row.hash: row for query in (lately, held) for row in session.execute(query)}
    return day_of(Sent(row.nonce, row.gas * row.max_fee, row.cost_wei) for row in rows.values())


def limited(session: Session, *, chain_id: int, role: str, after: datetime | None = None) -> int:
    """Count a role's calls that wait for nothing but their key's limit (to be looked at ``after`` then)."""
    query = select(func.count()).where(
        OutgoingRow.chain_id == chain_id,
        OutgoingRow.state == OutgoingState.WAITING.value,
        OutgoingRow.role == role,
        OutgoingRow.last_error.startswith(LIMITED, autoescape=True),
    )
    if after is not None:
        query = query.where(OutgoingRow.due_at > after)
    return session.scalar(query) or 0
