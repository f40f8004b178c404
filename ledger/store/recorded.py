"""Queries on what was ever booked, in the order in which it was: the stuff that statements are made of."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from itertools import groupby
from typing import Final

from sqlalchemy import CTE, ColumnElement, func, select
from sqlalchemy.orm import Session

from kit.database import one_of
from kit.errors import Conflict
from kit.identifiers import Hash32
from ledger.model import Account, Asset, Kind, Level, Posting
from ledger.movements import Recorded
from ledger.tables import ERA, AccountRow, BlockRow, EntryRow, PostingRow, eras, is_in

_STREAMED = 2_000
_MOST_ACCOUNTS = 30_000
"""What both databases take as values of one statement."""
_OF_BLOCK: Final = (BlockRow.chain_id == EntryRow.chain_id) & (BlockRow.hash == EntryRow.block_hash)


def recorded(
    session: Session,
    chain_id: int,
    asset: Asset,
    *,
    accounts: Collection[Account] | None,
    since: int | None,
    before: int | None,
) -> Iterator[Recorded]:
    """Return all entries of the transactions that touch these accounts (all, where ``None``), in booking order.

    ``since`` and ``before`` bound the blocks' times, in Unix seconds. Raises ``Conflict`` for too many accounts.
    """
    query = (
        select(EntryRow, BlockRow, AccountRow.account, PostingRow.amount)
        .join(BlockRow, _OF_BLOCK)
        .join(PostingRow, PostingRow.entry_id == EntryRow.id)
        .join(AccountRow, AccountRow.id == PostingRow.account_id)
        .where(EntryRow.chain_id == chain_id, is_in(asset))
        .order_by(EntryRow.id, PostingRow.line)
    )
    if accounts is not None:
        lines = _lines(session, _numbers(session, asset, accounts))
        touched = select(EntryRow).where(EntryRow.id.in_(select(lines.c.entry_id)))
        query = query.where(
            EntryRow.block_hash.in_(touched.with_only_columns(EntryRow.block_hash)),
            EntryRow.transaction.in_(touched.with_only_columns(EntryRow.transaction)),
        )
    rows = session.execute(query.where(*_within(since, before)).execution_options(yield_per=_STREAMED))
    for _, group in groupby(rows, key=lambda row: row[0].id):
        (entry, block, account, amount), *more = group
        stands = entry.turn == block.turn and not entry.reversal
        yield Recorded(
            id=entry.id,
            block_number=block.number,
            block_hash=Hash32(block.hash),
            time=block.timestamp,
            level=Level(block.level) if stands else Level.ORPHANED,
            turn=entry.turn,
            log_index=entry.log_index,
            transaction=Hash32(entry.transaction),
            kind=Kind(entry.kind),
            reversal=entry.reversal,
            postings=tuple(
                Posting(Account(of), asset, much) for of, much in ((account, amount), *(line[2:] for line in more))
            ),
        )


def held_before(
    session: Session, chain_id: int, asset: Asset, *, accounts: Collection[Account] | None, before: int
) -> dict[Account, int]:
    """Return what these accounts (all, where ``None``) held before the first block of that time."""
    if accounts is None:
        every = (
            select(AccountRow.account, PostingRow.amount)
            .join(AccountRow, AccountRow.id == PostingRow.account_id)
            .join(EntryRow, EntryRow.id == PostingRow.entry_id)
            .join(BlockRow, _OF_BLOCK)
            .where(EntryRow.chain_id == chain_id, is_in(asset), BlockRow.timestamp < before)
        )
        of_all = session.execute(every.execution_options(yield_per=_STREAMED))
        return _summed((account, amount) for account, amount in of_all)
    named = _numbers(session, asset, accounts)
    lines = _lines(session, named)
    booked = select(EntryRow.id).join(BlockRow, _OF_BLOCK)
    booked = booked.where(EntryRow.id == lines.c.entry_id, EntryRow.chain_id == chain_id, BlockRow.timestamp < before)
    query = select(lines.c.account_id, lines.c.amount).where(booked.exists())
    rows = session.execute(query.execution_options(yield_per=_STREAMED))
    return _summed((named[number], amount) for number, amount in rows)


def _summed(lines: Iterable[tuple[str, int]]) -> dict[Account, int]:
    sums: defaultdict[Account, int] = defaultdict(int)
    for account, amount in lines:
        sums[Account(account)] += amount
    return {account: amount for account, amount in sums.items() if amount}


def _numbers(session: Session, asset: Asset, accounts: Collection[Account]) -> dict[int, str]:
    named = select(AccountRow.id, AccountRow.account)
    named = named.where(is_in(asset), AccountRow.account.in_(_few(accounts)))
    return {number: account for number, account in session.execute(named)}  # noqa: C416 - rows are no pairs to mypy


def _lines(session: Session, accounts: Collection[int]) -> CTE:
    """Return the lines of these accounts, found by the index, era by era, before anything is joined to them."""
    last = session.scalar(select(func.max(EntryRow.id))) or 0
    return (
        select(PostingRow.entry_id, PostingRow.account_id, PostingRow.amount)
        .where(one_of(session, ERA, eras(last)), one_of(session, PostingRow.account_id, sorted(accounts)))
        .cte("lines")
        .prefix_with("MATERIALIZED")
    )


def _few(accounts: Collection[Account]) -> list[Account]:
    if len(accounts) > _MOST_ACCOUNTS:
        raise Conflict(
            "too_many_accounts", f"A statement is of at most {_MOST_ACCOUNTS} accounts, or of the whole book."
        )
    return sorted(accounts)


def _within(since: int | None, before: int | None) -> list[ColumnElement[bool]]:
    bounds = []
    if since is not None:
        bounds.append(BlockRow.timestamp >= since)
    if before is not None:
        bounds.append(BlockRow.timestamp < before)
    return bounds
