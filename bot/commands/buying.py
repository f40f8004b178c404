"""``buy``, ``library``, ``complain`` and ``refund``: what people buy of each other, and what they do with it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import Final

from app import admissions, offering
from app.container import Work
from app.vendors import vendor
from app.wording import bought, selling
from app.wording.buttons import Letter
from app.wording.catalogue import marked
from app.wording.message import join
from bot.commands.command import ISOLATES, Asked, Command, Unclear
from kit import outbox
from kit.clock import unix
from kit.errors import Conflict, Invalid, NotFound
from payments.content.buying import DELIVERY
from payments.content.model import LONGEST_COMPLAINT, Buyer, Kind, Purchase, PurchaseState

PAGE: Final = 10
_AGAIN: Final = timedelta(minutes=5)
"""Within which one thing is handed over once more at most."""
_A_DAY: Final = 20
"""How often a person has things handed over once more in a day: each time it is put on their homeserver anew."""


def buy(work: Work, asked: Asked) -> Letter:
    """Show what is for sale, and where it is paid for."""
    if len(asked.words) != 1:
        raise Unclear
    one = offering.quote(work, listing_in(asked.words[0]))
    if one.seller == asked.person:
        raise Invalid("buy_own", "That is yours already.")
    order = work.orders.order(asked.person, one.id)
    seller, names = work.people.mxid(one.seller), work.tokens.assets.name
    said = partial(selling.offered, asked.reader, one, seller, names, order=order.token, until=order.expires_at)
    return Letter(said(vendor=vendor(work, asked.person, one.seller)))


def library(work: Work, asked: Asked) -> Letter:
    """List what somebody bought, or hand one thing over once more."""
    match asked.words:
        case (word, purchase) if word.lower() == "get":
            return _get(work, asked, _own(work, asked, purchase))
        case words:
            found, more = work.content.library(_buyer(asked), before=before_in(words), limit=PAGE)
            return Letter(bought.library(asked.reader, found, work.tokens.assets.name, more=more))


def _get(work: Work, asked: Asked, purchase: Purchase) -> Letter:
    if not purchase.opens(work.now):
        return Letter(bought.not_yours(asked.reader, purchase))
    theirs = f"library:{asked.person}:"
    if outbox.count_since(work.session, DELIVERY, theirs, work.now - timedelta(days=1)) >= _A_DAY:
        raise Conflict("library_often", "That is often enough for a day: your library's page hands it over, too.")
    turn = unix(work.now) // int(_AGAIN.total_seconds())
    key, payload = f"{theirs}{purchase.id}:{turn}", {"purchase": purchase.id}
    fresh = outbox.append(work.session, kind=DELIVERY, key=key, payload=payload, now=work.now)
    if fresh and any(one.offer.kind is Kind.ADMISSION for one in work.content.versions(purchase.listing)):
        admissions.ask_again(work, asked.person, purchase.id)
    return Letter(bought.coming(asked.reader, purchase, again=not fresh))


def complain(work: Work, asked: Asked) -> Letter:
    """Say what is wrong with what one bought, or take that back."""
    match asked.words:
        case ("back", purchase):
            work.content.withdraw_complaint(_buyer(asked), id_in(purchase))
            return Letter(bought.withdrawn(asked.reader))
        case (purchase, _, *_):
            said = "".join(asked.text.split(maxsplit=1)[1:])
            work.content.complain(_buyer(asked), id_in(purchase), said[: LONGEST_COMPLAINT + 1])
            return Letter(bought.complained(asked.reader))
    raise Unclear


def refund(work: Work, asked: Asked) -> Letter:
    """Ask the seller for the money, and say why, where a reason is given."""
    if not asked.words:
        raise Unclear
    purchase = id_in(asked.words[0])
    if len(asked.words) > 1:
        complain(work, asked)
    found = work.content.ask_refund(_buyer(asked), purchase)
    return Letter(bought.refund_asked(asked.reader, found, work.tokens.assets.name))


def refund_all(work: Work, asked: Asked, listing: str) -> Letter:
    """Ask the seller for the money for all that somebody bought of a listing and has not asked for yet."""
    bought_of_it = work.content.bought_of(_buyer(asked), listing)
    back = [one for one in bought_of_it if one.state is PurchaseState.PAID and one.because is None]
    if not back:
        raise Conflict("refund_impossible", "This purchase cannot be paid back, or was already.")
    names = work.tokens.assets.name
    asked_for = [work.content.ask_refund(_buyer(asked), one.id) for one in back]
    return Letter(join([bought.refund_asked(asked.reader, one, names) for one in asked_for]))


def listing_in(word: str) -> str:
    """Return the listing that a word names: its id, or a link to its page."""
    return id_in(word.partition("?")[0].rstrip("/").rpartition("/")[2])


def id_in(word: str) -> str:
    """Return an id without what apps put around it; far too long ones are of nothing."""
    return word.strip(ISOLATES)[:100]


def before_in(words: Sequence[str]) -> str | None:
    """Return before what a page of a list ends, where that is said. Raises ``Unclear``."""
    match tuple(words):
        case ():
            return None
        case ("before", place):
            return id_in(place)
    raise Unclear


def _buyer(asked: Asked) -> Buyer:
    return Buyer(person=asked.person)


def _own(work: Work, asked: Asked, purchase: str) -> Purchase:
    found = work.content.found(id_in(purchase))
    if found is None or found.buyer is None or found.buyer.person != asked.person:
        raise NotFound("purchase_unknown", "There is no such purchase.")
    return found


def _looks(words: tuple[str, ...]) -> bool:
    return not words or words[0].lower() == "before"


BUY = Command("buy", ("buy LISTING",), marked("shows what somebody sells, and where you pay for it"), buy)
LIBRARY = Command(
    "library",
    ("library", "library get PURCHASE", "library before PURCHASE"),
    marked("shows what you bought, and hands it over once more"),
    library,
    looks=_looks,
)
COMPLAIN = Command(
    "complain",
    ("complain PURCHASE What is wrong with it", "complain back PURCHASE"),
    marked("tells a seller what is wrong with what you bought, and counts on what they sell"),
    complain,
)
REFUND = Command(
    "refund",
    ("refund PURCHASE", "refund PURCHASE What is wrong with it"),
    marked("asks a seller for your money; they pay it back by a transaction of their own"),
    refund,
)
