"""Bloom filters of blocks (pure): what a block's header says of the logs in it.

Source: the Ethereum yellow paper, section 4.3.1.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from functools import lru_cache
from struct import Struct
from typing import Final, cast

from contracts.digests import keccak_each

BLOOM_BYTES: Final = 256
_INDEX_BITS: Final = 11
_BITS: Final = [1 << index for index in range(8 * BLOOM_BYTES)]
_LOWEST: Final = len(_BITS) - 1
_REMEMBERED: Final = 2**14
_KNOWN: Final = 2**16
"""Holders come again, and to hash takes longer than all else that is checked; 150 bytes each are kept of them."""
_known: dict[bytes, int] = {}


@lru_cache(_REMEMBERED)
def bits_of(item: bytes) -> int:
    """Return the (at most) three bits that an address or a topic sets, as a number of 2,048 bits."""
    return bits_of_all([item])


def bits_of_all(items: Collection[bytes]) -> int:
    """Return the bits that all of these set together."""
    found = {item: _known.get(item) for item in items}
    new = [item for item, indexes in found.items() if indexes is None]
    if new:
        made = dict(zip(new, map(_indexes_in, keccak_each(new)), strict=True))
        found |= made
        if len(_known) + len(made) > _KNOWN:
            _known.clear()
        _known.update(made)
    bits = 0
    for indexes in cast("dict[bytes, int]", found).values():
        bits |= (
            _BITS[indexes & _LOWEST]
            | _BITS[indexes >> _INDEX_BITS & _LOWEST]
            | _BITS[indexes >> 2 * _INDEX_BITS & _LOWEST]
        )
    return bits


def _indexes_in(digest: bytes) -> int:
    """Return which bits these are, 11 bits each: the lowest of each of the hash's first three pairs of bytes."""
    first, second, third = _PAIRS.unpack_from(digest)
    packed: int = third & _LOWEST
    for index in (second, first):
        packed = packed << _INDEX_BITS | index & _LOWEST
    return packed


_PAIRS: Final = Struct(">3H")


def may_hold(bloom: int, items: Iterable[bytes]) -> bool:
    """Tell whether a log with all of these (its address and topics) may be in the block; ``False`` is certain."""
    return all(bloom & (bits := bits_of(item)) == bits for item in items)
