"""The books beside a real chain: reconciled round by round, the alarm, and how it is told on every door."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from structlog.testing import capture_logs

from app import books
from app.container import Container
from app.worker import RECONCILE_EVERY, make_worker
from contracts.web3_chain import Web3Chain
from ledger import model
from ledger.model import UNSOLICITED, Level
from ledger.reconciling import Kept, Line
from tests.support.anvil import ETHER
from tests.support.ledgers import Shop
from tests.support.services import NO_NODE, http_door


def kept(container: Container) -> Kept:
    found = books.reconcile(container)
    assert found is not None
    return found


def test_all_lines_hold_and_are_kept(shop: Shop) -> None:
    shop.open("anna", 3 * ETHER, fee=ETHER)
    shop.transfer("anna", shop.deployment.escrow, 7)
    shop.follow()
    found = kept(shop.container)
    assert found.differences == []
    assert found.level is Level.FINALIZED
    assert {one.line for one in found.checks} == set(Line) - {Line.WALLET}
    (escrow,) = [one for one in found.checks if one.line is Line.ESCROW]
    assert (escrow.ledger, escrow.other) == (4 * ETHER + 7, 4 * ETHER + 7)
    assert found.asked == found.wallets > 1
    with shop.container.read() as work:
        assert work.book.reconciled() == found


def test_nothing_is_asked_again_before_a_newer_block_is_final(shop: Shop) -> None:
    assert kept(shop.container).full_at is not None
    assert books.reconcile(shop.container) is None
    shop.give("bert", 1)
    shop.follow()
    found = kept(shop.container)
    assert not {Line.ENTRIES, Line.KEPT} & {one.line for one in found.checks}, "the postings are summed once an hour"
    shop.anvil.travel(3601)
    shop.follow()
    assert {Line.ENTRIES, Line.KEPT} <= {one.line for one in kept(shop.container).checks}


def test_what_differs_raises_the_alarm_once_and_is_looked_at_until_it_agrees(shop: Shop) -> None:
    kept(shop.container)
    anna = model.wallet(shop.address("anna"))
    shop.falsify(anna, 9)
    shop.give("bert", 1)
    shop.follow()
    with capture_logs() as logs:
        first = kept(shop.container)
        again = kept(shop.container)
    assert [one["event"] for one in logs] == ["books_differ", "books_differ"], "what a full look finds more is told too"
    assert {one.line for one in first.differences} == {Line.ZERO, Line.SUPPLY, Line.WALLET}
    assert {one.line for one in again.differences} == {Line.ZERO, Line.SUPPLY, Line.WALLET, Line.KEPT}
    assert again.differs_since == first.differs_since == first.checked_at
    with capture_logs() as logs:
        kept(shop.container)
    assert logs == [], "an alarm that stays the same is no news"
    shop.falsify(anna, 20 * ETHER)
    with capture_logs() as logs:
        assert kept(shop.container).differs_since is None
    assert [one["event"] for one in logs] == ["books_agree_again"]


def test_a_stake_whose_account_is_not_its_terms_is_named(shop: Shop) -> None:
    terms = shop.open("anna", 3 * ETHER)
    shop.follow()
    account = model.stake(shop.stake_id(terms))
    shop.falsify(account, 2 * ETHER)
    found = kept(shop.container)
    assert (Line.STAKES, account) in {(one.line, one.account) for one in found.differences}


def test_every_door_tells_of_it(shop: Shop) -> None:
    with http_door(shop.container) as door:
        assert door.get("/v1/ledger/reconciliation").status_code == 404
        assert not door.get("/health/ready").json()["checks"]["books"]["ok"]
        kept(shop.container)
        told = door.get("/v1/ledger/reconciliation").json()
        assert told["agrees"]
        assert told["level"] == "finalized"
        assert all(one["holds"] and one["books"] == one["other"] for one in told["checks"])
        assert door.get("/health/ready").json()["checks"]["books"]["ok"]
        assert "earnest_books_agree 1.0" in door.get("/metrics").text
        shop.falsify(UNSOLICITED, 1)
        shop.falsify(model.wallet(shop.address("anna")), 1)
        shop.follow()
        kept(shop.container)
        told = door.get("/v1/ledger/reconciliation").json()
        assert not told["agrees"]
        assert told["differs_since"] is not None
        (wallet,) = [one for one in told["checks"] if one["line"] == "wallet"]
        assert wallet["account"] == model.wallet(shop.address("anna"))
        assert (wallet["books"], wallet["other"]) == ("1", str(20 * ETHER))
        health = door.get("/health/ready").json()
        assert health["status"] == "degraded"
        assert "differ" in health["checks"]["books"]["says"]
        metrics = door.get("/metrics").text
        assert "earnest_books_agree 0.0" in metrics
        assert 'earnest_books_differences{line="wallet"} 1.0' in metrics


def test_a_silent_node_keeps_the_last_result_and_says_so(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    before = kept(shop.container)
    shop.follow()
    monkeypatch.setitem(shop.container.__dict__, "chain", Web3Chain(NO_NODE, shop.deployment.chain_id))
    with capture_logs() as logs:
        books.regular(shop.container)
    assert [one["event"] for one in logs] == ["reconciliation_waits"]
    with shop.container.read() as work:
        assert work.book.reconciled() == before


def test_the_worker_does_it_by_itself(shop: Shop) -> None:
    worker = make_worker(shop.container, "memory://")
    assert {one["task"] for one in worker.conf.beat_schedule.values()} <= set(worker.tasks)
    assert worker.conf.beat_schedule["reconcile"]["schedule"] == RECONCILE_EVERY
    worker.tasks["earnest.reconcile"]()
    with shop.container.read() as work:
        assert work.book.reconciled() is not None


def test_more_wallets_than_one_round_asks_for_take_turns(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(books, "WALLETS_A_ROUND", 2)
    names = ("bert", "cleo", "dora", "emil")
    for name in names:
        shop.give(name, 5)
    shop.follow()
    shop.falsify(model.wallet(shop.address("dora")), 6)
    found = []
    for _ in range(4):
        shop.anvil.mine()
        shop.follow()
        found.append({one.account for one in kept(shop.container).differences if one.line is Line.WALLET})
    dora = {model.wallet(shop.address("dora"))}
    assert dora in found, "her turn comes"
    assert found == sorted(found, key=len), "and once in doubt she is asked for every time"


def test_the_command_prints_both_sides_and_fails_where_they_differ(shop: Shop) -> None:
    shop.open("anna", 3 * ETHER)
    shop.follow()
    good = shop.earnest("ledger", "verify")
    assert good.exit_code == 0, good.output
    assert "totalSupply" in good.output
    assert "Everything holds." in good.output
    assert re.search(r"balanceOf\(escrow\)\s+3 ERN\s+=\s+3 ERN", good.output)
    shop.falsify(model.wallet(shop.address("anna")), 5)
    bad = shop.earnest("ledger", "verify", "--json")
    assert bad.exit_code == 1
    found: dict[str, Any] = json.loads(bad.stdout)
    assert not found["holds"]
    wrong = {one["line"]: one for one in found["checks"] if not one["holds"]}
    assert set(wrong) == {"zero", "supply", "kept", "wallet"}
    assert (wrong["wallet"]["books"], wrong["wallet"]["other"]) == ("5", str(17 * ETHER))
    assert "✗" in shop.earnest("ledger", "verify").output
