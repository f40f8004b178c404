"""Raw transactions: one that was signed is taken only if it is, byte for byte, the one that was meant."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import rlp
from eth_account import Account
from eth_utils.crypto import keccak
from hypothesis import given
from hypothesis import strategies as st

from contracts.raw_transactions import checked
from contracts.signer import Transaction
from contracts.signers import KeySigner
from kit.errors import Invalid
from kit.identifiers import Address

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
SIGNER = KeySigner(b"\x11" * 32)
MEANT = Transaction(
    chain_id=31337, nonce=3, to=Address(b"\x11" * 20), data=b"\x01\x02", gas=90_000, max_fee=10**10, priority_fee=10**9
)
SIGNED = SIGNER.sign_transaction(MEANT)

numbers = st.integers(0, 2**64 - 1)
transactions = st.builds(
    Transaction,
    chain_id=st.integers(1, 2**63 - 1),
    nonce=numbers,
    to=st.none() | st.binary(min_size=20, max_size=20).map(Address),
    data=st.binary(max_size=300),
    gas=numbers,
    max_fee=st.integers(0, 2**128),
    priority_fee=st.integers(0, 2**128),
    value=st.integers(0, 2**256 - 1),
)


def written(fields: list[Any]) -> bytes:
    encoded: bytes = rlp.encode(fields)
    return b"\x02" + encoded


def fields() -> list[Any]:
    return list(rlp.decode(SIGNED.raw[1:]))


@given(transactions, st.integers(1, ORDER - 1))
def test_what_another_library_signed_is_taken(meant: Transaction, secret: int) -> None:
    signer = KeySigner(secret.to_bytes(32))
    signed = signer.sign_transaction(meant)
    found = checked(signed.raw, meant, signer.address)
    assert found == signed
    assert Account.recover_transaction(found.raw) == Account.from_key(secret.to_bytes(32)).address


@pytest.mark.parametrize(
    "changes",
    [
        {"chain_id": 1},
        {"nonce": 4},
        {"to": Address(b"\x12" * 20)},
        {"to": None},
        {"data": b"\x01\x02\x00"},
        {"data": b""},
        {"gas": 90_001},
        {"max_fee": 10**10 + 1},
        {"priority_fee": 0},
        {"value": 1},
    ],
    ids=str,
)
def test_another_transaction_well_signed_by_our_key_is_not_taken(changes: dict[str, Any]) -> None:
    other = SIGNER.sign_transaction(replace(MEANT, **changes))
    with pytest.raises(Invalid) as refused:
        checked(other.raw, MEANT, SIGNER.address)
    assert refused.value.code == "transaction_not_meant"


def test_another_keys_signature_is_not_taken() -> None:
    other = KeySigner(b"\x12" * 32).sign_transaction(MEANT)
    with pytest.raises(Invalid) as refused:
        checked(other.raw, MEANT, SIGNER.address)
    assert refused.value.code == "signature_not_the_keys"


def test_the_same_signature_with_the_higher_s_is_not_taken() -> None:
    *rest, parity, r, s = fields()
    turned = written([*rest, b"" if parity else b"\x01", r, (ORDER - int.from_bytes(s)).to_bytes(32)])
    assert Account.recover_transaction(turned) == Account.from_key(b"\x11" * 32).address, "others would take it"
    with pytest.raises(Invalid) as refused:
        checked(turned, MEANT, SIGNER.address)
    assert refused.value.code == "signature_malformed"


def test_what_is_announced_beside_it_is_not_taken() -> None:
    """An access list costs gas."""
    *rest, parity, r, s = fields()
    rest[8] = [[b"\x11" * 20, []]]
    with pytest.raises(Invalid):
        checked(written([*rest, parity, r, s]), MEANT, SIGNER.address)


@pytest.mark.parametrize("what", ["parity", "r", "s"])
@pytest.mark.parametrize("value", [b"\x00", b"\x02", b"\x00\x01", b"\x01" * 33, [b"\x01"], b"\xff" * 32], ids=repr)
def test_a_signature_written_otherwise_is_not_taken(what: str, value: Any) -> None:  # noqa: ANN401 - bytes or a list
    *rest, parity, r, s = fields()
    parts = {"parity": parity, "r": r, "s": s, what: value}
    with pytest.raises(Invalid):
        checked(written([*rest, *parts.values()]), MEANT, SIGNER.address)


def test_a_leading_zero_is_not_taken() -> None:
    *rest, parity, r, s = fields()
    with pytest.raises(Invalid):
        checked(written([*rest, parity, b"\0" + r, s]), MEANT, SIGNER.address)
    rest[1] = b"\0\x03"
    with pytest.raises(Invalid):
        checked(written([*rest, parity, r, s]), MEANT, SIGNER.address)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\x02",
        SIGNED.raw + b"\0",
        SIGNED.raw[:-1],
        SIGNED.raw[1:],
        b"\x01" + SIGNED.raw[1:],
        b"\x02" + b"\xf8\x01" * 2000,
        b"\x02" + b"\xc1" * 100_000,
    ],
    ids=["nothing", "a type", "a byte more", "a byte less", "no type", "another type", "cut lists", "a deep nest"],
)
def test_what_is_no_transaction_is_not_taken(raw: bytes) -> None:
    with pytest.raises(Invalid):
        checked(raw, MEANT, SIGNER.address)


@given(st.binary(max_size=200))
def test_rubbish_is_refused_in_a_sentence(rubbish: bytes) -> None:
    with pytest.raises(Invalid):
        checked(b"\x02" + rubbish, MEANT, SIGNER.address)


def test_its_hash_is_the_chains() -> None:
    assert checked(SIGNED.raw, MEANT, SIGNER.address).hash == keccak(SIGNED.raw)
