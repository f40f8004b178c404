"""Words: numbers, addresses and signatures as the EVM lays them out, 32 bytes each; a misfit is ``Invalid``."""

from __future__ import annotations

from typing import Final, Literal

from kit.errors import Invalid
from kit.identifiers import Address

WORD: Final = 32
"""Bytes in a word."""

_ADDRESS: Final = 20
_NO_BITS: Final = bytes(WORD - _ADDRESS)
_SIGNATURE: Final = 65
_HALF_ORDER: Final = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0
"""Half the order of secp256k1: a signature has two forms, and only the one with the lower s is taken (EIP-2)."""


def word(value: int, bits: Literal[16, 64, 256] = 256) -> bytes:
    """Write a number as one word."""
    if not 0 <= value < 1 << bits:
        raise Invalid("word_out_of_range", f"A number does not fit in {bits} bits.")
    return value.to_bytes(WORD)


def word_of_address(address: Address) -> bytes:
    """Write an address as the low 20 bytes of a word."""
    return bytes(WORD - _ADDRESS) + exact(address, _ADDRESS, "address")


def exact(value: bytes, size: int, what: str) -> bytes:
    """Return ``value`` if it has ``size`` bytes; ``what`` names it in the error."""
    if len(value) != size:
        raise Invalid("word_malformed", f"The {what} has {len(value)} bytes instead of {size}.")
    return bytes(value)


def words_of_signature(signature: bytes) -> bytes:
    """Lay out a signature r ‖ s ‖ v as the words v, r, s; v may be 27 or 28, or 0 or 1 as some wallets write it."""
    exact(signature, _SIGNATURE, "signature")
    v = signature[64] + 27 if signature[64] <= 1 else signature[64]
    if v not in (27, 28) or not 0 < int.from_bytes(signature[32:64]) <= _HALF_ORDER:
        raise Invalid("signature_malformed", "The signature is not in its canonical form.")
    return word(v) + signature[:64]


def address_in(word: bytes) -> Address:
    """Read one word as an address; its high 12 bytes must be zero."""
    if word[: WORD - _ADDRESS] != _NO_BITS:
        raise Invalid("word_malformed", "An address has dirty high bits.")
    return Address(word[WORD - _ADDRESS :])


def uint_in(word: bytes, bits: int = 256) -> int:
    """Read one word as a number that fits in ``bits``."""
    value = int.from_bytes(word)
    if value >> bits:
        raise Invalid("word_out_of_range", f"A number does not fit in {bits} bits.")
    return value
