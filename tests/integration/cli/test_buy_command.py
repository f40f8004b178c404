"""``earnest buy`` on a real node: the seller is paid by the contract, and whoever ordered has it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from eth_utils.crypto import keccak

from cli import fetching
from cli.commands import buy as command
from cli.main import main
from cli.once import once
from cli.paying import Payable
from contracts import checkout, codec
from contracts.checkout import Order
from contracts.signers import KeySigner
from kit.identifiers import ZERO_ADDRESS, Hash32, UserId, parse_address, parse_hash, show_address
from payments.content.model import Buyer, Listing
from tests.support.anvil import ETHER
from tests.support.fair import PRICE, TEXT, Fair
from tests.support.services import Door, http_door, listening


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    file = tmp_path / "kim.key"
    file.write_text("0x" + keccak(text="a key of kim").hex())
    return file


def buy(fair: Fair, key_file: Path, listing: Listing, *words: str, order: str | None = None) -> Result:
    with listening(fair.container) as url:
        link = f"{url}/buy/{listing.id}" + ("" if order is None else f"?order={order}")
        environment = {"EARNEST_RPC_URL": fair.anvil.url, "EARNEST_DATA": str(key_file.parent)}
        return CliRunner().invoke(main, ["buy", link, "--key-file", str(key_file), *words], env=environment)


def test_who_ordered_has_what_a_wallet_paid_at_the_terminal(fair: Fair, key_file: Path) -> None:
    friend = fair.address("friend")
    listing = fair.put_up(payees={fair.address("lea"): 9_000, friend: 1_000})
    with fair.container.work() as work:
        kim = work.people.number(UserId("@kim:example.org"))
        order = work.orders.order(kim, listing.id)
    looked = buy(fair, key_file, listing, "--dry-run", order=order.token)
    assert looked.exit_code == 0, looked.output
    assert "On doors" in looked.output
    assert "Nothing was paid." in looked.output
    done = buy(fair, key_file, listing, "--yes", "--json", order=order.token)
    assert done.exit_code == 0, done.output
    key = parse_hash(json.loads(done.stdout)["purchase"])
    fair.follow_head()
    made = fair.purchase(key)
    assert made is not None
    assert made.buyer == Buyer(kim, fair.address("kim"))
    assert fair.opens(listing, Buyer(kim)) == TEXT
    assert fair.anvil.tokens_of(fair.deployment, friend) == PRICE // 10
    again = buy(fair, key_file, listing, "--dry-run", order="A" * 22)
    assert again.exit_code == 0, "a dry run asks for no order"
    unknown = buy(fair, key_file, listing, "--yes", order="A" * 22)
    assert "ask for a new link" in unknown.output


def test_given_once_more_it_pays_nothing_unless_it_is_told_so(fair: Fair, key_file: Path) -> None:
    listing, other = fair.put_up(), fair.put_up()
    before = fair.anvil.tokens_of(fair.deployment, fair.address("kim"))
    done = buy(fair, key_file, listing, "--yes", "--json")
    assert done.exit_code == 0, done.output
    for days in (0, 1):
        fair.anvil.travel(days * 86_400)
        repeated = buy(fair, key_file, listing, "--yes")
        assert repeated.exit_code != 0
        assert json.loads(done.stdout)["purchase"] in repeated.output
        assert "--again" in repeated.output
    assert before - fair.anvil.tokens_of(fair.deployment, fair.address("kim")) == PRICE
    for words in ((listing, "--again"), (other,)):
        assert buy(fair, key_file, *words, "--yes").exit_code == 0
    assert before - fair.anvil.tokens_of(fair.deployment, fair.address("kim")) == 3 * PRICE


def test_two_that_pay_at_once_have_one_id(fair: Fair) -> None:
    terms = fair.terms(fair.put_up())
    order = Order(fair.address("kim"), Hash32(bytes(32)), 0, ZERO_ADDRESS, 2**63, Hash32(b"\x01" * 32))

    def today(asked: Order) -> Order:
        return once(fair.anvil.chain, Payable(terms, asked, fair.checkout))

    one = today(replace(order, salt=Hash32(b"a" * 32)))
    assert one == today(replace(order, salt=Hash32(b"b" * 32)))
    assert today(replace(order, memo=Hash32(b"m" * 32))).memo != one.memo


def test_who_has_too_little_is_told_and_pays_nothing(fair: Fair, key_file: Path) -> None:
    listing = fair.put_up()
    fair.transfer("kim", fair.address("lea"), 96 * ETHER)
    refused = buy(fair, key_file, listing, "--yes")
    assert refused.exit_code != 0
    assert "holds 4 ERN, but 5 ERN are asked" in refused.output


@pytest.mark.parametrize(
    ("part", "change"),
    [
        ("terms", {"seller": "0x" + "66" * 20}),
        ("terms", {"price": "1"}),
        ("terms", {"asset": "0x" + "66" * 20}),
        ("terms", {"content": "0x" + "66" * 32}),
        ("terms", {"fee_bps": 1_000, "fee_receiver": "0x" + "66" * 20}),
        ("order", {"buyer": "0x" + "66" * 20}),
        ("order", {"memo": "0x" + "66" * 32}),
        ("order", {"relay_fee": "1"}),
    ],
)
def test_a_service_that_offers_other_terms_than_it_showed_gets_nothing(
    fair: Fair, key_file: Path, monkeypatch: pytest.MonkeyPatch, part: str, change: dict[str, Any]
) -> None:
    listing = fair.put_up()
    before = fair.anvil.tokens_of(fair.deployment, fair.address("kim"))

    def lying(method: str, url: str, body: object = None) -> dict[str, Any]:
        said = fetching.get_json(method, url, body)
        if method == "POST":
            said[part] |= change
        return said

    monkeypatch.setattr(command, "get_json", lying)
    refused = buy(fair, key_file, listing, "--yes")
    assert refused.exit_code != 0
    assert "other terms than it showed" in refused.output
    assert fair.anvil.tokens_of(fair.deployment, fair.address("kim")) == before


def test_the_calls_that_a_wallet_is_given_buy(fair: Fair) -> None:
    listing, kim = fair.put_up(), fair.anvil.signer("kim")
    with http_door(fair.container) as door:
        through(fair, door, listing, kim)


def through(fair: Fair, door: Door, listing: Listing, kim: KeySigner) -> None:
    path = f"/v1/listings/{listing.id}/terms"
    told = door.post(path, json={"payer": show_address(kim.address)}).json()
    assert (told["holds"], told["allowance"], told["terms"]["price"]) == (str(100 * ETHER), "0", str(PRICE))
    for call in (told["calls"]["approve"], told["calls"]["buy"]):
        assert fair.anvil.send(kim, parse_address(call["to"]), bytes.fromhex(call["data"][2:])).succeeded
    fair.follow_head()
    assert fair.purchase(parse_hash(told["purchase"])) is not None
    split = door.post(path, json={"payer": show_address(kim.address)}).json()["calls"]["buy_with_permit"]
    words = bytes.fromhex(split["before"][2:]) + b"\x00" * 96 + bytes.fromhex(split["after"][2:])
    assert codec.decode_address(words[4 + 32 : 4 + 64]) == kim.address, "the order stands where the contract has it"
    assert checkout.decode_terms(bytes.fromhex(split["after"][2:])) == fair.terms(listing)
    paid = door.post(path, json={"payer": show_address(fair.address("lea"))})
    assert paid.status_code == 400
    assert "pay itself" in paid.text
    nothing = door.post(f"/v1/listings/{'A' * 22}/terms", json={"payer": show_address(kim.address)})
    assert nothing.status_code == 404
