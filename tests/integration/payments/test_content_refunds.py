"""Refunds as they come: of one period among several, before their sale is known, and of sales found by a hash alone."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import delete, update

from contracts.checkout import terms_hash
from contracts.events import BlockRef, Bought, Position, Refunded
from kit.clock import unix
from kit.database import Database
from kit.identifiers import Address, Hash32
from ledger.book import Book
from ledger.store import holders
from payments.content import waiting
from payments.content.model import Kind, Listing, PurchaseState
from payments.content.onchain import listing_hash, sale_terms
from payments.content.orders import Orders
from payments.content.sales import Sales
from payments.content.side_tables import SaleTermsRow, WaitingRefundRow
from payments.content.tables import VersionRow
from payments.content.waiting import WaitingRefunds
from tests.support.stalls import ERN, PAYER, WALLET, Stall, key, offer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

TOKEN, CHECKOUT, CHAIN = Address(bytes([7]) * 20), Address(bytes([99]) * 20), 31337
WEEK, DAY = timedelta(days=7), timedelta(days=1)


@pytest.fixture
def stall(database: Database, tmp_path: Path) -> Stall:
    """A stall at which nothing is sold yet."""
    return Stall(database, tmp_path / "contents")


@pytest.fixture
def admission(stall: Stall) -> Listing:
    """Admission for a week."""
    with stall.work() as content:
        put_up = offer(kind=Kind.ADMISSION, reference="!room:earnest.example", admitted=WEEK)
        listing = content.list_(stall.lea, put_up, allowed=[ERN])
        (place,) = content.admissions.of(stall.lea)
        content.admissions.checked(place, None)
    return listing


def ends(stall: Stall, *numbers: int) -> list[datetime | None]:
    with stall.work() as content:
        found = [content.purchase(key(number)) for number in numbers]
    return [None if one is None else one.access_until for one in found]


def block(number: int, at: datetime) -> BlockRef:
    return BlockRef(CHAIN, number, key(1_000 + number), key(999 + number), unix(at))


@contextmanager
def chain(stall: Stall) -> Iterator[Sales]:
    """The chain as a rail, in one transaction."""
    with stall.database.write() as session:
        book = Book(session, chain_id=CHAIN, token=TOKEN, escrow=CHECKOUT)
        refunds = WaitingRefunds(session, stall.now)
        yield Sales(stall.content(session), Orders(session, stall.now), book, refunds, lambda *_: False)


def bought(stall: Stall, listing: Listing, number: int = 1, **changes: Hash32) -> Bought:
    terms = sale_terms(listing.id, listing.version, TOKEN, chain_id=CHAIN, checkout=CHECKOUT)
    at = Position(block(number, stall.now), 0, key(2_000 + number))
    told = {"listing": listing_hash(listing.id), "terms": terms_hash(terms)} | changes
    return Bought(at, CHECKOUT, key(number), PAYER, WALLET, TOKEN, 5, memo=Hash32(bytes(32)), **told)


def refund(stall: Stall, number: int = 1, *, in_: int = 9, amount: int = 5, sender: Address = WALLET) -> Refunded:
    at = Position(block(in_, stall.now), 0, key(3_000 + number))
    return Refunded(at, CHECKOUT, key(number), sender, PAYER, TOKEN, amount)


def held(sales: Sales) -> int:
    """How many refunds wait."""
    return sales.content._session.query(WaitingRefundRow).count()


def test_a_refund_of_one_period_lets_the_later_ones_begin_earlier_and_a_reorg_puts_them_back(
    stall: Stall, admission: Listing
) -> None:
    start = stall.now
    for number in (1, 2, 3):
        stall.pay(admission, number)
    assert ends(stall, 1, 2, 3) == [start + WEEK, start + 2 * WEEK, start + 3 * WEEK]
    stall.pass_by(2 * DAY)
    in_block = key(77)
    with stall.work() as content:
        content.refunded(key(1), key(50), in_block, at=stall.now)
    assert ends(stall, 2, 3) == [stall.now + WEEK, stall.now + 2 * WEEK], "two days of the first were used up"
    with stall.work() as content:
        content.refunds_left(in_block)
    assert ends(stall, 1, 2, 3) == [start + WEEK, start + 2 * WEEK, start + 3 * WEEK]
    with stall.work() as content:
        content.refunded(key(2), key(51), at=stall.now)
    assert ends(stall, 1, 3) == [start + WEEK, start + 2 * WEEK], "the second had not begun"


def test_a_refund_of_what_is_over_or_stands_alone_moves_nothing(stall: Stall, admission: Listing) -> None:
    start = stall.now
    stall.pay(admission, 1)
    stall.pass_by(6 * DAY)
    stall.pay(admission, 2)
    stall.pass_by(3 * DAY)
    with stall.work() as content:
        content.refunded(key(1), key(50), at=stall.now)
    assert ends(stall, 2) == [start + 2 * WEEK], "the first was used up whole"
    stall.pass_by(2 * WEEK)
    later = stall.now
    stall.pay(admission, 3)
    with stall.work() as content:
        content.refunded(key(2), key(51), at=start + 8 * DAY)
    assert ends(stall, 3) == [later + WEEK], "it does not follow on the second"


def test_a_payment_that_left_the_chain_gives_its_time_back(stall: Stall, admission: Listing) -> None:
    start = stall.now
    stall.pay(admission, 1)
    stall.pass_by(DAY)
    stall.pay(admission, 2)
    with stall.work() as content:
        content.took_back(key(1))
    assert ends(stall, 2) == [start + DAY + WEEK]
    assert stall.pay(admission, 1, at=start).access_until == start + DAY + 2 * WEEK


def test_a_refund_that_is_read_before_its_sale_waits_for_it(stall: Stall) -> None:
    listing = stall.put_up()
    with chain(stall) as sales:
        sales.told(refund(stall, sender=PAYER))  # anybody can have one told
        sales.told(refund(stall, amount=4))
        sales.told(refund(stall))
    with chain(stall) as sales:
        sales.told(bought(stall, listing))
        found = sales.content.purchase(key(1))
        assert sales.waiting.of(key(1), ERN, PAYER, {WALLET}) == []
    assert found is not None
    assert (found.state, found.refund_block) == (PurchaseState.REFUNDED, block(9, stall.now).hash)


def test_a_waiting_refund_goes_with_its_block_and_after_its_time_and_there_are_so_many(
    stall: Stall, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "MOST", 2)
    listing = stall.put_up()
    with chain(stall) as sales:
        sales.told(refund(stall, 1, in_=8))
        sales.left(block(8, stall.now))
        sales.told(bought(stall, listing, 1))
        found = sales.content.purchase(key(1))
        assert found is not None
        assert found.state is PurchaseState.PAID
        for number in (2, 3, 4):
            sales.told(refund(stall, number))
        assert [len(sales.waiting.of(key(number), ERN, PAYER, {WALLET})) for number in (2, 3, 4)] == [1, 1, 0]
    stall.pass_by(waiting.KEPT_FOR + DAY)
    with chain(stall) as sales:
        assert sales.waiting.prune(limit=10) == 2


def test_a_flood_of_strangers_refunds_keeps_no_sellers_out(stall: Stall, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "MOST", 5)
    monkeypatch.setattr(waiting, "MOST_OF_A_SELLER", 3)
    listing = stall.put_up()
    leas, kims = Address(bytes([11]) * 20), Address(bytes([12]) * 20)
    with stall.database.write() as session:
        for person, linked in ((stall.lea, WALLET), (stall.lea, leas), (stall.kim, kims)):
            holders.link(session, person, linked, is_primary=linked != leas, now=stall.now)
    with chain(stall) as sales:
        for number in range(20):
            sales.told(refund(stall, 10 + number, sender=Address(bytes([number + 100]) * 20)))
        sales.told(refund(stall, 40, sender=kims))
        assert held(sales) == 5, "a wallet that is linked, of whoever sells nothing, is a stranger's"
        for number in range(1, 6):
            sales.told(refund(stall, number, sender=WALLET if number % 2 else leas))
        assert held(sales) == 8, "nor does one who sells something take all of it"
        sales.told(bought(stall, listing, 1))
        found = sales.content.purchase(key(1))
    assert found is not None
    assert found.state is PurchaseState.REFUNDED


def test_a_sale_is_found_by_the_hash_of_its_terms_also_what_an_earlier_release_put_up(
    stall: Stall, monkeypatch: pytest.MonkeyPatch
) -> None:
    listing = stall.put_up()
    with stall.work() as content:
        newer = content.revise(stall.lea, listing.id, offer(title="On doors, 2"), allowed=[ERN])
    with stall.database.write() as session:
        session.execute(delete(SaleTermsRow))
        session.execute(update(VersionRow).values(hashed=False))
    with chain(stall) as sales:
        sales.told(bought(stall, listing, 1))
        sales.told(bought(stall, newer, 2))
        found = [sales.content.purchase(key(number)) for number in (1, 2)]
    assert [one.version for one in found if one is not None] == [1, 2]

    def hashed(*_: object) -> None:
        pytest.fail("a forged sale has nothing hashed")

    monkeypatch.setattr("payments.content.store.sale_hashes", hashed)
    with chain(stall) as sales:
        sales.told(bought(stall, listing, 3, terms=key(5)))
        assert sales.content.purchase(key(3)) is None


def test_forgetting_takes_what_is_kept_of_listings(stall: Stall) -> None:
    listing = stall.put_up()
    with stall.work() as content:
        content.forget(stall.lea)
    with stall.database.read() as session:
        assert session.query(SaleTermsRow).count() == 0, listing.id


def test_a_refund_that_a_new_chain_has_before_its_sale_counts_as_it_does_where_that_chain_is_read_once(
    stall: Stall,
) -> None:
    listing = stall.put_up()
    with chain(stall) as sales:
        sales.told(bought(stall, listing))
    with chain(stall) as sales:
        sales.left(block(1, stall.now))
    with chain(stall) as sales:
        sales.told(refund(stall))
        sales.told(bought(stall, listing))
        found = sales.content.purchase(key(1))
        assert found is not None
        assert (found.state, found.opens(stall.now)) == (PurchaseState.REFUNDED, False)


def test_what_others_have_told_of_a_sale_to_come_is_not_read_when_it_comes(stall: Stall) -> None:
    listing = stall.put_up()
    with chain(stall) as sales:
        for number in range(50):
            sales.told(refund(stall, in_=20 + number, sender=Address(bytes([number + 100]) * 20)))
        sales.told(refund(stall, in_=19))
    with chain(stall) as sales:
        wallets = {WALLET}
        waited = sales.waiting.of(key(1), ERN, PAYER, wallets)
        assert [one.block for one in waited] == [block(19, stall.now).hash], "the seller's alone"
        sales.told(bought(stall, listing))
        found = sales.content.purchase(key(1))
        assert found is not None
        assert found.state is PurchaseState.REFUNDED
        assert not sales.waiting.of(key(1), ERN, PAYER, wallets)
