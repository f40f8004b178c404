"""Tips without ether over HTTP, on the real contract: what is signed is carried once, and for a tip or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from eth_account import Account
from eth_utils.crypto import keccak

from app import carrying_orders, gasless
from kit.identifiers import Address, parse_hash, show_address, show_hash
from payments.tips.model import Link, TipState
from tests.support.anvil import ETHER
from tests.support.services import Door, http_door
from tests.support.shopping import problem
from tests.support.tipped import Tipped


class Signing:
    """A wallet without ether, and a link at the door."""

    def __init__(self, tipped: Tipped, door: Door) -> None:
        """Stand at ``door``."""
        self.tipped, self.door = tipped, door
        tipped.fair.anvil.set_balance(tipped.fair.address("kim"), 0)

    def told(self, link: Link, signer: str = "kim", **more: Any) -> tuple[dict[str, Any], str]:  # noqa: ANN401 - JSON
        """What is handed in once somebody signed a tip of @kim's, and the purchase's id."""
        asked = {"payer": show_address(self.tipped.fair.address("kim")), "amount": str(5 * ETHER), **more}
        answer = self.door.post(f"/v1/tips/{link.token}/terms", json=asked)
        assert answer.status_code == 200, answer.text
        offer = answer.json()["gasless"]
        assert (offer["available"], offer["why_not"]) == (True, None)
        made = Account.sign_typed_data(keccak(text=f"a key of {signer}"), full_message=offer["authorization"])
        order = offer["order"]
        signed = {
            "valid_before": order["valid_before"],
            "salt": order["salt"],
            "signature": "0x" + made.signature.hex().removeprefix("0x"),
        }
        return asked | signed, offer["purchase"]

    def post(self, link: Link, told: dict[str, Any]) -> Any:  # noqa: ANN401 - an answer
        """Hand it in."""
        return self.door.post(f"/v1/tips/{link.token}/signed", json=told)

    def carried(self, purchase: str) -> tuple[str, str | None]:
        """Where it stands, and why it failed."""
        shown = self.door.get(f"/v1/purchases/{purchase}/carried").json()
        return shown["state"], shown["code"]

    def held(self, name: str) -> int:
        """What somebody has."""
        return self.tipped.fair.anvil.tokens_of(self.tipped.fair.deployment, self.tipped.fair.address(name))


@pytest.fixture
def signing(tipped: Tipped) -> Iterator[Signing]:
    """It, on a database of each kind."""
    with http_door(tipped.container) as door:
        yield Signing(tipped, door)


def test_a_tip_is_carried_once_for_its_fee_and_is_a_tip_like_any_other(signing: Signing) -> None:
    tipped, link = signing.tipped, signing.tipped.link()
    told, purchase = signing.told(link, note="thank you", anonymous=True)
    kim, lea, fee = signing.held("kim"), signing.held("lea"), tipped.container.terms.relay_fee.base_units
    for _ in range(2):
        answer = signing.post(link, told)
        assert (answer.status_code, answer.json()["purchase"]) == (202, purchase), answer.text
    assert signing.carried(purchase) == ("queued", None)
    for _ in range(3):
        tipped.fair.follow()
    assert (signing.held("lea") - lea, kim - signing.held("kim")) == (5 * ETHER, 5 * ETHER + fee)
    assert tipped.fair.anvil.chain.balance(tipped.fair.address("kim")) == 0
    assert signing.door.get(f"/v1/tips/{link.token}").json() == {"state": "paid", "level": "finalized", "takes": []}
    tip = tipped.tip(parse_hash(purchase))
    assert tip is not None
    assert (tip.amount, tip.note, tip.anonymous, tip.state) == (5 * ETHER, "thank you", True, TipState.PAID)
    assert signing.carried(purchase) == ("bought", None)
    again = signing.post(link, told)
    assert (again.status_code, again.json()["state"]) == (202, "bought")
    for _ in range(2):
        tipped.fair.follow()
    assert kim - signing.held("kim") == 5 * ETHER + fee


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"payer": show_address(Address(b"\x66" * 20))}, (403, "signature_not_buyers")),
        ({"salt": "0x" + "66" * 32}, (403, "signature_not_buyers")),
        ({"amount": str(6 * ETHER)}, (404, "tip_terms_unknown")),
        ({"note": "other words"}, (404, "tip_terms_unknown")),
        ({"public": True}, (404, "tip_terms_unknown")),
    ],
)
def test_what_is_carried_is_what_was_signed(
    signing: Signing, change: dict[str, Any], expected: tuple[int, str]
) -> None:
    link = signing.tipped.link()
    told, _ = signing.told(link)
    assert problem(signing.post(link, told | change)) == expected


def test_another_ones_signature_and_other_terms_of_the_same_link_are_refused(signing: Signing) -> None:
    link, other = signing.tipped.link(), signing.tipped.link()
    theirs, _ = signing.told(link, "eve")
    assert problem(signing.post(link, theirs)) == (403, "signature_not_buyers")
    mine, _ = signing.told(link)
    signing.told(link, amount=str(6 * ETHER))
    assert problem(signing.post(link, mine | {"amount": str(6 * ETHER)})) == (403, "signature_not_buyers")
    signing.told(other)
    assert problem(signing.post(other, mine)) == (403, "signature_not_buyers")


def test_two_signatures_for_one_link_pay_once(signing: Signing) -> None:
    link = signing.tipped.link()
    one, two = signing.told(link)[0], signing.told(link)[0]
    assert signing.post(link, one).status_code == 202
    assert problem(signing.post(link, two)) == (409, "tip_under_way")
    for _ in range(3):
        signing.tipped.fair.follow()
    assert problem(signing.post(link, two)) == (409, "tip_used")


@pytest.mark.parametrize("how", ["off", "paid"])
def test_nobody_pays_for_what_is_no_tip_any_more_when_it_would_be_sent(signing: Signing, how: str) -> None:
    tipped, link = signing.tipped, signing.tipped.link()
    told, purchase = signing.told(link)
    assert signing.post(link, told).status_code == 202
    kim = signing.held("kim")
    if how == "off":
        with tipped.container.work() as work:
            work.tip_links.off(tipped.lea)
    else:
        eve = tipped.due(link, payer="eve")
        tipped.send(eve.terms, eve.order, "eve")
    for _ in range(3):
        tipped.fair.follow()
    gasless.settle(tipped.container)
    assert signing.carried(purchase) == ("failed", "quote_gone")
    assert signing.held("kim") == kim


def test_a_wallet_does_not_tip_itself(signing: Signing) -> None:
    tipped, link = signing.tipped, signing.tipped.link()
    due, lea = tipped.due(link), tipped.fair.address("lea")
    asked = carrying_orders.unsigned(tipped.container, due.terms, replace(due.order, buyer=lea))
    signature = tipped.fair.anvil.signer("lea").sign_digest(asked.asks.digest)
    wish = {"amount": str(link.wish.amount), "note": link.wish.note, "public": link.wish.public}
    signed = {"valid_before": due.order.valid_before, "salt": show_hash(due.order.salt)}
    told = {"payer": show_address(lea), **wish, **signed, "signature": "0x" + signature.hex()}
    assert problem(signing.post(link, told)) == (409, "payer_is_paid")
