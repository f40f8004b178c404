"""Bitcoin (pure): whether a message is signed by the key of an address, as wallets have signed messages since 2011.

Legacy addresses (``1…``) and P2WPKH (``bc1q…``), by the form that Bitcoin Core has for the first and BIP-137 and
Electrum for both: 65 bytes in base64. Scripts of several keys have no such signatures.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Final

from btclib.ecc import bms

from kit.errors import Invalid

_LEGACY: Final = re.compile(r"1[1-9A-HJ-NP-Za-km-z]{25,33}")
_WITNESS: Final = re.compile(r"bc1q[02-9ac-hj-np-z]{38}")
_BYTES: Final = 65
_LONGEST: Final = 100


def is_address(text: str) -> bool:
    """Tell whether a text has the form of an address whose key can sign: ``1…``, or ``bc1q…`` of one key."""
    return _LEGACY.fullmatch(text) is not None or _WITNESS.fullmatch(text.lower()) is not None


def name_of(address: str) -> str:
    """Return an address as givers are named by it: the newer ones in small letters. Raises ``Invalid``."""
    if not is_address(address):
        raise Invalid("bitcoin_address", "That is no address of Bitcoin whose key can sign: 1… or bc1q…")
    return address.lower() if address.lower().startswith("bc1") else address


def is_signed(address: str, text: str, signature: str) -> bool:
    """Tell whether ``signature`` (base64) is that of the address's key under ``text``."""
    plain = signature.strip()
    try:
        raw = base64.b64decode(plain, validate=True) if len(plain) <= _LONGEST else b""
    except (binascii.Error, ValueError):
        return False
    if len(raw) != _BYTES or not is_address(address):
        return False
    try:
        return bms.verify(text.encode(), address, plain)
    except (ValueError, RuntimeError, TypeError):
        return False  # of a form, or a point, that there is none of
