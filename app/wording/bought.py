"""What was bought: what the bot says with what it hands over, and of payments that left the chain."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from app.wording.catalogue import marked
from app.wording.message import Link, Literal, Message, Safe, join
from app.wording.reader import Reader
from app.wording.replies import lines
from kit.amounts import Amount, show
from kit.identifiers import UserId, show_hash
from ledger.model import Asset
from payments.content.model import Kind, OwedBecause, Purchase, PurchaseState, Version

Names = Callable[[Asset], tuple[str, int]]
"""The symbol and the decimal places of an asset."""

_STATES = {
    PurchaseState.PAID: marked("paid"),
    PurchaseState.TAKEN_BACK: marked("the payment left the chain"),
    PurchaseState.OWED_BACK: marked("the seller owes the money back"),
    PurchaseState.REFUND_ASKED: marked("you asked for your money"),
    PurchaseState.REFUND_DECLINED: marked("the seller does not pay it back"),
    PurchaseState.REFUND_APPROVED: marked("the seller says they will pay it back"),
    PurchaseState.REFUNDED: marked("paid back"),
}
BECAUSE = {
    OwedBecause.UNKNOWN_TERMS: marked("by terms that the seller never wrote"),
    OwedBecause.TERMS_EXPIRED: marked("by terms that were over"),
    OwedBecause.WRONG_ASSET: marked("in something that it is not sold for"),
    OwedBecause.TOO_LITTLE: marked("too little"),
    OwedBecause.NOT_FOR_SALE: marked("for what was no longer for sale"),
    OwedBecause.SOLD_OUT: marked("for the last piece, which another had"),
}


def sum_of(amount: int, asset: Asset, names: Names) -> Safe:
    """Write what was paid, exact; symbols are letters and digits alone."""
    symbol, places = names(asset)
    return Safe(f"{show(Amount(amount), places)} {symbol}")


def receipt(
    reader: Reader,
    purchase: Purchase,
    version: Version,
    seller: UserId | None,
    names: Names,
    *,
    page: bool = False,
    link: str | None = None,
) -> Message:
    """Say what somebody bought, for what, from whom and by which terms; ``page``: it is fetched there, or by ``link``.

    ``link`` is the path of one of our own pages, good for ten minutes.
    """
    offer = version.offer
    parts = [
        reader.say(
            marked("**{title}** is yours: you paid {paid} to {seller}."),
            title=purchase.title,
            paid=sum_of(purchase.amount, purchase.asset, names),
            seller=reader.person(seller),
        )
    ]
    if offer.licence:
        parts.append(reader.say(marked("Licence: {licence}"), licence=offer.licence))
    parts.append(
        reader.say(
            marked("Your receipt: purchase {purchase}, version {version}, terms {terms}."),
            purchase=Literal(purchase.id),
            version=version.number,
            terms=Literal(show_hash(version.terms)),
        )
    )
    parts.append(_what_to_do(reader, purchase))
    if offer.kind is Kind.POST:
        parts.append(reader.say(marked("It was posted here: {where}"), where=_posted(offer.reference)))
    if link is not None:
        parts.append(
            reader.say(
                marked(
                    "It stands at its seller's own server, and comes through this link, which is yours alone and good "
                    "for ten minutes: {link}"
                ),
                link=reader.link(link),
            )
        )
    elif page:
        parts.append(
            reader.say(
                marked("It is too large for a message here. It waits for you on this page: {page}"),
                page=reader.link(f"/buy/{purchase.listing}"),
            )
        )
    elif offer.kind.has_content:
        parts.append(reader.say(marked("What comes next is the seller's, as they wrote it. I have not looked at it.")))
    elif offer.kind is Kind.ADMISSION:
        parts.append(reader.say(marked("You are invited to where it leads.")))
    return join(parts)


def _posted(reference: str) -> Link | str:
    """Return a link to a message; what is none, from before such were looked at, is somebody else's words."""
    return Link(reference) if reference.startswith("https://matrix.to/#/!") else reference


def _what_to_do(reader: Reader, purchase: Purchase) -> Message:
    return reader.say(
        marked("{get} hands it over once more. If something is wrong with it: {complain}, or {refund}."),
        get=Literal(f"library get {purchase.id}"),
        complain=Literal(f"complain {purchase.id} …"),
        refund=Literal(f"refund {purchase.id}"),
    )


