"""Whose a purchase is: a wallet's holder claims it, the holder of both wallets moves it, and it is nobody else's."""

from __future__ import annotations

from pathlib import Path

import pytest

from kit.database import Database
from kit.errors import Conflict, Forbidden, NotFound
from kit.identifiers import Address
from ledger.model import Level
from payments.content import sold
from payments.content.model import Buyer, Listing, Purchase, PurchaseState
from tests.support.stalls import PAYER, WALLET, Stall, key

TEXT = b"A door is a policy."
NEW = Address(bytes([5]) * 20)


@pytest.fixture
def stall(database: Database, tmp_path: Path) -> Stall:
    """A stall at which nothing is sold yet."""
    return Stall(database, tmp_path / "contents")


def bought(stall: Stall, buyer: Buyer, number: int = 1, level: Level = Level.FINALIZED) -> tuple[Listing, Purchase]:
    listing = stall.put_up()
    return listing, stall.pay(listing, number, buyer=buyer, level=level)


def test_what_a_wallet_bought_is_claimed_once_and_the_wallet_keeps_it(stall: Stall) -> None:
    listing, purchase = bought(stall, Buyer(wallet=PAYER))
    with stall.work() as content:
        assert content.claim(stall.kim, NEW) == 0
        assert (content.claim(stall.kim, PAYER), content.claim(stall.lea, PAYER)) == (1, 0)
        assert content.purchase_of(Buyer(person=stall.kim), purchase.id).id == purchase.id
        with pytest.raises(NotFound):
            content.purchase_of(Buyer(person=stall.lea), purchase.id)
    assert stall.read(Buyer(person=stall.kim), listing) == stall.read(Buyer(wallet=PAYER), listing) == TEXT


def test_what_a_friend_paid_for_somebody_is_not_the_friends_to_claim(stall: Stall) -> None:
    bought(stall, Buyer(person=stall.kim, wallet=PAYER))
    with stall.work() as content:
        assert content.claim(stall.lea, PAYER) == 0


def test_more_than_a_transaction_should_change_is_claimed_in_several(
    stall: Stall, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sold, "CLAIMED_AT_ONCE", 2)
    listing = stall.put_up()
    for number in (1, 2, 3):
        stall.pay(listing, number, buyer=Buyer(wallet=PAYER))
    with stall.work() as content:
        assert [content.claim(stall.kim, PAYER) for _ in range(3)] == [2, 1, 0]


def test_a_purchase_moves_where_both_wallets_agree(stall: Stall) -> None:
    listing, purchase = bought(stall, Buyer(person=stall.kim, wallet=PAYER))
    for agreed in (set(), {PAYER}, {NEW}):
        with pytest.raises(Forbidden), stall.work() as content:
            content.move(stall.kim, purchase.id, NEW, agreed)
    with pytest.raises(NotFound), stall.work() as content:
        content.move(stall.lea, purchase.id, NEW, {PAYER, NEW})
    with stall.work() as content:
        content.move(stall.kim, purchase.id, NEW, {PAYER, NEW})
    assert stall.read(Buyer(wallet=PAYER), listing) is None
    assert stall.read(Buyer(wallet=NEW), listing) == stall.read(Buyer(person=stall.kim), listing) == TEXT


def test_what_is_not_final_or_opens_nothing_does_not_move(stall: Stall) -> None:
    _, purchase = bought(stall, Buyer(person=stall.kim), level=Level.SAFE)
    with pytest.raises(Conflict, match="final"), stall.work() as content:
        content.move(stall.kim, purchase.id, NEW, {NEW})
    with stall.work() as content:
        content.level(key(1), Level.FINALIZED)
        content.ask_refund(Buyer(person=stall.kim), purchase.id)
    with pytest.raises(Conflict, match="asked for"), stall.work() as content:
        content.hand_over(stall.kim, purchase.id, stall.lea, set())


def test_what_is_handed_over_is_altogether_the_others(stall: Stall) -> None:
    listing, purchase = bought(stall, Buyer(person=stall.kim, wallet=PAYER))
    with pytest.raises(Forbidden), stall.work() as content:
        content.hand_over(stall.kim, purchase.id, stall.lea, {NEW})
    with stall.work() as content:
        content.complain(Buyer(person=stall.kim), purchase.id, "It is short.")
        content.hand_over(stall.kim, purchase.id, stall.lea, {PAYER})
        with pytest.raises(NotFound):
            content.hand_over(stall.kim, purchase.id, stall.kim, {PAYER})
        assert content.claim(stall.kim, PAYER) == 0
    for gone in (Buyer(person=stall.kim), Buyer(wallet=PAYER)):
        assert stall.read(gone, listing) is None
    assert stall.read(Buyer(person=stall.lea), listing) == TEXT
    assert stall.stands(listing).complaints == 0


def test_a_refund_that_was_declined_ends_nothing_and_may_be_approved_yet(stall: Stall) -> None:
    listing, purchase = bought(stall, Buyer(wallet=WALLET))
    buyer = Buyer(wallet=WALLET)
    with pytest.raises(Conflict), stall.work() as content:
        content.decline_refund(stall.lea, purchase.id)
    with stall.work() as content:
        content.ask_refund(buyer, purchase.id)
        with pytest.raises(NotFound):
            content.decline_refund(stall.kim, purchase.id)
        assert content.decline_refund(stall.lea, purchase.id).state is PurchaseState.REFUND_DECLINED
        with pytest.raises(Conflict):
            content.ask_refund(buyer, purchase.id)
    assert stall.read(buyer, listing) == TEXT
    with stall.work() as content:
        assert content.approve_refund(stall.lea, purchase.id).state is PurchaseState.REFUND_APPROVED
