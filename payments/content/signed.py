"""Signed purchases: what a buyer without ether signed, carried to the chain (``payments.carrying``)."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy.orm import Session

from contracts import checkout
from contracts.chain import Deployment
from contracts.checkout import Order, SaleTerms
from kit.clock import from_unix
from kit.errors import Conflict
from kit.identifiers import Address, Hash32
from ledger.model import Level, erc20
from ledger.outgoing import Outgoing
from payments.carrying.model import Cargo, Carried
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


class SignedPurchases:
    """The purchases among what we carry, in one transaction."""

    def __init__(
        self, session: Session, now: datetime, carrying: Carrying, outgoing: Outgoing, place: Deployment
    ) -> None:
        """Let ``carrying`` know of purchases; read in ``session``, at ``now``."""
        self._now = now
        self._carrying = carrying
        self._listings = ListingStore(session)
        self._sold = PurchaseStore(session)
        self._outgoing = outgoing
        self._place = place
        carrying.know(Cargo.PURCHASE, self)

    @property
    def contract(self) -> Address:
        """The contract that takes them. Raises ``Conflict`` where there is none."""
        if self._place.checkout is None:
            raise Conflict("checkout_missing", "Nothing is sold by a contract here: `earnest contracts add-checkout`.")
        return self._place.checkout

    def id_of(self, terms: SaleTerms, order: Order) -> Hash32:
        """Return the id of a purchase."""
        return checkout.purchase_id(terms, order, chain_id=self._place.chain_id, checkout=self.contract)

    def sold(self, terms: SaleTerms, buyer: Address) -> None:
        """Refuse what a payment by these terms would not buy now. Raises ``Conflict``."""
        because = self._because(terms, buyer)
        if because is not None:
            raise Conflict(because.value, _GONE[because])

    def queue(
        self, terms: SaleTerms, order: Order, signature: bytes, *, gas: int, max_fee: int, tokens: int
    ) -> Carried:
        """Owe the chain a purchase, whose signature and simulation were found good; asking twice is asking once.

        ``gas`` and ``max_fee`` (wei) are what it takes now, ``tokens`` what the buyer holds. Raises ``Conflict`` where
        a limit is reached, what else is under way needs those tokens, or it is sold no more.
        """
        purchase = self.id_of(terms, order)
        known = self._carrying.begin(purchase)
        if known is not None:
            return known
        self.sold(terms, order.buyer)
        until = from_unix(order.valid_before)
        carried = Carried(
            id=purchase,
            cargo=Cargo.PURCHASE,
            about=None,
            person=None,  # whoever signs may write anybody's memo
            payer=order.buyer,
            target=terms.seller,
            due=terms.price + order.relay_fee,
            gwei=0,
            created_at=until,
        )
        data = checkout.encode_buy_with_authorization(terms, order, signature)
        most = gas * max_fee
        return self._carrying.take_on(
            carried, to=self.contract, data=data, most_wei=most, tokens=tokens, not_after=until
        )

    def wanted(self, carried: Carried) -> bool:
        """Tell whether it would still buy something: nobody is to pay for what is sold out or taken down meanwhile."""
        call = self._outgoing.find(self._carrying.key(carried))
        if call is None:
            return True
        terms, order = checkout.decode_buy_with_authorization(call.data)
        return self._because(terms, order.buyer) is None

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
