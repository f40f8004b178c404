"""Rebuilding: the chain read again, from its first block of ours, into a second ledger, and both held side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from itertools import chain as one_after_the_other

from app.container import Container, Work
from app.reading import final_events
from contracts import codec
from contracts.events import BlockRef, ChainEvent, StakeEvent
from kit.errors import NotFound
from kit.identifiers import show_hash
from ledger.comparing import Difference, compare
from ledger.model import Account, Asset
from payments.stakes.folding import Folded

_BLOCKS_AT_ONCE = 50
_MOST_KEPT = 1_000


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two ledgers beside each other, up to ``block``; of the ``count`` differences the first thousand are kept."""

    block: BlockRef
    blocks: int
    entries: int
    accounts: int
    stakes: int
    differences: tuple[Difference, ...]
    count: int

    @property
    def equal(self) -> bool:
        """Whether both are the same."""
        return self.count == 0


def rebuild(container: Container, second: Container, *, told: Callable[[int, int], None]) -> Comparison:
    """Read the chain into the empty database of ``second`` and compare it with ours, at our last final block.

    Ours is only read. ``told`` hears after each block how many were read, and of how many. Raises ``NotFound`` where
    nothing of ours is final yet, ``ChainUnavailable``, and ``Conflict`` where the node's blocks do not join.
    """
    with container.read() as work:
        final = work.book.final()
    if final is None:
        raise NotFound("nothing_final", "No block of the books is final yet.")
    first = container.deployment.deployed_block
    total = final.number - first + 1
    for start in range(first, final.number + 1, _BLOCKS_AT_ONCE):
        stop = min(start + _BLOCKS_AT_ONCE, final.number + 1)
        found = final_events(second, start, stop - 1)
        with second.work() as work:
            _book(work, found)
        told(stop - first, total)
    with ExitStack() as stack:
        ours = stack.enter_context(container.read(one_moment=True))
        again = stack.enter_context(second.read(one_moment=True))
        return _compared(ours, again, final)


def _book(work: Work, blocks: list[tuple[BlockRef, list[ChainEvent]]]) -> None:
    """Book blocks and fold their stakes; no door hears of it, and what a stake may owe the chain is sent by nobody."""
    work.book.record_all(blocks)
    for _, events in blocks:
        for event in events:
            if isinstance(event, StakeEvent):
                work.stakes.apply(event)


def _compared(ours: Work, again: Work, final: BlockRef) -> Comparison:
    until, counted = final.number, _Counted()
    balances, rebuilt = ours.book.balances_until(until), again.book.balances()
    differences = one_after_the_other(
        compare("block", _blocks(ours, until, counted), _blocks(again, until)),
        compare("entry", _entries(ours, until, counted), _entries(again, until), show=_place),
        compare("balance", sorted(balances.items()), sorted(rebuilt.items())),
        compare("stake", _stakes(ours, until, counted), _stakes(again, until)),
        *_gifts(ours, again, until, counted),
    )
    kept: list[Difference] = []
    count = 0
    for difference in differences:
        count += 1
        if len(kept) < _MOST_KEPT:
            kept.append(difference)
    return Comparison(final, counted.blocks, counted.entries, len(balances), counted.stakes, tuple(kept), count)


def _gifts(ours: Work, again: Work, until: int, counted: _Counted) -> Iterator[Iterator[Difference]]:
    """Compare what was given in other assets, one after the other."""
    for asset in sorted({*ours.book.other_assets(), *again.book.other_assets()}):
        balances = [sorted(work.book.balances_until(until, asset).items()) for work in (ours, again)]
        yield compare("balance", *balances, show=partial(_of, asset))
        yield compare("entry", _entries(ours, until, counted, asset), _entries(again, until, asset=asset), show=_place)


@dataclass(slots=True)
class _Counted:
    """How much of ours went by."""

    blocks: int = 0
    entries: int = 0
    stakes: int = 0


def _blocks(work: Work, until: int, counted: _Counted | None = None) -> Iterator[tuple[int, str]]:
    for number, block_hash in work.book.blocks_until(until):
        if counted:
            counted.blocks += 1
        yield number, show_hash(block_hash)


def _entries(
    work: Work, until: int, counted: _Counted | None = None, asset: Asset | None = None
) -> Iterator[tuple[tuple[int, int], object]]:
    for entry in work.book.entries_until(until, asset):
        if counted:
            counted.entries += 1
        yield entry.place, entry


def _stakes(work: Work, until: int, counted: _Counted | None = None) -> Iterator[tuple[str, str]]:
    for stake_id, (terms, folded) in work.stakes.history(until):
        if counted:
            counted.stakes += 1
        # An id is the hash of all terms: whatever term is another makes another hash.
        place = work.stakes.terms
        hashed = codec.stake_id(terms, chain_id=place.chain_id, escrow=place.escrow)
        yield show_hash(stake_id), f"{_state(folded)}, terms {show_hash(hashed)}"


def _of(asset: Asset, account: Account) -> str:
    return f"{account} of {asset}"


def _place(place: tuple[int, int]) -> str:
    return f"block {place[0]}, log {place[1]}"


def _state(folded: Folded) -> str:
    last = folded.last
    where = f" by log {last.log_index} of block {show_hash(last.block_hash)}" if last else ""
    return f"{folded.state}{where}, answered: {folded.answered}, executable at: {folded.executable_at}"
