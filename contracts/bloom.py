"""Bloom filters of blocks (pure): what a block's header says of the logs in it.

Source: the Ethereum yellow paper, section 4.3.1.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from eth_utils.crypto import keccak

BLOOM_BYTES: Final = 256
_BITS: Final = 8 * BLOOM_BYTES
_REMEMBERED: Final = 2**14


@lru_cache(_REMEMBERED)
def bits_of(item: bytes) -> int:
    """Return the (at most) three bits that an address or a topic sets, as a number of 2,048 bits."""
    digest = keccak(item)
    bits = 0
    for start in (0, 2, 4):
        bits |= 1 << (int.from_bytes(digest[start : start + 2], "big") % _BITS)
    return bits


def may_hold(bloom: int, items: Iterable[bytes]) -> bool:
    """Tell whether a log with all of these (its address and topics) may be in the block; ``False`` is certain."""
    return all(bloom & (bits := bits_of(item)) == bits for item in items)
