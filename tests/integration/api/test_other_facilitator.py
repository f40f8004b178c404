"""Another facilitator, of whom nothing is believed: whatever it does, a payment is made once and buys once."""

from __future__ import annotations

import json
import time
from base64 import b64decode

import pytest

from app import buying
from ledger.model import Level
from payments.content.model import Listing, PurchaseState
from tests.support.anvil import ETHER
from tests.support.counter import TEXT, Counter, unpacked
from tests.support.other_facilitator import (
    Answering,
    OtherFacilitator,
    honest,
    lied,
    never,
    nonsense,
    other_facilitator,
    settled_endlessly,
    settled_then_402,
    settled_then_502,
    settled_then_silent,
)
from tests.support.till import PRICE, Till, cancellation


@pytest.fixture(autouse=True)
def _on_this_machine(till: Till) -> None:
    """Let the service ask what is of this machine; it answers within the wait, and has no budget of its own."""
    settings = till.container.settings
    settings.private_networks, settings.facilitator_budget = "127.0.0.0/8", "0"
    till.container.__dict__.pop("fetcher", None)
    till.container.__dict__.pop("relay_limits", None)


def sends(till: Till, other: OtherFacilitator, counter: Counter, listing: Listing, paid: str) -> int:
    """Send a payment in, and wait until the other facilitator was asked, and has sent what it sends."""
    asked = len(other.asked)
    status = counter.get(listing, paid).status_code
    while len(other.asked) == asked and not till.sold():
        time.sleep(0.01)
    till.anvil.rest()
    return status


def waits_until_sent(other: OtherFacilitator) -> None:
    """Wait until it has sent a transaction."""
    while not other.transactions:
        time.sleep(0.01)
    other.till.anvil.rest()


@pytest.mark.parametrize(
    "answering", [honest, settled_then_silent, settled_then_502, settled_then_402, settled_endlessly]
)
def test_however_it_answers_what_it_settled_is_delivered_once(
    counter: Counter, till: Till, answering: Answering
) -> None:
    listing = counter.put_up()
    with other_facilitator(till, answering) as other:
        paid = counter.paid(listing)
        assert counter.get(listing, paid).status_code in (200, 202)
        waits_until_sent(other)
        for _ in range(3):
            answer = counter.get(listing, paid)
            assert (answer.status_code, answer.content) == (200, TEXT)
            told = unpacked(answer, "payment-response")
            assert (told["success"], told["transaction"]) == (True, other.transactions[0])
        till.rounds()
        for _ in range(3):
            buying.follow_handed(till.container)
        assert (len(other.asked), len(other.transactions)) == (1, 1)
    (sale,) = counter.sales()
    assert (sale.state, sale.level, till.sold(), till.sent()) == (PurchaseState.PAID, Level.FINALIZED, PRICE, 0)
    assert counter.get(listing, paid).content == TEXT
    with till.container.read() as work:
        assert work.settlements.handed() == []


def test_it_is_told_what_was_signed_and_neither_what_for_nor_the_claim(counter: Counter, till: Till) -> None:
    listing = counter.put_up()
    with other_facilitator(till, honest) as other:
        paid = counter.paid(listing)
        counter.get(listing, paid)
        waits_until_sent(other)
    (asked,) = other.asked
    claim = json.loads(b64decode(paid))["accepted"]["extra"]["claim"]
    assert claim not in json.dumps(asked)
    assert listing.id not in json.dumps(asked)
    assert asked["path"] == "/x402/settle"
    assert asked["paymentPayload"]["accepted"] == asked["paymentRequirements"] == till.demand()


def test_its_lie_opens_nothing_and_the_payment_is_not_lost(counter: Counter, till: Till) -> None:
    listing = counter.put_up()
    with other_facilitator(till, lied) as other:
        paid = counter.paid(listing)
        assert sends(till, other, counter, listing, paid) == 202
        for _ in range(2):
            answer = counter.get(listing, paid)
            assert (answer.status_code, unpacked(answer, "payment-response")["errorReason"]) == (
                202,
                "settlement_pending",
            )
        assert (counter.sales(), till.sold(), len(other.asked)) == ([], 0, 1)
        other.answering = honest
        till.anvil.travel(30)
        buying.follow_handed(till.container)
        assert (len(other.asked), till.sold()) == (2, PRICE)
        assert counter.get(listing, paid).content == TEXT
        till.anvil.travel(30)
        buying.follow_handed(till.container)
        assert (len(other.asked), till.sold()) == (2, PRICE)


