"""An account's cross-signing identity: its three keys, what they sign, and what a homeserver shows of them; pure.

The master key vouches for the other two, the self-signing key for the account's own devices (Matrix specification,
client-server API, "Cross-signing"). The user-signing key, with which people vouch for each other, must be there too.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from kit.canonical import canonical
from kit.identifiers import UserId

ROLES: Final = ("master", "self_signing", "user_signing")
_SEED_BYTES = 32


class Identity:
    """The three keys of one account."""

    def __init__(self, user: UserId, seeds: bytes) -> None:
        """Take up the keys of ``user``; ``seeds`` is what ``fresh_seeds`` gave. Raises ``ValueError`` for others."""
        if len(seeds) != _SEED_BYTES * len(ROLES):
            raise ValueError("three seeds are wanted")
        self._user = user
        self._keys = {
            role: Ed25519PrivateKey.from_private_bytes(seeds[place * _SEED_BYTES : (place + 1) * _SEED_BYTES])
            for place, role in enumerate(ROLES)
        }
        self.public = {role: _unpadded(key.public_key().public_bytes_raw()) for role, key in self._keys.items()}

    def upload(self) -> dict[str, Any]:
        """Return the public keys as a homeserver takes them, the master key vouching for the others."""
        bare = {role: self._bare(role) for role in ROLES}
        return {
            f"{role}_key": thing if role == "master" else self._signed(thing, "master") for role, thing in bare.items()
        }

    def signed_device(self, device: Mapping[str, Any]) -> dict[str, Any]:
        """Return a device of the account with the self-signing key's signature alone."""
        return self._signed(device, "self_signing")

    def signed_master(self, device: str, sign: Callable[[str], str]) -> dict[str, Any]:
        """Return the master key with a device's signature; ``sign`` signs a text with the device's own key."""
        bare = self._bare("master")
        return {**bare, "signatures": {self._user: {f"ed25519:{device}": sign(canonical(bare).decode())}}}

    def _bare(self, role: str) -> dict[str, Any]:
        public = self.public[role]
        return {"user_id": self._user, "usage": [role], "keys": {f"ed25519:{public}": public}}

    def _signed(self, thing: Mapping[str, Any], role: str) -> dict[str, Any]:
        bare = _without_signatures(thing)
        signature = _unpadded(self._keys[role].sign(canonical(bare)))
        return {**bare, "signatures": {self._user: {f"ed25519:{self.public[role]}": signature}}}


def fresh_seeds() -> bytes:
    """Make the secrets of a new identity."""
    return secrets.token_bytes(_SEED_BYTES * len(ROLES))


@dataclass(frozen=True, slots=True)
class Shown:
    """What a homeserver shows to everybody of an account and one of its devices; nothing that is not rightly signed."""

    public: Mapping[str, str]
    """The public keys by role; the other two only where the master key vouches for them."""
    device: Mapping[str, Any] | None
    """The device, where it is as it described itself."""
    device_key: str | None
    device_signed: bool
    """The self-signing key vouches for the device, so that careful clients let it have keys."""
    master_signed: bool
    """The device vouches for the master key."""


def shown(answer: Mapping[str, Any], user: UserId, device: str) -> Shown:
    """Read what ``/keys/query`` says, whatever it says, checking every signature."""
    things = {role: _dict(_dict(answer.get(f"{role}_keys")).get(user)) for role in ROLES}
    public = {role: key for role, thing in things.items() if (key := _only_key(thing, role, user))}
    master = public.get("master")
    for role in ROLES[1:]:
        if role in public and not (master and signed_by(things[role], user, master, master)):
            del public[role]
    own = _dict(_dict(_dict(answer.get("device_keys")).get(user)).get(device))
    key = _dict(own.get("keys")).get(f"ed25519:{device}")
    if not isinstance(key, str) or not signed_by(own, user, device, key):
        return Shown(public, None, None, device_signed=False, master_signed=False)
    vouching = public.get("self_signing")
    return Shown(
        public,
        own,
        key,
        device_signed=vouching is not None and signed_by(own, user, vouching, vouching),
        master_signed=master is not None and signed_by(things["master"], user, device, key),
    )


def signed_by(thing: Mapping[str, Any], user: UserId, name: str, public: str) -> bool:
    """Tell whether ``thing`` carries a good signature of the key ``ed25519:name``, whose public part is ``public``."""
    signature = _dict(_dict(thing.get("signatures")).get(user)).get(f"ed25519:{name}")
    try:
        Ed25519PublicKey.from_public_bytes(_raw(public)).verify(_raw(signature), canonical(_without_signatures(thing)))
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True


def _without_signatures(thing: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in thing.items() if name not in ("signatures", "unsigned")}


def _only_key(thing: Mapping[str, Any], role: str, user: UserId) -> str | None:
    """Return the one key of a public cross-signing key that is of this role and user."""
    keys = _dict(thing.get("keys"))
    usage = thing.get("usage")
    if thing.get("user_id") != user or not isinstance(usage, list) or role not in usage or len(keys) != 1:
        return None
    ((name, key),) = keys.items()
    return key if isinstance(key, str) and name == f"ed25519:{key}" else None


def _dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _raw(text: object) -> bytes:
    if not isinstance(text, str):
        raise TypeError("no base64")
    return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)


def _unpadded(raw: bytes) -> str:
    return base64.b64encode(raw).decode().rstrip("=")
