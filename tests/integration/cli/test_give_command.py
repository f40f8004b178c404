"""``earnest give`` on a real node: each way to give counts as it was meant, and without ether it is only signed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from eth_utils.crypto import keccak

from app.chain_loop import ChainLoop
from cli.main import main
from kit.identifiers import UserId, show_hash
from ledger.model import erc20, ether
from payments.carrying.model import Outcome
from payments.flair.codes import memo_of, new_code
from tests.support.anvil import CHAIN_ID, ETHER
from tests.support.gift_shop import CAUSE, GiftShop
from tests.support.looping import looping
from tests.support.services import listening

FEE = ETHER // 10


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    file = tmp_path / "gus.key"
    file.write_text("0x" + keccak(text="a key of gus").hex())
    return file


def give(shop: GiftShop, key_file: Path, *words: str) -> Result:
    with listening(shop.container) as url:
        environment = {"EARNEST_RPC_URL": shop.anvil.url, "EARNEST_DATA": str(key_file.parent)}
        options = ["--service", url, "--key-file", str(key_file)]
        return CliRunner().invoke(main, ["give", *words, *options], env=environment)


def test_a_dry_run_says_it_all_and_gives_nothing(gift_shop: GiftShop, key_file: Path) -> None:
    done = give(gift_shop, key_file, "5", "--months", "3", "--dry-run")
    assert done.exit_code == 0, done.output
    assert "5 ERN, for 3 months" in done.output
    assert "Nothing was given." in done.output
    refused = give(gift_shop, key_file, "5", "--asset", "DOGE", "--dry-run")
    assert "it counts ERN, ETH" in refused.output
    gift_shop.follow()
    assert gift_shop.counted("gus") == []


def test_each_way_to_give_counts_as_it_was_meant(gift_shop: GiftShop, key_file: Path) -> None:
    ern, code = erc20(CHAIN_ID, gift_shop.deployment.token), new_code()
    for words in (("5",), ("6", "--months", "3", "--memo", code), ("1.5", "--asset", "ETH", "--months", "2")):
        done = give(gift_shop, key_file, *words, "--yes", "--json")
        assert done.exit_code == 0, done.output
        assert json.loads(done.stdout)["transaction"].startswith("0x")
    gift_shop.follow()
    expected = [(ern, 5 * ETHER, 0), (ern, 6 * ETHER, 3), (ether(CHAIN_ID), 3 * ETHER // 2, 2)]
    assert gift_shop.counted("gus") == sorted(expected)
    assert memo_of(code) in {gift.memo for gift in gift_shop.gifts("gus")}


def test_a_memo_of_the_bots_is_carried_as_it_is_and_a_slip_gives_nothing(gift_shop: GiftShop, key_file: Path) -> None:
    mxid = UserId("@gus:example.org")
    with gift_shop.container.work() as work:
        gus = work.people.number(mxid)
        memo = work.claims.memo_for(gus, mxid)
    done = give(gift_shop, key_file, "5", "--memo", show_hash(memo), "--yes")
    assert done.exit_code == 0, done.output
    for slip in (new_code()[:-1], show_hash(memo)[:-1], "hello"):
        refused = give(gift_shop, key_file, "5", "--memo", slip, "--yes")
        assert refused.exit_code == 1, refused.output
    gift_shop.follow()
    with gift_shop.container.read() as work:
        assert [gift.amount for gift in work.supporters.gifts_of(gus)] == [5 * ETHER]
    assert len(gift_shop.counted("gus")) == 1


def test_without_ether_it_is_only_signed(gift_shop: GiftShop, key_file: Path) -> None:
    gus = gift_shop.address("gus")
    gift_shop.anvil.set_balance(gus, 0)
    with looping(ChainLoop(gift_shop.container), mine=gift_shop.anvil.mine):
        done = give(gift_shop, key_file, "5", "--months", "3", "--yes")
    assert done.exit_code == 0, done.output
    assert "carried by the service, for 0.1 ERN more" in done.output
    gift_shop.follow()
    assert gift_shop.counted("gus") == [(erc20(CHAIN_ID, gift_shop.deployment.token), 5 * ETHER, 3)]
    assert gift_shop.anvil.tokens_of(gift_shop.deployment, gus) == 95 * ETHER - FEE
    assert gift_shop.anvil.tokens_of(gift_shop.deployment, CAUSE) == 5 * ETHER
    with gift_shop.container.read() as work:
        assert work.carrying.counts() == {Outcome.DONE: 1}
        assert work.carrying.spent() > 0


def test_no_more_a_day_than_the_limit_and_stakes_count_too(gift_shop: GiftShop, key_file: Path) -> None:
    gift_shop.anvil.set_balance(gift_shop.address("gus"), 0)
    gift_shop.container.settings.gasless_per_day = 1
    gift_shop.container.__dict__.pop("relay_limits", None)
    with looping(ChainLoop(gift_shop.container), mine=gift_shop.anvil.mine):
        assert give(gift_shop, key_file, "1", "--yes", "--gasless").exit_code == 0
    done = give(gift_shop, key_file, "1", "--yes", "--gasless")
    assert done.exit_code == 1
    assert "At most 1 gifts a day" in done.output
