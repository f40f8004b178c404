"""Signatures: whose key it was, and every form that the token's contract would not take."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.signatures import signer_of
from contracts.signers import KeySigner
from kit.errors import Invalid
from kit.identifiers import Hash32

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
DIGEST = Hash32(b"\x11" * 32)
SIGNER = KeySigner(b"\x51" * 32)
SIGNATURE = SIGNER.sign_digest(DIGEST)


@given(st.binary(min_size=32, max_size=32))
def test_the_signer_is_found(digest: bytes) -> None:
    assert signer_of(Hash32(digest), SIGNER.sign_digest(Hash32(digest))) == SIGNER.address


def test_a_wallet_may_count_its_recovery_id_from_nought() -> None:
    assert signer_of(DIGEST, SIGNATURE[:64] + bytes([SIGNATURE[64] - 27])) == SIGNER.address


def test_another_digest_gives_another_address() -> None:
    assert signer_of(Hash32(b"\x12" * 32), SIGNATURE) != SIGNER.address


def twin() -> bytes:
    """The same signature in its other form, which the token refuses."""
    flipped = ORDER - int.from_bytes(SIGNATURE[32:64])
    return SIGNATURE[:32] + flipped.to_bytes(32) + bytes([55 - SIGNATURE[64]])


@pytest.mark.parametrize(
    "signature",
    [
        b"",
        SIGNATURE[:64],
        SIGNATURE + b"\0",
        SIGNATURE[:64] + b"\x02",
        SIGNATURE[:64] + b"\xff",
        bytes(64) + b"\x1b",
        b"\xff" * 32 + SIGNATURE[32:],
        SIGNATURE[:32] + bytes(32) + SIGNATURE[64:],
        twin(),
    ],
    ids=["empty", "short", "long", "v 2", "v 255", "zeros", "r too large", "s zero", "s high"],
)
def test_what_the_token_would_not_take_is_refused(signature: bytes) -> None:
    with pytest.raises(Invalid):
        signer_of(DIGEST, signature)


def test_a_digest_has_its_length() -> None:
    with pytest.raises(Invalid):
        signer_of(Hash32(b"short"), SIGNATURE)


@given(st.binary(min_size=65, max_size=65))
def test_noise_is_refused_or_somebody_elses(signature: bytes) -> None:
    try:
        found = signer_of(DIGEST, signature)
    except Invalid:
        return
    assert found != SIGNER.address
