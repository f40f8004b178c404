"""Bloom filters of blocks (pure): what a block's header says of the logs in it.

Source: the Ethereum yellow paper, section 4.3.1.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from functools import reduce
from operator import or_
from struct import Struct
from typing import Final

from contracts.digests import keccak_each

BLOOM_BYTES: Final = 256
_BITS: Final = [1 << index for index in range(8 * BLOOM_BYTES)]
_LOWEST: Final = len(_BITS) - 1
_KNOWN: Final = 2**15
"""Holders come again, and to hash takes longer than all else that is checked; 450 bytes each are kept of them."""
_known: dict[bytes, int] = {}


def bits_of(item: bytes) -> int:
    """Return the (at most) three bits that an address or a topic sets, as a number of 2,048 bits."""
    return bits_of_all([item])


def bits_of_all(items: Collection[bytes]) -> int:
    """Return the bits that all of these set together."""
    known: list[int | None] = [_known.get(item) for item in items]
    if None in known:
        new = [item for item, bits in zip(items, known, strict=True) if bits is None]
        made = dict(zip(new, map(_bits_in, keccak_each(new)), strict=True))
        known += made.values()
        if len(_known) + len(made) > _KNOWN:
            _known.clear()
        _known.update(made)
    return reduce(or_, filter(None, known), 0)


def _bits_in(digest: bytes) -> int:
    """Return the bits of a hash: 11 bits of it say each, the lowest of each of its first three pairs of bytes."""
    pairs: tuple[int, int, int] = _PAIRS.unpack_from(digest)
    first, second, third = pairs
    return _BITS[first & _LOWEST] | _BITS[second & _LOWEST] | _BITS[third & _LOWEST]


_PAIRS: Final = Struct(">3H")


def may_hold(bloom: int, items: Iterable[bytes]) -> bool:
    """Tell whether a log with all of these (its address and topics) may be in the block; ``False`` is certain."""
    return all(bloom & (bits := bits_of(item)) == bits for item in items)
