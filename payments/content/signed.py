"""Signed purchases: what a buyer without ether signed, carried to the chain (``payments.carrying``)."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy.orm import Session

from contracts.chain import Deployment
from contracts.checkout import SaleTerms
from kit.errors import Conflict
from kit.identifiers import Address
from ledger.model import Level, erc20
from ledger.outgoing import Outgoing
from payments.carrying.model import Cargo, Carried
from payments.carrying.orders import SignedOrders
from payments.carrying.service import Carrying
from payments.content.model import Buyer, OwedBecause, Paid, PurchaseState, judged
from payments.content.sold import PurchaseStore
from payments.content.store import ListingStore

_GONE: Final = {
    OwedBecause.UNKNOWN_TERMS: "There are no such terms.",
    OwedBecause.TERMS_EXPIRED: "These terms are over: ask for them again.",
    OwedBecause.NOT_FOR_SALE: "This is not for sale now.",
    OwedBecause.SOLD_OUT: "This is sold out.",
    OwedBecause.WRONG_ASSET: "It is not sold for that token.",
    OwedBecause.TOO_LITTLE: "That is less than its price.",
}


class SignedPurchases(SignedOrders):
    """The purchases among what we carry, in one transaction."""

    cargo = Cargo.PURCHASE

    def __init__(
        self, session: Session, now: datetime, carrying: Carrying, outgoing: Outgoing, place: Deployment
    ) -> None:
        """Let ``carrying`` know of purchases; read in ``session``, at ``now``."""
        super().__init__(carrying, outgoing, place)
        self._now = now
        self._listings = ListingStore(session)
        self._sold = PurchaseStore(session)

    def check(self, terms: SaleTerms, buyer: Address) -> None:
        """Refuse what a payment by these terms would not buy now: sold out, taken down, over. Raises ``Conflict``."""
        because = self._because(terms, buyer)
        if because is not None:
            raise Conflict(because.value, _GONE[because])

    def landed(self, carried: Carried) -> bool:
        """Tell whether it stands in our books: its id is the purchase's, whoever carried it there."""
        found = self._sold.by_key(carried.id)
        return found is not None and found.state != PurchaseState.TAKEN_BACK.value

    def _because(self, terms: SaleTerms, buyer: Address) -> OwedBecause | None:
        """Return why terms buy nothing now; ``None`` where they do."""
        name = self._listings.of_hash(terms.listing)
        row = None if name is None else self._listings.row(name)
        if row is None:
            return OwedBecause.UNKNOWN_TERMS
        listing, version = self._listings.listing(row), self._listings.version_of_terms(row, terms.content)
        asset = erc20(self._place.chain_id, terms.asset)
        paid = Paid(
            key=terms.content,
            listing=listing.id,
            terms=terms.content,
            buyer=Buyer(wallet=buyer),
            asset=asset,
            amount=terms.price,
            level=Level.SEEN,
            at=self._now,
        )
        because = judged(paid, listing, version)
        return OwedBecause.SOLD_OUT if because is None and listing.left == 0 else because
