"""What is sold: a payment buys once, as surely as the seller asks; nobody loses what they bought, nor money unseen."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from kit.clock import from_unix
from kit.database import Database
from kit.errors import Conflict, Forbidden, Invalid, NotFound
from kit.identifiers import Address, Hash32, UserId
from ledger.model import Level
from ledger.people import People
from payments.content import service
from payments.content.buying import DELIVERY, TAKEN_BACK
from payments.content.model import GRACE, LONGEST_ADMISSION, Buyer, Kind, ListingState, OwedBecause, PurchaseState
from payments.content.onchain import _LAST
from payments.content.service import QUOTA
from tests.support.stalls import ERN, OTHER, PAYER, WALLET, Stall, key, offer

TEXT = b"A door is a policy."
TX = Hash32(bytes([9]) * 32)


@pytest.fixture
def stall(database: Database, tmp_path: Path) -> Stall:
    """A stall at which nothing is sold yet."""
    return Stall(database, tmp_path / "contents")


def test_who_paid_reads_it_and_nobody_else(stall: Stall) -> None:
    listing = stall.put_up()
    assert stall.read(Buyer(person=stall.kim), listing) is None
    purchase = stall.pay(listing)
    assert (purchase.state, purchase.wash, purchase.title) == (PurchaseState.PAID, False, "On doors")
    assert stall.read(Buyer(person=stall.kim), listing) == TEXT
    assert stall.read(Buyer(person=stall.lea), listing) is None
    assert stall.read(Buyer(wallet=PAYER), listing) is None
    assert stall.owed(DELIVERY) == [purchase.id]
    assert purchase.id != purchase.listing


def test_a_payment_told_often_buys_once(stall: Stall) -> None:
    listing = stall.put_up(stock=3)
    first = stall.pay(listing)
    assert [stall.pay(listing) for _ in range(3)] == [first] * 3
    stands = stall.stands(listing)
    assert (stands.left, stands.sold) == (2, 1)
    assert stall.owed(DELIVERY) == [first.id]


def test_a_listing_has_so_many_versions(stall: Stall, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "MOST_VERSIONS", 2)
    listing = stall.put_up()
    with stall.work() as content:
        content.revise(stall.lea, listing.id, offer(title="On doors, 2"), allowed=[ERN])
        with pytest.raises(Conflict, match="at most 2 versions"):
            content.revise(stall.lea, listing.id, offer(title="On doors, 3"), allowed=[ERN])


def test_told_at_once_by_many_it_buys_once_and_the_last_piece_goes_to_one(stall: Stall) -> None:
    listing = stall.put_up(stock=1)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda number: stall.pay(listing, number % 4 + 1), range(16)))
    by_key = {purchase.key: purchase for purchase in found}
    assert sorted(one.state for one in by_key.values()) == [*[PurchaseState.OWED_BACK] * 3, PurchaseState.PAID]
    assert {one.because for one in by_key.values()} == {None, OwedBecause.SOLD_OUT}
    assert len({one.id for one in found}) == 4
    assert (stall.stands(listing).left, stall.stands(listing).sold) == (0, 1)


def test_what_buys_nothing_is_owed_back_with_its_reason(stall: Stall) -> None:
    listing = stall.put_up(expires_at=stall.now + timedelta(days=1))
    told = [
        stall.pay(listing, 1, amount=4),
        stall.pay(listing, 2, asset=OTHER),
        stall.pay(listing, 3, terms=TX),
        stall.pay(listing, 4, at=stall.now + timedelta(days=1)),
    ]
    assert [one.because for one in told] == [
        OwedBecause.TOO_LITTLE,
        OwedBecause.WRONG_ASSET,
        OwedBecause.UNKNOWN_TERMS,
        OwedBecause.TERMS_EXPIRED,
    ]
    assert {one.state for one in told} == {PurchaseState.OWED_BACK}
    assert stall.read(Buyer(person=stall.kim), listing) is None
    assert stall.owed(DELIVERY) == []
    with stall.work() as content:
        assert [one.id for one in content.sales(stall.lea)[0]] == [one.id for one in reversed(told)]
        approved = content.approve_refund(stall.lea, told[0].id)
    assert approved.state is PurchaseState.REFUND_APPROVED
    assert stall.read(Buyer(person=stall.kim), listing) is None, "approving a refund opens nothing"


def test_access_waits_until_the_payment_is_as_sure_as_the_seller_asks(stall: Stall) -> None:
    listing = stall.put_up(finality=Level.SAFE)
    purchase = stall.pay(listing)
    buyer = Buyer(person=stall.kim)
    assert stall.read(buyer, listing) is None
    assert stall.owed(DELIVERY) == []
    with stall.work() as content:
        content.level(key(1), Level.FINALIZED)
    assert stall.read(buyer, listing) == TEXT
    assert stall.pay(listing).level is Level.FINALIZED, "an old word makes it no less sure"
    assert stall.owed(DELIVERY) == [purchase.id]


def test_a_reorg_takes_access_back_and_says_so_and_it_may_come_again(stall: Stall) -> None:
    listing = stall.put_up(stock=1)
    purchase = stall.pay(listing)
    for _ in range(2):
        with stall.work() as content:
            taken = content.took_back(key(1))
        assert taken is not None
        assert taken.state is PurchaseState.TAKEN_BACK
    assert stall.read(Buyer(person=stall.kim), listing) is None
    assert (stall.stands(listing).left, stall.stands(listing).sold) == (1, 0)
    assert stall.owed(TAKEN_BACK) == [purchase.id]
    assert stall.pay(listing).id == purchase.id
    assert stall.read(Buyer(person=stall.kim), listing) == TEXT
    assert (stall.stands(listing).left, stall.stands(listing).sold) == (0, 1)
    assert stall.owed(DELIVERY) == [purchase.id]
    with stall.work() as content:
        assert content.took_back(key(77)) is None


def test_a_wallet_is_told_nothing_of_a_reorg(stall: Stall) -> None:
    listing = stall.put_up()
    stall.pay(listing, buyer=Buyer(wallet=PAYER))
    with stall.work() as content:
        content.level(key(1), Level.ORPHANED)
    assert stall.read(Buyer(wallet=PAYER), listing) is None
    assert stall.owed(TAKEN_BACK) == []


def test_a_buyer_has_the_version_they_bought_and_all_later_ones(stall: Stall) -> None:
    listing = stall.put_up(b"one")
    stall.pay(listing, 1, buyer=Buyer(wallet=PAYER))
    second = stall.blobs.write([b"two"])
    with stall.work() as content:
        blob = content.keep(stall.lea, second, "two.txt")
        revised = content.revise(stall.lea, listing.id, offer(prices={ERN: 9}), blob=blob, allowed=[ERN])
    assert revised.version.number == 2
    assert revised.version.terms != listing.version.terms
    assert stall.pay(listing, 2).state is PurchaseState.PAID, "somebody was about to pay by the old terms"
    stall.pass_by(GRACE + timedelta(seconds=1))
    assert stall.pay(listing, 3).because is OwedBecause.TERMS_EXPIRED
    assert stall.pay(revised, 4).because is OwedBecause.TOO_LITTLE
    assert stall.pay(revised, 5, amount=9, buyer=Buyer(wallet=WALLET)).state is PurchaseState.PAID
    with stall.work() as content:
        early = content.access(Buyer(wallet=PAYER), listing.id)
        late = content.access(Buyer(wallet=WALLET), listing.id)
    assert early is not None
    assert late is not None
    assert [one.number for one in early.versions] == [1, 2]
    assert [one.number for one in late.versions] == [2]


def test_unlisting_takes_nothing_away_and_a_take_down_does(stall: Stall) -> None:
    listing, buyer = stall.put_up(), Buyer(person=stall.kim)
    stall.pay(listing)
    with stall.work() as content:
        content.unlist(stall.lea, listing.id)
        assert content.listed()[0] == []
        with pytest.raises(Conflict, match="not for sale"):
            content.quote(listing.id)
    assert stall.read(buyer, listing) == TEXT
    stall.pass_by(GRACE + timedelta(seconds=1))
    assert stall.pay(listing, 2).because is OwedBecause.NOT_FOR_SALE
    with stall.work() as content:
        content.relist(stall.lea, listing.id)
        assert [one.id for one in content.listed()[0]] == [listing.id]
        taken = content.take_down(listing.id, "It was stolen.\u202e")
    assert (taken.state, taken.reason) == (ListingState.TAKEN_DOWN, "It was stolen.")
    assert stall.read(buyer, listing) is None
    with stall.work() as content, pytest.raises(Conflict, match="took this down"):
        content.relist(stall.lea, listing.id)


def test_nobody_touches_what_is_anothers(stall: Stall) -> None:
    listing = stall.put_up()
    purchase = stall.pay(listing)
    with stall.work() as content:
        for refused in (
            lambda: content.unlist(stall.kim, listing.id),
            lambda: content.revise(stall.kim, listing.id, offer(), allowed=[ERN]),
            lambda: content.ask_refund(Buyer(person=stall.lea), purchase.id),
            lambda: content.approve_refund(stall.kim, purchase.id),
            lambda: content.list_(stall.kim, offer(), blob=1, allowed=[ERN]),
        ):
            with pytest.raises(NotFound):
                refused()


def test_a_refund_is_asked_approved_and_paid_and_then_access_ends(stall: Stall) -> None:
    listing, buyer = stall.put_up(), Buyer(person=stall.kim)
    purchase = stall.pay(listing)
    with stall.work() as content:
        assert content.ask_refund(buyer, purchase.id).state is PurchaseState.REFUND_ASKED
        assert content.approve_refund(stall.lea, purchase.id).state is PurchaseState.REFUND_APPROVED
    assert stall.read(buyer, listing) == TEXT
    with stall.work() as content:
        assert [content.refunded(key(1), TX).state for _ in range(2)] == [PurchaseState.REFUNDED] * 2
        with pytest.raises(Conflict, match="cannot be paid back"):
            content.ask_refund(buyer, purchase.id)
    assert stall.read(buyer, listing) is None
    with stall.work() as content:
        content.took_back(key(1))
    assert stall.pay(listing).state is PurchaseState.REFUNDED, "a refund is not lost by a reorg of the payment"


def test_a_complaint_is_counted_once_shown_to_the_seller_and_withdrawn(stall: Stall) -> None:
    listing, buyer = stall.put_up(), Buyer(person=stall.kim)
    purchase = stall.pay(listing)
    own = stall.pay(listing, 2, buyer=Buyer(person=stall.lea))
    with stall.work() as content:
        content.complain(buyer, purchase.id, "It is empty.\u202e")
        content.complain(buyer, purchase.id, "It is about windows.")
        for refused in (Buyer(wallet=PAYER), Buyer(person=stall.lea)):
            with pytest.raises(NotFound):
                content.complain(refused, purchase.id, "x")
        for text in ("", "\u202e", "x" * 1_001):
            with pytest.raises(Invalid):
                content.complain(buyer, purchase.id, text)
        with pytest.raises(Conflict):
            content.complain(Buyer(person=stall.lea), own.id, "x")
        assert [text for _, text in content.complaints(stall.lea, listing.id)] == ["It is about windows."]
        with pytest.raises(NotFound):
            content.complaints(stall.kim, listing.id)
    assert stall.stands(listing).complaints == 1
    with stall.work() as content:
        content.withdraw_complaint(buyer, purchase.id)
        content.withdraw_complaint(buyer, purchase.id)
    assert stall.stands(listing).complaints == 0
    with stall.work() as content:
        content.complain(buyer, purchase.id, "Again.")
        content.took_back(key(1))
    assert stall.stands(listing).complaints == 0, "who has not paid has nothing to complain of"


def test_who_pays_themselves_counts_for_nothing(stall: Stall) -> None:
    friend = Address(bytes([3]) * 20)
    listing = stall.put_up(payees={WALLET: 9_000, friend: 1_000})
    for number, buyer in enumerate((Buyer(person=stall.lea), Buyer(wallet=WALLET), Buyer(wallet=friend)), 1):
        assert stall.pay(listing, number, buyer=buyer).wash
    assert not stall.pay(listing, 9, buyer=Buyer(wallet=PAYER)).wash
    assert stall.stands(listing).sold == 1


def test_an_admission_ends_and_one_more_follows_on_it(stall: Stall) -> None:
    week = timedelta(days=7)
    put_up = offer(kind=Kind.ADMISSION, reference="!room:earnest.example", admitted=week)
    with stall.work() as content:
        listing = content.list_(stall.lea, put_up, allowed=[ERN])
        assert listing.state is ListingState.DRAFT, "nobody looked yet whether people can be admitted there"
        (place,) = content.admissions.of(stall.lea)
        content.admissions.checked(place, None)
    assert stall.stands(listing).state is ListingState.LISTED
    assert stall.pay(listing, 1).access_until == stall.now + week
    assert stall.pay(listing, 2).access_until == stall.now + 2 * week
    stall.pass_by(2 * week)
    with stall.work() as content:
        assert content.access(Buyer(person=stall.kim), listing.id) is None


def test_an_admission_bought_a_hundred_times_over_ends_at_last(stall: Stall) -> None:
    put_up = offer(kind=Kind.ADMISSION, reference="!room:earnest.example", admitted=LONGEST_ADMISSION)
    with stall.work() as content:
        listing = content.list_(stall.lea, put_up, allowed=[ERN])
        (place,) = content.admissions.of(stall.lea)
        content.admissions.checked(place, None)
    ends = [stall.pay(listing, number).access_until for number in range(1, 5)]
    assert ends == [stall.now + LONGEST_ADMISSION, *[stall.now + 2 * LONGEST_ADMISSION] * 3]
    far = stall.pay(listing, 9, buyer=Buyer(wallet=PAYER), at=from_unix(_LAST))
    assert far.access_until is not None, "a block's time may be anything"


def test_two_periods_bought_at_once_are_two_and_a_friends_time_is_the_friends(stall: Stall) -> None:
    week = timedelta(days=7)
    put_up = offer(kind=Kind.ADMISSION, reference="!room:earnest.example", admitted=week, finality=Level.FINALIZED)
    with stall.work() as content:
        listing = content.list_(stall.lea, put_up, allowed=[ERN])
        (place,) = content.admissions.of(stall.lea)
        content.admissions.checked(place, None)
    with stall.database.write() as session:
        friend = People(session, stall.now).number(UserId("@friend:earnest.example"))
    kims, friends = Buyer(stall.kim, PAYER), Buyer(friend, PAYER)
    ends = [stall.pay(listing, 1 + number, buyer=who).access_until for number, who in enumerate((kims, friends, kims))]
    assert ends == [stall.now + week, stall.now + week, stall.now + 2 * week], "none of them is final yet"


def test_a_library_holds_once_what_was_bought_as_a_person_as_a_wallet_and_as_both(stall: Stall) -> None:
    listing, wallet = stall.put_up(), Address(bytes([9]) * 20)
    buyers = [Buyer(stall.kim), Buyer(wallet=wallet), Buyer(stall.kim, wallet)]
    bought = [stall.pay(listing, number, buyer=buyers[number % 3]).id for number in range(1, 10)]
    stall.pay(listing, 10, buyer=Buyer(wallet=PAYER))
    read, before = list[str](), None
    while True:
        with stall.work() as content:
            page, before = content.library(Buyer(stall.kim, wallet), before=before, limit=2)
        read += [one.id for one in page]
        if before is None:
            break
    assert read == bought[::-1]


def test_pages_of_library_and_sales_hold_all_once(stall: Stall) -> None:
    listing = stall.put_up()
    bought = [stall.pay(listing, number).id for number in range(1, 8)]
    for place in ("library", "sales"):
        found, before = list[str](), None
        while True:
            with stall.work() as content:
                if place == "library":
                    page, before = content.library(Buyer(person=stall.kim), before=before, limit=3)
                else:
                    page, before = content.sales(stall.lea, before=before, limit=3)
            found += [one.id for one in page]
            if before is None:
                break
        assert found == bought[::-1]
    with stall.work() as content:
        assert len(list(content.statement(stall.lea, stall.now, stall.now + timedelta(seconds=1)))) == 7
        assert list(content.statement(stall.lea, stall.now + timedelta(seconds=1), None)) == []


def test_a_sellers_contents_have_a_quota(stall: Stall, monkeypatch: pytest.MonkeyPatch) -> None:
    stall.put_up(b"x" * 600)
    monkeypatch.setattr("payments.content.service.QUOTA", 1_000)
    with pytest.raises(Conflict, match="at most"):
        stall.put_up(b"y" * 600)
    stall.put_up(b"y" * 400)
    assert QUOTA > 1_000


def test_assets_that_are_not_allowed_buy_nothing(stall: Stall) -> None:
    with stall.work() as content:
        with pytest.raises(Forbidden):
            content.list_(stall.lea, offer(prices={OTHER: 1}), blob=1, allowed=[ERN])
        with pytest.raises(Invalid, match="content"):
            content.list_(stall.lea, offer(), allowed=[ERN])


def test_forgetting_a_seller_unlists_and_leaves_buyers_what_they_bought(stall: Stall) -> None:
    sold, unsold, buyer = stall.put_up(), stall.put_up(b"nobody's"), Buyer(person=stall.kim)
    stall.pay(sold)
    with stall.work() as content:
        content.forget(stall.lea)
    assert stall.stands(sold).state is ListingState.UNLISTED
    assert stall.read(buyer, sold) == TEXT
    with pytest.raises(NotFound):
        stall.stands(unsold)
    with stall.work() as content:
        assert stall.blobs.sweep(content.known_blobs, before=float("inf")) == 1
    assert stall.read(buyer, sold) == TEXT


def test_forgetting_a_buyer_leaves_the_sale_without_them(stall: Stall) -> None:
    listing = stall.put_up()
    stall.pay(listing, 1)
    stall.pay(listing, 2, buyer=Buyer(person=stall.kim, wallet=PAYER))
    with stall.work() as content:
        content.forget(stall.kim)
        assert [one.buyer for one in content.sales(stall.lea)[0]] == [Buyer(wallet=PAYER), None]
    assert stall.read(Buyer(person=stall.kim), listing) is None
    assert stall.read(Buyer(wallet=PAYER), listing) == TEXT
