"""The attack's price: recycling money through silent recipients costs ten times as much as without bars and prices."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kit.amounts import Amount
from reputation.pricing import Caps
from reputation.simulating import OPEN_DAYS, Habit, Part, Plan, best, play, recycling

PLAN = Plan(days=60)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_recycling_through_silent_recipients_costs_ten_times_as_much(seed: int) -> None:
    with_them, without_them = recycling(replace(PLAN, seed=seed))
    now, before = best(with_them), best(without_them)
    assert now.messages
    assert before.messages >= 10 * now.messages
    assert before.read.keys() == {Habit.SILENT}


def test_without_rising_prices_it_would_not() -> None:
    with_them, without_them = recycling(PLAN)
    bars_alone = best(replace(with_them, without=frozenset({Part.PRICES})))
    assert best(without_them).messages < 10 * bars_alone.messages


def test_bars_hold_off_whoever_has_no_other_name() -> None:
    one = Plan(days=90, accounts=1, domains=1, answering=0, reporting=0, silent=1, honest_a_day=0)
    never_dearer = replace(one, without=frozenset({Part.PRICES}))
    held_off = play(never_dearer, 1).messages
    again_and_again = play(replace(never_dearer, without=frozenset({Part.PRICES, Part.BARS})), 1).messages
    assert held_off == 4  # on day 0, and 7, 14 and 28 days after each of the first three ran out
    assert again_and_again == 1 + 89 // OPEN_DAYS


def test_caps_bound_what_one_door_gets_whatever_is_paid() -> None:
    rich = Plan(days=8, budget=Amount(10**24), answering=0, reporting=0, silent=1, honest_a_day=0, domains=1_000)
    door = replace(rich.door, caps=Caps(most_open=10, most_a_day=5))
    assert play(replace(rich, door=door), 64).messages == 10
    assert play(replace(rich, door=door, without=frozenset({Part.CAPS})), 64).messages > 10


def test_the_same_seed_ends_the_same_and_another_does_not() -> None:
    plan = replace(PLAN, days=30)
    assert play(plan, 4) == play(plan, 4)
    assert play(plan, 4) != play(replace(plan, seed=2), 4)


def test_no_money_comes_from_nowhere() -> None:
    plan = replace(PLAN, days=40)
    outcome = play(plan, 64)
    assert outcome.held <= plan.budget.base_units * plan.days
    assert outcome.burned + outcome.gas <= plan.budget.base_units
    assert sum(outcome.by_day) == outcome.messages
    assert outcome.arrived + outcome.gave_up <= outcome.honest
