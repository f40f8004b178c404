"""Buying by a wallet over HTTP, on the real contract: what is offered pays, and opens for who signs or ordered it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from eth_account import Account
from eth_utils.crypto import keccak

from app import carrying_orders, gasless
from contracts.checkout import Order
from kit.identifiers import ZERO_ADDRESS, Address, Hash32, UserId, parse_address, parse_hash, show_address, show_hash
from ledger.model import Level, erc20
from payments.content.model import Buyer, Listing, OwedBecause, Paid
from tests.support.anvil import ETHER
from tests.support.contract_wallets import signed
from tests.support.fair import PRICE, TEXT, Fair
from tests.support.services import Door, http_door
from tests.support.shopping import problem


@dataclass
class Market:
    """A fair, its door, and wallets that take what they are offered."""

    fair: Fair
    door: Door

    def offered(self, listing: Listing, name: str = "kim", **more: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
        """What somebody's wallet is given."""
        answer = self.door.post(f"/v1/listings/{listing.id}/terms", json={"payer": self.address(name), **more})
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        return told

    def address(self, name: str) -> str:
        """Somebody's wallet."""
        return show_address(self.fair.address(name))

    def send(self, name: str, to: str, data: str) -> None:
        """Let a wallet send a call."""
        signer = self.fair.anvil.signer(name)
        assert self.fair.anvil.send(signer, parse_address(to), bytes.fromhex(data[2:])).succeeded

    def buy(self, listing: Listing, name: str = "kim", **more: Any) -> Hash32:  # noqa: ANN401 - JSON
        """Let a wallet allow and buy; the purchase that was told before."""
        offer = self.offered(listing, name, **more)
        for call in (offer["calls"]["approve"], offer["calls"]["buy"]):
            self.send(name, call["to"], call["data"])
        return parse_hash(offer["purchase"])

    def signed(self, name: str, what: dict[str, Any]) -> str:
        """What a wallet puts between the halves of a call."""
        made = Account.sign_typed_data(keccak(text=f"a key of {name}"), full_message=what)
        return f"{made.v:064x}{made.r:064x}{made.s:064x}"

    def told(self, offer: dict[str, Any], name: str = "kim") -> dict[str, Any]:
        """What a wallet without ether hands in for an offer."""
        asked = offer["gasless"]
        made = Account.sign_typed_data(keccak(text=f"a key of {name}"), full_message=asked["authorization"])
        order = {part: asked["order"][part] for part in ("memo", "valid_before", "salt")}
        signature = "0x" + made.signature.hex()
        return {"version": offer["version"], "buyer": self.address(name), **order, "signature": signature}

    def message(self, listing: Listing, name: str) -> str:
        """What a wallet signs to open what it bought."""
        path = f"/v1/listings/{listing.id}/opening/message"
        return str(self.door.post(path, json={"address": self.address(name)}).json()["message"])

    def open(self, listing: Listing, message: str, name: str) -> Any:  # noqa: ANN401 - a response
        """Ask for a link with a message that somebody signed."""
        told = {"message": message, "signature": "0x" + signed(message, keccak(text=f"a key of {name}")).hex()}
        return self.door.post(f"/v1/listings/{listing.id}/opening", json=told)


@pytest.fixture
def market(fair: Fair) -> Iterator[Market]:
    """It, on a database of each kind."""
    with http_door(fair.container) as door:
        yield Market(fair, door)


def test_what_is_offered_buys_and_opens_for_who_signs_with_the_wallet(market: Market) -> None:
    listing = market.fair.put_up()
    assert problem(market.open(listing, market.message(listing, "kim"), "kim")) == (404, "purchase_unknown")
    purchase = market.buy(listing)
    path = f"/v1/purchases/{show_hash(purchase)}"
    assert problem(market.door.get(path)) == (404, "purchase_unknown")
    market.fair.follow()
    told = market.door.get(path).json()
    assert (told["state"], told["level"], told["opens"], told["delivered"]) == ("paid", "finalized", True, None)
    opened = market.open(listing, market.message(listing, "kim"), "kim")
    assert opened.status_code == 200, opened.text
    assert market.door.get(opened.json()["url"]).content == TEXT
    assert market.fair.anvil.tokens_of(market.fair.deployment, market.fair.address("lea")) == 100 * ETHER + PRICE


def test_a_signature_goes_between_the_halves_of_the_call(market: Market) -> None:
    listing = market.fair.put_up()
    offer = market.offered(listing)
    call = offer["calls"]["buy_with_permit"]
    words = market.signed("kim", offer["permit"])
    market.send("kim", call["to"], call["before"] + words + call["after"][2:])
    market.fair.follow()
    found = market.fair.purchase(parse_hash(offer["purchase"]))
    assert found is not None
    assert (found.because, found.amount, found.buyer) == (None, PRICE, Buyer(wallet=market.fair.address("kim")))


