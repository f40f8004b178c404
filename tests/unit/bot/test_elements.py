"""A JSON list in pieces: the same elements wherever it is cut, and no end of memory for what is none."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.elements import Elements
from kit.errors import HomeserverUnavailable

_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


def read(raw: bytes, size: int) -> list[Any]:
    elements = Elements()
    found = [one for start in range(0, len(raw), size) for one in elements.take(raw[start : start + size])]
    elements.end()
    return found


@given(values=st.lists(_VALUES, max_size=6), size=st.integers(1, 9), plain=st.booleans())
def test_it_is_read_wherever_it_is_cut(values: list[Any], size: int, *, plain: bool) -> None:
    text = json.dumps(values, ensure_ascii=plain, indent=None if plain else 1)
    assert read(text.encode(), size) == values


@pytest.mark.parametrize(
    "raw", [b"", b"{}", b'{"errcode": "M_UNKNOWN"}', b"[1, 2", b'["cut', b"\xff[]", b"[" * 100_000, b"[nonsense]"]
)
def test_what_is_no_list_or_cut_off_is_told(raw: bytes) -> None:
    with pytest.raises(HomeserverUnavailable):
        read(raw, 1_000)


def test_an_element_without_end_is_not_waited_for() -> None:
    elements = Elements()
    list(elements.take(b'["'))

    def go_on() -> None:
        while True:
            list(elements.take(b"x" * 65_536))

    with pytest.raises(HomeserverUnavailable):
        go_on()
    assert len(elements._text) < 2 * 1024 * 1024
