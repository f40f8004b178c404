"""``earnest stake`` for a wallet without ether: one signature, and the service carries it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from eth_utils.crypto import keccak

from cli import receipts
from cli.main import main
from contracts import codec
from payments.stakes.model import Quote
from tests.support.anvil import ETHER
from tests.support.carried import PRICE, RELAY_FEE, Carried
from tests.support.looping import looping
from tests.support.services import listening


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    file = tmp_path / "bob.key"
    file.write_text("0x" + keccak(text="a key of bob").hex())
    return file


def pay(carried: Carried, quote: Quote, key_file: Path, *options: str) -> tuple[Result, Path]:
    receipt = key_file.with_name("receipt.json")
    with listening(carried.container) as url:
        words = ["stake", f"{url}/stake/{quote.id}", "--key-file", str(key_file), "--receipt", str(receipt), *options]
        environment = {"EARNEST_RPC_URL": carried.anvil.url, "EARNEST_DATA": str(key_file.parent)}
        return CliRunner().invoke(main, words, env=environment), receipt


@pytest.mark.parametrize("options", [("--gasless",), ()], ids=["asked for", "offered"])
def test_a_wallet_without_ether_only_signs(carried: Carried, key_file: Path, options: tuple[str, ...]) -> None:
    quote = carried.held()
    with looping(carried.loop):
        done, receipt = pay(carried, quote, key_file, "--yes", *options)
    assert done.exit_code == 0, done.output
    assert "carried by the service, for 0.1 ERN more" in done.output
    terms = carried.terms(quote)
    assert carried.on_chain(terms) is codec.State.OPEN
    kept = receipts.read(receipt)
    assert (kept.terms, kept.stake_id) == (terms, carried.stake_id(terms))
    assert kept.transaction == carried.stake(terms).opened_transaction
    assert carried.tokens() == 100 * ETHER - PRICE - RELAY_FEE


def test_a_wallet_with_ether_pays_its_gas_and_no_relay_fee(carried: Carried, key_file: Path) -> None:
    quote = carried.held()
    carried.anvil.set_balance(carried.wallet.address, ETHER)
    done, _ = pay(carried, quote, key_file, "--yes", "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["stake_id"] == "0x" + carried.stake_id(carried.terms(quote)).hex()
    assert carried.tokens() == 100 * ETHER - PRICE


def test_what_is_not_taken_on_is_told_with_what_to_do(carried: Carried, key_file: Path) -> None:
    quote = carried.held()
    carried.anvil.set_balance(carried.container.relayer, 0)
    done, receipt = pay(carried, quote, key_file, "--yes", "--gasless")
    assert done.exit_code == 1
    assert "no ether left to carry openings with" in done.output
    assert carried.tokens() == 100 * ETHER
    assert receipt.exists(), "it was written before anything could move"


def test_what_comes_to_nothing_is_told(carried: Carried, key_file: Path) -> None:
    quote = carried.held()
    carried.open(quote)
    sink = carried.anvil.signer("sink").address
    carried.anvil.set_balance(carried.wallet.address, ETHER)
    carried.anvil.send(carried.wallet, carried.deployment.token, codec.encode_transfer(sink, 100 * ETHER))
    carried.settle()
    assert carried.gasless(quote)["state"] == "failed"
    carried.anvil.send(carried.anvil.signer("sink"), carried.deployment.token, codec.encode_transfer(sink, 0))
    done, _ = pay(carried, quote, key_file, "--yes", "--gasless")
    assert done.exit_code == 1
    assert "does not hold" in done.output
