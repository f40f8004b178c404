"""The emission schedule: it only falls, ends below its pool, and is told by the epoch's number alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.errors import Invalid
from payments.rewards.schedule import LAST_EPOCH, Schedule, of_pool

schedules = st.builds(Schedule, st.integers(0, 10**30), st.integers(0, 999), st.integers(1, 40))


def test_a_year_has_one_budget_and_the_next_a_tenth_less() -> None:
    schedule = Schedule(1000)
    assert [schedule.budget(epoch) for epoch in (1, 13, 14, 26, 27, 40)] == [1000, 1000, 900, 900, 810, 729]


@given(schedules, st.integers(1, 400))
def test_it_never_rises_and_stays_below_what_it_says(schedule: Schedule, epochs: int) -> None:
    budgets = [schedule.budget(epoch) for epoch in range(1, epochs + 1)]
    assert budgets == sorted(budgets, reverse=True)
    assert sum(budgets) <= schedule.most


@given(st.integers(0, 10**30), st.integers(0, 999), st.integers(1, 40))
def test_a_pool_is_never_overdrawn(pool: int, kept: int, step: int) -> None:
    assert of_pool(pool, kept, step).most <= pool


@pytest.mark.parametrize("epoch", [0, -1, LAST_EPOCH + 1])
def test_there_are_no_other_epochs(epoch: int) -> None:
    with pytest.raises(Invalid):
        Schedule(1).budget(epoch)


@pytest.mark.parametrize(("first", "kept", "step"), [(-1, 900, 13), (2**256, 900, 13), (1, 1000, 13), (1, 900, 0)])
def test_what_never_ends_is_no_schedule(first: int, kept: int, step: int) -> None:
    with pytest.raises(Invalid):
        Schedule(first, kept, step)
