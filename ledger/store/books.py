"""Queries on blocks, entries, postings and the balances that they sum to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from sqlalchemy import Update, delete, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session, aliased

from contracts.events import BlockRef
from kit.errors import Conflict
from kit.identifiers import Hash32
from ledger.comparing import Booked
from ledger.model import Account, Asset, Entry, Kind, Level, Posting
from ledger.tables import BalanceRow, BlockRow, CursorRow, EntryRow, PostingRow

_MOST = 10**78 - 1
"""The largest sum that an ``ExactInteger`` column holds; only a token that lies gets there."""
_CHUNK = 500
_STREAMED = 5_000
_PENDING = (Level.SEEN.value, Level.SAFE.value)


# ------------------------------------------------------------------------------------------------------- blocks


def lock(session: Session, chain_id: int) -> None:
    """Let no other transaction book on this chain until this one ends."""
    add = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    session.execute(add(CursorRow).values(chain_id=chain_id, head_hash=None).on_conflict_do_nothing())
    session.execute(select(CursorRow.chain_id).where(CursorRow.chain_id == chain_id).with_for_update()).one()


def head(session: Session, chain_id: int) -> BlockRef | None:
    """Return the newest booked block of the chain."""
    query = (
        select(BlockRow)
        .join(CursorRow, (CursorRow.chain_id == BlockRow.chain_id) & (CursorRow.head_hash == BlockRow.hash))
        .where(CursorRow.chain_id == chain_id)
    )
    row = session.scalar(query)
    return None if row is None else _block(row)


def set_head(session: Session, chain_id: int, block_hash: Hash32 | None) -> None:
    """Move the cursor."""
    session.execute(update(CursorRow).where(CursorRow.chain_id == chain_id).values(head_hash=block_hash))


def block(session: Session, chain_id: int, block_hash: Hash32) -> tuple[BlockRef, Level, int] | None:
    """Return a block that was ever booked, its level, and how often it was."""
    row = session.get(BlockRow, (chain_id, block_hash), populate_existing=True)
    return None if row is None else (_block(row), Level(row.level), row.turn)


def put_block(session: Session, block: BlockRef, *, turn: int) -> None:
    """Keep a block as seen: a new one, or one that came back, at its next turn."""
    if turn == 1:
        session.add(
            BlockRow(
                chain_id=block.chain_id,
                hash=block.hash,
                number=block.number,
                parent_hash=block.parent_hash,
                timestamp=block.timestamp,
                level=Level.SEEN.value,
                turn=1,
            )
        )
        session.flush()
        return
    session.execute(_this(block).values(level=Level.SEEN.value, turn=turn))


def orphan(session: Session, block: BlockRef) -> None:
    """Note that a block left the chain."""
    session.execute(_this(block).values(level=Level.ORPHANED.value))


def raise_level(session: Session, block: BlockRef, level: Level) -> None:
    """Lift a block of our chain and all below it to ``level``; none is ever lowered."""
    lower = _PENDING if level is Level.FINALIZED else (Level.SEEN.value,)
    session.execute(
        update(BlockRow)
        .where(BlockRow.chain_id == block.chain_id, BlockRow.level.in_(lower), BlockRow.number <= block.number)
        .values(level=level.value)
    )


def pending(session: Session, chain_id: int) -> list[BlockRef]:
    """Return the blocks of our chain that are not final, ascending."""
    query = select(BlockRow).where(BlockRow.chain_id == chain_id, BlockRow.level.in_(_PENDING))
    return [_block(row) for row in session.scalars(query.order_by(BlockRow.number))]


def last_final(session: Session, chain_id: int) -> BlockRef | None:
    """Return the newest final block of our chain."""
    query = select(BlockRow).where(BlockRow.chain_id == chain_id, BlockRow.level == Level.FINALIZED.value)
    row = session.scalar(query.order_by(BlockRow.number.desc()).limit(1))
    return None if row is None else _block(row)


# ------------------------------------------------------------------------------------------------------- entries


def add_entries(session: Session, entries: Sequence[Entry], *, turn: int) -> None:
    """Write entries, and carry what they move into the balances."""
    rows = [
        {
            "chain_id": entry.at.block.chain_id,
            "block_hash": entry.at.block.hash,
            "log_index": entry.at.log_index,
            "turn": turn,
            "transaction": entry.at.transaction,
            "kind": entry.kind.value,
            "reversal": False,
        }
        for entry in entries
    ]
    _write(session, rows, [entry.postings for entry in entries])


def reverse_entries(session: Session, block: BlockRef, *, turn: int) -> None:
    """Take back what a block booked at this turn: for each entry one that says the opposite, the last one first."""
    this = (EntryRow.chain_id == block.chain_id, EntryRow.block_hash == block.hash, EntryRow.turn == turn)
    booked = session.scalars(select(EntryRow).where(*this).order_by(EntryRow.log_index.desc())).all()
    lines: defaultdict[int, list[Posting]] = defaultdict(list)
    query = select(PostingRow).join(EntryRow, EntryRow.id == PostingRow.entry_id).where(*this)
    for line in session.scalars(query.order_by(PostingRow.entry_id, PostingRow.line)):
        lines[line.entry_id].append(Posting(Account(line.account), Asset(line.asset), -line.amount))
    rows = [
        {
            "chain_id": row.chain_id,
            "block_hash": row.block_hash,
            "log_index": row.log_index,
            "turn": turn,
            "transaction": row.transaction,
            "kind": row.kind,
            "reversal": True,
            "reverses": row.id,
        }
        for row in booked
    ]
    _write(session, rows, [lines[row.id] for row in booked])


def balance(session: Session, asset: Asset, account: Account) -> int:
    """Return one account's balance, in base units."""
    query = select(BalanceRow.amount).where(BalanceRow.asset == asset, BalanceRow.account == account)
    return session.scalar(query) or 0


