"""Hashes of many short messages, one by one (pure): Keccak-256 without the object that each costs elsewhere.

What the library does in C takes 0.7 µs, what it does around that in Python five times as long. So its own functions are
called here, where it has them and they say what it says itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

from Crypto.Hash import keccak as library
from Crypto.Util import _raw_api
from eth_hash.auto import keccak

_HASH_BYTES: Final = 32
_CAPACITY_BYTES: Final = 64
_ROUNDS: Final = 24
_PADDING: Final = 1
"""Ethereum's, which is Keccak's own before it became SHA-3."""

raw: Any = _raw_api  # what types the library gives it are not those that it has


def _one_by_one(messages: Iterable[bytes]) -> list[bytes]:
    return [keccak(message) for message in messages]


def _at_once(messages: Iterable[bytes]) -> list[bytes]:
    """Hash by one state, which nobody else has: two threads may do so at the same time."""
    functions: Any = getattr(library, "_raw_keccak_lib")  # noqa: B009 - its types do not show it
    held = raw.VoidPointer()
    functions.keccak_init(held.address_of(), raw.c_size_t(_CAPACITY_BYTES), raw.c_ubyte(_ROUNDS))
    kept = raw.SmartPointer(held.get(), functions.keccak_destroy)
    state, to, hashes = kept.get(), raw.create_string_buffer(_HASH_BYTES), list[bytes]()
    reset, absorb, digest = functions.keccak_reset, functions.keccak_absorb, functions.keccak_digest
    read, size, pad = raw.get_raw_buffer, raw.c_size_t(_HASH_BYTES), raw.c_ubyte(_PADDING)
    for message in messages:
        reset(state)
        absorb(state, raw.c_uint8_ptr(message), raw.c_size_t(len(message)))
        digest(state, to, size, pad)
        hashes.append(read(to))
    return hashes


def _chosen() -> Callable[[Iterable[bytes]], list[bytes]]:
    samples = [bytes(20), bytes(32), b"abc"]
    try:
        found = _at_once(samples)
    except Exception:  # noqa: BLE001 - whatever another version of the library has in their place
        return _one_by_one
    return _at_once if found == _one_by_one(samples) else _one_by_one


keccak_each: Final = _chosen()
"""Returns the hash of each message, in order."""
