"""Globs: whatever patterns and names there are, the tables and the automaton find whom one pattern at a time hits."""

from __future__ import annotations

import re

import ahocorasick_rs
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from reputation.lists.globs import Globs, hits

_letters = st.sampled_from("ab.:@*?B")
patterns = st.text(_letters, max_size=10) | st.sampled_from(
    ["@*:a.b", "@*:*.a", "*.a.b", "@a*:b", "a*", "*", "?", "@*", "*a*b*", "@?:a", "*a", "@ab*:a:b", "*:b", "**a"]
)
names = st.text(st.sampled_from("ab.:@B"), max_size=12)


def by_regex(pattern: str, name: str) -> bool:
    """Python's own engine, on patterns that are too short for it to lose its way."""
    translated = "".join({"*": ".*", "?": "."}.get(letter, re.escape(letter)) for letter in pattern.lower())
    return re.fullmatch(translated, name.lower(), re.DOTALL) is not None


@given(patterns, names)
@example("@*:b", "@a:a:b")
@example("*a*", "ba")
def test_one_pattern_hits_what_the_regex_of_it_does(pattern: str, name: str) -> None:
    assert hits(pattern.lower(), name.lower()) == by_regex(pattern, name)


@given(st.lists(patterns, max_size=12), st.lists(names, min_size=1, max_size=4))
@example(["@*:b", "@*:*.b", "*.b", "@a*:b", "b*"], ["@a:a:b", "@ab:a.b", "a.b", "@a:b:b"])
def test_all_patterns_at_once_hit_what_each_of_them_does(given_patterns: list[str], asked: list[str]) -> None:
    globs = Globs(given_patterns)
    for name in asked:
        assert globs.find(name) == [place for place, pattern in enumerate(given_patterns) if by_regex(pattern, name)], (
            name
        )


def test_a_pattern_of_many_stars_ends() -> None:
    hostile = "@" + "*a" * 120 + "*b:*"
    assert Globs([hostile]).find("@" + "a" * 200 + ":a.example") == []
    assert Globs([hostile]).find("@" + "a" * 200 + "b:a.example") == [0]


def test_long_pieces_make_no_large_automaton_and_hit_as_a_whole_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_for: list[str] = []
    made = ahocorasick_rs.AhoCorasick

    def _made(texts: list[str]) -> ahocorasick_rs.AhoCorasick:
        looked_for.extend(texts)
        return made(texts)

    monkeypatch.setattr(ahocorasick_rs, "AhoCorasick", _made)
    globs = Globs([f"?{'a' * 100}b", f"*{'a' * 100}c", "?x"])
    assert max(map(len, looked_for)) <= 16
    assert globs.find("a" * 101 + "b") == [0]
    assert globs.find("a" * 101 + "c") == [1]
    assert globs.find("a" * 50) == []
