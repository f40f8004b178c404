"""Paying: whether a price still holds for the wallet that is about to pay it; where it does not, the new one."""

from __future__ import annotations

from app.container import Container
from app.wording.prices import amount_text, not_taken
from kit.errors import Conflict
from kit.identifiers import Address
from payments.stakes.model import Quote
from reputation.verdict import Code


def check(container: Container, quote: Quote, payer: Address, return_to: Address | None) -> None:
    """Refuse what would come straight back if it were paid: raises ``Conflict`` with why, and with the new price.

    The wallet is known only now, so a price that was made without it may be too low for it.
    """
    wallets = [payer] if return_to is None else [payer, return_to]
    with container.read() as work:
        why = work.doors.check(quote, wallets)
    if why is None:
        return
    reason = not_taken(why)
    if why is Code.DOOR_FULL:
        raise Conflict("door_full", f"Pay nothing now: {reason}. Try again in a day.")
    with container.work() as work:
        dearer = work.doors.reprice(quote, wallets)
    place, url = container.terms, f"{container.settings.public_url}/stake/{dearer.id}"
    stake = amount_text(dearer.price.stake, place.symbol, place.decimals)
    raise Conflict("price_rose", f"Pay nothing on this price: {reason}. The stake is {stake} now: {url}", quote=url)
