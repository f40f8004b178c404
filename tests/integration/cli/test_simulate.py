"""``earnest simulate attack``: the same seed prints the same, in each of its three forms."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cli.main import main

SMALL = ("--days", "12", "--doors", "2/2/6", "--budget", "100", "--accounts", "20")


def simulate(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["simulate", "attack", *SMALL, *arguments])


def test_a_table_says_what_it_cost_and_whether_the_promise_is_kept() -> None:
    said = simulate()
    assert said.exit_code == 0, said.output
    for part in ("100 ERN, 20 accounts on 2 domains", "What the attack got", "without prices", "times", "at least 10"):
        assert part in said.output
    assert simulate().output == said.output
    assert simulate("--seed", "2").output != said.output


def test_json_has_all_of_it(tmp_path: Path) -> None:
    said = simulate("--json", "--svg", str(tmp_path / "a.svg"))
    assert said.exit_code == 0, said.output
    found = json.loads(said.stdout)
    assert found["attack"][0]["name"] == "as it is"
    assert found["recycling"][0]["times_as_dear"] == 1
    assert found["recycling_kept"] == (found["recycling"][1]["times_as_dear"] >= 10)
    again = simulate("--json", "--svg", str(tmp_path / "b.svg"))
    assert again.stdout == said.stdout
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
    assert (tmp_path / "a.svg").read_text().startswith("<svg")


def test_what_is_left_out_is_left_out() -> None:
    found = json.loads(simulate("--json", "--without", "bars, prices").stdout)
    assert found["recycling"][1]["times_as_dear"] == 1
    assert not found["recycling_kept"]


@pytest.mark.parametrize(
    "wrong",
    [
        ("--doors", "1/2"),
        ("--doors", "0/0/0"),
        ("--doors", "1/2/x"),
        ("--without", "walls"),
        ("--budget", "0"),
        ("--budget", "much"),
        ("--stake", "0"),
        ("--days", "0"),
        ("--cap", "0"),
    ],
)
def test_what_cannot_be_is_said(wrong: tuple[str, str]) -> None:
    said = simulate(*wrong)
    assert said.exit_code != 0
    assert "Traceback" not in said.output
