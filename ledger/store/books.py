"""Queries on blocks, entries and postings."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, groupby, repeat
from typing import Any

from sqlalchemy import Executable, Update, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session, aliased

from contracts.events import BlockRef
from kit.database import draw_numbers, make_room, write_many, writing
from kit.identifiers import Hash32
from kit.leases import Seat
from ledger.comparing import Booked
from ledger.model import Account, Asset, Kind, Level, Posting
from ledger.sheets import Lines
from ledger.store.balances import carry
from ledger.tables import AccountRow, AssetRow, BlockRow, CursorRow, EntryRow, PostingRow, is_in

_CHUNK = 500
_MANY = 500
"""Entries at a time that only a backfill makes."""
_STREAMED = 5_000
_Known = Mapping[Asset, Mapping[Account, int]]
"""The numbers of accounts, by asset and name."""
_REF = (BlockRow.chain_id, BlockRow.number, BlockRow.hash, BlockRow.parent_hash, BlockRow.timestamp)
"""What a reference to a block is made of: read so, it costs half of a row as an object."""
_PENDING = (Level.SEEN.value, Level.SAFE.value)


# ------------------------------------------------------------------------------------------------------- blocks


def lock(session: Session, chain_id: int) -> None:
    """Let no other transaction book on this chain until this one ends."""
    add = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    session.execute(add(CursorRow).values(chain_id=chain_id, head_hash=None).on_conflict_do_nothing())
    session.execute(select(CursorRow.chain_id).where(CursorRow.chain_id == chain_id).with_for_update()).one()


def seat(chain_id: int) -> Seat:
    """Return the seat of whoever reads the chain: the cursor's own row, which every booking locks anyway."""
    return Seat(CursorRow, {"chain_id": chain_id})


def head(session: Session, chain_id: int) -> BlockRef | None:
    """Return the newest booked block of the chain."""
    query = (
        select(*_REF)
        .join(CursorRow, (CursorRow.chain_id == BlockRow.chain_id) & (CursorRow.head_hash == BlockRow.hash))
        .where(CursorRow.chain_id == chain_id)
    )
    return _first(session, query)


def set_head(session: Session, chain_id: int, block_hash: Hash32 | None) -> None:
    """Move the cursor."""
    session.execute(update(CursorRow).where(CursorRow.chain_id == chain_id).values(head_hash=block_hash))


def block(session: Session, chain_id: int, block_hash: Hash32) -> tuple[BlockRef, Level, int] | None:
    """Return a block that was ever booked, its level, and how often it was."""
    row = session.get(BlockRow, (chain_id, block_hash), populate_existing=True)
    return None if row is None else (_block(row), Level(row.level), row.turn)


def blocks(session: Session, chain_id: int, hashes: Sequence[Hash32]) -> dict[Hash32, tuple[BlockRef, Level, int]]:
    """Return those of these blocks that were ever booked, each with its level and how often it was."""
    found = {}
    for start in range(0, len(hashes), _CHUNK):
        some = hashes[start : start + _CHUNK]
        query = select(BlockRow).where(BlockRow.chain_id == chain_id, BlockRow.hash.in_(some))
        for row in session.scalars(query.execution_options(populate_existing=True)):
            found[Hash32(row.hash)] = _block(row), Level(row.level), row.turn
    return found


def put_blocks(session: Session, blocks: Sequence[BlockRef], turns: Mapping[Hash32, int]) -> None:
    """Keep blocks as seen: new ones, or ones that came back, each at its turn."""
    new = [block for block in blocks if turns[block.hash] == 1]
    columns: dict[str, Sequence[Any]] = {
        "chain_id": [block.chain_id for block in new],
        "hash": [block.hash for block in new],
        "number": [block.number for block in new],
        "parent_hash": [block.parent_hash for block in new],
        "timestamp": [block.timestamp for block in new],
        "level": [Level.SEEN.value] * len(new),
        "turn": [1] * len(new),
    }
    write_many(session, BlockRow, columns)
    for block in blocks:
        if turns[block.hash] > 1:
            session.execute(_this(block).values(level=Level.SEEN.value, turn=turns[block.hash]))


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


def standing_at(session: Session, chain_id: int, number: int) -> BlockRef | None:
    """Return the block of our chain at a number."""
    query = select(*_REF).where(BlockRow.chain_id == chain_id, BlockRow.number == number)
    return _first(session, query.where(BlockRow.level != Level.ORPHANED.value))


def pending(session: Session, chain_id: int) -> list[BlockRef]:
    """Return the blocks of our chain that are not final, ascending."""
    query = select(*_REF).where(BlockRow.chain_id == chain_id, BlockRow.level.in_(_PENDING))
    return [_block(row) for row in session.execute(query.order_by(BlockRow.number))]


def last_final(session: Session, chain_id: int) -> BlockRef | None:
    """Return the newest final block of our chain."""
    query = select(*_REF).where(BlockRow.chain_id == chain_id, BlockRow.level == Level.FINALIZED.value)
    return _first(session, query.order_by(BlockRow.number.desc()).limit(1))


# ------------------------------------------------------------------------------------------------------- entries