def test_an_order_buys_for_its_person_and_says_so_to_whoever_has_it(market: Market) -> None:
    listing, other = market.fair.put_up(), market.fair.put_up()
    with market.fair.container.work() as work:
        bob = work.people.number(UserId("@bob:example.org"))
        order, wrong = work.orders.order(bob, listing.id).token, work.orders.order(bob, other.id).token
    for token in (wrong, "x" * 22):
        asked = {"payer": market.address("kim"), "order": token}
        assert problem(market.door.post(f"/v1/listings/{listing.id}/terms", json=asked)) == (404, "order_unknown")
    purchase = market.buy(listing, order=order)
    market.fair.follow()
    for buyer in (Buyer(person=bob), Buyer(wallet=market.fair.address("kim"))):
        assert market.fair.opens(listing, buyer) == TEXT
    path = f"/v1/purchases/{show_hash(purchase)}"
    assert market.door.get(path, params={"order": order}).json()["delivered"] is False
    assert market.door.get(path, params={"order": wrong}).json()["delivered"] is None
    with market.fair.container.work() as work:
        found = work.content.purchase(purchase)
        assert found is not None
        work.content.delivered(found.id)
    assert market.door.get(path, params={"order": order}).json()["delivered"] is True
    assert "bob" not in market.door.get(path, params={"order": order}).text


def test_another_wallets_word_opens_nothing(market: Market) -> None:
    listing, other = market.fair.put_up(), market.fair.put_up()
    market.buy(listing)
    market.fair.follow()
    message = market.message(listing, "kim")
    assert problem(market.open(listing, message, "eve")) == (403, "signature_wrong")
    assert problem(market.open(listing, market.message(listing, "eve"), "eve")) == (404, "purchase_unknown")
    for changed in (
        message.replace(listing.id, other.id),
        message.replace("earnest.example", "evil.example"),
        message.replace("Chain ID: 31337", "Chain ID: 1"),
        message.replace("Open what this wallet bought here. It moves no money.", "Hello."),
        message[: message.index("\nExpiration Time")],
        message.replace("Expiration Time: 20", "Expiration Time: 30"),
    ):
        assert problem(market.open(listing, changed, "kim"))[0] == 403, changed
    market.fair.anvil.travel(601)
    assert problem(market.open(listing, message, "kim")) == (403, "siwe_expired")
    for nonsense in ("", "hello", message + "\n"):
        assert problem(market.open(listing, nonsense, "kim"))[0] == 400


def test_what_cannot_be_bought_is_told_before_anybody_pays(market: Market) -> None:
    listing = market.fair.put_up(stock=1)
    path = f"/v1/listings/{listing.id}/terms"
    assert problem(market.door.post(path, json={"payer": market.address("lea")})) == (400, "payer_is_paid")
    assert problem(market.door.post(path, json={"payer": "0x" + "00" * 20})) == (400, "payer_is_paid")
    early = market.offered(listing, "eve")
    market.buy(listing)
    market.fair.follow()
    assert problem(market.door.post(path, json={"payer": market.address("kim")})) == (409, "not_for_sale")
    for call in (early["calls"]["approve"], early["calls"]["buy"]):
        market.send("eve", call["to"], call["data"])
    market.fair.follow()
    told = market.door.get(f"/v1/purchases/{early['purchase']}").json()
    assert (told["state"], told["because"], told["opens"]) == ("owed_back", OwedBecause.SOLD_OUT, False)
    unsure = market.fair.put_up(finality=Level.FINALIZED)
    market.buy(unsure)
    market.fair.follow_head()
    assert problem(market.open(unsure, market.message(unsure, "kim"), "kim")) == (409, "payment_not_sure")


