"""Homeservers elsewhere with keys of their own: what they publish, and how they sign what they ask of others."""

from __future__ import annotations

import base64
import json
import ssl
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from kit.canonical import canonical
from tests.support.elsewhere import Server, says

KEYS = "/_matrix/key/v2/server"
VERSION = "/_matrix/federation/v1/version"
SUPPORT = "/.well-known/matrix/support"
KEY_ID = "ed25519:a"


@dataclass
class Keyed:
    """A homeserver of a name, with one key."""

    name: str
    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)

    def published(self, **changes: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
        """Its key document, signed; ``changes`` are made before it is."""
        document = {
            "server_name": self.name,
            "verify_keys": {KEY_ID: {"key": unpadded(self.key.public_key().public_bytes_raw())}},
            "old_verify_keys": {},
            "valid_until_ts": int(time.time() * 1000) + 3_600_000,
            **changes,
        }
        return self.sign(document)

    def sign(self, document: dict[str, Any]) -> dict[str, Any]:
        """Sign a document."""
        signature = unpadded(self.key.sign(canonical(document)))
        return {**document, "signatures": {self.name: {KEY_ID: signature}}}

    def asks(self, destination: str, uri: str, *, method: str = "GET", key: Ed25519PrivateKey | None = None) -> str:
        """The ``Authorization`` of a request of it; ``key``: what it is signed with in truth."""
        named = {"origin": self.name, "destination": destination}
        signature = (key or self.key).sign(canonical({"method": method, "uri": uri, **named}))
        parts = {**named, "key": KEY_ID, "sig": unpadded(signature)}
        return "X-Matrix " + ",".join(f'{name}="{value}"' for name, value in parts.items())

    def at(self, server: Server, *, admins: Sequence[str] = (), contacts: Sequence[str] = ()) -> None:
        """Have a server answer as this homeserver."""
        server.answers[KEYS] = says(self.published())
        server.answers[VERSION] = says({"server": {"name": "Synapse", "version": "1.163.2"}})
        named = [{"matrix_id": one, "role": "m.role.admin"} for one in admins]
        named += [{"matrix_id": one, "role": "m.role.security"} for one in contacts]
        server.answers[SUPPORT] = says({"contacts": named})


@dataclass
class Crowd:
    """Very many homeservers behind one address: each answers by the name that it is asked for."""

    homeservers: dict[str, Keyed] = field(default_factory=dict)

    def at(self, server: Server) -> None:
        """Have a server answer as all of them."""
        server.answers[KEYS] = self._keys
        server.answers[VERSION] = says({"server": {"name": "Synapse", "version": "1.163.2"}})

    def _keys(self, connection: ssl.SSLSocket, head: bytes) -> None:
        (host,) = [line[6:] for line in head.decode().split("\r\n") if line.startswith("Host: ")]
        says(json.dumps(self.homeservers[host].published()).encode())(connection, head)


def unpadded(raw: bytes) -> str:
    """Base64 as Matrix has it."""
    return base64.b64encode(raw).decode().rstrip("=")
