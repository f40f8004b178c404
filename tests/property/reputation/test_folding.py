"""Texts made comparable: what a folding promises holds for every text, and quick ways find what slow ones do."""

from __future__ import annotations

import sys
import unicodedata

from hypothesis import example, given
from hypothesis import strategies as st

from kit.identifiers import skeleton
from reputation.filters.folding import folded, plainest, visible
from reputation.filters.patterns import Group
from reputation.filters.scanning import Scanner

texts = st.text(max_size=40) | st.text(alphabet="аіrdorpvw01|5ß\u200b\u0345ﬁＡ", max_size=20)  # noqa: RUF001 - as meant
words = st.text(alphabet="abA \u200bßéа0", min_size=1, max_size=4).filter(lambda word: folded(word).strip())  # noqa: RUF001


@given(texts)
@example("\u0345\u0399")
@example("\u1e9e\u03f4")
def test_folding_is_done_once(text: str) -> None:
    assert folded(folded(text)) == folded(text)
    assert unicodedata.is_normalized("NFKC", folded(text))


@given(texts)
def test_case_and_compatibility_forms_make_no_difference(text: str) -> None:
    assert folded(unicodedata.normalize("NFKC", text)) == folded(text)
    if text.isascii():
        assert folded(text.upper()) == folded(text)


def test_whatever_of_all_characters_cannot_be_seen_is_left_out() -> None:
    hidden = {"\u034f", "\u115f", "\u1160", "\u17b4", "\u17b5", "\u3164", "\uffa0", *map(chr, range(0xFE00, 0xFE10))}
    for character in map(chr, range(sys.maxunicode + 1)):
        seen = "" if character in hidden or unicodedata.category(character) == "Cf" else character
        assert visible(f"é{character}") == f"é{seen}", hex(ord(character))


@given(texts)
def test_the_quick_look_is_the_slow_one(text: str) -> None:
    assert plainest(text) == skeleton(text)


@given(st.lists(st.lists(words, max_size=3), max_size=4), texts, st.data())
def test_one_scan_finds_what_looking_for_each_word_does(
    groups: list[list[str]], text: str, data: st.DataObject
) -> None:
    parts = [text, *(word for group in groups for word in group)]
    whole = "".join(data.draw(st.lists(st.sampled_from(parts), max_size=4)))
    bits = Scanner([Group(tuple(group)) for group in groups]).scan(whole)
    for number, group in enumerate(groups):
        assert bool(bits >> number & 1) is any(folded(word) in folded(whole) for word in group)
