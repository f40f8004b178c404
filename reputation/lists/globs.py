"""Which of many patterns hit a name (pure): tables for the shapes that most of them have, one automaton for the rest.

``*`` stands for any characters, ``?`` for one (Matrix specification, appendix "Glob-style matching"); upper and lower
case are the same. No pattern is given to an engine that goes back, however many stars somebody put into it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from enum import Enum
from typing import Final

import ahocorasick_rs

_LONGEST_PIECE: Final = 16
"""Letters of a piece that are looked for: an automaton of whole pieces took gigabytes, and minutes to make."""
_LONG: Final = 3
"""Letters of a piece that does not stand in most names."""


class _Shape(Enum):
    """What patterns look like, as far as there is a table of it."""

    ALWAYS = "*?"
    NAME = "@spam:evil.example"
    SERVER = "@*:evil.example"
    USERS_BELOW = "@*:*.evil.example"
    BELOW = "*.evil.example"
    OF_SERVER = "@spam*:evil.example"
    """Of one server there are many."""
    BEGINNING = "@spam*"
    OTHER = "*spam*"


def _shape(pattern: str) -> _Shape:
    begins, star, ends = pattern.partition("*")
    shape = _Shape.OTHER
    if not pattern.strip("*?"):
        shape = _Shape.ALWAYS
    elif "?" in pattern:
        shape = _Shape.OTHER
    elif not star:
        shape = _Shape.NAME
    elif begins and not ends:
        shape = _Shape.BEGINNING
    elif begins == "@" and ends[:3] == ":*." and "*" not in ends[3:]:
        shape = _Shape.USERS_BELOW
    elif begins and ends[:1] == ":" and "*" not in ends:
        shape = _Shape.SERVER if begins == "@" else _Shape.OF_SERVER
    elif not begins and ends[:1] == "." and "*" not in ends:
        shape = _Shape.BELOW
    return shape


def laborious(pattern: str) -> str | None:
    """Return the piece by which a pattern is looked for that has no table; ``None`` for all others.

    Patterns with one and the same piece are all looked at wherever it stands in a name, and those whose pieces are
    short nearly everywhere: of them a list may have but some.
    """
    lower = pattern.lower()
    if _shape(lower) is not _Shape.OTHER:
        return None
    longest = max(_pieces(lower), key=len)
    return longest if len(longest) >= _LONG else ""


def pieces_of(pattern: str) -> int:
    """Return how many pieces a pattern has, between its wildcards."""
    return len(_pieces(pattern))


class Globs:
    """Patterns and names; each is known by its place in what was given."""

    def __init__(self, patterns: Sequence[str]) -> None:
        """Sort the patterns by their shapes; some microseconds each."""
        self._patterns = [pattern.lower() for pattern in patterns]
        self._names: dict[str, list[int]] = {}
        self._servers: dict[str, list[int]] = {}
        self._below: dict[str, list[int]] = {}
        self._users_below: dict[str, list[int]] = {}
        self._of_server: dict[str, _Beginnings] = {}
        self._beginnings = _Beginnings()
        self._always: list[int] = []
        hard = [number for number, pattern in enumerate(self._patterns) if not self._sort(number, pattern)]
        self._pieces = _Pieces([(number, self._patterns[number]) for number in hard])

    def _sort(self, number: int, pattern: str) -> bool:
        """Put a pattern into the table of its shape; ``False`` where it has none of them."""
        begins, _, ends = pattern.partition("*")
        match _shape(pattern):
            case _Shape.ALWAYS:
                self._always.append(number)
            case _Shape.NAME:
                self._names.setdefault(pattern, []).append(number)
            case _Shape.SERVER:
                self._servers.setdefault(ends[1:], []).append(number)
            case _Shape.USERS_BELOW:
                self._users_below.setdefault(ends[2:], []).append(number)
            case _Shape.BELOW:
                self._below.setdefault(ends, []).append(number)
            case _Shape.OF_SERVER:
                self._of_server.setdefault(ends, _Beginnings()).add(begins, number)
            case _Shape.BEGINNING:
                self._beginnings.add(begins, number)
            case _Shape.OTHER:
                return False
        return True

    def find(self, name: str) -> list[int]:
        """Return the places of all patterns that hit a name, lowest first; empty where none does."""
        name = name.lower()
        found = [*self._names.get(name, ()), *self._pieces.find(name)]
        if self._below:
            _walk(self._below, name, 0, found)
        if self._beginnings:
            self._beginnings.find(name, len(name), found)
        if name[:1] == "@" or self._of_server:
            self._by_server(name, found)
        if self._always:
            found.extend(number for number in self._always if hits(self._patterns[number], name))
        return sorted(found) if len(found) > 1 else found

    def _by_server(self, name: str, found: list[int]) -> None:
        first = colon = name.find(":")
        while colon >= 0:  # a port is behind a second one
            if name[:1] == "@" and colon:
                found.extend(self._servers.get(name[colon + 1 :], ()))
            of_server = self._of_server.get(name[colon:])
            if of_server is not None:
                of_server.find(name, colon, found)
            colon = name.find(":", colon + 1)
        if first > 0 and name[0] == "@" and self._users_below:
            _walk(self._users_below, name, first + 1, found)


def _walk(table: dict[str, list[int]], name: str, begin: int, found: list[int]) -> None:
    """Look for every end of a name that begins with a dot."""
    dot = name.find(".", begin)
    while dot >= 0:
        found.extend(table.get(name[dot:], ()))
        dot = name.find(".", dot + 1)


class _Beginnings:
    """Beginnings of names, by their lengths."""

    def __init__(self) -> None:
        self._of: dict[int, dict[str, list[int]]] = {}

    def __bool__(self) -> bool:
        return bool(self._of)

    def add(self, text: str, number: int) -> None:
        self._of.setdefault(len(text), {}).setdefault(text, []).append(number)

    def find(self, name: str, end: int, found: list[int]) -> None:
        """Look for every beginning of the first ``end`` letters of a name."""
        for length, texts in self._of.items():
            if length <= end:
                found.extend(texts.get(name[:length], ()))


class _Pieces:
    """Patterns of all other shapes: each is looked at only where its rarest piece stands in a name."""

    def __init__(self, patterns: Sequence[tuple[int, str]]) -> None:
        often = Counter(piece for _, pattern in patterns for piece in set(_pieces(pattern)))
        self._by_piece: dict[str, list[tuple[int, str]]] = defaultdict(list)
        for number, pattern in patterns:
            # One letter that few patterns have is still in most names.
            rarest = min(_pieces(pattern), key=lambda piece: (len(piece) < _LONG, often[piece], -len(piece)))
            self._by_piece[rarest].append((number, pattern))
        self._texts = list(self._by_piece)
        self._automaton = ahocorasick_rs.AhoCorasick(self._texts) if self._texts else None

    def find(self, name: str) -> Sequence[int]:
        """Return whose piece is there, and who hits."""
        places = self._automaton.find_matches_as_indexes(name, overlapping=True) if self._automaton is not None else ()
        if not places:
            return ()
        pieces = {self._texts[found[0]] for found in places}
        return [number for piece in pieces for number, pattern in self._by_piece[piece] if hits(pattern, name)]


def _pieces(pattern: str) -> list[str]:
    return [piece[:_LONGEST_PIECE] for piece in pattern.replace("?", "*").split("*") if piece]


def hits(pattern: str, name: str) -> bool:
    """Tell whether a pattern hits a name, both in lower case; time grows with the product of their lengths at most."""
    star = -1
    here = at = again = 0
    while here < len(name):
        if at < len(pattern) and pattern[at] == "*":
            star, again = at, here
            at += 1
        elif at < len(pattern) and pattern[at] in ("?", name[here]):
            at += 1
            here += 1
        elif star >= 0:  # let the last star take one character more
            at, again = star + 1, again + 1
            here = again
        else:
            return False
    return not pattern[at:].strip("*")
