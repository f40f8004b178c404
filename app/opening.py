"""Opening: what a wallet bought is handed to whoever signs with it; no account is needed.

What is signed names the listing and ends after ten minutes, and nothing changes by it but that a link is given: so no
nonce has to be kept. Who sees the signature within that time could get such a link too; it goes to this service alone.
"""

from __future__ import annotations

import secrets
from datetime import timedelta
from functools import partial
from typing import Final, TypedDict
from urllib.parse import urlsplit

from app import downloads
from app.container import Container
from app.downloads import Link
from app.wording.signing import OPENING
from contracts import wallets
from kit.errors import Forbidden, NotFound
from kit.identifiers import Address
from ledger import holders, siwe
from payments.content.model import Buyer, Purchase

SIGN_WITHIN: Final = timedelta(minutes=10)


class _Place(TypedDict):
    domain: str
    uri: str
    chain_id: int


def message_for(container: Container, listing: str, wallet: Address) -> siwe.Message:
    """Return what a wallet signs to open what it bought of a listing. Raises ``NotFound`` for no such listing."""
    with container.read() as work:
        work.content.listing(listing)
        now = work.now
    return siwe.Message(
        **_place(container, listing),
        address=wallet,
        nonce=secrets.token_hex(16),
        issued_at=siwe.show_time(now),
        expiration_time=siwe.show_time(now + SIGN_WITHIN),
        statement=OPENING,
    )


def open_(container: Container, listing: str, text: str, signature: str) -> tuple[Purchase, Link]:
    """Return what the wallet that signed bought of a listing, and a link to it.

    A contract's wallet is asked through the node. Raises ``Invalid`` for what is no message, ``Forbidden`` for one made
    for elsewhere, late or not the wallet's, ``NotFound`` where it bought nothing, and as ``downloads.issue``.
    """
    message = siwe.parse(text)
    siwe.check_place(message, **_place(container, listing))
    with container.read() as work:
        now = work.now
    siwe.check_time(message, now)
    # Without an end of its own it would be good for ever, and with a far one for long; ours are all written alike.
    end, latest = message.expiration_time or "", siwe.show_time(now + SIGN_WITHIN)
    if len(end) != len(latest) or not end.endswith("Z") or end > latest or message.statement != OPENING:
        raise Forbidden("siwe_for_elsewhere", "The message was made for something else.")
    wallet = holders.prove(text, signature, partial(wallets.says, container.chain)).message.address
    buyer = Buyer(wallet=wallet)
    with container.read(one_moment=True) as work:
        bought = work.content.bought_of(buyer, listing)
        if not bought:
            raise NotFound("purchase_unknown", "This wallet bought nothing of it that the service has seen.")
        best = next((one for one in bought if one.opens(work.now)), bought[0])
        return best, downloads.issue(work, buyer, best)


def _place(container: Container, listing: str) -> _Place:
    uri = f"{container.settings.public_url}/buy/{listing}"
    return _Place(domain=urlsplit(uri).netloc, uri=uri, chain_id=container.terms.chain_id)
