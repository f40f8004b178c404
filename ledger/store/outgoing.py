"""Queries on the calls that we owe the chain, and on the transactions signed for them."""

from __future__ import annotations

from dataclasses import fields
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, ScalarSelect, Update, func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from contracts.signer import SignedTransaction, Transaction
from kit.identifiers import Address, Hash32
from ledger.calls import Attempt, Bounds, Call, Outcome, OutgoingState, Pen
from ledger.model import Level
from ledger.tables import AttemptRow, BlockRow, CursorRow, OutgoingRow

_ERROR_LENGTH = 300

LIVE = (OutgoingState.SENT.value, OutgoingState.MINED.value)
"""States in which a nonce is taken."""


# -------------------------------------------------------------------------------------------------- queueing


def add(session: Session, call: Call, *, chain_id: int, now: datetime) -> bool:
    """Add a waiting call; ``False`` where its key is taken."""
    insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    statement = (
        insert(OutgoingRow)
        .values(
            chain_id=chain_id,
            key=call.key,
            role=call.role,
            to=call.to,
            data=call.data,
            signer=call.signer,
            after_block=call.after_block,
            state=call.state.value,
            created_at=now,
            due_at=now,
            tries=0,
            reverts=0,
            spent_wei=0,
            **_columns(call.bounds),
        )
        .on_conflict_do_nothing(index_elements=["chain_id", "key"])
        .returning(OutgoingRow.id)
    )
    return session.execute(statement).one_or_none() is not None


def reopen(session: Session, call: Call, *, chain_id: int, now: datetime) -> bool:
    """Let a call wait again, as it is asked for now: withdrawn, given up before it was mined, or its block left."""
    waits_for_nothing = (OutgoingRow.state == OutgoingState.WAITING.value) & (level() == Level.ORPHANED.value)
    never_mined = (OutgoingRow.state == OutgoingState.GIVEN_UP.value) & (OutgoingRow.reverts == 0)
    withdrawn = (OutgoingRow.state == OutgoingState.WITHDRAWN.value) | never_mined
    statement = (
        update(OutgoingRow)
        .where(OutgoingRow.chain_id == chain_id, OutgoingRow.key == call.key, withdrawn | waits_for_nothing)
        .where(withdrawn | (OutgoingRow.after_block != call.after_block))
        .values(
            role=call.role,
            to=call.to,
            data=call.data,
            signer=call.signer,
            after_block=call.after_block,
            state=call.state.value,
            due_at=now,
            tries=0,
            reverts=0,
            last_error=None,
            **_columns(call.bounds),
        )
        .returning(OutgoingRow.id)
    )
    return session.execute(statement).one_or_none() is not None


def withdraw(session: Session, key: str, *, chain_id: int) -> bool:
    """Withdraw a call of which nothing is signed; ``False`` for any other."""
    statement = (
        update(OutgoingRow)
        .where(OutgoingRow.chain_id == chain_id, OutgoingRow.key == key)
        .where(OutgoingRow.state == OutgoingState.WAITING.value)
        .values(state=OutgoingState.WITHDRAWN.value)
        .returning(OutgoingRow.id)
    )
    return session.execute(statement).one_or_none() is not None


def find(session: Session, key: str, *, chain_id: int) -> Call | None:
    """Return a call by its key; one that waits for a block that left the chain counts as withdrawn."""
    query = (
        select(OutgoingRow, BlockRow.level)
        .outerjoin(BlockRow, (BlockRow.chain_id == OutgoingRow.chain_id) & (BlockRow.hash == OutgoingRow.after_block))
        .where(OutgoingRow.chain_id == chain_id, OutgoingRow.key == key)
        .execution_options(populate_existing=True)
    )
    found = session.execute(query).one_or_none()
    if found is None:
        return None
    row, level = found
    gone = row.state == OutgoingState.WAITING.value and level == Level.ORPHANED.value
    return _call(row, OutgoingState.WITHDRAWN if gone else OutgoingState(row.state))


# ----------------------------------------------------------------------------------------------------- quiet


def quiet_until(session: Session, chain_id: int) -> int | None:
    """Return the block before whose finality nothing new is signed (0: not known yet); ``None``: there is none."""
    return session.scalar(select(CursorRow.quiet_until).where(CursorRow.chain_id == chain_id))