def add_lines(session: Session, asset: Asset, lines: Lines) -> None:
    """Write entries with their postings, and carry what they move into the balances."""
    of_asset = lines.accounts

    def numbers(known: _Known) -> list[int]:
        return list(map(known[asset].__getitem__, of_asset))

    _write(session, lines.entries, [2] * (len(of_asset) // 2), {asset: lines.changes}, numbers, lines.amounts)


def reverse_entries(session: Session, block: BlockRef, *, turn: int) -> None:
    """Take back what a block booked at this turn: for each entry one that says the opposite, the last one first."""
    this = (EntryRow.chain_id == block.chain_id, EntryRow.block_hash == block.hash, EntryRow.turn == turn)
    booked = session.scalars(select(EntryRow).where(*this).order_by(EntryRow.log_index.desc())).all()
    lines: defaultdict[int, list[Posting]] = defaultdict(list)
    query = (
        select(PostingRow.entry_id, AccountRow.account, AssetRow.asset, PostingRow.amount)
        .join(EntryRow, EntryRow.id == PostingRow.entry_id)
        .join(AccountRow, AccountRow.id == PostingRow.account_id)
        .join(AssetRow, AssetRow.id == AccountRow.asset_id)
        .where(*this)
    )
    for entry_id, account, asset, amount in session.execute(query.order_by(PostingRow.entry_id, PostingRow.line)):
        lines[entry_id].append(Posting(Account(account), Asset(asset), -amount))
    columns: dict[str, Sequence[Any]] = {
        "chain_id": [row.chain_id for row in booked],
        "block_hash": [row.block_hash for row in booked],
        "log_index": [row.log_index for row in booked],
        "turn": [turn] * len(booked),
        "transaction": [row.transaction for row in booked],
        "kind": [row.kind for row in booked],
        "reversal": [True] * len(booked),
        "reverses": [row.id for row in booked],
    }
    if not booked:
        return
    postings = [lines[row.id] for row in booked]
    each = list(chain.from_iterable(postings))
    changes: dict[Asset, defaultdict[Account, int]] = {}
    for account, asset, amount in each:
        changes.setdefault(asset, defaultdict(int))[account] += amount

    def numbers(known: _Known) -> list[int]:
        return [known[line.asset][line.account] for line in each]

    _write(session, columns, list(map(len, postings)), changes, numbers, [line.amount for line in each])


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
    query = select(PostingRow.entry_id, AccountRow.account, PostingRow.amount)
    query = query.join(AccountRow, AccountRow.id == PostingRow.account_id).where(is_in(asset))
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
        select(EntryRow, BlockRow.number, AccountRow.account, PostingRow.amount)
        .join(BlockRow, (BlockRow.chain_id == EntryRow.chain_id) & (BlockRow.hash == EntryRow.block_hash))
        .join(PostingRow, PostingRow.entry_id == EntryRow.id)
        .join(AccountRow, AccountRow.id == PostingRow.account_id)
        .where(EntryRow.chain_id == chain_id, EntryRow.reversal.is_(False), BlockRow.number <= number)
        .where(~select(taken_back.id).where(taken_back.reverses == EntryRow.id).exists(), is_in(asset))
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
        select(AccountRow.account, PostingRow.amount)
        .join(AccountRow, AccountRow.id == PostingRow.account_id)
        .join(EntryRow, EntryRow.id == PostingRow.entry_id)
        .join(BlockRow, (BlockRow.chain_id == EntryRow.chain_id) & (BlockRow.hash == EntryRow.block_hash))
        .where(BlockRow.chain_id == chain_id, BlockRow.number <= number, is_in(asset))
    )
    rows = session.execute(query.execution_options(yield_per=_STREAMED))
    return _sum((Account(account), amount) for account, amount in rows)


def not_final(session: Session, chain_id: int, asset: Asset) -> dict[Account, int]:
    """Return what the blocks of our chain that are not final yet have moved, per account."""
    # Named first, and few: by a join, SQLite would read all entries that there ever were.
    blocks = select(BlockRow.hash).where(BlockRow.chain_id == chain_id, BlockRow.level.in_(_PENDING))
    query = (
        select(AccountRow.account, PostingRow.amount)
        .join(AccountRow, AccountRow.id == PostingRow.account_id)
        .join(EntryRow, EntryRow.id == PostingRow.entry_id)
        .where(EntryRow.chain_id == chain_id, EntryRow.block_hash.in_(blocks), is_in(asset))
    )
    return _sum((Account(account), amount) for account, amount in session.execute(query))


# -------------------------------------------------------------------------------------------------------- within


def _first(session: Session, query: Executable) -> BlockRef | None:
    row = session.execute(query).first()
    return None if row is None else _block(row)


def _block(row: Any) -> BlockRef:  # noqa: ANN401 - a block's row, or these columns of one
    return BlockRef(row.chain_id, row.number, Hash32(row.hash), Hash32(row.parent_hash), row.timestamp)


def _this(block: BlockRef) -> Update:
    return update(BlockRow).where(BlockRow.chain_id == block.chain_id, BlockRow.hash == block.hash)


def _write(
    session: Session,
    columns: Mapping[str, Sequence[Any]],
    lengths: Sequence[int],
    changes: Mapping[Asset, Mapping[Account, int]],
    numbers_of: Callable[[_Known], list[int]],
    amounts: Sequence[Any],
) -> None:
    """Write entries and, column by column, their postings, of which each has as many as ``lengths`` says.

    ``changes``: what they move, in all; ``numbers_of``: the account's number of each posting, where those are known.
    """
    if len(lengths) > _MANY:
        make_room(session)
    numbers = draw_numbers(session, EntryRow, len(lengths))
    with writing(session, EntryRow, {"id": numbers, **columns}):
        its = list(chain.from_iterable(map(repeat, numbers, lengths)))
        places = list(chain.from_iterable(map(range, lengths)))
    known = {asset: carry(session, asset, changes[asset]) for asset in sorted(changes)}
    columns = {
        "entry_id": its,
        "line": places,
        "account_id": numbers_of(known),
        "amount": amounts,
    }
    write_many(session, PostingRow, columns)


def _sum(changes: Iterable[tuple[Account, int]]) -> dict[Account, int]:
    sums: defaultdict[Account, int] = defaultdict(int)
    for account, amount in changes:
        sums[account] += amount
    return {account: amount for account, amount in sums.items() if amount}
