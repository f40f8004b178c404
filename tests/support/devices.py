"""A device that describes itself, as a homeserver shows it."""

from __future__ import annotations

from typing import Any

from nio.crypto import OlmAccount

from kit.canonical import canonical
from kit.identifiers import UserId

ME = UserId("@earnest:home.example")
DEVICE = "DEVICE"


def a_device(account: OlmAccount) -> dict[str, Any]:
    """A device that describes itself."""
    keys = account.identity_keys
    bare = {
        "user_id": ME,
        "device_id": DEVICE,
        "algorithms": ["m.olm.v1.curve25519-aes-sha2"],
        "keys": {f"ed25519:{DEVICE}": keys["ed25519"], f"curve25519:{DEVICE}": keys["curve25519"]},
    }
    return {**bare, "signatures": {ME: {f"ed25519:{DEVICE}": account.sign(canonical(bare).decode())}}}
