"""Sales by the contract: who paid has it, as long as the chain holds the payment and nobody paid it back."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from sqlalchemy import delete

from app import books, late, reactions
from app.container import Work
from contracts.deployment import write_deployment
from contracts.events import Bought
from kit.identifiers import UserId
from ledger.model import Level
from ledger.tables import ContractReadRow
from payments.content import sales
from payments.content.buying import DELIVERY, TAKEN_BACK
from payments.content.disputes import REFUNDED
from payments.content.model import Buyer, OwedBecause, PurchaseState
from tests.support.fair import PRICE, TEXT, Fair


def test_who_paid_has_it_and_whom_it_was_ordered_for(fair: Fair) -> None:
    listing = fair.put_up()
    with fair.container.work() as work:
        kim = work.people.number(UserId("@kim:example.org"))
        order = work.orders.order(kim, listing.id)
    key = fair.buy(listing, memo=order.memo)
    fair.follow_head()
    made = fair.purchase(key)
    assert made is not None
    assert (made.buyer, made.amount, made.level) == (Buyer(kim, fair.address("kim")), PRICE, Level.SEEN)
    assert fair.opens(listing, Buyer(kim)) == fair.opens(listing, Buyer(wallet=fair.address("kim"))) == TEXT
    assert fair.opens(listing, Buyer(wallet=fair.address("eve"))) is None
    assert fair.owed(DELIVERY) == [made.id]
    alone = fair.buy(listing, "eve")
    fair.follow()
    assert [one.level for one in map(fair.purchase, (key, alone)) if one] == [Level.FINALIZED] * 2
    assert fair.opens(listing, Buyer(wallet=fair.address("eve"))) == TEXT
    assert fair.owed(DELIVERY) == [made.id], "what a wallet bought for nobody here it fetches itself"
    assert fair.anvil.tokens_of(fair.deployment, fair.checkout) == 0
    assert books.verify(fair.container).holds
    again = json.loads(fair.earnest("ledger", "rebuild", "--compare", "--json").stdout)
    assert again["equal"], again


def test_dear_goods_wait_for_the_chain(fair: Fair) -> None:
    listing = fair.put_up(finality=Level.FINALIZED)
    fair.buy(listing)
    fair.follow_head()
    assert fair.opens(listing, Buyer(wallet=fair.address("kim"))) is None
    fair.follow()
    assert fair.opens(listing, Buyer(wallet=fair.address("kim"))) == TEXT


def test_terms_that_no_seller_wrote_buy_nothing(fair: Fair) -> None:
    listing = fair.put_up()
    cheap = replace(fair.terms(listing), price=1)
    to_herself = replace(fair.terms(listing), seller=fair.address("eve"))
    keys = [fair.buy(listing, terms=cheap), fair.buy(listing, terms=to_herself)]
    unknown = replace(fair.terms(listing), listing=keys[0])
    keys.append(fair.buy(listing, terms=unknown))
    fair.follow()
    assert [fair.purchase(key) for key in keys] == [None] * 3
    assert fair.opens(listing, Buyer(wallet=fair.address("kim"))) is None


def test_what_leaves_the_chain_is_taken_back_and_comes_again_with_it(fair: Fair) -> None:
    listing = fair.put_up(stock=1)
    with fair.container.work() as work:
        kim = work.people.number(UserId("@kim:example.org"))
        order = work.orders.order(kim, listing.id)
    key = fair.buy(listing, memo=order.memo)
    fair.follow_head()
    saved = fair.anvil.rpc("anvil_dumpState")
    fair.anvil.reorg(1)
    fair.follow_head()
    taken = fair.purchase(key)
    assert taken is not None
    assert taken.state is PurchaseState.TAKEN_BACK
    assert fair.opens(listing, Buyer(kim)) is None
    assert fair.owed(TAKEN_BACK) == [taken.id]
    with fair.container.read() as work:
        assert work.content.listing(listing.id).left == 1
    fair.anvil.rpc("anvil_loadState", saved)
    fair.anvil.mine()
    fair.follow_head()
    fair.follow()
    assert books.verify(fair.container).holds


def test_sold_out_is_owed_back_and_paid_back(fair: Fair) -> None:
    listing = fair.put_up(stock=1)
    first, second = fair.buy(listing), fair.buy(listing, "eve")
    fair.follow()
    made, late_one = fair.purchase(first), fair.purchase(second)
    assert made is not None
    assert late_one is not None
    assert (made.because, late_one.because) == (None, OwedBecause.SOLD_OUT)
    fair.refund(second, to="eve")
    fair.follow()
    assert [one.state for one in map(fair.purchase, (first, second)) if one] == [
        PurchaseState.PAID,
        PurchaseState.REFUNDED,
    ]


def test_a_sale_that_cannot_be_taken_in_stops_nothing_else(fair: Fair, monkeypatch: pytest.MonkeyPatch) -> None:
    listing = fair.put_up()
    lost = fair.buy(listing)
    fair.open("kim", PRICE)

    def broken(work: Work, event: Bought) -> None:
        """Leave something half done, and fail."""
        work.orders.order(work.people.number(UserId("@half:example.org")), listing.id)
        raise OverflowError(event)

    with monkeypatch.context() as changed:
        changed.setitem(reactions.REACTIONS, Bought, broken)
        fair.follow()
    assert fair.purchase(lost) is None
    with fair.container.read() as work:
        assert work.people.find(UserId("@half:example.org")) is None, "nothing of it stays"
        assert PRICE in work.book.balances().values(), "what came after it was booked"
    assert books.verify(fair.container).holds
    with fair.container.database.write() as session:  # how an operator has it read again, once it can be
        session.execute(delete(ContractReadRow))
    fair.follow()
    fair.follow()
    assert fair.purchase(lost) is not None


def test_a_refund_is_the_sellers_whole_and_to_who_paid(fair: Fair) -> None:
    listing = fair.put_up()
    with fair.container.work() as work:
        kim = work.people.number(UserId("@kim:example.org"))
        order = work.orders.order(kim, listing.id)
    key = fair.buy(listing, memo=order.memo)
    fair.refund(key, amount=PRICE - 1)
    fair.refund(key, to="eve")
    fair.refund(key, by="eve")
    fair.follow()
    assert fair.opens(listing, Buyer(kim)) == TEXT, "in part, to somebody else, or by somebody else is none"
    fair.refund(key)
    fair.follow_head()
    back = fair.purchase(key)
    assert back is not None
    assert back.state is PurchaseState.REFUNDED
    assert fair.opens(listing, Buyer(kim)) is None
    assert fair.owed(REFUNDED) == [back.id]
    fair.anvil.reorg(1)
    fair.follow_head()
    stands = fair.purchase(key)
    assert stands is not None
    assert (stands.state, stands.refund) == (PurchaseState.REFUND_APPROVED, None), "the refund left the chain"
    assert fair.opens(listing, Buyer(kim)) == TEXT


def test_what_is_moved_while_it_is_paid_back_is_paid_back_all_the_same(fair: Fair) -> None:
    listing = fair.put_up()
    with fair.container.work() as work:
        kim = work.people.number(UserId("@kim:example.org"))
        order = work.orders.order(kim, listing.id)
    key = fair.buy(listing, memo=order.memo)
    fair.follow()
    made = fair.purchase(key)
    assert made is not None
    fair.refund(key)
    ours, hers = fair.address("kim"), fair.address("eve")
    with fair.container.work() as work:  # seen on its way to a block, and moved before it is read
        work.content.move(kim, made.id, hers, {ours, hers})
    fair.follow_head()
    back = fair.purchase(key)
    assert back is not None
    assert (back.state, back.payer) == (PurchaseState.REFUNDED, ours)
    assert fair.opens(listing, Buyer(wallet=hers)) is None


def test_sales_from_before_we_knew_of_their_contract_are_read_late(fair: Fair) -> None:
    place, container = fair.deployment, fair.container
    file = container.settings.data / "deployment.json"
    listing = fair.put_up()
    older = replace(place, checkout=None, checkout_block=None)
    write_deployment(file, older)
    anew(fair)
    key = fair.buy(listing)
    fair.follow()
    assert fair.purchase(key) is None
    write_deployment(file, place)
    anew(fair)
    with container.database.write() as session:  # as if it had never been read: it was, before the file lost it
        session.execute(delete(ContractReadRow))
    fair.follow()
    fair.follow()
    made = fair.purchase(key)
    assert made is not None
    assert made.level is Level.FINALIZED
    assert late.read(container)
    assert fair.opens(listing, Buyer(wallet=fair.address("kim"))) == TEXT


def anew(fair: Fair) -> None:
    """Let the container look at its deployment again, as a process that starts does."""
    for known in ("deployment", "deployment_place", "gifts_arrive"):
        fair.container.__dict__.pop(known, None)


def test_more_than_one_transaction_takes_becomes_surer_in_several(fair: Fair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sales, "_AT_ONCE", 2)
    listing = fair.put_up()
    keys = [fair.buy(listing) for _ in range(5)]

    def levels() -> list[Level]:
        found = [fair.purchase(key) for key in keys]
        return [one.level for one in found if one is not None]

    fair.follow_head()
    assert Level.SEEN in levels()
    fair.follow()
    assert levels() == [Level.FINALIZED] * 5
    with fair.container.work() as work:
        assert not work.sales.levels_moved()