def test_who_has_no_ether_signs_and_it_is_carried_once_for_whoever_ordered(market: Market) -> None:
    fair, listing = market.fair, market.fair.put_up()
    with fair.container.work() as work:
        bob = work.people.number(UserId("@bob:example.org"))
        order = work.orders.order(bob, listing.id).token
    offer = market.offered(listing, order=order)
    asked = offer["gasless"]
    fee = int(asked["order"]["relay_fee"])
    assert (asked["available"], fee > 0, asked["purchase"] != offer["purchase"]) == (True, True, True)
    told = market.told(offer)
    held = fair.anvil.tokens_of(fair.deployment, fair.address("kim"))
    for _ in range(2):
        answer = market.door.post(f"/v1/listings/{listing.id}/signed", json=told)
        assert (answer.status_code, answer.json()["purchase"]) == (202, asked["purchase"]), answer.text
    for _ in range(4):
        fair.follow()
    assert market.door.get(f"/v1/purchases/{asked['purchase']}/carried").json()["state"] == "bought"
    assert fair.opens(listing, Buyer(person=bob)) == TEXT
    assert held - fair.anvil.tokens_of(fair.deployment, fair.address("kim")) == PRICE + fee
    again = market.door.post(f"/v1/listings/{listing.id}/signed", json=told)
    assert (again.status_code, again.json()["state"]) == (202, "bought")
    for _ in range(2):
        fair.follow()
    assert held - fair.anvil.tokens_of(fair.deployment, fair.address("kim")) == PRICE + fee


@pytest.mark.parametrize(
    "change",
    [
        {"buyer": show_address(Address(b"\x66" * 20))},
        {"memo": "0x" + "66" * 32},
        {"salt": "0x" + "66" * 32},
        {"signature": None},
        {"version": 2},
    ],
)
def test_what_is_carried_is_what_was_signed(market: Market, change: dict[str, Any]) -> None:
    listing = market.fair.put_up()
    offer = market.offered(listing)
    told = market.told(offer) | change
    if told["signature"] is None:
        told["signature"] = market.told(offer, "mallory")["signature"]
    refused = market.door.post(f"/v1/listings/{listing.id}/signed", json=told)
    expected = (400, "version_unknown") if "version" in change else (403, "signature_not_buyers")
    assert problem(refused) == expected


def test_a_signature_that_is_good_for_long_is_not_taken_on(market: Market) -> None:
    fair, listing = market.fair, market.fair.put_up()
    with fair.container.read() as work:
        late = work.chain_time + 2 * 86_400
    order = Order(fair.address("kim"), Hash32(bytes(32)), 0, ZERO_ADDRESS, late, Hash32(bytes(32)))
    asked = carrying_orders.unsigned(fair.container, fair.terms(listing), order)
    signature = fair.anvil.signer("kim").sign_digest(asked.asks.digest)
    told = {
        "version": 1,
        "buyer": market.address("kim"),
        "memo": show_hash(order.memo),
        "valid_before": late,
        "salt": show_hash(order.salt),
        "signature": "0x" + signature.hex(),
    }
    assert problem(market.door.post(f"/v1/listings/{listing.id}/signed", json=told)) == (400, "purchase_times")


def test_nobody_pays_for_what_is_taken_down_or_sold_out_before_it_is_sent(market: Market) -> None:
    fair = market.fair
    held = fair.anvil.tokens_of(fair.deployment, fair.address("kim"))
    for stock in (None, 1):
        listing = fair.put_up(stock=stock)
        offer = market.offered(listing)
        answer = market.door.post(f"/v1/listings/{listing.id}/signed", json=market.told(offer))
        assert answer.status_code == 202, answer.text
        if stock is None:
            with fair.container.work() as work:
                work.content.take_down(listing.id, "It was stolen.")
        else:
            with fair.container.work() as work:
                paid = Paid(
                    Hash32(b"\x01" * 32),
                    listing.id,
                    listing.version.terms,
                    Buyer(wallet=fair.address("somebody")),
                    erc20(fair.deployment.chain_id, fair.deployment.token),
                    PRICE,
                    Level.SEEN,
                    work.now,
                )
                assert work.content.bought(paid).because is None
        gasless.settle(fair.container)
        told = market.door.get(f"/v1/purchases/{offer['gasless']['purchase']}/carried").json()
        assert (told["state"], told["code"]) == ("failed", "quote_gone")
        for _ in range(3):
            fair.follow()
        assert fair.anvil.tokens_of(fair.deployment, fair.address("kim")) == held


def test_nobody_uses_up_what_is_carried_for_somebody_else_by_writing_their_memo(market: Market) -> None:
    fair, listing = market.fair, market.fair.put_up()
    with fair.container.work() as work:
        bob = work.people.number(UserId("@bob:example.org"))
        order = work.orders.order(bob, listing.id).token
    offer = market.offered(listing, "kim", order=order)
    assert market.door.post(f"/v1/listings/{listing.id}/signed", json=market.told(offer)).status_code == 202
    with fair.container.read() as work:
        carried = work.carrying.find(parse_hash(offer["gasless"]["purchase"]))
    assert carried is not None
    assert (carried.person, carried.payer) == (None, fair.address("kim"))
