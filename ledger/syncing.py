"""Syncing (pure): what to do next to follow a chain: what is final in stretches, then block by block."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

from contracts.events import BlockRef


@dataclass(frozen=True, slots=True)
class Read:
    """Read and book the block of this number; it must still be asked for, and put to ``joins``."""

    number: int


@dataclass(frozen=True, slots=True)
class Rewind:
    """Take back our newest block, if not more (``left``): it is not in the node's chain any more."""

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


def left(window: Sequence[BlockRef], at: Callable[[int], BlockRef | None]) -> Sequence[BlockRef]:
    """Return which of our blocks are not in a node's chain, ascending; ``at`` says which one it has of a number.

    Of many blocks few are asked for: below one that is in it all are, above one that is not none is. A node that has
    another in the place of none of them lags: then none left.
    """
    at = cache(at)

    def absent(block: BlockRef) -> bool:
        return at(block.number) != block

    begin, end, reach = len(window), len(window), 1
    while end and absent(window[begin := max(end - reach, 0)]):
        end, reach = begin, 2 * reach
    first = bisect_left(window, True, min(begin + 1, end), end, key=absent)  # noqa: FBT003 - what it looks for
    if first < len(window) and at(window[first].number) is None:
        return []
    return window[first:]


FAR = 16
"""From how many blocks behind on it pays to read stretches."""
LONGEST = 200
"""Blocks of one stretch, at most: their headers and the logs of quiet ones come in one answer."""
FIRST = 12
"""Blocks of the first stretch, which is waited for: the next ones are asked for while others are booked."""


def stretch(number: int, finalized: BlockRef | None, length: int) -> tuple[int, int] | None:
    """Return the first and last number of the stretch to read next, which begins at ``number``; ``None`` for none.

    Only blocks that the node calls final are read so: nothing among them can change while they are asked for.
    """
    if finalized is None or finalized.number < number or not length:
        return None
    return number, min(finalized.number, number + length - 1)


def next_length(length: int, *, logs: int | None, most: int) -> int:
    """Return how many blocks to ask for next: fewer where there were many logs or no answer (``None``), else more.

    ``length``: how many were asked for; ``most``: logs that a stretch is to have at most, as far as that can be known.
    Where not even one block was answered it is none.
    """
    if logs is None or logs > most:
        return max(logs is not None, length // 2)
    return min(LONGEST, length * 2) if 2 * logs <= most else length


def joins(window: Sequence[BlockRef], block: BlockRef) -> bool:
    """Tell whether a block that was read continues our chain; if not, our newest block must be taken back."""
    return not window or (block.number == window[-1].number + 1 and block.parent_hash == window[-1].hash)
