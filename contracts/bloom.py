"""Bloom filters of blocks (pure): what a block's header says of the logs in it.

Source: the Ethereum yellow paper, section 4.3.1.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from functools import lru_cache, reduce
from itertools import chain
from operator import or_
from struct import Struct
from threading import Lock
from typing import Final

import numpy as np
import numpy.typing as npt

from contracts.digests import keccak_each
from contracts.words import WORD

BLOOM_BYTES: Final = 256
_BITS: Final = 8 * BLOOM_BYTES
_PAIRS: Final = Struct(">3H")
_FEW: Final = 2**12
"""Contracts and events by name, which are asked for at each block."""
_PLACES: Final = 2**19
"""Holders come again, and to hash takes longer than all else that is checked. 40 bytes each are kept of them: 20 MiB,
of which nothing is touched before it is needed."""
_LANES: Final = WORD // 8
_SHIFT: Final = np.uint64(64 - (_PLACES - 1).bit_length())
_SPREAD: Final = np.uint64(0x9E3779B97F4A7C15)
"""The golden ratio's share of 2^64 (Knuth, The Art of Computer Programming, volume 3, section 6.4)."""
_KEPT: Final = np.uint64(1 << 63)
_Words = npt.NDArray[np.uint64]


@lru_cache(_FEW)
def bits_of(item: bytes) -> int:
    """Return the (at most) three bits that an address or a topic sets, as a number of 2,048 bits."""
    return bits_of_all([item])


def bits_of_all(items: Iterable[bytes]) -> int:
    """Return what some addresses and topics set together; nothing is remembered, so that nobody is forgotten for it."""
    pairs = chain.from_iterable(map(_PAIRS.unpack_from, keccak_each(items)))
    return reduce(or_, (1 << pair % _BITS for pair in pairs), 0)


def bits_of_words(groups: Sequence[Collection[bytes]]) -> list[int]:
    """Return what each group of topics (32 bytes each) sets together: many groups at once, each a block's."""
    counts = [len(group) for group in groups]
    if not any(counts):
        return [0] * len(groups)
    words = np.frombuffer(b"".join(chain.from_iterable(groups)), np.uint64).reshape(-1, _LANES)
    owners = np.repeat(np.arange(len(groups)), counts)
    filters = np.zeros((len(groups), _BITS), bool)
    packed = _known.of(words)
    for shift in (0, 16, 32):
        filters[owners, (packed >> np.uint64(shift)).astype(np.intp) % _BITS] = True
    return [int.from_bytes(row.tobytes(), "little") for row in np.packbits(filters, axis=1, bitorder="little")]


def may_hold(bloom: int, items: Iterable[bytes]) -> bool:
    """Tell whether a log with all of these (its address and topics) may be in the block; ``False`` is certain."""
    return all(bloom & (bits := bits_of(item)) == bits for item in items)


class _Known:
    """The hashes' beginnings of the words seen last: a table in which each word has one place, for whoever was last."""

    def __init__(self) -> None:
        self._table = np.zeros((_PLACES, _LANES + 1), np.uint64)
        self._turn = Lock()

    def of(self, words: _Words) -> _Words:
        """Return the first three pairs of bytes of each word's hash, the first one lowest; above them, anything."""
        # Who counts addresses up changes their last bytes, and to multiply spreads the lowest ones.
        mixed = np.bitwise_xor.reduce(words, axis=1).byteswap()
        places = ((mixed * _SPREAD) >> _SHIFT).astype(np.intp)
        with self._turn:  # of one place, word and hash are of one another
            rows = self._table[places]
        found: _Words = rows[:, _LANES]
        new = np.flatnonzero((rows[:, :_LANES] != words).any(axis=1) | (found == 0))
        if len(new):
            digests = b"".join(keccak_each([words[place].tobytes() for place in new]))
            pairs = np.frombuffer(digests, ">u2").reshape(len(new), -1)[:, :3].astype(np.uint64)
            found[new] = pairs[:, 0] | pairs[:, 1] << np.uint64(16) | pairs[:, 2] << np.uint64(32) | _KEPT
            with self._turn:
                self._table[places[new]] = np.concatenate((words[new], found[new, None]), axis=1)
        return found


_known: Final = _Known()
