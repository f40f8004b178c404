"""X-Matrix (pure): how homeservers sign what they ask of each other over federation.

Matrix specification, server-server API, "Request Authentication". The signature holds method, path and destination, but
no time: whoever asks for a proof that is fresh puts something into the path that was never there before.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from kit.errors import Invalid
from kit.identifiers import ServerName, parse_server_name
from kit.server_keys import ServerKeys, VerifyKey, signer_of

_SCHEME: Final = re.compile(r"X-Matrix +(.+)", re.IGNORECASE | re.DOTALL)
_PART: Final = re.compile(r'\s*([A-Za-z]{1,20})\s*=\s*(?:"([^"\\]*)"|([^\s",]*))\s*(?:,|$)')
_LONGEST: Final = 2_000
_MOST_PARTS: Final = 10
_NEEDED: Final = ("origin", "destination", "key", "sig")


@dataclass(frozen=True, slots=True)
class SignedBy:
    """What an ``Authorization`` header says: who asks whom, and the signature under the key that it names."""

    origin: ServerName
    destination: str
    key: str
    signature: str

    def verify(self, keys: ServerKeys, *, method: str, uri: str) -> VerifyKey:
        """Return with which key of its origin a request without a body is signed. Raises ``Invalid`` where with none.

        ``keys``: those of the origin, as it publishes them now. ``uri``: path and query as they came, to the letter.
        """
        asked: dict[str, Any] = {
            "method": method,
            "uri": uri,
            "origin": self.origin,
            "destination": self.destination,
            "signatures": {self.origin: {self.key: self.signature}},
        }
        if keys.server != self.origin:
            raise Invalid("server_keys_other", f"Those are not the keys of {self.origin}.")
        return signer_of(asked, keys)


def read_authorization(header: str) -> SignedBy:
    """Read one ``Authorization`` header. Raises ``Invalid`` for what is none of a homeserver."""
    found = _SCHEME.fullmatch(header) if len(header) <= _LONGEST else None
    parts = {} if found is None else _parts(found.group(1))
    if any(not parts.get(name) for name in _NEEDED):
        raise Invalid("x_matrix_malformed", "That is no signature of a homeserver (X-Matrix).")
    return SignedBy(parse_server_name(parts["origin"]), parts["destination"], parts["key"], parts["sig"])


def _parts(text: str) -> Mapping[str, str]:
    """Return the parts by their names, in lower case; none where one of them is malformed or comes twice."""
    parts: dict[str, str] = {}
    place = 0
    while place < len(text):
        found = _PART.match(text, place)
        name = "" if found is None else found.group(1).lower()
        if found is None or name in parts or len(parts) >= _MOST_PARTS:
            return {}
        parts[name] = found.group(2) if found.group(2) is not None else found.group(3)
        place = found.end()
    return parts
