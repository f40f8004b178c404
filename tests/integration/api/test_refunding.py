"""What a program paid by x402 is paid back by the contract, as the refund of any other purchase is."""

from __future__ import annotations

import pytest

from app import refunding, selling, tokens
from contracts.chain import Deployment
from contracts.deployment import add_checkout
from contracts.typed_data import Domain
from kit.identifiers import show_address
from ledger.model import Level, erc20
from payments.content.model import PurchaseState
from tests.support.anvil import ETHER, Anvil
from tests.support.counter import Counter, packed
from tests.support.till import PRICE, Till
from tests.support.tokens import dollar_token, give, held


@pytest.fixture
def fresh_deployment(fresh_anvil: Anvil) -> Deployment:
    """Our contracts, and the one for what is sold."""
    return add_checkout(fresh_anvil.chain, fresh_anvil.signer("deployer"), fresh_anvil.deploy())


def test_what_x402_paid_in_another_token_is_paid_back_in_that(counter: Counter, till: Till) -> None:
    lea, usdx = till.anvil.signer("lea"), dollar_token(till.anvil)
    give(till.anvil, usdx, till.buyer.address, 250)
    till.container.settings.sales_tokens = show_address(usdx)
    tokens.learn(till.container)
    listing = counter.put_up(wallet=lea.address, prices={erc20(till.deployment.chain_id, usdx): 250})
    (asked,) = counter.asked(listing)["accepts"]
    signed, domain = till.signed(amount=250, recipient=lea.address), Domain("Some Dollar", "2")
    paid = packed(till.body(signed, asked, token=usdx, domain=domain)["paymentPayload"])
    assert counter.get(listing, paid).status_code == 202
    till.rounds()
    assert (counter.get(listing, paid).status_code, held(till.anvil, usdx, lea.address)) == (200, 250)
    (made,) = counter.sales()
    with till.container.read() as work:
        rows = "".join(selling.statement_csv(work.content.statement(counter.lea, None, None), work.tokens.name))
    assert ",USDX,0.00025," in rows, rows
    what = refunding.owed(till.container, counter.lea, made.id)
    assert (what.recipient, what.amount, what.asset) == (till.buyer.address, 250, usdx)
    assert till.anvil.send(lea, what.asset, what.allowance).succeeded
    assert till.anvil.send(lea, what.checkout, what.refund).succeeded
    till.round()
    (back,) = counter.sales()
    assert (back.state, held(till.anvil, usdx, till.buyer.address)) == (PurchaseState.REFUNDED, 250)
    assert counter.get(listing, paid).status_code == 409


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
