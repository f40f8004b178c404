"""Buying, in one transaction: payments that rails tell of, taken in once, as sure as they are, and taken back."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime
from typing import Final

from sqlalchemy.orm import Session

from kit import outbox
from kit.errors import NotFound
from kit.identifiers import Address, Hash32, PersonId
from ledger.model import Level
from payments.content.model import (
    LONGEST_ADMISSION,
    Buyer,
    Listing,
    OwedBecause,
    Paid,
    Purchase,
    PurchaseState,
    Version,
    judged,
)
from payments.content.periods import Periods
from payments.content.sold import PurchaseStore
from payments.content.store import ListingStore, random_id
from payments.content.tables import ListingRow, PurchaseRow

DELIVERY: Final = "content-delivery"
"""Outbox kind: a person is owed what they bought; ``purchase`` is its id. Once for each purchase."""
TAKEN_BACK: Final = "content-taken-back"
"""Outbox kind: a person is to be told that their payment left the chain; ``purchase`` is its id."""


class Buying:
    """Payments for listings, whatever rail they came by."""

    def __init__(
        self,
        session: Session,
        now: datetime,
        listings: ListingStore,
        sold: PurchaseStore,
        wallets: Callable[[PersonId], Collection[Address]],
        holder: Callable[[Address], PersonId | None],
    ) -> None:
        """Work in ``session``, at ``now``; ``wallets`` are those that somebody linked, ``holder`` who linked one."""
        self._session = session
        self._now = now
        self._listings = listings
        self._sold = sold
        self._wallets = wallets
        self._holder = holder

    def bought(self, paid: Paid) -> Purchase:
        """Take in a payment: told again it is the same purchase, and told again after it was taken back it is anew.

        What buys nothing (too little, a wrong asset, terms of the past, nothing left) is kept as owed back, with the
        reason. Raises ``NotFound`` for a listing that there is not: whoever tells of it has the money's trace.
        """
        place = self._listings.row(paid.listing, lock=True)  # of two that tell the same, one waits here
        row = self._sold.by_key(paid.key, lock=True)
        if row is not None and row.state != PurchaseState.TAKEN_BACK.value:
            return self._surer(row, paid.level)
        if place is None:
            raise NotFound("listing_unknown", "There is no such listing.")
        if row is not None and row.listing != place.id:
            return self._sold.purchase(row)  # a key is of one listing, for ever
        listing = self._listings.listing(place)
        version = self._listings.version_of_terms(place, paid.terms)
        because = judged(paid, listing, version)
        if because is None and not self._listings.take_from_stock(place):
            because = OwedBecause.SOLD_OUT
        wash = self._is_wash(paid, listing, version)
        if because is None and not wash:
            place.sold += 1
        row = row or PurchaseRow(key=bytes(paid.key), token=random_id(), listing=place.id, seller=place.seller)
        _fill(row, paid, version or listing.version)
        row.state = (PurchaseState.PAID if because is None else PurchaseState.OWED_BACK).value
        if row.refund is not None:
            row.state = PurchaseState.REFUNDED.value
        row.because, row.wash = None if because is None else because.value, wash
        row.access_until = self._until(paid, version) if because is None else None
        purchase = self._sold.add(row)
        self._owe(purchase)
        return purchase

    def level(self, key: Hash32, level: Level) -> Purchase | None:
        """Let a purchase be as sure as its payment has become, for better or worse; ``None`` for a key of nothing."""
        if level is Level.ORPHANED:
            return self.took_back(key)
        row = self._sold.by_key(key, lock=True)
        if row is None:
            return None
        if row.state != PurchaseState.TAKEN_BACK.value:
            row.level = level.value
        purchase = self._sold.purchase(row)
        self._owe(purchase)
        return purchase

    def took_back(self, key: Hash32) -> Purchase | None:
        """Take access back; the stock has it again. ``None`` for a key of nothing; the second time nothing happens."""
        known = self._sold.by_key(key)
        if known is None:
            return None
        place = self._session.get(ListingRow, known.listing, with_for_update=True, populate_existing=True)
        row = self._sold.by_key(key, lock=True)
        if row is None or place is None:  # neither is ever deleted once there was a payment
            return None
        if row.state == PurchaseState.TAKEN_BACK.value:
            return self._sold.purchase(row)
        if row.because is None:
            Periods(self._session).cut(row, row.paid_at)
            place.remaining = None if place.remaining is None else place.remaining + 1
            place.sold -= 0 if row.wash else 1
            if row.person is not None:
                payload, key_ = {"purchase": row.token}, f"{TAKEN_BACK}:{row.token}"
                outbox.append(self._session, kind=TAKEN_BACK, key=key_, payload=payload, now=self._now)
        row.state, row.level = PurchaseState.TAKEN_BACK.value, Level.ORPHANED.value
        self._listings.drop_complaint(row.id)
        return self._sold.purchase(row)

    def _surer(self, row: PurchaseRow, level: Level) -> Purchase:
        if level.reaches(Level(row.level)):
            row.level = level.value
        purchase = self._sold.purchase(row)
        self._owe(purchase)
        return purchase

    def _owe(self, purchase: Purchase) -> None:
        """Owe a person their delivery, once for ever; a wallet fetches it."""
        if purchase.buyer is None or purchase.buyer.person is None or not purchase.opens(self._now):
            return
        key, payload = f"{DELIVERY}:{purchase.id}", {"purchase": purchase.id}
        outbox.append(self._session, kind=DELIVERY, key=key, payload=payload, now=self._now)

    def _is_wash(self, paid: Paid, listing: Listing, version: Version | None) -> bool:
        """Tell whether somebody pays themselves: the seller, a payee, or a wallet of whoever has such a one."""
        offer = (version or listing.version).offer
        getting = {offer.wallet, *offer.shares, *self._wallets(listing.seller)}
        paying = set[Address]() if paid.buyer.wallet is None else {paid.buyer.wallet}
        holder = None if paid.buyer.wallet is None else self._holder(paid.buyer.wallet)
        people = {paid.buyer.person, holder} - {None}
        for person in people:
            paying |= set(self._wallets(person)) if person is not None else set()
        return listing.seller in people or bool(getting & paying)

    def _until(self, paid: Paid, version: Version | None) -> datetime | None:
        """Return until when an admission is: bought again while one goes on, it follows on that."""
        if version is None or version.offer.admitted is None:
            return None
        # A person's time is their own, whoever's wallet paid; and it follows on what is not as sure yet, too.
        person = paid.buyer.person
        buyer = paid.buyer if person is None else Buyer(person=person)
        known = [
            one.access_until
            for one in self._sold.of_buyer(buyer, paid.listing)
            if one.stands and (one.buyer is None or one.buyer.person == person)
        ]
        begins = max([paid.at, *(one for one in known if one is not None)])
        # Bought a thousand times over it ends all the same: there are no dates beyond the year 9999.
        return min(begins, paid.at + LONGEST_ADMISSION) + version.offer.admitted


def _fill(row: PurchaseRow, paid: Paid, version: Version) -> None:
    row.version, row.finality = version.number, version.offer.finality.value
    row.person = paid.buyer.person
    row.wallet = None if paid.buyer.wallet is None else bytes(paid.buyer.wallet)
    row.payer = row.wallet
    row.asset, row.amount, row.terms = paid.asset, paid.amount, bytes(paid.terms)
    row.level, row.paid_at = paid.level.value, paid.at
    row.block = None if paid.block is None else bytes(paid.block)
