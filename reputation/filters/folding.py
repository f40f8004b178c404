"""Texts made comparable (pure): case, compatibility forms and invisible characters away; look-alikes on top of that."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable

from kit.identifiers import LOOKS_LIKE, skeleton

MOST_REMEMBERED = 20_000
"""Characters that are remembered of a kind: more than a person's languages have, and few of all that Unicode has."""


def visible(text: str) -> str:
    """Return a text without invisible characters."""
    # To look whether there is any takes a part of the time that it takes to leave them out.
    if text.isascii() or (text.isprintable() and _ALSO_HIDDEN.isdisjoint(text)):
        return text
    return text.translate(_INVISIBLE)


def folded(text: str) -> str:
    """Return a text without differences of case, of compatibility forms (NFKC), and without invisible characters."""
    return without_case(visible(text))


def without_case(text: str) -> str:
    """Return what is ``visible`` of a text without differences of case and of compatibility forms (NFKC)."""
    if text.isascii():  # what most are; lower case is then all there is to do
        return text.lower()
    # Folding may make what NFKC takes further, and the other way round, so each is done again.
    once = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return unicodedata.normalize("NFKC", once.casefold())


def plainest(text: str) -> str:
    """Return what a text looks like to a hurried eye: the same as ``kit.identifiers.skeleton``, and quicker."""
    shape = text.lower() if text.isascii() else unicodedata.normalize("NFKD", text).translate(_LETTERS)
    for pair, single in LOOKS_LIKE:
        shape = shape.replace(pair, single)
    return shape


class _Remembered(dict[int, str | None]):
    """What a character is for comparing. Each is looked at once, until there are so many that all are forgotten."""

    def __init__(self, look: Callable[[str], str | None]) -> None:
        super().__init__()
        self._look = look

    def __missing__(self, code: int) -> str | None:
        if len(self) >= MOST_REMEMBERED:
            self.clear()
        found = self[code] = self._look(chr(code))
        return found


# Variation selectors, the combining grapheme joiner, and letters of Hangul that show nothing.
_ALSO_HIDDEN = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0") | {chr(code) for code in range(0xFE00, 0xFE10)}
_INVISIBLE = _Remembered(lambda c: None if unicodedata.category(c) == "Cf" or c in _ALSO_HIDDEN else c)
_LETTERS = _Remembered(skeleton)
