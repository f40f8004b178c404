"""Pace: who stalls now and then goes on, who creeps does not, whatever the parts are like."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from kit.pace import Pace

LEAST, PATIENCE = 4_096, 60.0


def lasts(parts: list[tuple[float, int]]) -> float | None:
    """When somebody was too slow who went on by these parts, each so many seconds after the last; ``None``: never."""
    pace, now = Pace(LEAST, PATIENCE, 0.0), 0.0
    for seconds, size in parts:
        if seconds >= pace.left(now):
            return now + pace.left(now)
        now += seconds
        pace.went_on(size, now)
    return None


def test_silence_is_borne_for_as_long_as_patience_lasts() -> None:
    assert lasts([(59.9, 1)]) is None
    assert lasts([(60.0, 1)]) == 60.0


def test_a_byte_now_and_then_does_not_hold_a_place() -> None:
    ended = lasts([(1.0, 1)] * 600)
    assert ended is not None
    assert ended < 61


def test_what_was_fast_once_is_no_credit() -> None:
    ended = lasts([(0.1, 100 << 20), *[(1.0, 1)] * 600])
    assert ended is not None
    assert ended < 62


def test_a_phone_in_a_tunnel_goes_on() -> None:
    assert lasts([(0.5, 4_096)] * 100 + [(45.0, 4_096)] + [(0.5, 4_096)] * 100) is None


@given(st.lists(st.floats(0.1, 45), min_size=1, max_size=50))
def test_who_keeps_the_least_pace_is_never_cut_off_however_lumpy(lumps: list[float]) -> None:
    assert lasts([(seconds, int(seconds * LEAST) + 1) for seconds in lumps]) is None


@given(st.lists(st.floats(0.1, 20), min_size=50, max_size=80))
def test_who_keeps_half_of_it_ends_within_twice_the_patience_and_a_part(lumps: list[float]) -> None:
    ended = lasts([(seconds, int(seconds * LEAST / 2)) for seconds in lumps])
    assert sum(lumps) < 140 or (ended is not None and ended < 140)