def balances(session: Session, asset: Asset) -> dict[Account, int]:
    """Return every account's balance; those that hold nothing are absent."""
    query = select(BalanceRow.account, BalanceRow.amount).where(BalanceRow.asset == asset)
    return {Account(account): amount for account, amount in session.execute(query)}


def folded(session: Session, asset: Asset) -> dict[Account, int]:
    """Return the same as ``balances``, summed anew over every posting there is: what they must always equal."""
    query = select(PostingRow.account, PostingRow.amount).where(PostingRow.asset == asset)
    return _sum((Account(account), amount) for account, amount in session.execute(query))


@dataclass(frozen=True, slots=True)
class Audit:
    """All postings of one asset, summed anew: per account, and how many entries there are and are in balance."""

    folded: Mapping[Account, int]
    entries: int
    in_balance: int


def audit(session: Session, asset: Asset) -> Audit:
    """Read every posting once. Entries are booked for one asset each, so that one pass over it sees them whole."""
    folded: defaultdict[Account, int] = defaultdict(int)
    entries = in_balance = total = 0
    current: int | None = None
    query = select(PostingRow.entry_id, PostingRow.account, PostingRow.amount).where(PostingRow.asset == asset)
    rows = session.execute(query.order_by(PostingRow.entry_id).execution_options(yield_per=_STREAMED))
    for entry, account, amount in rows:
        if entry != current:
            in_balance += total == 0
            current, total, entries = entry, 0, entries + 1
        total += amount
        folded[Account(account)] += amount
    # Before the first entry nothing was out of balance, which was counted; the last one was not.
    in_balance += (total == 0) - 1
    return Audit({account: amount for account, amount in folded.items() if amount}, entries, in_balance)


def blocks_until(session: Session, chain_id: int, number: int) -> Iterator[tuple[int, Hash32]]:
    """Return number and hash of every block of our chain up to ``number``, ascending."""
    query = select(BlockRow.number, BlockRow.hash).where(
        BlockRow.chain_id == chain_id, BlockRow.level != Level.ORPHANED.value, BlockRow.number <= number
    )
    for found, block_hash in session.execute(query.order_by(BlockRow.number).execution_options(yield_per=_STREAMED)):
        yield found, Hash32(block_hash)


def standing_until(session: Session, chain_id: int, asset: Asset, number: int) -> Iterator[Booked]:
    """Return every entry up to block ``number`` that was not taken back, in the order of its logs on the chain."""
    taken_back = aliased(EntryRow)
    query = (
        select(EntryRow, BlockRow.number, PostingRow.account, PostingRow.amount)
        .join(BlockRow, (BlockRow.chain_id == EntryRow.chain_id) & (BlockRow.hash == EntryRow.block_hash))
        .join(PostingRow, PostingRow.entry_id == EntryRow.id)
        .where(EntryRow.chain_id == chain_id, EntryRow.reversal.is_(False), BlockRow.number <= number)
        .where(~select(taken_back.id).where(taken_back.reverses == EntryRow.id).exists(), PostingRow.asset == asset)
        .order_by(BlockRow.number, EntryRow.log_index, EntryRow.id, PostingRow.line)
    )
    rows = session.execute(query.execution_options(yield_per=_STREAMED))
    for _, lines in groupby(rows, key=lambda row: row[0].id):
        (entry, at, account, amount), *more = lines
        yield Booked(
            block_number=at,
            block_hash=Hash32(entry.block_hash),
            log_index=entry.log_index,
            transaction=Hash32(entry.transaction),
            kind=Kind(entry.kind),
            postings=((Account(account), amount), *((Account(line[2]), line[3]) for line in more)),
        )


