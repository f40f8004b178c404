"""Signing (pure): what this service says is signed with Ed25519 as canonical JSON, so that it can be shown anywhere.

The signature stands beside what it signs, under ``signature``. A key's name is its public half, so that whoever knows
the name can verify. Refusals say what is signed: ``list_signature``, ``flair_signature``.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from kit.canonical import canonical
from kit.errors import Invalid

SEED_BYTES: Final = 32
LONGEST_KEY: Final = 60
"""Characters of a key's name."""
_KEY: Final = "ed25519:"
_KEY_BYTES: Final = 32


class SigningKey:
    """A key that signs; its public half is its name."""

    def __init__(self, seed: bytes) -> None:
        """Take up the key of 32 random bytes."""
        self._private = Ed25519PrivateKey.from_private_bytes(seed)
        self.name: Final = f"{_KEY}{_text(self._private.public_key().public_bytes_raw())}"

    def __repr__(self) -> str:
        return f"<SigningKey {self.name}>"

    def sign_raw(self, said: bytes) -> bytes:
        """Return the 64 bytes that sign these."""
        return self._private.sign(said)

    def sign(self, shown: Mapping[str, Any]) -> dict[str, Any]:
        """Return a thing with its signature."""
        signature = {"key": self.name, "value": _text(self._private.sign(canonical(shown)))}
        return {**shown, "signature": signature}


def check_key(name: str, what: str) -> str:
    """Return the name of a key as it is written. Raises ``Invalid`` for what is none."""
    public = _raw(name.removeprefix(_KEY)) if name.startswith(_KEY) else b""
    if len(public) != _KEY_BYTES:
        raise Invalid(f"{what}_key", f"A {what}'s key is written {_KEY} and 32 bytes in base64.")
    return f"{_KEY}{_text(public)}"


def key_of(signed: Mapping[str, Any], what: str) -> str:
    """Return the name of the key that a thing says it is signed with. Raises ``Invalid``."""
    signature = signed.get("signature")
    name = signature.get("key") if isinstance(signature, Mapping) else None
    if not isinstance(name, str):
        raise Invalid(f"{what}_unsigned", "It is not signed.")
    return check_key(name, what)


def verify(signed: Mapping[str, Any], key: str, what: str) -> None:
    """Make sure that ``key`` signed exactly this. Raises ``Invalid`` for another key, or a text that was changed."""
    if key_of(signed, what) != check_key(key, what):
        raise Invalid(f"{what}_key_other", "It is signed with another key.")
    value = signed["signature"].get("value")
    raw = _raw(value) if isinstance(value, str) else b""
    said = {name: part for name, part in signed.items() if name != "signature"}
    try:
        Ed25519PublicKey.from_public_bytes(_raw(key.removeprefix(_KEY))).verify(raw, canonical(said))
    except (InvalidSignature, ValueError):
        message = "Its signature is not good: it was changed, or is somebody else's."
        raise Invalid(f"{what}_signature", message) from None


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _raw(text: str) -> bytes:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return b""
