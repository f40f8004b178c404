"""What commands about documents read alike: one that was pasted, and the number of a version."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from app import drafts
from bot.commands.command import Unclear
from reputation.policy import DoorDocument, FilterDocument, ProtectionsDocument

_FENCE = "```"
_DIGITS = 6
_Document = TypeVar("_Document", DoorDocument, FilterDocument, ProtectionsDocument)


def pasted(text: str, model: type[_Document]) -> _Document | None:
    """Return the document that stands in a message, in a code block or bare; ``None`` where there is none."""
    start = text.find("{")
    if start < 0:
        return None
    found = text[start:].strip().removesuffix(_FENCE)
    return drafts.written(found.strip(), model)


def number_in(words: Sequence[str]) -> int:
    """Read the number of a version."""
    match words:
        case [word] if word.isascii() and word.isdecimal() and len(word) <= _DIGITS:
            return int(word)
    raise Unclear
