"""Comparing two sequences in order: exactly what is not in both, or not the same, is told."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ledger.comparing import Difference, compare

SIDES = st.dictionaries(st.integers(0, 12), st.integers(0, 2), max_size=8)


@given(books=SIDES, again=SIDES)
def test_every_difference_is_told_once(books: dict[int, int], again: dict[int, int]) -> None:
    found = list(compare("thing", sorted(books.items()), sorted(again.items())))
    expected = [
        Difference("thing", str(key), shown(books.get(key)), shown(again.get(key)))
        for key in sorted(books.keys() | again.keys())
        if books.get(key) != again.get(key)
    ]
    assert found == expected


def shown(value: int | None) -> str | None:
    return None if value is None else str(value)


def test_a_key_that_stands_twice_on_one_side_is_told() -> None:
    found = list(compare("entry", [((1, 0), "a"), ((1, 0), "a")], [((1, 0), "a")], show=lambda key: f"log {key[1]}"))
    assert found == [Difference("entry", "log 0", "a", None)]
