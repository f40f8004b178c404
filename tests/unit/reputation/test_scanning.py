"""Text patterns: what is found in spite of disguise, what is not found, and what is refused as a pattern."""

from __future__ import annotations

import tracemalloc

import pytest

from kit.errors import Invalid
from reputation.conditions.condition import read
from reputation.conditions.facts import FILTER_FACTS, record
from reputation.conditions.model import Record
from reputation.filters import folding, patterns
from reputation.filters.fan import Asked, Fan, names
from reputation.filters.patterns import LARGEST_REGEX, Group, check_all, instructions
from reputation.filters.scanning import LONGEST_SCANNED, Scanner
from reputation.policy import LONGEST_REGEX, LONGEST_WORD

# ruff: noqa: RUF001 - letters that look like others are what this is about


def finds(group: Group, text: str) -> bool:
    """Tell whether a group is found in a text."""
    return Scanner([group]).scan(text) == 1


@pytest.mark.parametrize(
    ("text", "plainly", "by_look"),
    [
        ("an airdrop", True, True),
        ("an AIRDROP!", True, True),
        ("ａｉｒｄｒｏｐ", True, True),
        ("𝐚𝐢𝐫𝐝𝐫𝐨𝐩", True, True),
        ("air\u200bd\u00adrop\ufe0f", True, True),
        ("а\u0456rdrop", False, True),
        ("АІRDROP", False, True),
        ("a1rdr0p", False, True),
        ("áirdrop", False, True),
        ("airdop", False, False),
        ("air drop", False, False),
        ("", False, False),
    ],
)
def test_words_are_found_in_disguise(text: str, plainly: bool, by_look: bool) -> None:  # noqa: FBT001 - a table
    assert finds(Group(("AirDrop",)), text) is plainly
    assert finds(Group(("AirDrop",), look_alikes=True), text) is by_look


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a cat.", True),
        ("Cat", True),
        ("concatenate", False),
        ("cat5", False),
        ("concatenate a cat", True),
        ("ñcat", False),
    ],
)
def test_whole_words_stand_alone(text: str, found: bool) -> None:  # noqa: FBT001 - a table
    assert finds(Group(("cat",), whole_words=True), text) is found
    assert finds(Group(("cat",)), text) is True


def test_what_one_group_asks_does_not_change_another() -> None:
    scanner = Scanner([Group(("cat",), whole_words=True), Group(("cat",)), Group(("CAT", "dog")), Group((), ("c.t",))])
    assert scanner.scan("concatenate") == 0b1110
    assert scanner.scan("a cat") == 0b1111
    assert scanner.scan("hotdog") == 0b0100
    assert Scanner([]).scan("anything") == 0


@pytest.mark.parametrize(
    ("regex", "text", "found"),
    [
        (r"free\s+\w+", "FREE   stuff", True),
        (r"\bbtc\b", "BTC!", True),
        (r"\bbtc\b", "abtcd", False),
        (r"[A-Z]{3}", "abc", True),
        ("é+", "É", True),
        ("first.second", "first\nsecond", True),
    ],
)
def test_regexes(regex: str, text: str, found: bool) -> None:  # noqa: FBT001 - a table
    assert finds(Group((), (regex,)), text) is found


def test_a_regex_that_would_keep_others_busy_for_ever_is_linear_here() -> None:
    assert finds(Group((), (r"(x+x+)+y", r"(a|aa)+$")), "x" * 9_000 + "a" * 900 + "!") is False


@pytest.mark.parametrize(
    ("regex", "code", "said"),
    [
        ("(a", "regex_malformed", "missing )"),
        ("(?=a)b", "regex_malformed", "ahead"),
        (r"(a)\1", "regex_malformed", "referring back"),
        ("a*", "regex_empty", "empty"),
        ("", "regex_too_long", "characters"),
        ("a" * (LONGEST_REGEX + 1), "regex_too_long", "characters"),
        ("[a-z]{1,1000}z", "regex_too_large", str(LARGEST_REGEX)),
        ("((a{100}){100}){100}", "regex_malformed", ""),
        ("\ud800(", "regex_malformed", "missing )"),
    ],
)
def test_regexes_that_cannot_be_are_refused(regex: str, code: str, said: str) -> None:
    with pytest.raises(Invalid) as caught:
        instructions(regex)
    assert caught.value.code == code
    assert said in caught.value.message


@pytest.mark.parametrize("word", ["", "x" * (LONGEST_WORD + 1), "\u200b", "  "])
def test_words_that_cannot_be_are_refused(word: str) -> None:
    with pytest.raises(Invalid):
        Scanner([Group((word,))])


