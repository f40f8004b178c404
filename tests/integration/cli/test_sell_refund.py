"""`earnest sell refund` on a real node: a seller pays back whole, from a wallet of theirs, once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import Result
from eth_utils.crypto import keccak

from app import refunding
from app.chain_loop import ChainLoop
from cli.commands import sell_refund
from contracts.signer import Transaction
from kit.errors import Conflict
from kit.identifiers import Address, Hash32, UserId
from payments.content.model import Buyer, Listing, OwedBecause, PurchaseState
from tests.support.anvil import ETHER
from tests.support.fair import PRICE, TEXT, Fair
from tests.support.looping import looping

LEA = "@lea:example.org"


def key_file(folder: Path, name: str) -> str:
    file = folder / f"{name}.key"
    file.write_text("0x" + keccak(text=f"a key of {name}").hex())
    return str(file)


def refund(fair: Fair, folder: Path, purchase: str, *words: str, by: str = "lea") -> Result:
    keys = ("--seller", LEA, "--key-file", key_file(folder, by))
    return fair.earnest("sell", "refund", purchase, *keys, *words)


def sold(fair: Fair, **changes: object) -> tuple[Listing, Hash32, str]:
    """A listing that kim bought, finally: with the payment's key and the purchase's name."""
    listing = fair.put_up(**changes)
    key = fair.buy(listing)
    fair.follow()
    made = fair.purchase(key)
    assert made is not None
    return listing, key, made.id


def post(fair: Fair, name: str, to: Address, data: bytes) -> None:
    """Let somebody send a transaction that no block holds yet."""
    chain, signer, fees = fair.container.chain, fair.anvil.signer(name), fair.container.chain.fees()
    nonce, chain_id = chain.nonce(signer.address), fair.deployment.chain_id
    made = Transaction(
        chain_id=chain_id,
        nonce=nonce,
        to=to,
        data=data,
        gas=200_000,
        max_fee=fees.max_fee,
        priority_fee=fees.priority_fee,
        value=0,
    )
    chain.send(signer.sign_transaction(made).raw)


def held(fair: Fair, name: str) -> int:
    return fair.anvil.tokens_of(fair.deployment, fair.address(name))


def test_a_refund_completes_and_ends_access(fair: Fair, tmp_path: Path) -> None:
    listing, key, purchase = sold(fair)
    had, kim = held(fair, "lea"), Buyer(wallet=fair.address("kim"))
    dry = refund(fair, tmp_path, purchase, "--dry-run")
    assert dry.exit_code == 0, dry.output
    assert ("5 ERN" in dry.output, "Nothing was paid." in dry.output, held(fair, "lea")) == (True, True, had)
    assert fair.opens(listing, kim) == TEXT
    with looping(ChainLoop(fair.container), mine=fair.anvil.mine):
        done = refund(fair, tmp_path, purchase, "--yes", "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["state"] == "refunded"
    assert (held(fair, "lea"), fair.opens(listing, kim)) == (had - PRICE, None)
    fair.follow()
    again = refund(fair, tmp_path, purchase, "--yes", "--json")
    back = fair.purchase(key)
    assert back is not None
    assert back.refund is not None
    assert json.loads(again.stdout) == json.loads(done.stdout) | {"level": "finalized"}
    assert json.loads(again.stdout)["transaction"] == f"0x{back.refund.hex()}"
    assert held(fair, "lea") == had - PRICE, "asked again it only tells"
    shown = json.loads(fair.earnest("sell", "sales", "--seller", LEA, "--json").stdout)["purchases"]
    assert [(one["state"], one["refund"]) for one in shown] == [("refunded", f"0x{back.refund.hex()}")]


def test_who_died_after_paying_does_not_pay_again(fair: Fair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, key, purchase = sold(fair)
    had = held(fair, "lea")
    monkeypatch.setattr(sell_refund, "_POLLS", 1)
    unread = refund(fair, tmp_path, purchase, "--yes")
    assert unread.exit_code == 1
    assert "has not read yet" in unread.output
    fair.anvil.mine(3)
    again = refund(fair, tmp_path, purchase, "--yes")
    assert "has not read yet" in again.output
    assert held(fair, "lea") == had - PRICE
    fair.follow()
    back = fair.purchase(key)
    assert back is not None
    assert back.state is PurchaseState.REFUNDED


def test_one_that_waits_for_a_block_is_waited_for(fair: Fair, tmp_path: Path) -> None:
    _, _, purchase = sold(fair)
    had = held(fair, "lea")
    fair.anvil.rpc("evm_setAutomine", *[False])
    with fair.container.work() as work:
        lea = work.people.number(UserId(LEA))
    what = refunding.owed(fair.container, lea, purchase)
    for to, data in ((what.asset, what.allowance), (what.checkout, what.refund)):
        post(fair, "lea", to, data)
    busy = refund(fair, tmp_path, purchase, "--yes")
    assert (busy.exit_code, "on its way" in busy.output) == (1, True)
    fair.anvil.mine()
    fair.anvil.rpc("evm_setAutomine", *[True])
    fair.follow()
    assert (held(fair, "lea"), refund(fair, tmp_path, purchase, "--yes").exit_code) == (had - PRICE, 0)


def test_what_would_be_no_refund_is_not_paid(fair: Fair, tmp_path: Path) -> None:
    listing, key, purchase = sold(fair)
    had = held(fair, "lea"), held(fair, "eve")
    foreign = refund(fair, tmp_path, purchase, "--yes", by="eve")
    assert "Only from 0x" in foreign.output
    assert "no such purchase" in refund(fair, tmp_path, "x" * 22, "--yes").output
    fresh = fair.buy(listing, "eve")
    fair.follow_head()
    unsure = fair.purchase(fresh)
    assert unsure is not None
    assert "once it is final" in refund(fair, tmp_path, unsure.id, "--yes").output
    stranger = fair.earnest("sell", "refund", purchase, "--seller", "@kim:example.org", "--dry-run")
    assert "not known here" in stranger.output
    assert (held(fair, "lea"), held(fair, "eve")) == (had[0] + PRICE, had[1] - PRICE)
    with fair.container.work() as work:
        lea = work.people.number(UserId(LEA))
        work.content.took_back(key)
    with pytest.raises(Conflict, match="left the chain"):
        refunding.owed(fair.container, lea, purchase)


def test_what_was_sold_twice_is_owed_and_paid_back(fair: Fair, tmp_path: Path) -> None:
    listing = fair.put_up(stock=1)
    fair.buy(listing)
    late = fair.buy(listing, "eve")
    fair.follow()
    owed = fair.purchase(late)
    assert owed is not None
    assert owed.because is OwedBecause.SOLD_OUT
    eve = held(fair, "eve")
    with looping(ChainLoop(fair.container), mine=fair.anvil.mine):
        done = refund(fair, tmp_path, owed.id, "--yes")
    assert done.exit_code == 0, done.output
    assert "Paid back: 5 ERN, by transaction 0x" in done.output
    assert held(fair, "eve") == eve + PRICE == 100 * ETHER
