"""A homeserver that says what no Synapse would: invites in anybody's name, over real federation, with its real key."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import ssl
import time
from typing import Any
from urllib.parse import quote

import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cli.local.synapse import Synapse


def say_that(liar: Synapse, to: Synapse, *, sender: str, invites: str, proof: dict[str, Any] | None) -> httpx.Response:
    """Tell ``to``, as ``liar``, that ``sender`` invites somebody.

    ``proof`` is the content's ``third_party_invite``: with one, whatever it holds, nobody asks for the signature of
    the sender's own homeserver; without, there is none here either.
    """
    assert to.federation is not None
    room = f"!{secrets.token_urlsafe(12)}:{liar.server_name}"
    content: dict[str, Any] = {"membership": "invite"}
    event: dict[str, Any] = {
        "type": "m.room.member",
        "room_id": room,
        "sender": sender,
        "state_key": invites,
        "content": content if proof is None else {**content, "third_party_invite": proof},
        "origin_server_ts": int(time.time() * 1000),
        "depth": 5,
        "prev_events": [],
        "auth_events": [],
    }
    event["hashes"] = {"sha256": _unpadded(hashlib.sha256(_canonical(event)).digest())}
    redacted = {**event, "content": content}
    event_id = "$" + _unpadded(hashlib.sha256(_canonical(redacted)).digest(), urlsafe=True)
    body = {"room_version": "10", "event": {**event, "signatures": {}}, "invite_room_state": []}
    path = f"/_matrix/federation/v2/invite/{quote(room, safe='')}/{quote(event_id, safe='')}"
    trusting = ssl.create_default_context(cafile=str(to.federation.files.authority))
    headers = {"Authorization": _signed(liar, to, "PUT", path, body)}
    url = f"https://{to.server_name}{path}"
    return httpx.put(url, json=body, headers=headers, verify=trusting, timeout=120)


def _signed(origin: Synapse, destination: Synapse, method: str, path: str, body: dict[str, Any]) -> str:
    """The ``Authorization`` of a request between homeservers."""
    kind, version, seed = (origin.folder / "signing.key").read_text().split()
    key = Ed25519PrivateKey.from_private_bytes(base64.b64decode(seed + "=" * (-len(seed) % 4)))
    names = {"origin": origin.server_name, "destination": destination.server_name}
    signature = key.sign(_canonical({"method": method, "uri": path, **names, "content": body}))
    quoted = {**names, "key": f"{kind}:{version}", "sig": _unpadded(signature)}
    return "X-Matrix " + ",".join(f'{name}="{value}"' for name, value in quoted.items())


def _canonical(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()


def _unpadded(raw: bytes, *, urlsafe: bool = False) -> str:
    return (base64.urlsafe_b64encode if urlsafe else base64.b64encode)(raw).decode().rstrip("=")
