"""One look at a text for the patterns of everybody (pure): a bit for each group of words and regexes that is there."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import or_

import ahocorasick_rs
import re2

from kit.errors import Invalid
from reputation.filters.folding import folded, plainest, visible, without_case
from reputation.filters.patterns import REGEX_MEMORY, Group, check_all, options, speakable

LONGEST_SCANNED = 10_000
"""Characters of a text that are looked at."""
_LONGEST_EVENT = 65_536
"""Characters of a Matrix event at most: whoever hides a text behind what cannot be seen has no more room."""
_WINDOW = 1_000
"""Bytes in which words are looked for at a time: of those that end alike there can be a hundred at every place."""


class Scanner:
    """Looks for many groups at once; bit ``n`` of what it finds stands for the group that was given as the ``n``-th.

    Words are found by one automaton and regexes by another, each in one pass that is linear in the text, however many
    there are; no pattern is ever given to an engine that goes back.
    """

    def __init__(self, groups: Sequence[Group]) -> None:
        """Compile. Raises ``Invalid`` for a pattern that cannot be read, or for too many."""
        check_all(groups)
        self._words = _Words(
            [(folded(word), 1 << bit, group.whole_words) for bit, group in enumerate(groups) for word in group.words]
        ).find
        shapes = [
            (plainest(word), 1 << bit, group.whole_words)
            for bit, group in enumerate(groups)
            if group.look_alikes
            for word in group.words
        ]
        self._shapes = _Words(shapes).find if shapes else None
        regexes = [(regex, 1 << bit) for bit, group in enumerate(groups) for regex in group.regexes]
        compiled = _compiled([regex for regex, _ in regexes])
        self._regexes = None if compiled is None else compiled.Match
        self._regex_bits = [bit for _, bit in regexes]

    def scan(self, text: str) -> int:
        """Return the bits of all groups that are in a text."""
        if text.isascii():  # what most are: nothing in it is invisible
            plain = text[:LONGEST_SCANNED].lower()
        else:
            plain = without_case(visible(text[:_LONGEST_EVENT])[:LONGEST_SCANNED])
        encoded = _encoded(plain)  # once for both: turning text into bytes costs a good part of looking at it
        found = self._words(encoded)
        if self._regexes is not None:
            for number in self._regexes(encoded) or ():
                found |= self._regex_bits[number]
        if self._shapes is not None:
            found |= self._shapes(_encoded(plainest(plain)))
        return found


class _Words:
    """An automaton for words; a word that several groups look for is in it once."""

    def __init__(self, words: Sequence[tuple[str, int, bool]]) -> None:
        anywhere: dict[str, int] = {}
        whole: dict[str, int] = {}
        for word, bit, whole_word in words:
            kind = whole if whole_word else anywhere
            kind[word] = kind.get(word, 0) | bit
        texts = list({**anywhere, **whole})
        self._bits = [anywhere.get(text, 0) for text in texts]
        self._whole = [whole.get(text, 0) for text in texts] if whole else None
        self._look = _automaton(texts).find_matches_as_indexes if texts else None
        self._all = reduce(or_, [*anywhere.values(), *whole.values()], 0)
        self._overlap = max((len(_encoded(text)) for text in texts), default=1) - 1

    def find(self, text: bytes) -> int:
        """Return the bits of all words in a text."""
        found, look = 0, self._look
        if look is None:
            return found
        first = look(text[: _WINDOW + self._overlap], True)  # noqa: FBT003 - overlapping ones, too; by name it is slower
        if not first and len(text) <= _WINDOW:  # what nearly all are
            return found
        letters: tuple[frozenset[int], frozenset[int]] | None = None
        for begin in range(0, max(len(text) - self._overlap, 1), _WINDOW):
            matches = look(text[begin : begin + _WINDOW + self._overlap], True) if begin else first  # noqa: FBT003 - as above
            for number, start, end in matches:
                found |= self._bits[number]
                if self._whole is not None and self._whole[number] & ~found:
                    letters = letters or _letters(text)
                    if begin + start not in letters[1] and begin + end not in letters[0]:
                        found |= self._whole[number]
            if found == self._all:
                break
        return found


def _letters(text: bytes) -> tuple[frozenset[int], frozenset[int]]:
    """Return where letters and digits begin, and where they end."""
    begins, ends, at = set(), set(), 0
    for character in text.decode():
        after = at + len(character.encode())
        if character.isalnum():
            begins.add(at)
            ends.add(after)
        at = after
    return frozenset(begins), frozenset(ends)


def _encoded(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        return speakable(text).encode()


def _automaton(texts: Sequence[str]) -> ahocorasick_rs.BytesAhoCorasick:
    # The small kind: beside the regexes' automaton it stays in the caches, where the large one does not.
    kind = ahocorasick_rs.Implementation.ContiguousNFA
    return ahocorasick_rs.BytesAhoCorasick([_encoded(text) for text in texts], implementation=kind)


def _compiled(regexes: Sequence[str]) -> re2.Set | None:
    if not regexes:
        return None
    settings = options()
    settings.max_mem = REGEX_MEMORY
    made = re2.Set.SearchSet(settings)
    for regex in regexes:
        made.Add(speakable(regex))
    try:
        # Fails where the memory is not enough to look for all of them: what it could not do later it would not say.
        made.Compile()
    except re2.error:
        raise Invalid("too_many_regexes", "These regexes together are too large.") from None
    return made
