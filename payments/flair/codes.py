"""Claim codes (pure): made, read as people write them, and what of one is kept or stands on the chain."""

from __future__ import annotations

import hashlib
import secrets
from typing import Final

from kit.errors import Invalid
from kit.identifiers import Hash32, parse_hash

_LETTERS: Final = "ABCDEFGHJKMNPQRTUVWXY346789"
"""Letters and digits that nobody takes for one another, read aloud or by eye."""
_LENGTH: Final = 25
"""118 bits: a memo stands on the chain for everybody to guess at for ever."""
_GROUP: Final = 5
_LONGEST: Final = 100


def new_code() -> str:
    """Return a new claim code, in groups of five."""
    letters = "".join(secrets.choice(_LETTERS) for _ in range(_LENGTH))
    return "-".join(letters[start : start + _GROUP] for start in range(0, _LENGTH, _GROUP))


def memo_of(code: str) -> Hash32:
    """Return what a gift carries as its memo so that whoever has ``code`` can claim it: the hash of its letters.

    Blanks, dashes and small letters make no difference. A code that could be none has a hash like any other.
    """
    letters = "".join(letter for letter in code[:_LONGEST].upper() if letter.isalnum())
    return Hash32(hashlib.sha256(b"earnest claim code\n" + letters.encode()).digest())


def is_code(text: str) -> bool:
    """Tell whether a text has the form of a claim code."""
    letters = "".join(letter for letter in text[:_LONGEST].upper() if letter.isalnum())
    return len(letters) == _LENGTH and set(letters) <= set(_LETTERS)


def memo_in(text: str) -> Hash32:
    """Return the memo that somebody means: that of a claim code, or one of their own that the bot made (``0x…``).

    Raises ``Invalid`` for what is neither: whatever else a gift carried, nobody could ever claim it.
    """
    plain = text.strip()
    if plain[:2].lower() == "0x":
        return parse_hash(plain)
    if not is_code(plain):
        raise Invalid("claim_code_malformed", "That is no claim code, and no memo that the bot made (0x…).")
    return memo_of(plain)
