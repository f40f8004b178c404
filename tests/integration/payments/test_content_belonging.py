"""Whose a purchase is: a wallet's holder claims it, the holder of both wallets moves it, and it is nobody else's."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from kit.database import Database
from kit.errors import Conflict, Forbidden, NotFound
from kit.identifiers import Address, PersonId
from ledger.model import Level
from payments.content.model import Buyer, Listing, Purchase, PurchaseState
from payments.content.service import Content
from tests.support.stalls import PAYER, SEAL, WALLET, Stall, key

TEXT = b"A door is a policy."
NEW = Address(bytes([5]) * 20)


class LinkedStall(Stall):
    """A stall at which a test says who has linked which wallets."""

    def __init__(self, database: Database, folder: Path) -> None:
        super().__init__(database, folder)
        self.linked: dict[PersonId, list[Address]] = {}

    def content(self, session: Session) -> Content:
        return Content(session, self.now, seal=lambda: SEAL, wallets=lambda who: self.linked.get(who, []))


@pytest.fixture
def stall(database: Database, tmp_path: Path) -> LinkedStall:
    """A stall at which nothing is sold yet, and no wallet linked."""
    return LinkedStall(database, tmp_path / "contents")


def bought(
    stall: LinkedStall, buyer: Buyer, number: int = 1, level: Level = Level.FINALIZED
) -> tuple[Listing, Purchase]:
    listing = stall.put_up()
    return listing, stall.pay(listing, number, buyer=buyer, level=level)


def test_what_a_wallet_bought_is_claimed_by_who_linked_it_and_by_nobody_else(stall: LinkedStall) -> None:
    listing, purchase = bought(stall, Buyer(wallet=PAYER))
    for linked in ([], [NEW]):
        stall.linked[stall.kim] = linked
        with pytest.raises(Forbidden), stall.work() as content:
            content.claim(stall.kim, PAYER)
    stall.linked[stall.kim] = [PAYER]
    with stall.work() as content:
        assert (content.claim(stall.kim, PAYER), content.claim(stall.kim, PAYER)) == (1, 0)
        assert content.purchase_of(Buyer(person=stall.kim), purchase.id).id == purchase.id
        with pytest.raises(NotFound):
            content.purchase_of(Buyer(person=stall.lea), purchase.id)
    assert stall.read(Buyer(person=stall.kim), listing) == stall.read(Buyer(wallet=PAYER), listing) == TEXT


def test_what_a_friend_paid_for_somebody_is_not_the_friends_to_claim(stall: LinkedStall) -> None:
    bought(stall, Buyer(person=stall.kim, wallet=PAYER))
    stall.linked[stall.lea] = [PAYER]
    with stall.work() as content:
        assert content.claim(stall.lea, PAYER) == 0


def test_a_purchase_moves_where_both_wallets_are_ones_own(stall: LinkedStall) -> None:
    listing, purchase = bought(stall, Buyer(person=stall.kim, wallet=PAYER))
    for linked in ([], [PAYER], [NEW]):
        stall.linked[stall.kim] = linked
        with pytest.raises(Forbidden), stall.work() as content:
            content.move(stall.kim, purchase.id, NEW)
    stall.linked[stall.kim] = [PAYER, NEW]
    with pytest.raises(NotFound), stall.work() as content:
        content.move(stall.lea, purchase.id, NEW)
    with stall.work() as content:
        content.move(stall.kim, purchase.id, NEW)
    assert stall.read(Buyer(wallet=PAYER), listing) is None
    assert stall.read(Buyer(wallet=NEW), listing) == stall.read(Buyer(person=stall.kim), listing) == TEXT


def test_what_is_not_final_or_opens_nothing_does_not_move(stall: LinkedStall) -> None:
    _, purchase = bought(stall, Buyer(person=stall.kim), level=Level.SAFE)
    stall.linked[stall.kim] = [NEW]
    with pytest.raises(Conflict, match="final"), stall.work() as content:
        content.move(stall.kim, purchase.id, NEW)
    with stall.work() as content:
        content.level(key(1), Level.FINALIZED)
        content.ask_refund(Buyer(person=stall.kim), purchase.id)
    with pytest.raises(Conflict, match="asked for"), stall.work() as content:
        content.hand_over(stall.kim, purchase.id, stall.lea)


def test_what_is_handed_over_is_altogether_the_others(stall: LinkedStall) -> None:
    listing, purchase = bought(stall, Buyer(person=stall.kim, wallet=PAYER))
    stall.linked[stall.kim] = [PAYER]
    with stall.work() as content:
        content.complain(Buyer(person=stall.kim), purchase.id, "It is short.")
        content.hand_over(stall.kim, purchase.id, stall.lea)
        with pytest.raises(NotFound):
            content.hand_over(stall.kim, purchase.id, stall.kim)
        assert content.claim(stall.kim, PAYER) == 0
    for gone in (Buyer(person=stall.kim), Buyer(wallet=PAYER)):
        assert stall.read(gone, listing) is None
    assert stall.read(Buyer(person=stall.lea), listing) == TEXT
    assert stall.stands(listing).complaints == 0


def test_a_refund_that_was_declined_ends_nothing_and_may_be_approved_yet(stall: LinkedStall) -> None:
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
