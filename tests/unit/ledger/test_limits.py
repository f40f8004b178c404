"""Limits of keys: a nonce counts once, with the dearest that was signed or what it came to, and room is exact."""

from __future__ import annotations

from ledger.limits import Day, DayLimit, Sent, day_of


def test_a_nonce_counts_once_with_the_dearest_of_what_was_signed() -> None:
    day = day_of([Sent(4, 100, None), Sent(4, 130, None), Sent(5, 7, None)])
    assert (day.transactions, day.wei) == (2, 137)


def test_what_is_final_counts_with_what_it_cost() -> None:
    day = day_of([Sent(4, 100, 60), Sent(4, 130, 60), Sent(5, 7, None)])
    assert (day.transactions, day.wei) == (2, 67)


def test_what_cost_nothing_still_is_a_transaction() -> None:
    assert day_of([Sent(4, 100, 0)]) == Day({4: 0})


def test_room_is_exact_for_wei() -> None:
    day, limit = Day({1: 60}), DayLimit(10, 100)
    assert day.lacking(limit, 2, 40) is None
    why = day.lacking(limit, 2, 41)
    assert why is not None
    assert why.startswith("daily_limit: ")


def test_room_is_exact_for_transactions() -> None:
    day = Day({1: 0, 2: 0})
    assert day.lacking(DayLimit(3, 100), 3, 1) is None
    why = day.lacking(DayLimit(2, 100), 3, 1)
    assert why == "daily_limit: 2 of 2 transactions are sent"


def test_a_dearer_one_for_the_same_nonce_is_no_further_transaction_and_takes_the_others_place() -> None:
    day, limit = Day({1: 60, 2: 30}), DayLimit(2, 100)
    assert day.lacking(limit, 1, 70) is None
    assert day.lacking(limit, 1, 71) is not None


def test_a_limit_of_nothing_stops_a_key() -> None:
    assert Day({}).lacking(DayLimit(0, 10**18), 0, 1) is not None
    assert Day({}).lacking(DayLimit(1, 0), 0, 1) is not None
