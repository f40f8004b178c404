"""Message signatures (pure): what a request of ours says of itself, signed with Ed25519 (RFC 9421)."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from typing import Final

from kit.signing import SigningKey

LABEL: Final = "earnest"
ALGORITHM: Final = "ed25519"
_PLAIN: Final = re.compile(r"[\x20\x21\x23-\x5b\x5d-\x7e]*", re.ASCII)
"""What a string of a structured field may hold without escapes (RFC 9651, section 3.3.3)."""
_LINE: Final = re.compile(r"[\x20-\x7e]*", re.ASCII)


def base(components: Sequence[tuple[str, str]], parameters: str) -> str:
    """Return the text that is signed (RFC 9421, section 2.5): a line for each component, then the parameters."""
    lines = [f'"{name}": {value}' for name, value in components]
    return "\n".join([*lines, f'"@signature-params": {parameters}'])


def signed(
    key: SigningKey, components: Sequence[tuple[str, str]], *, created: int, expires: int, nonce: str, tag: str
) -> dict[str, str]:
    """Return the headers that sign ``components``, which are names and values in their order; times in Unix seconds.

    Raises ``ValueError`` for a value that could pass for another line or parameter.
    """
    plain = [nonce, tag, *(name for name, _ in components)]
    if not all(map(_PLAIN.fullmatch, plain)) or not all(_LINE.fullmatch(value) for _, value in components):
        message = "only plain characters are signed"
        raise ValueError(message)
    covered = " ".join(f'"{name}"' for name, _ in components)
    parameters = (
        f'({covered});created={created};expires={expires};nonce="{nonce}";keyid="{key.name}";alg="{ALGORITHM}"'
        f';tag="{tag}"'
    )
    signature = base64.b64encode(key.sign_raw(base(components, parameters).encode())).decode()
    return {"Signature-Input": f"{LABEL}={parameters}", "Signature": f"{LABEL}=:{signature}:"}
