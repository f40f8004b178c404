"""The order of the suite: the long first, all of them there, the quick at the end; and what it starts is compiled."""

from __future__ import annotations

import os
import re
import subprocess

import pytest

from tests.architecture.sources import ROOT
from tests.support.order import FOLDERS, LONG, place


def test_what_is_named_long_is_there_and_named_once() -> None:
    assert [file for file in LONG if not (ROOT / file).is_file()] == []
    assert [folder for folder in FOLDERS if not (ROOT / folder).is_dir()] == []
    assert len(set(LONG)) == len(LONG)


def test_long_files_come_first_and_quick_ones_last() -> None:
    drawn = [
        "tests/unit/kit/test_amounts.py::test_one",
        "tests/property/reputation/test_gate.py::test_one",
        f"{LONG[1]}::test_two[a::b]",
        "tests/e2e/federation/test_not_named.py::test_one",
        f"{LONG[0]}::test_one",
        f"{LONG[1]}::test_one[c]",
    ]
    assert sorted(drawn, key=place) == [drawn[4], drawn[2], drawn[5], drawn[3], drawn[1], drawn[0]]


def test_the_suite_is_played_in_that_order(request: pytest.FixtureRequest) -> None:
    places = [place(item.nodeid) for item in request.session.items]
    assert places == sorted(places)


def test_nobody_orders_it_anew() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    (line,) = re.findall(r"\$\(BIN\)/pytest .*--dist.*", makefile)
    assert "--no-loadscope-reorder" in line, "xdist would put the files with the most tests first, not the longest"


def test_no_command_has_its_processes_compile_all_they_use_at_every_start() -> None:
    told = subprocess.run(
        ["make", "--no-print-directory", "--eval=told: ; @env", "told"],
        cwd=ROOT,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "PATH=" in told
    assert "PYTHONDONTWRITEBYTECODE" not in told
