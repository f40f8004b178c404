"""Which of many patterns hit a name (pure): tables for the shapes that most of them have, one automaton for the rest.

``*`` stands for any characters, ``?`` for one (Matrix specification, appendix "Glob-style matching"); upper and lower
case are the same. No pattern is given to an engine that goes back, however many stars somebody put into it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
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


_Table = dict[str, int | list[int]]
"""What is found under a text: one number nearly always, and then it needs no list of its own."""


class Globs:
    """Patterns and names; each pattern is known by its place in what was given, or by its value if it has one."""

    def __init__(self, patterns: Iterable[str], values: Sequence[int] | None = None) -> None:
        """Sort the patterns by their shapes; some microseconds each. ``values``: one for each pattern."""
        self._names: _Table = {}
        self._servers: _Table = {}
        self._below: _Table = {}
        self._users_below: _Table = {}
        self._of_server = _OfServers()
        self._beginnings = _Beginnings()
        self._always: list[tuple[int, str]] = []
        hard: list[tuple[int, str]] = []
        for place, pattern in enumerate(patterns):
            value = place if values is None else values[place]
            lower = pattern if (lower := pattern.lower()) == pattern else lower  # one text, and not two alike
            if not self._sort(value, lower):
                hard.append((value, lower))
        self._pieces = _Pieces(hard)

    def _sort(self, number: int, pattern: str) -> bool:
        """Put a pattern into the table of its shape; ``False`` where it has none of them."""
        begins, _, ends = pattern.partition("*")
        match _shape(pattern):
            case _Shape.ALWAYS:
                self._always.append((number, pattern))
            case _Shape.NAME:
                _put(self._names, pattern, number)
            case _Shape.SERVER:
                _put(self._servers, ends[1:], number)
            case _Shape.USERS_BELOW:
                _put(self._users_below, ends[2:], number)
            case _Shape.BELOW:
                _put(self._below, ends, number)
            case _Shape.OF_SERVER:
                self._of_server.add(begins, ends, number)
            case _Shape.BEGINNING:
                self._beginnings.add(begins, number)
            case _Shape.OTHER:
                return False
        return True

    def find(self, name: str) -> list[int]:
        """Return all patterns that hit a name, lowest first; empty where none does."""
        name = name.lower()
        found = [*self._pieces.find(name)]
        _get(self._names, name, found)
        if self._below:
            _walk(self._below, name, 0, found)
        if self._beginnings:
            self._beginnings.find(name, found)
        if name[:1] == "@" or self._of_server:
            self._by_server(name, found)
        if self._always:
            found.extend(number for number, pattern in self._always if hits(pattern, name))
        return sorted(found) if len(found) > 1 else found

    def _by_server(self, name: str, found: list[int]) -> None:
        first = colon = name.find(":")
        while colon >= 0:  # a port is behind a second one
            if name[:1] == "@" and colon:
                _get(self._servers, name[colon + 1 :], found)
            if self._of_server:
                self._of_server.find(name, colon, found)
            colon = name.find(":", colon + 1)
        if first > 0 and name[0] == "@" and self._users_below:
            _walk(self._users_below, name, first + 1, found)


def _put(table: _Table, key: str, number: int) -> None:
    before = table.get(key)
    if before is None:
        table[key] = number
    elif isinstance(before, list):
        before.append(number)
    else:
        table[key] = [before, number]


def _get(table: _Table, key: str, found: list[int]) -> None:
    there = table.get(key)
    if there is None:
        return
    if isinstance(there, list):
        found.extend(there)
    else:
        found.append(there)


def _walk(table: _Table, name: str, begin: int, found: list[int]) -> None:
    """Look for every end of a name that begins with a dot."""
    dot = name.find(".", begin)
    while dot >= 0:
        _get(table, name[dot:], found)
        dot = name.find(".", dot + 1)


class _Beginnings:
    """Beginnings of names, by their lengths."""

    def __init__(self) -> None:
        self._of: dict[int, _Table] = {}

    def __bool__(self) -> bool:
        return bool(self._of)

    def add(self, text: str, number: int) -> None:
        _put(self._of.setdefault(len(text), {}), text, number)

    def find(self, name: str, found: list[int]) -> None:
        """Look for every beginning of a name."""
        for length, texts in self._of.items():
            if length <= len(name):
                _get(texts, name[:length], found)


class _OfServers:
    """Beginnings of names of single servers; of each server, which lengths they have."""

    def __init__(self) -> None:
        self._lengths: dict[str, tuple[int, ...]] = {}
        self._patterns: _Table = {}
        self._shared: dict[tuple[int, ...], tuple[int, ...]] = {}

    def __bool__(self) -> bool:
        return bool(self._patterns)

    def add(self, begins: str, ends: str, number: int) -> None:
        lengths = self._lengths.get(ends, ())
        if len(begins) not in lengths:
            lengths = (*lengths, len(begins))
            self._lengths[ends] = self._shared.setdefault(lengths, lengths)
        _put(self._patterns, f"{begins}*{ends}", number)

    def find(self, name: str, colon: int, found: list[int]) -> None:
        """Look for every beginning of what stands before a colon."""
        server = name[colon:]
        for length in self._lengths.get(server, ()):
            if length <= colon:
                _get(self._patterns, f"{name[:length]}*{server}", found)


class _Pieces:
    """Patterns of all other shapes: each is looked at only where its rarest piece stands in a name."""

    def __init__(self, patterns: Sequence[tuple[int, str]]) -> None:
        often = Counter(piece for _, pattern in patterns for piece in set(_pieces(pattern)))
        by_piece: dict[str, tuple[int, str] | list[tuple[int, str]]] = {}
        for one in patterns:
            # One letter that few patterns have is still in most names.
            rarest = min(_pieces(one[1]), key=lambda piece: (len(piece) < _LONG, often[piece], -len(piece)))
            before = by_piece.get(rarest)
            if before is None:
                by_piece[rarest] = one
            elif isinstance(before, list):
                before.append(one)
            else:
                by_piece[rarest] = [before, one]
        self._automaton = ahocorasick_rs.AhoCorasick(list(by_piece)) if by_piece else None
        self._patterns = list(by_piece.values())

    def find(self, name: str) -> Sequence[int]:
        """Return whose piece is there, and who hits."""
        places = self._automaton.find_matches_as_indexes(name, overlapping=True) if self._automaton is not None else ()
        if not places:
            return ()
        found: list[int] = []
        for place in {each[0] for each in places}:
            there = self._patterns[place]
            some = there if isinstance(there, list) else (there,)
            found.extend(number for number, pattern in some if hits(pattern, name))
        return found


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