def set_quiet(session: Session, chain_id: int, until: int | None) -> None:
    """Let nothing new be signed before a block is final, or (``None``) from now on everything."""
    session.execute(update(CursorRow).where(CursorRow.chain_id == chain_id).values(quiet_until=until))


# --------------------------------------------------------------------------------------------------- sending


def due(session: Session, *, chain_id: int, pen: Pen, now: datetime, limit: int) -> list[Call]:
    """Return a key's waiting calls that may be sent now, oldest first: due, and after nothing but final blocks."""
    query = (
        select(OutgoingRow)
        .where(OutgoingRow.chain_id == chain_id, OutgoingRow.state == OutgoingState.WAITING.value)
        .where(OutgoingRow.due_at <= now, *to_sign(pen))
        .where(OutgoingRow.after_block.is_(None) | (level() == Level.FINALIZED.value))
        .order_by(OutgoingRow.id)
        .limit(limit)
    )
    return [_call(row, OutgoingState(row.state)) for row in session.scalars(query)]


def newest(session: Session) -> int:
    """Return the id of the call that was queued last, whatever its chain; 0 where there is none."""
    return session.scalar(select(func.max(OutgoingRow.id))) or 0


def to_sign(pen: Pen) -> tuple[ColumnElement[bool], ...]:
    """Return the condition of what a key is to sign."""
    named = OutgoingRow.signer == pen.signer.address
    return OutgoingRow.role == pen.role, named | OutgoingRow.signer.is_(None) if pen.current else named


def live(session: Session, *, chain_id: int, due_by: datetime | None = None) -> list[Call]:
    """Return calls that hold a nonce (only those due for a look, where ``due_by`` is given), lowest nonce first."""
    query = select(OutgoingRow).where(OutgoingRow.chain_id == chain_id, OutgoingRow.state.in_(LIVE))
    if due_by is not None:
        query = query.where(OutgoingRow.due_at <= due_by)
    return [_call(row, OutgoingState(row.state)) for row in session.scalars(query.order_by(OutgoingRow.nonce))]


def attempts(session: Session, call: Call) -> list[Attempt]:
    """Return the transactions signed for a call with the nonce it has now, newest first."""
    this = (AttemptRow.outgoing_id == call.id, AttemptRow.sender == call.sender, AttemptRow.nonce == call.nonce)
    found = [
        Attempt(Hash32(row.hash), row.raw, row.gas, row.max_fee, row.priority_fee, row.made_at, row.broadcast_at)
        for row in session.scalars(select(AttemptRow).where(*this))
    ]
    return sorted(found, key=lambda attempt: (attempt.made_at, attempt.max_fee), reverse=True)


def assign(session: Session, call: Call, sender: Address, nonce: int) -> bool:
    """Give a waiting call its nonce; ``False`` where it does not wait any more.

    Raises the database's ``IntegrityError`` where another call of the same sender has the nonce.
    """
    statement = (
        _this(call)
        .where(OutgoingRow.state == OutgoingState.WAITING.value)
        .values(state=OutgoingState.SENT.value, sender=sender, nonce=nonce, last_error=None)
        .returning(OutgoingRow.id)
    )
    return session.execute(statement).one_or_none() is not None


def add_attempt(
    session: Session, call: Call, sender: Address, transaction: Transaction, signed: SignedTransaction, *, now: datetime
) -> None:
    """Keep a signed transaction, before it is ever broadcast; the same one twice is kept once."""
    insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    values = {
        "chain_id": transaction.chain_id,
        "hash": signed.hash,
        "outgoing_id": call.id,
        "sender": sender,
        "nonce": transaction.nonce,
        "raw": signed.raw,
        "gas": transaction.gas,
        "max_fee": transaction.max_fee,
        "priority_fee": transaction.priority_fee,
        "made_at": now,
    }
    session.execute(insert(AttemptRow).values(values).on_conflict_do_nothing())


def mark_broadcast(session: Session, attempt: Hash32, *, chain_id: int, now: datetime) -> None:
    """Note when a node last took a transaction."""
    this = (AttemptRow.chain_id == chain_id, AttemptRow.hash == attempt)
    session.execute(update(AttemptRow).where(*this).values(broadcast_at=now))


