"""What people buy of themselves counts for nothing: not as sold, not as a complaint, however late it is found out."""

from __future__ import annotations

import pytest

from kit.errors import Conflict
from kit.identifiers import Address
from payments.content.model import Buyer, Listing
from tests.support.shopping import KIM, LEA, Shopping, shopping, wallet_of
from tests.support.stalls import PAYER, WALLET

__all__ = ["shopping"]

SECRET, OTHER = b"\x21" * 32, b"\x22" * 32


def counts(shop: Shopping, one: Listing) -> tuple[int, int]:
    with shop.container.read() as work:
        found = work.content.listing(one.id)
    return found.sold, found.complaints


def test_what_turns_out_to_be_the_sellers_own_wallet_counts_no_more(shopping: Shopping) -> None:
    one, wallet = shopping.put_up(), wallet_of(SECRET)
    mine = shopping.pay(one, 1, buyer=Buyer(wallet=wallet))
    theirs = shopping.pay(one, 2, buyer=Buyer(wallet=PAYER))
    shopping.pay(one, 3, buyer=Buyer(wallet=wallet), amount=1)
    with shopping.container.work() as work:
        work.content.complain(Buyer(wallet=wallet), mine.id, "Bad.")
        work.content.complain(Buyer(wallet=PAYER), theirs.id, "Bad, too.")
    assert counts(shopping, one) == (2, 2)
    shopping.link(KIM, OTHER)
    assert counts(shopping, one) == (2, 2), "somebody else's wallet changes nothing"
    shopping.link(LEA, SECRET)
    assert counts(shopping, one) == (1, 1)
    with shopping.container.work() as work:
        found = [work.content.found(purchase.id) for purchase in (mine, theirs)]
        assert [purchase.wash for purchase in found if purchase is not None] == [True, False]
        with pytest.raises(Conflict):
            work.content.complain(Buyer(wallet=wallet), mine.id, "Bad.")
        work.content.took_back(mine.key)
    assert counts(shopping, one) == (1, 1), "and it is not counted down twice"


@pytest.mark.parametrize("payee", [wallet_of(OTHER), WALLET])
def test_another_wallet_of_somebody_who_is_paid_is_theirs(shopping: Shopping, payee: Address) -> None:
    payees = {WALLET: 5_000, payee: 5_000} if payee != WALLET else {}
    one = shopping.put_up(payees=payees)
    shopping.link(KIM, OTHER)
    shopping.link(KIM, SECRET)
    bought = shopping.pay(one, 1, buyer=Buyer(wallet=wallet_of(SECRET)))
    assert bought.wash is (payee != WALLET)
    assert counts(shopping, one)[0] == (0 if bought.wash else 1)
