"""Sheets (pure): what blocks that follow each other mean in the books, as far as no look into those is needed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, groupby
from operator import neg
from typing import Any, Final, cast, get_args

from contracts.events import (
    BlockRef,
    ChainEvent,
    Expired,
    Forfeited,
    Given,
    Returned,
    RewardEvent,
    SaleEvent,
    StakeEvent,
    Transferred,
    contract_of,
)
from kit.copying import cells
from kit.errors import Invalid
from kit.identifiers import Address, Hash32
from ledger.model import Account, Asset, Moves, erc20, stake
from ledger.posting import entry_for, transfers

OF_FIRST: Final = (Transferred, *get_args(StakeEvent))
"""What token and escrow tell."""
_OF_LATER: Final = Given | SaleEvent | RewardEvent
"""What contracts tell that may have come later; none of it moves what a stake holds."""
Happened = tuple[BlockRef, Iterable[ChainEvent]]
"""A block and all its events that are ours."""


@dataclass(frozen=True, slots=True)
class Ours:
    """What a book is of: token, escrow and contracts that may have come ``later`` on one chain."""

    chain_id: int
    token: Address
    escrow: Address
    later: Collection[Address] = ()

    @property
    def asset(self) -> Asset:
        """Return the token, as an asset."""
        return erc20(self.chain_id, self.token)


@dataclass(slots=True)
class Lines:
    """Entries of two postings each, in one asset, column by column: all that is written of them but their numbers.

    ``entries``: their columns; ``accounts`` and ``amounts``: of the postings, two of each entry; ``changes``: what each
    account gains by all of them, by its name.
    """

    entries: dict[str, Sequence[Any]]
    accounts: list[Account]
    amounts: Sequence[Any]
    changes: Mapping[Account, int]


@dataclass(slots=True)
class Sheet:
    """Blocks that follow each other. ``ready``: the lines of all, where each block comes for the first time."""

    blocks: list[tuple[BlockRef, list[ChainEvent]]]
    ready: Lines | None = field(default=None)


def sheet(ours: Ours, blocks: Iterable[Happened], *, as_text: bool = False) -> Sheet:
    """Return what blocks mean; lines are made ready where all that happened is transfers. Raises ``Invalid``.

    ``as_text``: in the words of ``COPY`` (PostgreSQL).
    """
    made = Sheet([(block, in_order(ours, block, events)) for block, events in blocks])
    events = list(chain.from_iterable(its for _, its in made.blocks))
    if events and set(map(type, events)) == {Transferred}:
        moved = transfers(cast("list[Transferred]", events), ours.escrow)
        made.ready = lines(moved, {block.hash: 1 for block, _ in made.blocks}, as_text=as_text)
    return made


def in_order(ours: Ours, block: BlockRef, events: Iterable[ChainEvent]) -> list[ChainEvent]:
    """Return a block's events by their logs. Raises ``Invalid`` for one that is of another place, or there twice."""
    ordered = sorted(events, key=_log_index)
    if block.chain_id != ours.chain_id:
        raise Invalid("event_of_other_block", f"Block {block.number} is of another chain.")
    before = -1
    for event in ordered:
        if event.at.block is not block and event.at.block != block:
            raise Invalid("event_of_other_block", f"Not all events are of block {block.number}.")
        if event.at.log_index == before:
            raise Invalid("log_twice", f"Block {block.number} has two events of one log.")
        before = event.at.log_index
        if isinstance(event, Transferred):  # what nearly every event is
            known = event.token == ours.token
        else:
            place = contract_of(event)
            known = place in ours.later if isinstance(event, _OF_LATER) else place == ours.escrow
        if not known:
            raise Invalid("event_of_other_contract", f"Block {block.number} has an event of another contract.")
    return ordered


def moves(ours: Ours, events: Iterable[ChainEvent], held: Callable[[Account], int]) -> Moves:
    """Make the entries of blocks that follow each other; ``held``: what a stake's account held before them."""
    made = Moves()
    moved: defaultdict[Account, int] = defaultdict(int)
    for kind, run in groupby(events, key=type):
        if kind is Transferred:  # what nearly every event is; none moves what a stake holds
            made.add(transfers(cast("list[Transferred]", list(run)), ours.escrow))
            continue
        for event in run:
            there = 0
            if isinstance(event, Returned | Forfeited | Expired):
                account = stake(event.stake_id)
                there = moved[account] + held(account)
            entry = entry_for(event, token=ours.token, escrow=ours.escrow, held=there)
            if entry is not None:
                made.append(entry)
                for posting in entry.postings:
                    moved[posting.account] += posting.amount
    return made


def lines(moved: Moves, turns: Mapping[Hash32, int], *, as_text: bool = False) -> Lines:
    """Return the lines of entries, of which there is one at least, each at the turn of its block."""
    blocks, log_indexes, transactions = zip(*moved.at, strict=True)
    hashes = [block.hash for block in blocks]
    count = len(hashes)
    entries: dict[str, Sequence[Any]] = {
        "chain_id": [block.chain_id for block in blocks],
        "block_hash": hashes,
        "log_index": log_indexes,
        "turn": [turns[block_hash] for block_hash in hashes],
        "transaction": transactions,
        "kind": [kind._value_ for kind in moved.kinds],
        "reversal": [False] * count,
        "reverses": [None] * count,
    }
    accounts = list(chain.from_iterable(zip(moved.sources, moved.targets, strict=True)))
    amounts: Sequence[Any] = list(chain.from_iterable(zip(map(neg, moved.amounts), moved.amounts, strict=True)))
    changes: defaultdict[Account, int] = defaultdict(int)
    for account, amount in zip(accounts, amounts, strict=True):
        changes[account] += amount
    if as_text:
        entries = {name: cells(values) for name, values in entries.items()}
        amounts = cells(amounts)
    return Lines(entries, accounts, amounts, dict(sorted(changes.items())))


def _log_index(event: ChainEvent) -> int:
    return event.at.log_index
