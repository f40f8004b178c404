"""`earnest rewards`: what anybody sees who has nothing but the file of an epoch."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cli.main import main
from contracts.merkle import payout_leaf, proves
from kit.canonical import canonical
from kit.identifiers import ServerName, parse_hash, show_address
from tests.support.epochs import SERVERS, closed
from tests.support.measured import measured, payee

FIRST = closed()
SECOND = closed(2, SERVERS, FIRST.cumulative)


@pytest.fixture
def first(tmp_path: Path) -> Path:
    return written(tmp_path / "1.json", FIRST.encoded())


@pytest.fixture
def second(tmp_path: Path) -> Path:
    return written(tmp_path / "2.json", SECOND.encoded())


def written(file: Path, data: bytes) -> Path:
    file.write_bytes(data)
    return file


def earnest(*words: object) -> Result:
    return CliRunner().invoke(main, ["rewards", *map(str, words)])


def test_a_right_file_holds(first: Path, second: Path) -> None:
    assert FIRST.root is not None
    found = earnest("verify", first, "--root", "0x" + FIRST.root.hex())
    assert (found.exit_code, "The file holds" in found.output) == (0, True)
    assert f"Root 0x{FIRST.root.hex()}" in found.output
    told = json.loads(earnest("verify", second, "--previous", first, "--json").output)
    assert (told["holds"], told["differences"]) == (True, [])


def test_each_difference_is_said_and_the_status_tells(tmp_path: Path) -> None:
    document = FIRST.shown()
    document["servers"][0]["people"] += 1
    file = written(tmp_path / "wrong.json", canonical(document))
    found = earnest("verify", file)
    assert found.exit_code == 1
    assert "root" in found.output
    assert "The file is wrong in 7 places." in found.output
    told = earnest("verify", file, "--json")
    assert told.exit_code == 1
    where = [one["where"] for one in json.loads(told.output)["differences"]]
    assert where[:3] == ["paid", "forfeited", "root"]
    assert {one.split("/")[-1] for one in where[3:]} == {"share", "cumulative"}


def test_another_root_on_the_chain_is_said(first: Path) -> None:
    found = earnest("verify", first, "--root", "0x" + "12" * 32)
    assert found.exit_code == 1
    assert "root on the chain" in found.output


def test_a_file_that_does_not_go_on_where_the_last_ended_is_said(first: Path, tmp_path: Path) -> None:
    other = written(tmp_path / "other.json", closed(2).encoded())
    found = earnest("verify", other, "--previous", first)
    assert found.exit_code == 1
    assert f"payees/0x{payee(1).hex()}/before" in found.output


def test_shares_say_what_each_server_counts_for_and_who_gets_how_much(first: Path) -> None:
    found = earnest("shares", first)
    assert found.exit_code == 0
    rows = {line.split()[0]: line for line in found.output.splitlines() if line.strip()}
    assert "10-14" in rows["matrix1.s1.example"]
    assert "1 more" in rows["matrix3.s3.example"]
    assert "withheld" in rows["matrix4.s4.example"]
    assert " 0.00 " in rows["matrix5.s5.example"]
    assert show_address(payee(2)) in rows
    told = json.loads(earnest("shares", first, "--json").output)
    assert sum(one["part"] for one in told["servers"]) == pytest.approx(1)
    assert {**told, "servers": None} == {**FIRST.shown(), "servers": None}


def test_names_in_brackets_and_many_servers_are_shown(tmp_path: Path) -> None:
    names = [replace(measured(1), server=ServerName("[2001:db8::1]:8448"), domain="[2001:db8::1]")]
    many = names + [measured(number, people=number) for number in range(2, 90)]
    file = written(tmp_path / "many.json", closed(1, many).encoded())
    assert "… and 39 more" in earnest("shares", file).output
    assert "[2001:db8::1]:8448" in earnest("shares", file, "--all").output


def test_a_proof_is_what_a_claim_needs(second: Path) -> None:
    told = json.loads(earnest("proof", second, show_address(payee(2))).output)
    leaf = payout_leaf(payee(2), int(told["cumulative"]))
    assert proves(parse_hash(told["root"]), leaf, [parse_hash(one) for one in told["proof"]])
    assert earnest("proof", second, show_address(payee(8))).exit_code == 1


def test_no_proof_is_made_from_a_wrong_file(tmp_path: Path) -> None:
    document = FIRST.shown()
    document["payees"][0]["share"] = "1"
    found = earnest("proof", written(tmp_path / "wrong.json", canonical(document)), show_address(payee(2)))
    assert found.exit_code == 1
    assert "is wrong" in found.output


def test_what_is_no_such_file_is_said_in_one_line(tmp_path: Path) -> None:
    found = earnest("verify", written(tmp_path / "none.json", b"\x1b[31m{"))
    assert found.exit_code == 1
    assert found.output.count("\n") == 1
    assert "\x1b" not in found.output
