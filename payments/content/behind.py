"""What stands behind the gateway: an address that is its seller's secret, bound by the terms as a salted hash; pure."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from dataclasses import dataclass
from typing import Final

from kit.canonical import canonical

WELL_KNOWN: Final = "/.well-known/earnest-gateway"
"""Where a host has the tokens, a line each, of those who may sell what stands there."""
_PREFIX: Final = "sha256:"
_SALT_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class Upstream:
    """An address, the salt of its hash (43 letters), and the token that its host shows for the seller."""

    url: str
    salt: str
    token: str

    @property
    def reference(self) -> str:
        """Return what the terms say of it: ``sha256:`` and the hash of salt, a line's end and address, in hex."""
        return _PREFIX + hashlib.sha256(f"{self.salt}\n{self.url}".encode()).hexdigest()

    def packed(self) -> bytes:
        """Return it as it is sealed."""
        return canonical({"url": self.url, "salt": self.salt, "token": self.token})


def upstream(url: str, token: str) -> Upstream:
    """Return an address with a salt of its own: nobody finds it by trying, nor sees that two are the same."""
    return Upstream(url, base64.urlsafe_b64encode(secrets.token_bytes(_SALT_BYTES)).decode().rstrip("="), token)


def unpacked(told: bytes) -> Upstream:
    """Read what ``packed`` wrote."""
    return Upstream(**json.loads(told))