def taken_back(reader: Reader, purchase: Purchase, names: Names) -> Message:
    """Say that a payment left the chain."""
    return reader.say(
        marked(
            "The chain dropped the block with your payment of {paid} for **{title}** (purchase {purchase}), so it is "
            "not yours now. If the chain takes the payment up again, it is yours again by itself; if not, you have "
            "your money still."
        ),
        paid=sum_of(purchase.amount, purchase.asset, names),
        title=purchase.title,
        purchase=Literal(purchase.id),
    )


def refunded(reader: Reader, purchase: Purchase, names: Names) -> Message:
    """Say that a seller paid somebody back."""
    return reader.say(
        marked(
            "The seller paid your {paid} for **{title}** back (purchase {purchase}), to the wallet that it came from. "
            "So it is not yours any more."
        ),
        paid=sum_of(purchase.amount, purchase.asset, names),
        title=purchase.title,
        purchase=Literal(purchase.id),
    )


def taken_down(reader: Reader, purchase: Purchase, reason: str) -> Message:
    """Say that what was bought is not handed over."""
    return reader.say(
        marked(
            "Whoever runs this service took **{title}** down, so I cannot hand it over: {reason}\n"
            "{refund} asks the seller for your money."
        ),
        title=purchase.title,
        reason=reason or "-",
        refund=Literal(f"refund {purchase.id}"),
    )


def purchases(
    reader: Reader, found: Sequence[Purchase], names: Names, state: Callable[[Reader, Purchase], Message | Safe]
) -> Message:
    """List purchases, a line each; ``state`` says how one stands."""
    entries = [
        reader.say(
            marked("**{title}**, {when}, {paid}: {state} ({purchase})"),
            title=one.title,
            when=reader.when(one.paid_at),
            paid=sum_of(one.amount, one.asset, names),
            state=state(reader, one),
            purchase=Literal(one.id),
        )
        for one in found
    ]
    return lines(reader, entries)


def library(reader: Reader, found: Sequence[Purchase], names: Names, *, more: str | None) -> Message:
    """List what somebody bought; ``more`` is where the next page begins."""
    if not found:
        return reader.say(marked("You bought nothing yet. {buy} does it."), buy=Literal("buy LISTING"))
    parts = [reader.say(marked("**What you bought:**")), purchases(reader, found, names, _state)]
    parts.append(reader.say(marked("{get} hands one over once more."), get=Literal(f"library get {found[0].id}")))
    if more is not None:
        parts.append(reader.say(marked("There is more: {more}"), more=Literal(f"library before {more}")))
    return join(parts)


def _state(reader: Reader, one: Purchase) -> Safe:
    because = "" if one.because is None else f" ({reader.translate(BECAUSE[one.because])})"
    return Safe(reader.translate(_STATES[one.state]) + because)


def coming(reader: Reader, purchase: Purchase, *, again: bool) -> Message:
    """Say that something is handed over once more; ``again``: that it was a moment ago."""
    if again:
        return reader.say(marked("I handed over **{title}** a moment ago. Look above."), title=purchase.title)
    return reader.say(marked("Here comes **{title}**."), title=purchase.title)


def not_yours(reader: Reader, purchase: Purchase) -> Message:
    """Say that a purchase gives nothing now, and why."""
    if purchase.state is PurchaseState.PAID and purchase.because is None:
        return reader.say(
            marked(
                "The chain is not as sure of your payment for **{title}** as the seller wishes. It comes by itself."
            ),
            title=purchase.title,
        )
    return reader.say(
        marked("**{title}** is not yours: {state}."), title=purchase.title, state=_state(reader, purchase)
    )


def complained(reader: Reader) -> Message:
    """Say that a complaint was taken."""
    return reader.say(
        marked(
            "The seller sees what you wrote, without your name, and everybody sees that there is one complaint. Write "
            "it once more to say something else."
        )
    )


def withdrawn(reader: Reader) -> Message:
    """Say that a complaint was taken back."""
    return reader.say(marked("Your complaint is taken back."))


def refund_asked(reader: Reader, purchase: Purchase, names: Names) -> Message:
    """Say that the seller was asked for the money."""
    if purchase.state is PurchaseState.REFUND_APPROVED:
        return reader.say(marked("The seller says already that they will pay it back."))
    return reader.say(
        marked(
            "The seller is asked for your {paid}. They pay it back by a transaction of their own, to the wallet that "
            "you paid from; once the chain has it, **{title}** is no longer yours."
        ),
        paid=sum_of(purchase.amount, purchase.asset, names),
        title=purchase.title,
    )
