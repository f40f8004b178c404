"""Statements of a real chain's books, by the command and over HTTP, checked by the real programs."""

from __future__ import annotations

import csv
import io
import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from kit.clock import from_unix
from ledger.model import stake, wallet
from ledger.store import holders
from tests.support import accounting
from tests.support.anvil import ETHER
from tests.support.ledgers import Shop
from tests.support.services import ALICE, BOB, a_person, a_token, http_door

PROGRAMS = {"beancount": accounting.beancount, "hledger": accounting.hledger}


def a_story(shop: Shop) -> dict[str, str]:
    """Everything that may happen to Anna's money, and a branch that was read and left."""
    returned, burned = shop.open("anna", 5 * ETHER, fee=ETHER), shop.open("anna", 2 * ETHER)
    shop.open("anna", ETHER)
    shop.transfer("anna", shop.deployment.escrow, 3)
    shop.follow_head()
    shop.anvil.reorg(1)
    shop.follow()
    shop.end(returned)
    shop.burn(burned)
    shop.transfer("anna", shop.address("bert"), 4)
    shop.follow()
    return {"returned": stake(shop.stake_id(returned)), "burned": stake(shop.stake_id(burned))}


def lines(shop: Shop, *words: str) -> list[dict[str, Any]]:
    answer = shop.earnest("ledger", "statement", *words, "--format", "jsonl")
    assert answer.exit_code == 0, answer.output
    return [json.loads(line) for line in answer.stdout.splitlines()]


def test_a_wallet_reads_what_became_of_its_money(shop: Shop) -> None:
    stakes = a_story(shop)
    anna, bert, payee = (wallet(shop.address(name)) for name in ("anna", "bert", "payee"))
    found = lines(shop, "0x" + shop.address("anna").hex())
    told = [(one["what"], one["from"], one["to"], int(one["amount"])) for one in found]
    for expected in (
        ("stake_opened", anna, stakes["returned"], 6 * ETHER),
        ("stake_returned", stakes["returned"], anna, 5 * ETHER),
        ("fee", stakes["returned"], payee, ETHER),
        ("stake_opened", anna, stakes["burned"], 2 * ETHER),
        ("stake_burned", stakes["burned"], "burn", 2 * ETHER),
        ("transfer", anna, bert, 4),
    ):
        assert told.count(expected) == 1
    (lost, taken_back) = [one for one in found if one["level"] == "orphaned"]
    assert (lost["what"], lost["taken_back"], taken_back["taken_back"]) == ("unsolicited", False, True)
    assert (taken_back["from"], taken_back["to"]) == ("unsolicited", anna)
    sums: defaultdict[str, int] = defaultdict(int)
    for one in found:
        sums[one["from"]] -= int(one["amount"])
        sums[one["to"]] += int(one["amount"])
    assert sums[anna] == shop.anvil.tokens_of(shop.deployment, shop.address("anna"))
    assert sums[stakes["returned"]] == sums[stakes["burned"]] == 0


@pytest.mark.parametrize("form", PROGRAMS)
def test_the_programs_accept_journals_of_a_real_chain(shop: Shop, form: str, tmp_path: Path) -> None:
    a_story(shop)
    day = f"{from_unix(shop.anvil.now()):%Y-%m-%d}"
    for number, words in enumerate([[], ["0x" + shop.address("anna").hex()], ["--from", day], ["--to", day]]):
        answer = shop.earnest("ledger", "statement", *words, "--format", form)
        assert answer.exit_code == 0, answer.output
        file = tmp_path / f"{number}.{form}"
        file.write_text(answer.stdout, encoding="utf-8")
        assert PROGRAMS[form](file) == "", answer.stdout


def test_a_part_begins_with_what_the_days_before_left(shop: Shop) -> None:
    a_story(shop)
    last = f"{from_unix(shop.anvil.now()):%Y-%m-%d}"  # the forfeit's two days have passed since the first lines
    whole = lines(shop)
    early, late = lines(shop, "--to", f"{from_unix(shop.anvil.now() - 86_400):%Y-%m-%d}"), lines(shop, "--from", last)
    assert early + [one for one in late if one["what"] != "opening_balance"] == whole
    assert early
    assert any(one["what"] == "opening_balance" for one in late)


def test_a_person_gets_their_own_and_nobody_elses(shop: Shop) -> None:
    a_story(shop)
    alice = a_person(shop.container, ALICE)
    with shop.container.work() as work:
        holders.link(work.session, alice, shop.address("anna"), is_primary=True, now=work.now)
        work.people.set_time_zone(alice, "Asia/Kolkata")
    with http_door(shop.container) as door:
        headers = {"Authorization": a_token(shop.container, ALICE, "read")}
        answer = door.get("/v1/me/statement?format=csv", headers=headers)
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/csv")
        assert "attachment" in answer.headers["content-disposition"]
        rows = list(csv.DictReader(io.StringIO(answer.text)))
        assert all(row["time"].endswith("+05:30") for row in rows)
        assert {row["what"] for row in rows} >= {"stake_opened", "stake_returned", "stake_burned", "fee", "transfer"}
        assert ALICE not in answer.text
        for form in ("jsonl", "beancount", "hledger"):
            assert door.get(f"/v1/me/statement?format={form}", headers=headers).status_code == 200
        other = door.get("/v1/me/statement", headers={"Authorization": a_token(shop.container, BOB, "read")})
        assert len(other.text.splitlines()) == 1, "Bob has linked nothing, so nothing is his"
        assert door.get("/v1/me/statement").status_code == 401
        for wrong in ("from=yesterday", "to=9999-12-31", "from=0001-01-01", "format=xls"):
            assert door.get(f"/v1/me/statement?{wrong}", headers=headers).status_code in (400, 422), wrong
    assert len(lines(shop, ALICE)) == len(rows)
    assert "Nobody called" in shop.earnest("ledger", "statement", "@nobody:example.org").output
