"""Messages signed with Bitcoin addresses: those that others have published, and some of a key of our own."""

from __future__ import annotations

import base64
import hashlib

import pytest
from coincurve import PrivateKey

from kit.errors import Invalid
from payments.flair.bitcoin import is_address, is_signed, name_of

KEY = PrivateKey(b"\x31" * 32)
SAID = "I gave from this address.\n\nNonce: 5\n"
LEGACY, WITNESS = "1CxLJtbFfD7TaY47cVjSooDSQZ72eM1qDq", "bc1qsvsxz8lsxg3rc86tk8am6g53l54n7s7eg2999j"
PUBLISHED = (
    "15CRxFdyRpGZLW9w8HnHvVduizdL5jKNbs",
    "Trust no one",
    "IPojfrX2dfPnH26UegfbGQQLrdK844DlHq5157/P6h57WyuS/Qsl+h/WSVGDF4MUi4rWSswW38oimDYfNNUBUOk=",
)


def signature(text: str, *, first: int) -> str:
    """What a wallet makes: the double hash of the text in its envelope, signed so that the key can be found."""
    content = text.encode()
    length = bytes([len(content)]) if len(content) < 253 else b"\xfd" + len(content).to_bytes(2, "little")
    envelope = b"\x18Bitcoin Signed Message:\n" + length + content
    digest = hashlib.sha256(hashlib.sha256(envelope).digest()).digest()
    signed = KEY.sign_recoverable(digest, hasher=None)
    return base64.b64encode(bytes([first + signed[64]]) + signed[:64]).decode()


def test_what_was_published_is_signed() -> None:
    address, text, made = PUBLISHED
    assert is_signed(address, text, made)
    assert not is_signed(address, "Trust someone", made)
    assert not is_signed(LEGACY, text, made)


@pytest.mark.parametrize(("address", "first"), [(LEGACY, 31), (WITNESS, 39), (WITNESS, 31)])
@pytest.mark.parametrize("text", [SAID, SAID * 20, "ⓧ"])
def test_both_kinds_of_addresses_sign(address: str, first: int, text: str) -> None:
    made = signature(text, first=first)
    assert is_signed(address, text, made)
    assert is_signed(address, text, f" {made}\n")
    assert not is_signed(address, text + " ", made)


@pytest.mark.parametrize(
    "made",
    [
        *("", "0x" + "00" * 65, "A" * 88, "====", "é" * 88, base64.b64encode(bytes(65)).decode()),
        *(base64.b64encode(b"\xff" * 65).decode(), base64.b64encode(b"\x1f" + bytes(64)).decode(), "A" * 100_000),
        signature(SAID, first=31)[:-4],
    ],
)
def test_what_is_no_signature_is_none(made: str) -> None:
    assert not is_signed(LEGACY, SAID, made)
    assert not is_signed(WITNESS, SAID, made)


def test_addresses_whose_key_can_sign() -> None:
    assert is_address(LEGACY)
    assert is_address(WITNESS.upper())
    assert name_of(WITNESS.upper()) == WITNESS
    for other in ("", "3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy", "bc1p" + "q" * 58, "0x" + "00" * 20, LEGACY + "\n"):
        assert not is_address(other)
        with pytest.raises(Invalid):
            name_of(other)
