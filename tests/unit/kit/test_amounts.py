"""Amounts: whole, exact, in range; decimals only at the rim."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.amounts import UINT256_MAX, ZERO, Amount, parse, show, show_signed
from kit.errors import Invalid

AMOUNTS = st.builds(Amount, st.integers(0, UINT256_MAX))
DECIMALS = st.integers(0, 78)


@given(amount=AMOUNTS, decimals=DECIMALS)
def test_what_is_shown_reads_back_exactly(amount: Amount, decimals: int) -> None:
    text = show(amount, decimals)
    assert parse(text, decimals) == amount
    assert not text.endswith(".")
    assert "." not in text or not text.endswith("0")


@pytest.mark.parametrize(
    ("text", "decimals", "base_units"),
    [
        ("5", 18, 5 * 10**18),
        (" 0.25 ", 18, 25 * 10**16),
        ("0.25000000000000000000000000", 18, 25 * 10**16),
        ("007", 0, 7),
        ("7.000", 0, 7),
        (str(UINT256_MAX), 0, UINT256_MAX),
        ("0." + "0" * 17 + "1", 18, 1),
    ],
)
def test_decimals_are_read(text: str, decimals: int, base_units: int) -> None:
    assert parse(text, decimals) == Amount(base_units)


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "5.",
        ".5",
        "-5",
        "+5",
        "5e3",
        "1_000",
        "1,000",
        "1 000",
        "0x5",
        "five",
        "\u0665",
        "\uff15",
        "\u00b2",
        "NaN",
        "inf",
        "5\u200b",
        "1" * 79,
        "0." + "1" * 79,
        "9" * 1_000_000,
    ],
)
def test_what_is_no_plain_number_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        parse(text, 18)


def test_nothing_is_rounded() -> None:
    assert parse("0.1", 1) == Amount(1)
    with pytest.raises(Invalid) as refused:
        parse("0.11", 1)
    assert refused.value.code == "amount_too_fine"
    with pytest.raises(Invalid):
        parse("0.5", 0)


def test_a_word_is_the_limit() -> None:
    with pytest.raises(Invalid):
        Amount(UINT256_MAX + 1)
    with pytest.raises(Invalid):
        Amount(UINT256_MAX) + Amount(1)
    with pytest.raises(Invalid):
        Amount(1) - Amount(2)
    with pytest.raises(Invalid):
        Amount(-1)
    with pytest.raises(Invalid):
        parse(str(UINT256_MAX), 1)


@pytest.mark.parametrize("value", [True, 1.0, "1", None])
def test_only_whole_numbers_are_amounts(value: object) -> None:
    with pytest.raises(Invalid):
        Amount(value)  # type: ignore[arg-type]


@given(first=st.integers(0, 10**30), second=st.integers(0, 10**30))
def test_sums_and_order_are_those_of_whole_numbers(first: int, second: int) -> None:
    assert Amount(first) + Amount(second) == Amount(first + second)
    assert Amount(first + second) - Amount(second) == Amount(first)
    assert (Amount(first) < Amount(second)) == (first < second)
    assert bool(Amount(first)) == (first > 0)
    assert not ZERO


@pytest.mark.parametrize(
    ("base_units", "shown"), [(0, "0"), (-1, "-0.01"), (-250, "-2.5"), (-200, "-2"), (10**80, "1" + "0" * 78)]
)
def test_what_is_below_zero_or_beyond_a_word_is_shown_in_the_same_way(base_units: int, shown: str) -> None:
    assert show_signed(base_units, 2) == shown
