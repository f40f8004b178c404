"""One look at a text for the patterns of everybody (pure): a bit for each group of words and regexes that is there."""

from __future__ import annotations

from collections.abc import Sequence

import ahocorasick_rs
import re2

from kit.errors import Invalid
from reputation.filters.folding import folded, plainest
from reputation.filters.patterns import REGEX_MEMORY, Group, check_all, options, speakable

LONGEST_SCANNED = 10_000
"""Characters of a text that are looked at."""
_WIDEST = 4
"""Bytes of a character at most."""


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
        )
        self._shapes = _Words(
            [
                (plainest(word), 1 << bit, group.whole_words)
                for bit, group in enumerate(groups)
                if group.look_alikes
                for word in group.words
            ]
        )
        regexes = [(regex, 1 << bit) for bit, group in enumerate(groups) for regex in group.regexes]
        self._regexes = _compiled([regex for regex, _ in regexes])
        self._regex_bits = [bit for _, bit in regexes]

    def scan(self, text: str) -> int:
        """Return the bits of all groups that are in a text."""
        plain = folded(text[:LONGEST_SCANNED])
        encoded = _encoded(plain)  # once for both: turning text into bytes costs a good part of looking at it
        found = self._words.find(encoded)
        if self._regexes is not None:
            for number in self._regexes.Match(encoded) or ():
                found |= self._regex_bits[number]
        if self._shapes:
            found |= self._shapes.find(_encoded(plainest(plain)))
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
        self._automaton = _automaton(texts) if texts else None

    def __bool__(self) -> bool:
        """Tell whether there is anything to look for."""
        return self._automaton is not None

    def find(self, text: bytes) -> int:
        """Return the bits of all words in a text."""
        found = 0
        if self._automaton is None:
            return found
        for number, start, end in self._automaton.find_matches_as_indexes(text, overlapping=True):
            found |= self._bits[number]
            if self._whole is not None and self._whole[number] and _stands_alone(text, start, end):
                found |= self._whole[number]
        return found


def _stands_alone(text: bytes, start: int, end: int) -> bool:
    before = text[max(start - _WIDEST, 0) : start].decode("utf-8", "ignore")
    after = text[end : end + _WIDEST].decode("utf-8", "ignore")
    return not before[-1:].isalnum() and not after[:1].isalnum()


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
