"""The runner of the benchmarks: how results are completed, judged and set."""

from __future__ import annotations

import pytest

from benchmarks import __main__ as runner


def test_better_than_the_best_peer_is_above_one() -> None:
    lower = runner.judged("gate", {"value": 2, "unit": "ms", "better": "lower", "peers": {"a": 4, "b": 8}})
    higher = runner.judged("gate", {"value": 30, "unit": "1/s", "better": "higher", "peers": {"a": 10, "b": 20}})
    assert lower["ratio"] == 2
    assert higher["ratio"] == 1.5


def test_every_result_has_the_whole_format() -> None:
    result = runner.judged("gate", {"value": 2, "unit": "ms", "better": "lower"})
    assert set(result) == {*("value", "unit", "better", "peers", "limit", "ratio", "least_ratio", "details", "command")}
    assert result["command"] == "make bench ONLY=gate"


@pytest.mark.parametrize(("better", "value", "kept"), [("lower", 3, True), ("lower", 4, False), ("higher", 2, False)])
def test_a_limit_is_a_promise(better: str, value: int, kept: bool) -> None:  # noqa: FBT001 - a column of the table above
    result = runner.judged("gate", {"value": value, "unit": "ms", "better": better, "limit": 3})
    assert runner.holds(result) is kept
    assert ("MISSED" in runner.row("gate", result)) is not kept


@pytest.mark.parametrize(("value", "kept"), [(10, True), (12, True), (13, False)])
def test_how_it_stands_to_its_best_peer_may_be_promised_too(value: int, kept: bool) -> None:  # noqa: FBT001 - the same
    told = {"value": value, "unit": "ms", "better": "lower", "peers": {"a": 4}, "least_ratio": 0.333}
    result = runner.judged("gate", told)
    assert runner.holds(result) is kept
    assert ("MISSED" in runner.row("gate", result)) is not kept


def test_what_the_format_does_not_know_is_refused() -> None:
    with pytest.raises(SystemExit):
        runner.judged("gate", {"value": 2, "unit": "ms", "better": "lower", "note": "fast"})
