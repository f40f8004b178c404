"""Opening: how far a payment is, and what a wallet bought, handed to whoever signs with it; no account is needed."""

from __future__ import annotations

from app import downloads, proofs
from app.container import Container
from app.downloads import Link
from app.proofs import Purpose
from app.wording.signing import OPENING
from kit.errors import NotFound
from kit.identifiers import Address, Hash32
from ledger import siwe
from payments.content.model import Buyer, Purchase


def message_for(container: Container, listing: str, wallet: Address) -> siwe.Message:
    """Return what a wallet signs to open what it bought of a listing. Raises ``NotFound`` for no such listing."""
    with container.read() as work:
        work.content.listing(listing)
    return proofs.message_for(container, wallet, _purpose(listing))


def open_(container: Container, listing: str, text: str, signature: str) -> tuple[Purchase, Link]:
    """Return what the wallet that signed bought of a listing, and a link to it.

    Raises as ``proofs.signer_of`` and ``downloads.issue``, and ``NotFound`` where it bought nothing.
    """
    buyer = Buyer(wallet=proofs.signer_of(container, text, signature, _purpose(listing)))
    with container.read(one_moment=True) as work:
        bought = work.content.bought_of(buyer, listing)
        if not bought:
            raise NotFound("purchase_unknown", "This wallet bought nothing of it that the service has seen.")
        best = next((one for one in bought if one.opens(work.now)), bought[0])
        return best, downloads.issue(work, buyer, best)


def progress(container: Container, purchase: Hash32, order: str | None = None) -> tuple[Purchase, bool | None]:
    """Return what became of a payment, and whether it was handed over: that is told to whoever has its order.

    Raises ``NotFound`` where nothing is known of it yet.
    """
    with container.read() as work:
        found = work.content.purchase(purchase)
        if found is None:
            raise NotFound("purchase_unknown", "The service has seen no such payment yet.")
        known = None if order is None else work.orders.find(order)
    person = None if found.buyer is None else found.buyer.person
    theirs = known is not None and known.listing == found.listing and known.person == person
    return found, (found.delivered_at is not None) if theirs else None


def _purpose(listing: str) -> Purpose:
    return Purpose(f"/buy/{listing}", OPENING)
