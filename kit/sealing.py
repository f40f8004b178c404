"""Sealing: secrets of people that we must be able to use (and so cannot keep as a hash), encrypted in the database."""

from __future__ import annotations

import base64
import binascii
import contextlib
import os
import secrets
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from kit.disk import draft_of
from kit.errors import Conflict, Invalid

_KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12
_FORM: Final = b"\x01"


class Seal:
    """Encrypts and decrypts under one key. ``purpose`` names the place of a secret: it opens in no other one."""

    def __init__(self, key: bytes) -> None:
        """Work with a key of 32 random bytes."""
        self._lock = ChaCha20Poly1305(key)

    def __repr__(self) -> str:
        return "<Seal>"

    def close(self, secret: bytes, purpose: str) -> bytes:
        """Return a secret sealed."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return _FORM + nonce + self._lock.encrypt(nonce, secret, purpose.encode())

    def open(self, sealed: bytes, purpose: str) -> bytes:
        """Return what was sealed for this purpose. Raises ``Conflict`` where it was not, or under another key."""
        nonce, rest = sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :]
        try:
            if sealed[:1] == _FORM:
                return self._lock.decrypt(nonce, rest, purpose.encode())
        except (InvalidTag, ValueError):
            pass
        raise Conflict("sealed_otherwise", "A secret in the database was sealed under another key.")


def parse_key(text: str) -> bytes:
    """Return the key that ``make_key`` wrote. Raises ``Invalid``."""
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except binascii.Error:
        key = b""
    if len(key) != _KEY_BYTES:
        raise Invalid("sealing_key_malformed", "The sealing key is 32 random bytes, in base64.")
    return key


def make_key() -> str:
    """Return a new key as text."""
    return base64.b64encode(secrets.token_bytes(_KEY_BYTES)).decode()


def kept_key(file: Path) -> bytes:
    """Return the key in ``file``, made now where there is none; of several that make one at once, one wins."""
    if not file.exists():
        # On the disk before anything is sealed under it: a key that the next power cut takes would take that along.
        with draft_of(file, f"{make_key()}\n".encode()) as draft, contextlib.suppress(FileExistsError):
            os.link(draft, file)  # whole or not at all, and never over another
    return parse_key(file.read_text(encoding="ascii"))
