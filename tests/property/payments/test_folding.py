"""A stake resolves exactly once, whatever is told of it and in whatever order (promise 3, our half of it)."""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from payments.stakes.folding import Logged, fold
from payments.stakes.model import StakeState
from tests.support.stakes import hash_of

FINAL = {StakeState.RETURNED, StakeState.FORFEITED, StakeState.EXPIRED}
KINDS = ["opened", "returned", "forfeit_announced", "forfeited", "expired"]


def _log(kind: str, number: int, index: int) -> Logged:
    return Logged(
        kind=kind,
        block_number=number,
        block_hash=hash_of(number),
        log_index=index,
        time=number * 12,
        transaction=hash_of(number, index),
        answered=number % 2 == 0 if kind == "returned" else None,
        executable_at=number * 12 + 172_800 if kind == "forfeit_announced" else None,
    )


@st.composite
def _histories(draw: st.DrawFn) -> tuple[Logged, ...]:
    places = draw(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 3)), unique=True, max_size=12))
    return tuple(_log(draw(st.sampled_from(KINDS)), number, index) for number, index in places)


histories = _histories()


@given(histories, st.randoms(use_true_random=False))
def test_neither_order_nor_repetition_matters(history: tuple[Logged, ...], chance: Random) -> None:
    shuffled = [*history, *history[: len(history) // 2]]
    chance.shuffle(shuffled)
    assert fold(shuffled) == fold(history)


@given(histories)
def test_what_is_resolved_stays_resolved_and_nothing_resolves_unopened(history: tuple[Logged, ...]) -> None:
    in_order = sorted(history, key=lambda log: log.place)
    states = [fold(in_order[:length]).state for length in range(len(in_order) + 1)]
    resolved = [state for state in states if state in FINAL]
    assert len(set(resolved)) <= 1
    assert resolved == states[len(states) - len(resolved) :]
    if not any(log.kind == "opened" for log in history):
        assert set(states) == {StakeState.ORPHANED}


@given(histories)
def test_a_forfeit_was_announced_first(history: tuple[Logged, ...]) -> None:
    folded = fold(history)
    if folded.state is StakeState.FORFEITED:
        assert folded.executable_at is not None
    assert (folded.opening is None) == (folded.state is StakeState.ORPHANED)
    if folded.answered is not None:
        assert folded.state is StakeState.RETURNED