@pytest.mark.parametrize("answering", [never, nonsense])
def test_what_it_never_settles_ends_with_the_signature_and_costs_nobody_anything(
    counter: Counter, till: Till, answering: Answering
) -> None:
    listing = counter.put_up()
    with other_facilitator(till, answering) as other:
        paid = counter.paid(listing)
        assert sends(till, other, counter, listing, paid) == 202
        till.anvil.travel(301)
        buying.follow_handed(till.container)
        assert counter.get(listing, paid).status_code == 202, "it may be in a block of before, as long as none is final"
        till.rounds(70)
        for _ in range(2):
            buying.follow_handed(till.container)
        ended = counter.get(listing, paid)
        assert (ended.status_code, unpacked(ended, "payment-response")["success"]) == (402, False)
    assert (till.sold(), counter.sales()) == (0, [])
    with till.container.read() as work:
        assert work.settlements.handed() == []


def test_a_reorg_takes_access_back_and_it_is_handed_over_again(counter: Counter, till: Till) -> None:
    listing = counter.put_up(stock=1)
    with other_facilitator(till, honest) as other:
        paid = counter.paid(listing)
        counter.get(listing, paid)
        waits_until_sent(other)
        assert counter.get(listing, paid).content == TEXT
        till.anvil.reorg(1)
        till.round()
        assert till.sold() == 0
        buying.follow_handed(till.container)
        assert counter.sales()[0].state is PurchaseState.TAKEN_BACK
        assert counter.get(listing, paid).status_code == 202
        till.anvil.travel(30)
        buying.follow_handed(till.container)
        assert (len(other.asked), till.sold()) == (2, PRICE)
        assert counter.get(listing, paid).content == TEXT


def test_it_is_paid_whoever_carried_it_there(counter: Counter, till: Till) -> None:
    listing = counter.put_up()
    with other_facilitator(till, never) as other:
        paid = counter.paid(listing)
        sends(till, other, counter, listing, paid)
        other.settle({"paymentPayload": other.asked[0]["paymentPayload"]})
        assert counter.get(listing, paid).content == TEXT


def test_a_wallet_promises_no_more_than_it_has_and_so_many_a_day(counter: Counter, till: Till) -> None:
    listing = counter.put_up()
    poor = till.pauper("poor", tokens=2 * PRICE - 1)
    till.container.settings.facilitator_per_day = 2
    with other_facilitator(till, never):
        for wallet, statuses in ((poor, (202, 402)), (till.buyer, (202, 202, 402))):
            for status in statuses:
                paid = counter.paid(listing, signed=till.signed(payer=wallet.address), wallet=wallet)
                assert counter.get(listing, paid).status_code == status


def test_a_private_address_is_not_asked_unless_the_operator_says_so(counter: Counter, till: Till) -> None:
    till.container.settings.private_networks = ""
    till.container.__dict__.pop("fetcher", None)
    listing = counter.put_up()
    with other_facilitator(till, honest) as other:
        assert counter.get(listing, counter.paid(listing)).status_code == 202
        till.anvil.travel(30)
        buying.follow_handed(till.container)
        assert (other.asked, till.sold()) == ([], 0)


def test_what_the_payer_takes_back_meanwhile_buys_nothing(counter: Counter, till: Till) -> None:
    listing = counter.put_up()
    with other_facilitator(till, never) as other:
        signed = till.signed()
        paid = counter.paid(listing, signed=signed)
        assert sends(till, other, counter, listing, paid) == 202
        till.anvil.set_balance(till.buyer.address, ETHER)
        place = till.deployment
        data = cancellation(till.buyer, signed.nonce, chain_id=place.chain_id, token=place.token)
        assert till.anvil.send(till.buyer, place.token, data).succeeded
        buying.follow_handed(till.container)
        assert counter.get(listing, paid).status_code == 202, "until that is final"
        till.rounds(70)
        for _ in range(2):
            buying.follow_handed(till.container)
        assert counter.get(listing, paid).status_code == 402
    assert (till.sold(), counter.sales()) == (0, [])
    with till.container.read() as work:
        assert work.settlements.handed() == []
