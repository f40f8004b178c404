"""The four formats: exact amounts, no formulas, and journals that the real programs check."""

from __future__ import annotations

import csv
import io
import json
import random
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.amounts import show_signed
from kit.errors import Conflict
from kit.identifiers import Address, Hash32
from ledger import statements
from ledger.model import BURN, MINT, UNSOLICITED, Account, Level, stake, wallet
from ledger.movements import Movement, What
from ledger.statements import COLUMNS, Form, Statement, write
from tests.support import accounting

ANNA, BERT = wallet(Address(b"\xaa" * 20)), wallet(Address(b"\xbe" * 20))
STAKE = stake(Hash32(b"\x51" * 32))
OWN = frozenset({ANNA, STAKE})
ERN = 10**18
MIDNIGHT = 1_800_000_000 - 1_800_000_000 % 86_400


def line(what: What, source: Account, target: Account, amount: int, *, day: int = 1, **more: object) -> Movement:
    place = {"level": Level.FINALIZED, "reversal": False, **more}
    return Movement(
        what, source, target, amount, MIDNIGHT + day * 86_400 + 60, day, Hash32(b"\xb0" * 32), log_index=3,
        transaction=Hash32(b"\x77" * 32), **place,  # type: ignore[arg-type]
    )  # fmt: skip


