"""What servers report and how they look from outside: read with suspicion, and in no order."""

from __future__ import annotations

import json
from fractions import Fraction
from functools import reduce
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.errors import Invalid
from kit.identifiers import ServerName
from payments.rewards.gathering import LEAST_LOOKS, availability
from payments.rewards.measuring import Looks
from payments.rewards.statistics import LONGEST, MOST, Reported, read_report

FAR = ServerName("far.example")
SAID = {
    "homeserver": FAR,
    "monthly_active_users": 30,
    "daily_active_users": 10,
    "total_users": 100,
    "total_room_count": 7,
    "daily_messages": 55,
    "python_version": "3.11.7",
}


def body(**changes: Any) -> bytes:  # noqa: ANN401 - JSON
    return json.dumps({**SAID, **changes}).encode()


def test_what_synapse_sends_is_read() -> None:
    assert read_report(body(), FAR) == Reported(30, 10, 100, 7, 55)
    assert read_report(body(daily_messages=None, total_room_count=3.0), FAR) == Reported(30, 10, 100, 3, 0)


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (body(homeserver="other.example"), "report_other"),
        (body(homeserver=None), "report_other"),
        (body(monthly_active_users=101), "report_absurd"),
        (body(daily_active_users=-1), "report_absurd"),
        (body(total_users=MOST + 1), "report_absurd"),
        (body(total_users=10**30), "report_absurd"),
        (body(total_users=True), "report_absurd"),
        (body(total_users="100"), "report_absurd"),
        (body(total_users=100.5), "report_absurd"),
        (b"[]", "report_malformed"),
        (b"{", "report_malformed"),
        (b"\xff", "report_malformed"),
        (b"[" * 5_000, "report_malformed"),
        (body(padding="x" * LONGEST), "report_too_large"),
    ],
)
def test_what_no_server_can_be_is_refused(said: bytes, code: str) -> None:
    with pytest.raises(Invalid) as refused:
        read_report(said, FAR)
    assert refused.value.code == code


REPORTED = st.builds(Reported, *[st.integers(0, MOST)] * 5)


@given(st.lists(REPORTED, min_size=1, max_size=5))
def test_order_and_copies_of_reports_change_nothing(some: list[Reported]) -> None:
    kept = {reduce(Reported.highest, order) for order in permutations(some)}
    assert kept == {reduce(Reported.highest, [*some, *some])}


def test_the_middle_place_counts() -> None:
    def there(*shares: tuple[str, int, int]) -> Fraction | None:
        looks = [Looks(place, most, answered) for place, most, answered in shares]
        return availability(looks, {place: most for place, most, _ in shares})

    assert there() is None
    assert there(("a", LEAST_LOOKS - 1, LEAST_LOOKS - 1)) is None
    assert there(("a", 100, 90)) == Fraction(9, 10)
    assert there(("a", 100, 0), ("b", 100, 90), ("c", 100, 100)) == Fraction(9, 10), "a bad line takes nothing"
    assert there(("a", 100, 10), ("b", 100, 10), ("c", 100, 100)) == Fraction(1, 10), "one that is paid gives nothing"
    assert there(("a", 100, 50), ("b", 100, 100)) == Fraction(1, 2)
    assert availability([Looks("a", 10, 10)], {"a": 100}) == Fraction(1, 10), "who came late was not there before"


@given(st.lists(st.tuples(st.integers(LEAST_LOOKS, 800), st.integers(0, 800)), min_size=1, max_size=7), st.data())
def test_one_more_answer_never_lowers_it(counts: list[tuple[int, int]], data: st.DataObject) -> None:
    places = [Looks(f"p{n}", looks, min(good, looks)) for n, (looks, good) in enumerate(counts)]
    most = {one.vantage: one.looks for one in places}
    before = availability(places, most)
    which = data.draw(st.integers(0, len(places) - 1))
    one = places[which]
    places[which] = Looks(one.vantage, one.looks, min(one.answered + 1, one.looks))
    after = availability(places, most)
    assert before is not None
    assert after is not None
    assert after >= before
