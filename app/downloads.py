"""Downloads: links to what somebody bought, good for ten minutes and for that buyer's purchase alone.

A link's secret is what it is of, sealed by the service's sealing key: nothing is kept of it, and it tells nothing.
Whether the purchase is still that buyer's, and still opens anything, is looked at each time the link is used.
"""

from __future__ import annotations

import base64
import binascii
import struct
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from app.buying import Behind, Handed, handed
from app.container import Container, Work
from kit.clock import unix
from kit.errors import Conflict, NotFound
from kit.identifiers import ZERO_ADDRESS, Address, PersonId
from payments.content.model import Buyer, Purchase, PurchaseState

LIFETIME: Final = timedelta(minutes=10)
"""For how long a link is good; a download that began goes on."""
LONGEST_TOKEN: Final = 200
_PURPOSE: Final = "download"
_FORM: Final = struct.Struct(">22sIQ20sQ")
"""Purchase, version (0: the newest), person (0: none), wallet (the zero address: none), until when."""


@dataclass(frozen=True, slots=True)
class Link:
    """The secret part of a link, and until when it is good, in Unix seconds."""

    token: str
    expires_at: int


def issue(work: Work, buyer: Buyer, purchase: Purchase, number: int | None = None) -> Link:
    """Return a link to what a purchase opens; ``number``: to which version of it, else to the newest.

    Raises ``NotFound`` for what is not the buyer's and for another version, ``Conflict`` where it opens nothing now.
    """
    opened(work, buyer, purchase.id, number)
    expires_at = unix(work.now + LIFETIME)
    person, wallet = buyer.person or 0, buyer.wallet or ZERO_ADDRESS
    told = _FORM.pack(purchase.id.encode(), number or 0, person, wallet, expires_at)
    return Link(base64.urlsafe_b64encode(work.seal().close(told, _PURPOSE)).decode().rstrip("="), expires_at)


def follow(work: Work, token: str) -> Handed | Behind:
    """Return what a link leads to; ``note`` it once it is handed over.

    Raises ``NotFound`` for a link that we never gave, ``Conflict`` (``link_expired``) for an old one, and as ``issue``.
    """
    try:
        sealed = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
        told = work.seal().open(sealed, _PURPOSE)
    except (binascii.Error, ValueError, Conflict):
        raise NotFound("download_unknown", "There is no such download. Ask for a new link.") from None
    purchase, number, person, wallet, expires_at = _FORM.unpack(told)
    if unix(work.now) >= expires_at:
        raise Conflict("link_expired", "This link is no longer good. Ask for a new one.")
    holder = Buyer(PersonId(person) if person else None, None if wallet == ZERO_ADDRESS else Address(wallet))
    return opened(work, holder, purchase.decode(), number or None)


def note(container: Container, purchase: Purchase) -> None:
    """Note that a purchase was handed over, the first time."""
    if purchase.delivered_at is None:
        with container.work() as work:
            work.content.delivered(purchase.id)


def opened(work: Work, buyer: Buyer, purchase: str, number: int | None = None) -> Handed | Behind:
    """Return what a purchase opens. Raises as ``issue``."""
    found = work.content.purchase_of(buyer, purchase)
    if not found.opens(work.now):
        waits = found.state is PurchaseState.PAID and not found.level.reaches(found.finality)
        sentence = (
            f"The seller waits until the payment is {found.finality}." if waits else "This opens nothing any more."
        )
        raise Conflict("payment_not_sure" if waits else "not_opened", sentence, state=found.state)
    access = work.content.access(buyer, found.listing)
    if access is None:
        raise Conflict("not_opened", "The operator took this down: it is handed over no more.")
    versions = [one for one in access.versions if one.number >= found.version and number in (None, one.number)]
    if not versions:
        raise NotFound("version_unknown", "This purchase opens no such version.")
    opens = handed(found, versions[-1])
    if opens is None:
        raise Conflict("delivered_elsewhere", "This is nothing that can be fetched here.")
    return opens
