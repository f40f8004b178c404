"""Many hashes at once (pure): Keccak-256 of a whole column of short messages, by numpy.

One hash by itself costs 5 to 10 µs, nearly all of it Python's; a tree over 100,000 leaves needs 300,000. Source: the
Keccak reference, version 3.0, sections 1.2 and 2.3 (Ethereum's padding, not SHA-3's).
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
from eth_hash.auto import keccak

from kit.errors import Invalid

Bytes2D = npt.NDArray[np.uint8]

HASH_BYTES: Final = 32

_SIDE: Final = 5
_LANES: Final = _SIDE * _SIDE
_LANE_BYTES: Final = 8
_LANE_BITS: Final = 64
_ROUNDS: Final = 24
_RATE: Final = 136
_FEW: Final = 256
"""So many hashes one by one take no longer than all of them at once."""
_AT_ONCE: Final = 4096
"""More gain nothing, and their state no longer stays near the core."""


def keccaks(messages: Bytes2D) -> Bytes2D:
    """Return the hash of each row: as many rows, of 32 bytes.

    All rows have one length, at most 135 bytes (one block of the sponge); longer ones are ``Invalid``.
    """
    count, size = messages.shape
    if size >= _RATE:
        raise Invalid("message_too_long", f"{size} bytes do not fit in one block of {_RATE}.")
    hashes = np.empty((count, HASH_BYTES), np.uint8)
    if count <= _FEW:
        for place, message in enumerate(messages):
            hashes[place] = np.frombuffer(keccak(message.tobytes()), np.uint8)
        return hashes
    for start in range(0, count, _AT_ONCE):
        hashes[start : start + _AT_ONCE] = _sponge(messages[start : start + _AT_ONCE])
    return hashes


def _sponge(messages: Bytes2D) -> Bytes2D:
    count, size = messages.shape
    blocks = np.zeros((count, _LANES * _LANE_BYTES), np.uint8)
    blocks[:, :size] = messages
    blocks[:, size] = 0x01
    blocks[:, _RATE - 1] |= 0x80
    lanes = np.ascontiguousarray(blocks.view("<u8").T).astype(np.uint64, copy=False)
    _permute(lanes)
    return np.ascontiguousarray(lanes[: HASH_BYTES // _LANE_BYTES].T).astype("<u8", copy=False).view(np.uint8)


def _permute(lanes: npt.NDArray[np.uint64]) -> None:
    """Do Keccak-f[1600] on each column, in place; a lane (x, y) is row x + 5y."""
    high, low = np.empty_like(lanes), np.empty_like(lanes)
    squares = lanes.reshape(_SIDE, _SIDE, -1)
    turned = low.reshape(_SIDE, _SIDE, -1)
    for constant in _CONSTANTS:
        sums = np.bitwise_xor.reduce(squares, axis=0)
        after = sums[_NEXT]
        squares ^= sums[_LAST] ^ (after << _ONE | after >> _REST)
        np.left_shift(lanes, _LEFT, out=high)
        np.right_shift(lanes, _RIGHT, out=low)
        high |= low
        np.take(high, _MOVED, axis=0, out=low)
        for x in range(_SIDE):
            np.bitwise_not(turned[:, (x + 1) % _SIDE], out=squares[:, x])
            squares[:, x] &= turned[:, (x + 2) % _SIDE]
        squares ^= turned
        lanes[0] ^= constant


def _round_constants() -> list[np.uint64]:
    """Return the constants of the 24 rounds: bits 2^j - 1 of each from a shift register (section 1.2, "iota")."""
    register, constants = 1, []
    for _ in range(_ROUNDS):
        constant = 0
        for power in range(7):
            constant |= (register & 1) << ((1 << power) - 1)
            register <<= 1
            if register & 0x100:
                register ^= 0x171
        constants.append(np.uint64(constant))
    return constants


def _turns() -> tuple[list[int], list[int]]:
    """Return by how much each lane is turned ("rho"), and for each place the lane that goes there ("pi")."""
    turns, moved = [0] * _LANES, [0] * _LANES
    x, y = 1, 0
    for step in range(_LANES - 1):
        turns[x + _SIDE * y] = (step + 1) * (step + 2) // 2 % _LANE_BITS
        x, y = y, (2 * x + 3 * y) % _SIDE
    for y in range(_SIDE):
        for x in range(_SIDE):
            moved[y + _SIDE * ((2 * x + 3 * y) % _SIDE)] = x + _SIDE * y
    return turns, moved


_CONSTANTS: Final = _round_constants()
_TURNS, _TAKEN = _turns()
_LEFT: Final = np.array(_TURNS, np.uint64)[:, None]
_RIGHT: Final = (np.array([_LANE_BITS - turn for turn in _TURNS], np.uint64))[:, None]
"""A shift by all 64 bits leaves nothing in numpy, which is right for the lane that is not turned."""
_MOVED: Final = np.array(_TAKEN)
_NEXT: Final = np.array([1, 2, 3, 4, 0])
_LAST: Final = np.array([4, 0, 1, 2, 3])
_ONE, _REST = np.uint64(1), np.uint64(_LANE_BITS - 1)
