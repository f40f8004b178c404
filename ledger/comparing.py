"""Comparing (pure): two ledgers side by side, both in order, and every place where they are not the same."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from kit.identifiers import Hash32, show_hash
from ledger.model import Account, Kind

K = TypeVar("K", int, str, tuple[int, int])


@dataclass(frozen=True, slots=True)
class Booked:
    """An entry that stands: not taken back, and none that takes another back."""

    block_number: int
    block_hash: Hash32
    log_index: int
    transaction: Hash32
    kind: Kind
    postings: tuple[tuple[Account, int], ...]

    @property
    def place(self) -> tuple[int, int]:
        """Where its log stands on the chain."""
        return (self.block_number, self.log_index)

    def __str__(self) -> str:
        moved = ", ".join(f"{account} {amount:+d}" for account, amount in self.postings)
        return f"{self.kind} in block {show_hash(self.block_hash)}: {moved}"


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that is not the same in both: a ``block``, ``entry``, ``balance`` or ``stake``; ``None``: not there."""

    what: str
    where: str
    books: str | None
    again: str | None


def compare(
    what: str, books: Iterable[tuple[K, object]], again: Iterable[tuple[K, object]], *, show: Callable[[K], str] = str
) -> Iterator[Difference]:
    """Go through two sequences of keys with values, each in the order of its keys, and tell where they differ.

    ``show`` writes a key, ``str`` a value. Only one element of each sequence is held at a time.
    """
    left, right = iter(books), iter(again)
    ours, theirs = next(left, None), next(right, None)
    while ours is not None or theirs is not None:
        if theirs is None or (ours is not None and ours[0] < theirs[0]):
            assert ours is not None  # noqa: S101 - the loop's own condition, which the type checker does not carry on
            yield Difference(what, show(ours[0]), str(ours[1]), None)
            ours = next(left, None)
        elif ours is None or theirs[0] < ours[0]:
            yield Difference(what, show(theirs[0]), None, str(theirs[1]))
            theirs = next(right, None)
        else:
            if ours[1] != theirs[1]:
                yield Difference(what, show(ours[0]), str(ours[1]), str(theirs[1]))
            ours, theirs = next(left, None), next(right, None)
