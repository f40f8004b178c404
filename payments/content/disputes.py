"""What comes after buying, in one transaction: complaints of buyers, and money that goes back to them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Final

from sqlalchemy.orm import Session

from kit import outbox
from kit.errors import Conflict, Invalid, NotFound
from kit.identifiers import Hash32, PersonId
from ledger.model import Asset
from payments.content.holds import Refunds
from payments.content.model import LONGEST_COMPLAINT, Buyer, Purchase, PurchaseState, tidy
from payments.content.periods import Periods
from payments.content.sold import PurchaseStore
from payments.content.store import ListingStore
from payments.content.tables import ComplaintRow, PurchaseRow

_MOST_COMPLAINTS = 100
_MOST_OWED = 10_000
REFUNDED: Final = "content-refunded"
"""Outbox kind: a person is to be told that their money came back; ``purchase`` is its id."""


class Disputes:
    """Complaints and refunds; ``payments.content.service`` has all else of what is sold."""

    def __init__(self, session: Session, now: datetime) -> None:
        """Work in ``session``, at ``now``."""
        self._session = session
        self._now = now
        self._listings = ListingStore(session)
        self._sold = PurchaseStore(session)

    # ------------------------------------------------------------------------------------------ complaints

    def complain(self, buyer: Buyer, purchase: str, text: str) -> None:
        """Say what is wrong with what one bought, to the seller; said again it is said instead.

        It is counted on the listing, once for a purchase, but for those who paid themselves. Raises ``NotFound`` for
        what is not theirs, ``Invalid`` for nothing, or beyond 1,000 characters.
        """
        said = tidy(text, LONGEST_COMPLAINT)
        if not said or len(text) > LONGEST_COMPLAINT:
            raise Invalid("complaint_wrong", f"A complaint has 1 to {LONGEST_COMPLAINT:,} characters.")
        row = self._of_buyer(buyer, purchase)
        if row.wash or row.state == PurchaseState.TAKEN_BACK.value:
            raise Conflict("complaint_impossible", "Nothing was bought by this payment of another.")
        known = self._listings.complaint(row.id)
        if known is None:
            made = ComplaintRow(purchase=row.id, listing=row.listing, text=said, made_at=self._now)
            self._listings.add_complaint(made)
        else:
            known.text, known.made_at = said, self._now

    def withdraw_complaint(self, buyer: Buyer, purchase: str) -> None:
        """Take back what one said of it, if anything. Raises ``NotFound`` for what is not theirs."""
        self._listings.drop_complaint(self._of_buyer(buyer, purchase).id)

    def complaints(self, seller: PersonId, listing: str) -> list[tuple[datetime, str]]:
        """Return what buyers said of a seller's listing, latest 100 first. Raises ``NotFound``."""
        found = self._listings.row(listing)
        if found is None or found.seller != seller:
            raise NotFound("listing_unknown", "There is no such listing.")
        return self._listings.complaints(listing, _MOST_COMPLAINTS)

    # ------------------------------------------------------------------------------------------ refunds

    def sale(self, seller: PersonId, purchase: str) -> Purchase:
        """Return what became of something that a seller sold. Raises ``NotFound`` for what is not theirs."""
        row = self._sold.by_id(purchase)
        if row is None or row.seller != seller:
            raise _not_bought()
        return self._sold.purchase(row)

    def owed(self, seller: PersonId) -> Mapping[Asset, tuple[int, int]]:
        """Return by asset how many payments a seller owes back, or is asked for, and their sum in base units.

        Beyond 10,000 it is of so many of them.
        """
        return self._sold.owed(seller, _MOST_OWED)

    def owed_for(self, listing: str) -> Refunds:
        """Count what stands of a listing, and of how much the money is asked for. Raises ``NotFound``."""
        found = self._listings.row(listing)
        if found is None:
            raise NotFound("listing_unknown", "There is no such listing.")
        return self._sold.refunds(found.id)

    def ask_refund(self, buyer: Buyer, purchase: str) -> Purchase:
        """Ask the seller for the money. Raises ``NotFound`` for what is not theirs, ``Conflict`` where it is late."""
        row = self._of_buyer(buyer, purchase)
        return self._moved(row, PurchaseState.REFUND_ASKED, (PurchaseState.PAID,))

    def approve_refund(self, seller: PersonId, purchase: str) -> Purchase:
        """Say that one will pay it back. Raises ``NotFound``, and ``Conflict`` where nothing is to be paid back."""
        back = (
            *(PurchaseState.PAID, PurchaseState.REFUND_ASKED),
            *(PurchaseState.REFUND_DECLINED, PurchaseState.OWED_BACK),
        )
        return self._moved(self._of_seller(seller, purchase), PurchaseState.REFUND_APPROVED, back)

    def decline_refund(self, seller: PersonId, purchase: str) -> Purchase:
        """Say that one will not pay it back. Raises ``NotFound``, and ``Conflict`` where nobody asked for it."""
        row = self._of_seller(seller, purchase)
        return self._moved(row, PurchaseState.REFUND_DECLINED, (PurchaseState.REFUND_ASKED,))

    def refunded(
        self, key: Hash32, transaction: Hash32, block: Hash32 | None = None, *, at: datetime | None = None
    ) -> Purchase:
        """Note that the seller paid it back (``at``: the block's time), by which access ends.

        Of several periods of an admission the later ones begin the earlier. Raises ``NotFound``, ``Conflict``.
        """
        row = self._sold.by_key(key, lock=True)
        if row is None:
            raise _not_bought()
        if row.state != PurchaseState.REFUNDED.value:
            if row.state == PurchaseState.TAKEN_BACK.value:
                raise Conflict("payment_gone", "This payment left the chain: there is nothing to pay back.")
            if row.because is None:
                Periods(self._session).cut(row, self._now if at is None else at)
            row.state, row.refund = PurchaseState.REFUNDED.value, bytes(transaction)
            row.refund_block = None if block is None else bytes(block)
            self._tell(row)
        return self._sold.purchase(row)

    def refunds_left(self, block: Hash32) -> None:
        """Let what was paid back in a block that left the chain be owed again, until it is paid back in another."""
        for row in self._sold.refunded_in(block):
            row.refund = row.refund_block = None
            if row.state == PurchaseState.REFUNDED.value:
                row.state = (
                    PurchaseState.REFUND_APPROVED.value if row.because is None else PurchaseState.OWED_BACK.value
                )
                Periods(self._session).resume(row)
        self._session.flush()

    def _tell(self, row: PurchaseRow) -> None:
        """Owe a person word of their money; told again after a reorg only where it came by another transaction."""
        if row.person is None or row.refund is None:
            return
        key, payload = f"{REFUNDED}:{row.token}:{row.refund.hex()}", {"purchase": row.token}
        outbox.append(self._session, kind=REFUNDED, key=key, payload=payload, now=self._now)

    def _moved(self, row: PurchaseRow, to: PurchaseState, allowed: Collection[PurchaseState]) -> Purchase:
        if row.state != to.value:
            if PurchaseState(row.state) not in allowed:
                raise Conflict("refund_impossible", "This purchase cannot be paid back, or was already.")
            row.state = to.value
        return self._sold.purchase(row)

    def _of_seller(self, seller: PersonId, purchase: str) -> PurchaseRow:
        row = self._purchase_row(purchase)
        if row.seller != seller:
            raise _not_bought()
        return row

    def _of_buyer(self, buyer: Buyer, purchase: str) -> PurchaseRow:
        row = self._purchase_row(purchase)
        if not bought_by(row, buyer):
            raise _not_bought()
        return row

    def _purchase_row(self, purchase: str) -> PurchaseRow:
        row = self._sold.by_id(purchase, lock=True)
        if row is None:
            raise _not_bought()
        return row


def bought_by(row: PurchaseRow, buyer: Buyer) -> bool:
    """Tell whether a purchase is a buyer's: the person's, or the wallet's."""
    by_person = buyer.person is not None and row.person == buyer.person
    return by_person or (buyer.wallet is not None and row.wallet == bytes(buyer.wallet))


def _not_bought() -> NotFound:
    return NotFound("purchase_unknown", "There is no such purchase.")
