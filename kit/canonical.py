"""Canonical JSON: the one form of a thing that is signed (Matrix specification, appendices, "Canonical JSON"); pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


def canonical(thing: Mapping[str, Any]) -> bytes:
    """Write a thing in the form that is signed: keys in order, no blanks, no escapes but those that must be.

    Raises ``ValueError`` for what that form does not have (lone surrogates, numbers that are none).
    """
    return json.dumps(thing, ensure_ascii=False, separators=(",", ":"), sort_keys=True, allow_nan=False).encode()