def test_all_patterns_together_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patterns, "MOST_WORDS", 3)
    check_all([Group(("a", "b")), Group(("c",))])
    with pytest.raises(Invalid) as caught:
        check_all([Group(("a", "b")), Group(("c", "d"))])
    assert caught.value.code == "too_many_words"
    monkeypatch.setattr(patterns, "MOST_INSTRUCTIONS", 10)
    with pytest.raises(Invalid) as caught:
        check_all([Group((), ("aaaaaaaa",)), Group((), ("bbbbbbbb",))])
    assert caught.value.code == "too_many_regexes"


def test_only_the_beginning_of_an_endless_text_is_looked_at() -> None:
    group = Group(("end",), ("end$",))
    assert finds(group, "x" * (LONGEST_SCANNED - 3) + "end") is True
    assert finds(group, "x" * LONGEST_SCANNED + "end") is False


def test_nobody_hides_behind_what_cannot_be_seen() -> None:
    assert finds(Group(("end",)), "\u200b" * LONGEST_SCANNED + "end") is True


@pytest.mark.parametrize("before", range(980, 1_020, 3))
def test_words_are_found_wherever_the_text_is_cut_to_be_looked_at(before: int) -> None:
    long = "ab" * 40
    text = "é" * (before // 2) + " " + long + " " + "x" * 2_000 + " cat"
    for word in ("cat", long):
        assert finds(Group((word, "dog" * 33)), text) is True
        assert finds(Group((word, "dog" * 33), whole_words=True), text) is True
    assert finds(Group((long[1:],), whole_words=True), text) is False


def test_words_that_end_alike_take_little_memory_on_the_worst_text() -> None:
    scanner = Scanner([Group(tuple("a" * length for length in range(1, LONGEST_WORD + 1))), Group(("never",))])
    tracemalloc.start()
    try:
        assert scanner.scan("a" * LONGEST_SCANNED) == 1
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 40 << 20


def test_no_more_characters_are_remembered_than_languages_have() -> None:
    text = "".join(map(chr, range(0xE000, 0xE000 + 6_400))) + "".join(map(chr, range(0x10000, 0x10000 + 30_000)))
    for begin in range(0, len(text), LONGEST_SCANNED):
        finds(Group(("x",), look_alikes=True), text[begin : begin + LONGEST_SCANNED])
    assert 0 < len(folding._LETTERS) <= folding.MOST_REMEMBERED
    assert 0 < len(folding._INVISIBLE) <= folding.MOST_REMEMBERED


def asked(viewer: int, when: str, bits: dict[str, int]) -> Asked:
    """A rule of a viewer."""
    return Asked(viewer, 0, read(when, FILTER_FACTS), bits)


@pytest.mark.parametrize(
    ("when", "holds"),
    [
        ("'one' in text.found", {"1": True, "12": True, "": False}),
        ("'one' in text.found && 'two' in text.found", {"1": False, "12": True, "": False}),
        ("'one' in text.found && !('two' in text.found)", {"1": True, "12": False, "": False}),
        ("!('one' in text.found)", {"1": False, "12": False, "": True}),
        ("'one' in text.found || 'two' in text.found", {"1": True, "12": True, "": False, "2": True}),
        ("'one' in text.found && sender.standing < 0.5", {"1": True, "12": True, "": False}),
        ("'one' in text.found && sender.standing > 0.5", {"1": False, "12": False, "": False}),
        ("sender.standing < 0.5", {"1": True, "12": True, "": True}),
        ("true", {"1": True, "": True}),
        ("'one' in text.found && room.members > 1", {"1": False}),
        ("size(text.found) == 2", {"12": True, "1": False}),
    ],
)
def test_rules_of_many_viewers_hold_as_each_would_by_itself(when: str, holds: dict[str, bool]) -> None:
    """Two viewers, whose patterns of the same names are others."""
    mine, theirs = {"one": 0, "two": 1}, {"one": 2, "two": 3}
    fan = Fan(
        [Group(("m1",)), Group(("m2",)), Group(("t1",)), Group(("t2",))], [asked(0, when, mine), asked(1, when, theirs)]
    )
    for digits, expected in holds.items():
        for viewer, (letter, named) in enumerate((("m", mine), ("t", theirs))):
            text = " ".join(letter + digit for digit in digits)
            bits = fan.scan(text)
            records = [known(bits, mine), known(bits, theirs)]
            hits = fan.hits(text, records.__getitem__)
            assert ((viewer, 0) in hits) is expected
            condition = read(when, FILTER_FACTS)
            assert (condition.ask(known(bits, named)) is True) is expected


def known(bits: int, named: dict[str, int]) -> Record:
    """The facts that a viewer knows of the message."""
    return record(FILTER_FACTS, {"sender.standing": 0.1, "text.found": names(bits, named)})
