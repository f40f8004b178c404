"""Supporters in a spreadsheet: no cell is a formula, whatever somebody's Matrix id is."""

from __future__ import annotations

import csv

import pytest

from cli.supporters_shown import COLUMNS, to_csv


def cell(who: str) -> str:
    text = to_csv([dict.fromkeys(COLUMNS) | {"who": who}])
    return next(csv.DictReader(text.splitlines()))["who"]


@pytest.mark.parametrize("who", ["@alice:example.org", "@a.b_c=d/e+f-g:far.example", "patreon:7001", "0xab"])
def test_what_can_be_no_formula_is_as_it_is(who: str) -> None:
    assert cell(who) == who


@pytest.mark.parametrize("who", ["@SUM(1+1)*cmd|' /C calc'!A0:far.example", "=1+1", "+1", "-1", "@sum(a1):far.example"])
def test_a_formula_is_a_text(who: str) -> None:
    assert cell(who) == f"'{who}"
