"""Who vouches for whom, by code that is not ours: Synapse's own signature library, in Synapse's own environment."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_PYTHON = Path(__file__).resolve().parents[2] / ".venv-homeserver/bin/python"
_PROGRAM = """
import json, sys
from signedjson.key import decode_verify_key_bytes
from signedjson.sign import SignatureVerifyException, verify_signed_json
from unpaddedbase64 import decode_base64

def good(thing, user, name, public):
    try:
        verify_signed_json(thing, user, decode_verify_key_bytes(name, decode_base64(public)))
    except SignatureVerifyException:
        return False
    return True

print(json.dumps([good(*asked) for asked in json.load(sys.stdin)]))
"""


@dataclass(frozen=True, slots=True)
class Chain:
    """What a homeserver shows of an account: whether each signature is there and good."""

    master: str
    self_signing: bool
    user_signing: bool
    device: bool
    master_by_device: bool

    @property
    def whole(self) -> bool:
        """Whether nothing is wanting."""
        return self.self_signing and self.user_signing and self.device and self.master_by_device


def chain(answer: dict[str, Any], user: str, device: str) -> Chain:
    """Check what ``/keys/query`` answered of one device."""
    things = {role: answer.get(f"{role}_keys", {}).get(user, {}) for role in ("master", "self_signing", "user_signing")}
    public = {role: next(iter(thing.get("keys", {"": ""}).values())) for role, thing in things.items()}
    own = {name: value for name, value in answer["device_keys"][user][device].items() if name != "unsigned"}
    master, signing = public["master"], public["self_signing"]
    asked = [
        (things["self_signing"], user, f"ed25519:{master}", master),
        (things["user_signing"], user, f"ed25519:{master}", master),
        (own, user, f"ed25519:{signing}", signing),
        (things["master"], user, f"ed25519:{device}", own["keys"][f"ed25519:{device}"]),
    ]
    done = subprocess.run(
        [_PYTHON, "-c", _PROGRAM], input=json.dumps(asked), text=True, stdout=subprocess.PIPE, check=False
    )
    return Chain(master, *(json.loads(done.stdout) if done.returncode == 0 else [False] * 4))
