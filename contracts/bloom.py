"""Bloom filters of blocks (pure): what a block's header says of the logs in it.

Source: the Ethereum yellow paper, section 4.3.1.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from struct import Struct
from typing import Final

from eth_hash.auto import keccak

BLOOM_BYTES: Final = 256
_INDEX_BITS: Final = 11
_BITS: Final = [1 << index for index in range(8 * BLOOM_BYTES)]
_LOWEST: Final = len(_BITS) - 1
_REMEMBERED: Final = 2**14
_KNOWN: Final = 2**17
"""Holders come again, and a hash takes as long as all else that is checked; 250 bytes each are kept of them."""


@lru_cache(_REMEMBERED)
def bits_of(item: bytes) -> int:
    """Return the (at most) three bits that an address or a topic sets, as a number of 2,048 bits."""
    indexes = _indexes_of(item)
    return (
        _BITS[indexes & _LOWEST] | _BITS[indexes >> _INDEX_BITS & _LOWEST] | _BITS[indexes >> 2 * _INDEX_BITS & _LOWEST]
    )


@lru_cache(_KNOWN)
def _indexes_of(item: bytes) -> int:
    """Return which bits these are, 11 bits each: the lowest of each of the hash's first three pairs of bytes."""
    first, second, third = _PAIRS.unpack_from(keccak(item))
    packed: int = third & _LOWEST
    for index in (second, first):
        packed = packed << _INDEX_BITS | index & _LOWEST
    return packed


_PAIRS: Final = Struct(">3H")


def may_hold(bloom: int, items: Iterable[bytes]) -> bool:
    """Tell whether a log with all of these (its address and topics) may be in the block; ``False`` is certain."""
    return all(bloom & (bits := bits_of(item)) == bits for item in items)