STORY = [
    line(What.TRANSFER, BERT, ANNA, 10 * ERN + 1),
    line(What.STAKE_OPENED, ANNA, STAKE, 6 * ERN, day=2),
    line(What.RELAY_FEE, ANNA, BERT, ERN // 10, day=2),
    line(What.STAKE_RETURNED, STAKE, ANNA, 5 * ERN, day=3, level=Level.ORPHANED),
    line(What.STAKE_RETURNED, ANNA, STAKE, 5 * ERN, day=3, level=Level.ORPHANED, reversal=True),
    line(What.STAKE_BURNED, STAKE, BURN, 5 * ERN, day=4, level=Level.SEEN),
    line(What.FEE, STAKE, BERT, ERN, day=4, level=Level.SEEN),
]


def a_statement(lines: list[Movement] = STORY, **more: object) -> Statement:
    given = {"opening": {}, "own": OWN, "lines": lines, **more}
    return Statement(token=Address(b"\x70" * 20), chain_id=31337, symbol="ERN", decimals=18, **given)  # type: ignore[arg-type]


def written(form: Form, statement: Statement, folder: Path) -> Path:
    file = folder / f"statement.{statements.SUFFIX[form]}"
    file.write_text("".join(write(statement, form)), encoding="utf-8", newline="")
    return file


PROGRAMS = {Form.BEANCOUNT: accounting.beancount, Form.HLEDGER: accounting.hledger}


@pytest.mark.parametrize("form", PROGRAMS)
@pytest.mark.parametrize("whole", [False, True])
def test_the_programs_accept_a_story_with_all_that_there_is(form: Form, tmp_path: Path, *, whole: bool) -> None:
    lines = [line(What.MINT, MINT, BERT, 100 * ERN), *STORY, line(What.UNSOLICITED, BERT, UNSOLICITED, 3, day=5)]
    statement = a_statement(lines if whole else STORY, own=None if whole else OWN)
    assert PROGRAMS[form](written(form, statement, tmp_path)) == ""


@pytest.mark.parametrize("form", PROGRAMS)
def test_the_programs_accept_a_part_and_an_empty_one(form: Form, tmp_path: Path) -> None:
    part = a_statement(
        STORY[3:], opening={ANNA: 4 * ERN - ERN // 10 + 1, STAKE: 6 * ERN, BERT: 7}, begins=date(2027, 1, 1)
    )
    assert PROGRAMS[form](written(form, part, tmp_path)) == ""
    assert PROGRAMS[form](written(form, a_statement([]), tmp_path)) == ""


@pytest.mark.parametrize("form", PROGRAMS)
@pytest.mark.parametrize("amount", [1, ERN - 1, 10**27 + 1])
def test_the_programs_count_to_the_last_unit(form: Form, amount: int, tmp_path: Path) -> None:
    file = written(form, a_statement([line(What.TRANSFER, BERT, ANNA, amount)]), tmp_path)
    assert PROGRAMS[form](file) == ""
    shown = show_signed(amount, 18)
    closing = {Form.BEANCOUNT: f"  {shown} ~", Form.HLEDGER: f"= {shown}"}[form]
    wrong = show_signed(amount + 1, 18)
    text = file.read_text(encoding="utf-8")
    assert closing in text
    file.write_text(text.replace(closing, closing.replace(shown, wrong)), encoding="utf-8")
    assert PROGRAMS[form](file) != "", "one unit more than it comes to"


def test_hledger_takes_the_largest_word_and_beancount_is_not_given_what_it_would_round(tmp_path: Path) -> None:
    large = a_statement([line(What.TRANSFER, BERT, ANNA, 2**256 - 1)])
    with pytest.raises(Conflict, match="round"):
        list(write(large, Form.BEANCOUNT))
    assert accounting.hledger(written(Form.HLEDGER, large, tmp_path)) == ""


@given(amounts=st.lists(st.integers(1, 10**24), min_size=1, max_size=12), seed=st.randoms(use_true_random=False))
def test_csv_and_json_come_to_the_same_and_hold_no_formula(amounts: list[int], seed: random.Random) -> None:
    lines = []
    for amount in amounts:
        source, target = seed.sample([ANNA, BERT, STAKE, BURN], 2)
        lines.append(line(seed.choice(list(What)), source, target, amount))
    rows = list(csv.DictReader(io.StringIO("".join(write(a_statement(lines), Form.CSV)), newline="")))
    told = [json.loads(one) for one in "".join(write(a_statement(lines), Form.JSONL)).splitlines()]
    assert [one["amount"] for one in told] == [str(amount) for amount in amounts]
    assert [row["amount"] for row in rows] == [show_signed(amount, 18) for amount in amounts]
    assert [(row["from"], row["to"], row["what"]) for row in rows] == [
        (one["from"], one["to"], one["what"]) for one in told
    ]
    assert set(rows[0]) == set(COLUMNS)


@given(text=st.text(alphabet=st.sampled_from("=+-@\t\r\n,\"' a1"), max_size=6))
def test_no_cell_begins_as_a_formula_does(text: str) -> None:
    (row,) = csv.reader(io.StringIO(statements._row([text, "end"]), newline=""))
    assert not row[0].startswith(("=", "+", "-", "@", "\t", "\r"))
    assert row[0].removeprefix("'") == text.removeprefix("'")
    assert row[1] == "end"


def test_a_reader_has_their_own_days_and_what_was_taken_back_is_seen() -> None:
    zone = ZoneInfo("America/New_York")
    rows = list(csv.DictReader(io.StringIO("".join(write(a_statement(zone=zone), Form.CSV)))))
    assert rows[0]["time"] == "2027-01-15T19:01:00-05:00"
    assert [row["taken_back"] for row in rows] == ["", "", "", "", "yes", "", ""]
    assert [row["level"] for row in rows[3:]] == ["orphaned", "orphaned", "seen", "seen"]
    journal = "".join(write(a_statement(zone=zone), Form.HLEDGER))
    assert "2027-01-15 * transfer" in journal
    assert "! stake burned" in journal
    assert "stake returned, taken back" in journal


def test_a_part_begins_with_what_was_there() -> None:
    part = a_statement([], opening={ANNA: 5, BERT: 9}, begins=date(2027, 1, 1))
    (row,) = csv.DictReader(io.StringIO("".join(write(part, Form.CSV))))
    assert (row["what"], row["from"], row["to"], row["amount"]) == (
        "opening_balance",
        "opening",
        ANNA,
        "0." + "5".zfill(18),
    )
    assert row["time"] == "2027-01-01T00:00:00+00:00"
