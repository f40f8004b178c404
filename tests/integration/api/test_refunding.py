"""What a program paid by x402 is paid back by the contract, as the refund of any other purchase is."""

from __future__ import annotations

import pytest

from app import refunding
from contracts.chain import Deployment
from contracts.deployment import add_checkout
from ledger.model import Level
from payments.content.model import PurchaseState
from tests.support.anvil import ETHER, Anvil
from tests.support.counter import Counter
from tests.support.till import PRICE, Till


@pytest.fixture
def fresh_deployment(fresh_anvil: Anvil) -> Deployment:
    """Our contracts, and the one for what is sold."""
    return add_checkout(fresh_anvil.chain, fresh_anvil.signer("deployer"), fresh_anvil.deploy())


def test_what_x402_paid_is_paid_back_by_the_contract(counter: Counter, till: Till) -> None:
    lea = till.anvil.signer("lea")
    listing = counter.put_up(wallet=lea.address)
    paid = counter.paid(listing)
    assert counter.get(listing, paid).status_code == 202
    till.rounds()
    assert counter.get(listing, paid).status_code == 200
    (made,) = counter.sales()
    assert made.level is Level.FINALIZED
    what = refunding.owed(till.container, counter.lea, made.id)
    assert (what.recipient, what.amount) == (till.buyer.address, PRICE)
    assert till.anvil.send(lea, what.asset, what.allowance).succeeded
    assert till.anvil.send(lea, what.checkout, what.refund).succeeded
    assert refunding.on_its_way(till.container, what) is not None
    till.round()
    assert refunding.on_its_way(till.container, what) is None, "what is booked is known"
    (back,) = counter.sales()
    assert back.state is PurchaseState.REFUNDED
    assert till.anvil.tokens_of(till.deployment, till.buyer.address) == 100 * ETHER
    assert counter.get(listing, paid).status_code == 409
