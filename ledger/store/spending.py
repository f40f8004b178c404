"""Queries on what our keys have sent: read from the transactions that were signed, so that no restart forgets any."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session

from kit.identifiers import Address
from ledger.calls import OutgoingState, Pen
from ledger.limits import DAY, LIMITED, UNSIGNED, Day, Held, Sent, day_of
from ledger.model import Level
from ledger.store.outgoing import LIVE, level, to_sign
from ledger.tables import AttemptRow, OutgoingRow


def day(session: Session, *, chain_id: int, sender: Address, now: datetime, unsettled: bool = True) -> Day:
    """Return what a key sent in the last 24 hours, and (``unsettled``) what of before is not settled yet."""
    ours = (AttemptRow.chain_id == chain_id, AttemptRow.sender == sender)
    columns = (AttemptRow.hash, AttemptRow.nonce, AttemptRow.gas, AttemptRow.max_fee, AttemptRow.cost_wei)
    lately = select(*columns).where(*ours, AttemptRow.made_at > now - DAY)
    held = (
        select(*columns)
        .join(OutgoingRow, (OutgoingRow.id == AttemptRow.outgoing_id) & (OutgoingRow.nonce == AttemptRow.nonce))
        .where(*ours, OutgoingRow.chain_id == chain_id, OutgoingRow.sender == sender, OutgoingRow.state.in_(LIVE))
    )
    rows = {row.hash: row for query in ((lately, held) if unsettled else (lately,)) for row in session.execute(query)}
    return day_of(Sent(row.nonce, row.gas * row.max_fee, row.cost_wei) for row in rows.values())


def held_now(session: Session, *, chain_id: int, pen: Pen, now: datetime) -> bool:
    """Tell whether a call waits for this key, and is not to be looked at again yet."""
    query = select(OutgoingRow.id).where(*_held(chain_id, pen.role), *to_sign(pen), OutgoingRow.due_at > now).limit(1)
    return session.scalar(query) is not None


def held(session: Session, *, chain_id: int, role: str, now: datetime) -> Held | None:
    """Return what of a role waits for its key alone: the first such call, and all that could go but for it."""
    first = session.execute(
        select(OutgoingRow.id, OutgoingRow.last_error).where(*_held(chain_id, role)).order_by(OutgoingRow.id).limit(1)
    ).one_or_none()
    if first is None:
        return None
    behind = select(func.count()).where(*_waiting(chain_id, role), OutgoingRow.id > first.id)
    behind = behind.where(
        OutgoingRow.due_at <= now, OutgoingRow.after_block.is_(None) | (level() == Level.FINALIZED.value)
    )
    return Held(first.last_error, 1 + (session.scalar(behind) or 0))


def bound(session: Session, *, chain_id: int, role: str, key: Address) -> tuple[int, int]:
    """Count the calls that hold a nonce of a key, and those that wait to be signed by it and no other."""
    counted = select(func.count()).where(OutgoingRow.chain_id == chain_id)
    nonces = counted.where(OutgoingRow.state.in_(LIVE), OutgoingRow.sender == key)
    calls = counted.where(*_waiting(chain_id, role), OutgoingRow.signer == key)
    return session.scalar(nonces) or 0, session.scalar(calls) or 0


def _waiting(chain_id: int, role: str) -> tuple[ColumnElement[bool], ...]:
    waits = OutgoingRow.state == OutgoingState.WAITING.value
    return OutgoingRow.chain_id == chain_id, waits, OutgoingRow.role == role


def _held(chain_id: int, role: str) -> tuple[ColumnElement[bool], ...]:
    why = [OutgoingRow.last_error.startswith(reason, autoescape=True) for reason in (LIMITED, UNSIGNED)]
    return *_waiting(chain_id, role), or_(*why)
