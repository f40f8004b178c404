"""The formula in numbers, as docs/rewards.md has them, and what is refused as measured."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kit.errors import Invalid
from kit.identifiers import ZERO_ADDRESS, ServerName
from payments.rewards.model import Measured, bucket_of, people_in
from payments.rewards.shares import PRECISION, WHOLE, count, factor_of, share
from tests.support.measured import measured, network, payee

ROOT = Path(__file__).resolve().parents[3]
ONE = PRECISION * WHOLE
"""What a server counts for that is always there and has one user."""


def scores(*servers: Measured) -> list[float]:
    return [round(one.score / ONE, 3) for one in count(servers)]


@pytest.mark.parametrize(
    ("people", "score"),
    [(0, 0), (1, 1), (4, 1), (5, 2), (50, 11), (100, 21), (400, 41), (2_500, 101), (10_000, 201), (1_000_000, 201)],
)
def test_people_count_by_number_then_by_square_root_then_no_more(people: int, score: float) -> None:
    assert scores(measured(people=people)) == [score]


@pytest.mark.parametrize(
    ("availability", "factor"), [(0, 0), (899, 0), (900, 50_000), (950, 75_000), (999, 99_500), (1000, 100_000)]
)
def test_availability_opens_a_gate_and_then_counts(availability: int, factor: int) -> None:
    assert factor_of(measured(availability=availability)) == factor


def test_the_page_on_the_formula_has_its_numbers() -> None:
    page = (ROOT / "docs" / "rewards.md").read_text(encoding="utf-8")
    rows = [line.strip("| ").replace(",", "").split(" | ") for line in page.splitlines() if line.startswith("| ")]
    found = [[float(cell) for cell in row] for row in rows if row[0].isdecimal()]
    assert [row[0] for row in found] == [0, 1, 5, 50, 100, 400, 2_500, 10_000, 1_000_000]
    for people, alone, mostly, two, hundred in found:
        assert sum(scores(measured(people=int(people)))) == pytest.approx(alone, abs=0.01)
        assert sum(scores(measured(people=int(people), availability=950))) == pytest.approx(mostly, abs=0.01)
        for count_of, together in ((2, two), (100, hundred)):
            its = [measured(number, people=int(people), payout=1) for number in range(1, count_of + 1)]
            assert sum(scores(*its)) == pytest.approx(together, abs=0.06)


def test_a_weight_counts_in_proportion() -> None:
    assert scores(measured(people=50, weight=50), measured(2, people=50, weight=0)) == [5.5, 0]


def test_what_has_something_in_common_counts_together() -> None:
    one, two = measured(1, people=200), measured(2, people=200)
    apart = scores(one, two)
    for same in (
        replace(two, payout=one.payout),
        replace(two, server=ServerName("b.s1.example"), domain="s1.example"),
        replace(two, networks=tuple(sorted({*one.networks, *two.networks}))),
    ):
        assert scores(one, same) == [20.5, 20.5]
    assert apart == [pytest.approx(29.284, abs=0.001)] * 2


def test_small_neighbours_take_nothing_from_each_other_but_half_of_being_there() -> None:
    assert scores(measured(1, people=40), measured(2, people=40, networks=(network(1),))) == [8.5, 8.5]


def test_to_have_one_thing_in_common_with_each_of_two_does_not_make_those_two_one() -> None:
    middle = measured(3, people=10, payout=1, networks=(network(2),))
    one, two = measured(1, people=100), measured(2, people=100)
    assert count([one, two, middle])[0].group == count([one, two, middle])[1].group == 22 * WHOLE


def test_a_withheld_share_is_nobodys() -> None:
    given_out = share(100, [measured(1, people=1), measured(2, people=1, withheld=True)])
    assert (dict(given_out.of), given_out.forfeited) == ({payee(1): 50}, 50)


def test_nothing_is_given_out_where_nobody_counts() -> None:
    given_out = share(100, [measured(availability=10)])
    assert (given_out.paid, given_out.forfeited) == (0, 0)


def test_largest_remainders_get_what_is_left_over_and_of_equal_ones_the_lower_address() -> None:
    three = [measured(number, people=1) for number in (3, 1, 2)]
    assert share(5, three).of == {payee(1): 2, payee(2): 2, payee(3): 1}


def test_buckets_hide_how_many_people_there_are() -> None:
    assert [bucket_of(people) for people in (-1, 0, 1, 4, 5, 9, 10)] == [0, 0, 1, 1, 2, 2, 3]
    assert [people_in(bucket) for bucket in (0, 1, 2, 3)] == [(0, 0), (1, 4), (5, 9), (10, 14)]


@pytest.mark.parametrize("name", ["s1.example", "matrix.s1.example:8448", "MATRIX.S1.example", "s1.example:1"], ids=str)
def test_names_end_with_their_domain(name: str) -> None:
    assert measured(name=name).server == name


@pytest.mark.parametrize(("name", "domain"), [("192.0.2.1:80", "192.0.2.1"), ("[2001:db8::1]:8", "[2001:db8::1]")])
def test_an_address_is_a_domain_of_its_own(name: str, domain: str) -> None:
    assert measured(name=name, domain=domain).domain == domain


@pytest.mark.parametrize(
    "change",
    [
        {"domain": "example.org"},
        {"domain": "1.example"},
        {"domain": ""},
        {"domain": ".example"},
        {"domain": "S1.example"},
        {"server": ServerName("no name")},
        {"payout": ZERO_ADDRESS},
        {"availability": 1001},
        {"availability": -1},
        {"people": -1},
        {"people": 2_000_001},
        {"weight": 101},
        {"networks": ()},
        {"networks": ("10.0.0.1/24",)},
        {"networks": ("10.0.0.0",)},
        {"networks": ("anywhere",)},
        {"networks": ("10.0.1.0/24", "10.0.0.0/24")},
        {"networks": ("10.0.1.0/24", "10.0.1.0/24")},
        {"networks": tuple(sorted(network(number) for number in range(9)))},
    ],
    ids=str,
)
def test_what_is_out_of_range_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        replace(measured(), **change)
