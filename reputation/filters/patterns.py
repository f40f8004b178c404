"""Patterns of strangers (pure): words and regexes under names, checked and bounded before anything is compiled."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, NoReturn

import re2

from kit.errors import Invalid
from kit.identifiers import on_one_line
from reputation.filters.folding import folded, plainest
from reputation.policy import LONGEST_REGEX, LONGEST_WORD

LARGEST_REGEX: Final = 1_000
"""Instructions of one compiled regex; what repeats ``{1000}`` times has more."""
MOST_WORDS: Final = 200_000
"""Words of all patterns that are looked for together."""
MOST_INSTRUCTIONS: Final = 50_000
"""Instructions of all regexes that are looked for together."""
REGEX_MEMORY: Final = 256 << 20
"""Bytes that the regexes which are looked for together may take while they are matched."""
_ONE_REGEX_MEMORY: Final = 2 << 20


@dataclass(frozen=True, slots=True)
class Group:
    """Words and regexes that are looked for together: it is found where any of them is."""

    words: tuple[str, ...] = ()
    regexes: tuple[str, ...] = ()
    whole_words: bool = False
    look_alikes: bool = False


def options() -> re2.Options:
    """Return how regexes are read: linear in time by their engine, without case, silent on errors."""
    made = re2.Options()
    made.case_sensitive = False
    made.log_errors = False
    made.never_capture = True
    made.dot_nl = True
    made.max_mem = _ONE_REGEX_MEMORY
    return made


def instructions(regex: str) -> int:
    """Return how large a regex is once compiled. Raises ``Invalid`` for one that cannot be, or is too large."""
    if not regex or len(regex) > LONGEST_REGEX:
        _wrong("regex_too_long", f"a regex has between 1 and {LONGEST_REGEX} characters", most=LONGEST_REGEX)
    try:
        made = re2.compile(speakable(regex), options())
    except re2.error as error:
        said = error.args[0] if error.args else ""
        why = on_one_line(said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said))
        hint = _hint(regex)
        _wrong("regex_malformed", f"this regex cannot be read: {why}{hint}", regex=regex, why=why)
    size = int(made.programsize)
    if size > LARGEST_REGEX:
        message = f"this regex is too large ({size} instructions, {LARGEST_REGEX} at most); repeat less in it"
        _wrong("regex_too_large", message, regex=regex, most=LARGEST_REGEX)
    if made.search("") is not None:
        _wrong("regex_empty", "this regex finds the empty text, so it would be found in every one", regex=regex)
    return size


def check(group: Group) -> int:
    """Look at all of a group; return how many instructions its regexes have. Raises ``Invalid``."""
    for word in group.words:
        if not word or len(word) > LONGEST_WORD:
            _wrong("word_too_long", f"a word has between 1 and {LONGEST_WORD} characters", most=LONGEST_WORD)
        if not folded(word).strip() or (group.look_alikes and not plainest(word).strip()):
            _wrong("word_invisible", "a word has something in it that can be seen", word=word)
    return sum(instructions(regex) for regex in group.regexes)


def check_all(groups: Iterable[Group]) -> None:
    """Look at all groups that are to be looked for together. Raises ``Invalid`` for one, or for all being too many."""
    words = total = 0
    for group in groups:
        total += check(group)
        words += len(group.words)
    if words > MOST_WORDS:
        _wrong("too_many_words", f"at most {MOST_WORDS} words are looked for together", most=MOST_WORDS)
    if total > MOST_INSTRUCTIONS:
        _wrong("too_many_regexes", "these regexes together are too large", most=MOST_INSTRUCTIONS)


def _hint(regex: str) -> str:
    if any(mark in regex for mark in ("(?=", "(?!", "(?<=", "(?<!")):
        return " (looking ahead or behind is not known here; make two patterns and join them in the condition)"
    if any(f"\\{digit}" in regex for digit in "123456789"):
        return " (referring back to a group is not known here)"
    return ""


def speakable(text: str) -> str:
    """Return a text without lone surrogates, which are no characters."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _wrong(code: str, message: str, **values: object) -> NoReturn:
    raise Invalid(code, message, **values)
