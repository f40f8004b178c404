"""Texts made comparable (pure): case, compatibility forms and invisible characters away; look-alikes on top of that."""

from __future__ import annotations

import unicodedata

from kit.identifiers import LOOKS_LIKE, skeleton


def folded(text: str) -> str:
    """Return a text without differences of case, of compatibility forms (NFKC), and without invisible characters."""
    if text.isascii():  # what most are; lower case is then all there is to do
        return text.lower()
    # Folding may make what NFKC takes further, and the other way round, so each is done again.
    once = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text.translate(_INVISIBLE)).casefold())
    return unicodedata.normalize("NFKC", once.casefold())


def plainest(text: str) -> str:
    """Return what a text looks like to a hurried eye: the same as ``kit.identifiers.skeleton``, and quicker."""
    shape = text.lower() if text.isascii() else unicodedata.normalize("NFKD", text).translate(_LETTERS)
    for pair, single in LOOKS_LIKE:
        shape = shape.replace(pair, single)
    return shape


class _Invisible(dict[int, str | None]):
    """What a character is for comparing; each is looked at once. There are no more of them than Unicode has."""

    def __missing__(self, code: int) -> str | None:
        hidden = unicodedata.category(chr(code)) == "Cf" or chr(code) in _ALSO_HIDDEN
        found = self[code] = None if hidden else chr(code)
        return found


class _Letters(dict[int, str]):
    """The plain letter that a character looks like; each is looked up once."""

    def __missing__(self, code: int) -> str:
        found = self[code] = skeleton(chr(code))
        return found


# Variation selectors, the combining grapheme joiner, and letters of Hangul that show nothing.
_ALSO_HIDDEN = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0") | {chr(code) for code in range(0xFE00, 0xFE10)}
_INVISIBLE = _Invisible()
_LETTERS = _Letters()