def folded_until(session: Session, chain_id: int, asset: Asset, number: int) -> dict[Account, int]:
    """Sum all postings of all blocks up to ``number``, of those too that left: what they booked was taken back."""
    query = (
        select(PostingRow.account, PostingRow.amount)
        .join(EntryRow, EntryRow.id == PostingRow.entry_id)
        .join(BlockRow, (BlockRow.chain_id == EntryRow.chain_id) & (BlockRow.hash == EntryRow.block_hash))
        .where(BlockRow.chain_id == chain_id, BlockRow.number <= number, PostingRow.asset == asset)
    )
    rows = session.execute(query.execution_options(yield_per=_STREAMED))
    return _sum((Account(account), amount) for account, amount in rows)


def not_final(session: Session, chain_id: int, asset: Asset) -> dict[Account, int]:
    """Return what the blocks of our chain that are not final yet have moved, per account."""
    query = (
        select(PostingRow.account, PostingRow.amount)
        .join(EntryRow, EntryRow.id == PostingRow.entry_id)
        .join(BlockRow, (BlockRow.chain_id == EntryRow.chain_id) & (BlockRow.hash == EntryRow.block_hash))
        .where(BlockRow.chain_id == chain_id, BlockRow.level.in_(_PENDING), PostingRow.asset == asset)
    )
    return _sum((Account(account), amount) for account, amount in session.execute(query))


# -------------------------------------------------------------------------------------------------------- within


def _block(row: BlockRow) -> BlockRef:
    return BlockRef(row.chain_id, row.number, Hash32(row.hash), Hash32(row.parent_hash), row.timestamp)


def _this(block: BlockRef) -> Update:
    return update(BlockRow).where(BlockRow.chain_id == block.chain_id, BlockRow.hash == block.hash)


def _write(session: Session, rows: Sequence[Mapping[str, object]], postings: Sequence[Sequence[Posting]]) -> None:
    if not rows:
        return
    numbers = session.scalars(insert(EntryRow).returning(EntryRow.id, sort_by_parameter_order=True), rows)
    lines = [
        {"entry_id": number, "line": line, "account": one.account, "asset": one.asset, "amount": one.amount}
        for number, of_entry in zip(numbers, postings, strict=True)
        for line, one in enumerate(of_entry)
    ]
    session.execute(insert(PostingRow), lines)
    _carry(session, [one for of_entry in postings for one in of_entry])


def _carry(session: Session, postings: Sequence[Posting]) -> None:
    """Add postings to the balances."""
    moved: defaultdict[Asset, list[tuple[Account, int]]] = defaultdict(list)
    for posting in postings:
        moved[posting.asset].append((posting.account, posting.amount))
    for asset, changes in moved.items():
        changed = sorted(_sum(changes).items())
        for start in range(0, len(changed), _CHUNK):
            _carry_chunk(session, asset, dict(changed[start : start + _CHUNK]))


def _carry_chunk(session: Session, asset: Asset, changes: Mapping[Account, int]) -> None:
    these = (BalanceRow.asset == asset, BalanceRow.account.in_(changes))
    before = dict(session.execute(select(BalanceRow.account, BalanceRow.amount).where(*these)).all())
    after = {account: before.get(account, 0) + change for account, change in changes.items()}
    if any(abs(amount) > _MOST for amount in after.values()):
        raise Conflict("balance_impossible", f"{asset} moves more than any token could hold.", asset=asset)
    session.execute(delete(BalanceRow).where(*these))
    rows = [{"asset": asset, "account": account, "amount": amount} for account, amount in after.items() if amount]
    if rows:
        session.execute(insert(BalanceRow), rows)


def _sum(changes: Iterable[tuple[Account, int]]) -> dict[Account, int]:
    sums: defaultdict[Account, int] = defaultdict(int)
    for account, amount in changes:
        sums[account] += amount
    return {account: amount for account, amount in sums.items() if amount}