def note(session: Session, call: Call, *, due_at: datetime, state: OutgoingState, error: str | None) -> None:
    """Note what was found out about a call that holds its nonce, unless somebody found out more meanwhile."""
    session.execute(_as_it_was(call).values(state=state.value, due_at=due_at, last_error=_short(error)))


def finish(session: Session, call: Call, outcome: Outcome) -> None:
    """Note that a call is done for ever."""
    session.execute(
        _as_it_was(call).values(
            state=OutgoingState.DONE.value,
            last_error=None,
            spent_wei=call.spent_wei + outcome.cost,
            final_block=outcome.block,
        )
    )
    _settle_cost(session, call, outcome)


def put_off(session: Session, call: Call, *, due_at: datetime, error: str) -> None:
    """Let a waiting call wait until ``due_at``, because it would fail now."""
    session.execute(_as_it_was(call).values(tries=call.tries + 1, due_at=due_at, last_error=_short(error)))


def hold(session: Session, call: Call, *, due_at: datetime, error: str) -> None:
    """Let a waiting call wait until ``due_at`` for something that is not its own fault."""
    session.execute(_as_it_was(call).values(due_at=due_at, last_error=_short(error)))


def give_up(session: Session, call: Call, *, error: str) -> None:
    """Let a waiting call wait no more: nothing was signed for it, and nothing will be."""
    session.execute(_as_it_was(call).values(state=OutgoingState.GIVEN_UP.value, last_error=_short(error)))


def free(
    session: Session, call: Call, *, due_at: datetime, error: str, state: OutgoingState, reverted: Outcome | None
) -> None:
    """Take the nonce from a call, once it is final that another transaction has it or that this one reverted."""
    session.execute(
        _as_it_was(call).values(
            state=state.value,
            sender=None,
            nonce=None,
            tries=call.tries + 1,
            reverts=call.reverts + (1 if reverted else 0),
            due_at=due_at,
            last_error=_short(error),
            spent_wei=call.spent_wei + (reverted.cost if reverted else 0),
            final_block=reverted.block if reverted else None,
            final_time=reverted.time if reverted else None,
        )
    )
    if reverted is not None:
        _settle_cost(session, call, reverted)


def _settle_cost(session: Session, call: Call, outcome: Outcome) -> None:
    """Note at all transactions signed with a call's nonce what that nonce cost: one of them was mined for good."""
    this = (AttemptRow.outgoing_id == call.id, AttemptRow.sender == call.sender, AttemptRow.nonce == call.nonce)
    session.execute(update(AttemptRow).where(*this).values(cost_wei=outcome.cost))


def level() -> ScalarSelect[str]:
    """Look up the level of the block that a call rests on, by its key alone: there are very many blocks."""
    this = (BlockRow.chain_id == OutgoingRow.chain_id, BlockRow.hash == OutgoingRow.after_block)
    return select(BlockRow.level).where(*this).scalar_subquery()


def _this(call: Call) -> Update:
    return update(OutgoingRow).where(OutgoingRow.id == call.id)


def _as_it_was(call: Call) -> Update:
    """Only where the row still is as we read it: two senders may work at once."""
    same_nonce = OutgoingRow.nonce.is_(None) if call.nonce is None else OutgoingRow.nonce == call.nonce
    return _this(call).where(OutgoingRow.state == call.state.value, same_nonce)


def _call(row: OutgoingRow, state: OutgoingState) -> Call:
    return Call(
        id=row.id,
        key=row.key,
        role=row.role,
        to=Address(row.to),
        data=row.data,
        signer=None if row.signer is None else Address(row.signer),
        after_block=None if row.after_block is None else Hash32(row.after_block),
        state=state,
        tries=row.tries,
        reverts=row.reverts,
        last_error=row.last_error,
        sender=None if row.sender is None else Address(row.sender),
        nonce=row.nonce,
        bounds=Bounds(row.most_reverts, row.patient, row.not_after, row.most_wei),
        spent_wei=row.spent_wei,
        final_block=row.final_block,
        final_time=row.final_time,
    )


def _columns(bounds: Bounds) -> dict[str, Any]:
    return {field.name: getattr(bounds, field.name) for field in fields(Bounds)}


def _short(error: str | None) -> str | None:
    return None if error is None else error[:_ERROR_LENGTH]
