"""Signatures (pure): whose key signed a digest, as the token's contract would find out."""

from __future__ import annotations

from coincurve import PublicKey
from eth_utils.crypto import keccak

from contracts.words import words_of_signature
from kit.errors import Invalid
from kit.identifiers import Address, Hash32

_DIGEST = 32


def signer_of(digest: Hash32, signature: bytes) -> Address:
    """Return whose key made a signature r ‖ s ‖ v (v of 0, 1, 27 or 28) of ``digest``.

    Any signature of the right form gives some address; it must be compared. Raises ``Invalid`` for any other form, the
    one with the higher s included: the token takes only one of the two (EIP-2).
    """
    if len(digest) != _DIGEST:
        raise Invalid("digest_malformed", f"A digest has {_DIGEST} bytes.")
    words = words_of_signature(signature)
    try:
        compact = words[32:] + bytes([words[31] - 27])
        key = PublicKey.from_signature_and_message(compact, digest, hasher=None)
    except Exception:  # noqa: BLE001 - the library raises bare Exception for points that are none
        raise Invalid("signature_malformed", "The signature is of no point that exists.") from None
    return Address(keccak(key.format(compressed=False)[1:])[12:])
