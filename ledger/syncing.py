"""Syncing (pure): what to do next to follow a chain, one block at a time, each linked to its parent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from contracts.events import BlockRef


@dataclass(frozen=True, slots=True)
class Read:
    """Read and book the block of this number; it must still be asked for, and put to ``joins``."""

    number: int


@dataclass(frozen=True, slots=True)
class Rewind:
    """Take back our newest block: it is not in the node's chain any more."""

    block: BlockRef


@dataclass(frozen=True, slots=True)
class Rest:
    """There is nothing to do: we are where the node is, or the node lags behind us."""


Step = Read | Rewind | Rest


def plan(window: Sequence[BlockRef], head: BlockRef, start: int) -> Step:
    """Return the one next step from our blocks towards the node's ``head``.

    ``window``: our blocks that are not final and the last final one, ascending, each the parent of the next; ``start``:
    the first block that can hold anything of ours. A head that we have already, and any older one that is ours too, is
    a node that lags: nothing is taken back for it, for its next block will tell. Taking blocks back one by one ends
    where both chains meet; the caller must refuse to take back a final block.
    """
    if not window:
        return Read(start) if head.number >= start else Rest()
    tip = window[-1]
    if head.number > tip.number + 1:
        return Read(tip.number + 1)
    if head.number == tip.number + 1:
        return Read(head.number) if joins(window, head) else Rewind(tip)
    known = {block.number: block.hash for block in window}
    return Rewind(tip) if known.get(head.number, head.hash) != head.hash else Rest()


def joins(window: Sequence[BlockRef], block: BlockRef) -> bool:
    """Tell whether a block that was read continues our chain; if not, our newest block must be taken back."""
    return not window or (block.number == window[-1].number + 1 and block.parent_hash == window[-1].hash)
