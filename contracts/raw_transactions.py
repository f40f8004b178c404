"""Raw transactions (pure): how an EIP-1559 one is written, and whether a signed one is the one that was meant."""

from __future__ import annotations

from typing import Final

import rlp
from eth_utils.crypto import keccak

from contracts.signatures import signer_of
from contracts.signer import SignedTransaction, Transaction
from contracts.words import WORD
from kit.errors import Invalid
from kit.identifiers import Address, Hash32

_TYPE: Final = b"\x02"
_SIGNATURE: Final = 3
_FIELDS: Final = 9 + _SIGNATURE


def checked(raw: bytes, meant: Transaction, sender: Address) -> SignedTransaction:
    """Return a signed transaction that is, byte for byte, the one that was ``meant``, signed by ``sender``'s key.

    Raises ``Invalid`` for any other one: another field, another way to write it, another key, the higher s (EIP-2).
    """
    try:
        fields = rlp.decode(raw[1:], strict=True) if raw[:1] == _TYPE else []
    except (rlp.DecodingError, RecursionError):
        fields = []
    if len(fields) != _FIELDS or not all(isinstance(part, bytes) for part in fields[-_SIGNATURE:]):
        raise Invalid("transaction_malformed", "That is no signed EIP-1559 transaction.")
    parity, r, s = fields[-_SIGNATURE:]
    if _TYPE + rlp.encode([*_fields(meant), parity, r, s]) != raw:
        raise Invalid("transaction_not_meant", "That is not the transaction that was to be signed.")
    if parity not in (b"", b"\x01") or max(len(r), len(s)) > WORD or r[:1] == b"\0" or s[:1] == b"\0":
        raise Invalid("signature_malformed", "The signature is not in its canonical form.")
    signature = r.rjust(WORD, b"\0") + s.rjust(WORD, b"\0") + (parity or b"\0")
    if signer_of(Hash32(keccak(_TYPE + rlp.encode(_fields(meant)))), signature) != sender:
        raise Invalid("signature_not_the_keys", "Another key signed the transaction.")
    return SignedTransaction(raw, Hash32(keccak(raw)))


def _fields(transaction: Transaction) -> list[int | bytes | list[bytes]]:
    """Return all fields but the signature's, in their order; nothing is announced in the access list."""
    return [
        transaction.chain_id,
        transaction.nonce,
        transaction.priority_fee,
        transaction.max_fee,
        transaction.gas,
        transaction.to or b"",
        transaction.value,
        transaction.data,
        [],
    ]
