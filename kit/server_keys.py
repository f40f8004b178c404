"""Signing keys of homeservers (pure): what a server publishes as its own, and what was signed with them.

Matrix specification, server-server API, "Publishing Keys", and appendices, "Signing JSON". A server's name is all that
says whose keys these are, so the document must come from where that name leads (``kit.federation``).
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from kit.canonical import canonical
from kit.errors import Invalid
from kit.identifiers import ServerName

_MOST_KEYS: Final = 50
_ID: Final = re.compile(r"ed25519:[A-Za-z0-9_]{1,64}")
_KEY_BYTES: Final = 32
_SIGNATURE_BYTES: Final = 64


@dataclass(frozen=True, slots=True)
class VerifyKey:
    """A public key: its id (``ed25519:…``) and its 32 bytes."""

    id: str
    public: bytes

    @property
    def text(self) -> str:
        """The key as servers write it: base64 without padding."""
        return base64.b64encode(self.public).decode().rstrip("=")


@dataclass(frozen=True, slots=True)
class ServerKeys:
    """The keys that a homeserver signs with now: each has signed what it publishes.

    Keys of before are left out: anybody who answers under a name can write down whose they like. They are asked for
    anew each time, so until when they are good need not be known.
    """

    server: ServerName
    current: tuple[VerifyKey, ...]

    def has(self, public: bytes) -> bool:
        """Tell whether the server signs with a key now."""
        return any(key.public == public for key in self.current)


def read_keys(document: Mapping[str, Any], server: ServerName, now_ms: int) -> ServerKeys:
    """Read the answer to ``GET /_matrix/key/v2/server``; ``now_ms``: Unix milliseconds.

    Of the keys that are current those alone are taken that signed the document: whoever cannot sign with a key cannot
    claim it. Raises ``Invalid`` where it is another server's, out of date, signed by none of them, or of another shape.
    """
    if document.get("server_name") != server:
        raise Invalid("server_keys_other", f"The keys that stand there are not those of {server}.")
    until = document.get("valid_until_ts")
    if not isinstance(until, int) or isinstance(until, bool) or until <= now_ms:
        raise Invalid("server_keys_old", "The keys that stand there are no longer good: the server must renew them.")
    claimed = _keys(document.get("verify_keys"))
    current = tuple(key for key in claimed if _signed(document, server, key))
    if not current:
        raise Invalid("server_keys_unsigned", "The keys that stand there are not signed by themselves.")
    return ServerKeys(server, current)


def signer_of(document: Mapping[str, Any], keys: ServerKeys) -> VerifyKey:
    """Return with which current key of a server a document is signed. Raises ``Invalid`` where with none."""
    for key in keys.current:
        if _signed(document, keys.server, key):
            return key
    raise Invalid("server_signature", f"That is not signed with a key that {keys.server} publishes now.")


def _keys(found: object) -> tuple[VerifyKey, ...]:
    if not isinstance(found, Mapping) or len(found) > _MOST_KEYS:
        return ()
    read = ((name, _raw(one.get("key"), _KEY_BYTES)) for name, one in found.items() if isinstance(one, Mapping))
    return tuple(VerifyKey(name, public) for name, public in read if public and _ID.fullmatch(name))


def _signed(document: Mapping[str, Any], server: ServerName, key: VerifyKey) -> bool:
    signatures = document.get("signatures")
    of_server = signatures.get(server) if isinstance(signatures, Mapping) else None
    signature = _raw(of_server.get(key.id) if isinstance(of_server, Mapping) else None, _SIGNATURE_BYTES)
    said = {name: part for name, part in document.items() if name not in ("signatures", "unsigned")}
    try:
        Ed25519PublicKey.from_public_bytes(key.public).verify(signature, canonical(said))
    except (InvalidSignature, ValueError, RecursionError):
        return False
    return True


def _raw(text: object, length: int) -> bytes:
    """Return the bytes of unpadded base64; none for what is something else."""
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), validate=True) if isinstance(text, str) else b""
    except (binascii.Error, ValueError):
        return b""
    return raw if len(raw) == length else b""
