"""Selling: what the bot says of what is for sale, to whoever buys it and to whoever sells it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from app.conversations import Meaning
from app.wording.bought import BECAUSE, Names, purchases, sum_of
from app.wording.buttons import Letter
from app.wording.catalogue import marked
from app.wording.message import Literal, Message, Safe, join
from app.wording.overseen import held
from app.wording.reader import Reader
from app.wording.replies import NO, YES, lines
from kit.identifiers import Address, UserId, show_address
from ledger.model import Asset, Level
from payments.content.model import Kind, Listing, ListingState, Offer, Purchase, PurchaseState, Stored

if TYPE_CHECKING:
    from app.vendors import Vendor

_KINDS = {
    Kind.TEXT: marked("a text"),
    Kind.FILE: marked("a file"),
    Kind.POST: marked("a post"),
    Kind.ADMISSION: marked("admission for a while"),
    Kind.GATEWAY: marked("what stands behind an address"),
}
_SURE = {
    Level.SEEN: marked("as soon as the payment is seen on the chain"),
    Level.SAFE: marked("once the chain is fairly sure of the payment, in some minutes"),
    Level.FINALIZED: marked("once the payment is final, in about a quarter of an hour"),
}
_STATES = {
    ListingState.DRAFT: marked("a draft"),
    ListingState.LISTED: marked("for sale"),
    ListingState.UNLISTED: marked("not for sale"),
    ListingState.HELD: marked("held back by whoever runs this service"),
    ListingState.TAKEN_DOWN: marked("taken down by whoever runs this service"),
}
_SALES = {
    PurchaseState.PAID: marked("paid"),
    PurchaseState.TAKEN_BACK: marked("the payment left the chain"),
    PurchaseState.OWED_BACK: marked("**you owe it back**"),
    PurchaseState.REFUND_ASKED: marked("**the buyer asks for the money**"),
    PurchaseState.REFUND_DECLINED: marked("you do not pay it back"),
    PurchaseState.REFUND_APPROVED: marked("you said that you pay it back"),
    PurchaseState.REFUNDED: marked("paid back"),
}


# ------------------------------------------------------------------------------------------------ buying


def card(reader: Reader, one: Listing, seller: UserId | None, names: Names) -> Message:
    """Say what is for sale: what it is, what it costs, whose it is, and what its buyers said of it."""
    offer = one.version.offer
    parts = [reader.say("**{title}**", title=offer.title)]
    parts += [reader.say("{preview}", preview=line) for line in offer.preview.split("\n")[:10] if line]
    parts.append(lines(reader, _facts(reader, one, seller, names)))
    return join(parts)


def _facts(reader: Reader, one: Listing, seller: UserId | None, names: Names) -> list[Message]:
    offer = one.version.offer
    found = [
        reader.say(marked("price: **{price}**"), price=_price(offer, names)),
        reader.say(marked("sold by {seller}"), seller=reader.person(seller)),
        _what(reader, offer, one.version.stored),
    ]
    if offer.licence:
        found.append(reader.say(marked("licence: {licence}"), licence=offer.licence))
    if one.left is not None:
        found.append(reader.several(marked("{count} piece left"), marked("{count} pieces left"), one.left))
    if offer.expires_at is not None:
        found.append(reader.say(marked("for sale until {until}"), until=reader.when(offer.expires_at)))
    found.append(reader.say(marked("yours {when}"), when=Safe(reader.translate(_SURE[offer.finality]))))
    found.append(
        reader.say(marked("sold {sold} times, complaints: {complaints}"), sold=one.sold, complaints=one.complaints)
    )
    return found


def _price(offer: Offer, names: Names) -> Safe:
    return Safe(" / ".join(sum_of(amount, asset, names).text for asset, amount in offer.prices.items()))


def _what(reader: Reader, offer: Offer, stored: Stored | None) -> Message:
    kind = Safe(reader.translate(_KINDS[offer.kind]))
    if stored is None:
        return reader.say("{kind}", kind=kind)
    return reader.say(
        marked("{kind}: {size} bytes, {type}"), kind=kind, size=Safe(f"{stored.size:,}"), type=Safe(stored.media_type)
    )


def offered(
    reader: Reader,
    one: Listing,
    seller: UserId | None,
    names: Names,
    *,
    order: str,
    until: datetime,
    vendor: Vendor | None = None,
) -> Message:
    """Show what somebody wants to buy, how its seller stands with them, and where they pay for it."""
    return join(
        [
            card(reader, one, seller, names),
            *([] if vendor is None else [_with_you(reader, seller, vendor)]),
            reader.say(
                marked(
                    "Pay for it here, with your own wallet, until {until}: {page}\n"
                    "Then it comes into this chat. Whoever has this link can pay for you, no more. {standing} says "
                    "by whose words the seller stands with you as they do."
                ),
                until=reader.when(until),
                page=reader.link(f"/buy/{one.id}?order={order}"),
                standing=Literal("standing" if seller is None else f"standing {seller}"),
            ),
        ]
    )


def _with_you(reader: Reader, seller: UserId | None, vendor: Vendor) -> Message:
    who = reader.person(seller)
    if vendor.nobody:
        return reader.say(marked("Nobody whom you know says anything of {who}."), who=who)
    return reader.say(
        marked("With you {who} stands at {percent} % good, and that is {sure} % sure."),
        who=who,
        percent=vendor.percent,
        sure=vendor.sure,
    )


def in_room(reader: Reader, one: Listing, seller: UserId | None, names: Names, sign: str) -> Message:
    """Show in a room what is for sale, and how a link to buy it is asked for."""
    return join(
        [
            card(reader, one, seller, names),
            reader.say(
                marked(
                    "Its page: {page}\nTap {sign} and I send you a link to buy it by, to you alone, and how the seller "
                    "stands with you. No tap pays."
                ),
                page=reader.link(f"/buy/{one.id}"),
                sign=Safe(sign),
            ),
        ]
    )


# ------------------------------------------------------------------------------------------------ selling


def look(reader: Reader, one: Listing, seller: UserId | None, names: Names) -> Letter:
    """Show a seller what they are about to put up, and ask whether they do."""
    question = reader.say(
        marked(
            "This is what buyers will see; you are paid at {wallet}. Shall it be for sale? Tap {yes} or write "
            "{confirm}; {no} or {cancel} leaves it a draft, which {relist} puts up later."
        ),
        wallet=Literal(show_address(one.version.offer.wallet)),
        yes=YES,
        no=NO,
        confirm=Literal("confirm"),
        cancel=Literal("cancel"),
        relist=Literal(f"sell relist {one.id}"),
    )
    return Letter(join([card(reader, one, seller, names), question]), Meaning.CONFIRM_SALE, listing=one.id)


def fetching(reader: Reader) -> Message:
    """Say that what is to be sold is being looked at."""
    return reader.say(marked("Let me look at it; then I show you what buyers will see."))


def fetching_anew(reader: Reader) -> Message:
    """Say that the new content of something is being looked at."""
    return reader.say(marked("Let me look at it; then it is the new version."))


def not_fetched(reader: Reader, why: Message) -> Message:
    """Say that what was to be sold could not be taken."""
    return reader.say(marked("I cannot put that up. {why}"), why=why)


def listed(reader: Reader, one: Listing) -> Message:
    """Say that something is for sale, or that it is held back."""
    if one.state is ListingState.HELD:
        return held(reader, one)
    return reader.say(
        marked(
            "**{title}** is for sale. Whoever writes {buy} to me can buy it; its page is {page}\n"
            "{unlist} ends it, {sales} shows what was sold."
        ),
        title=one.version.offer.title,
        buy=Literal(f"buy {one.id}"),
        page=reader.link(f"/buy/{one.id}"),
        unlist=Literal(f"sell unlist {one.id}"),
        sales=Literal("sell sales"),
    )


def unlisted(reader: Reader, one: Listing) -> Message:
    """Say that something is not for sale any more."""
    return reader.say(
        marked("**{title}** is not for sale any more; whoever bought it keeps it. {relist} puts it up again."),
        title=one.version.offer.title,
        relist=Literal(f"sell relist {one.id}"),
    )


def revised(reader: Reader, one: Listing, seller: UserId | None, names: Names) -> Message:
    """Show what something is from now on."""
    return join(
        [
            card(reader, one, seller, names),
            *([held(reader, one)] if one.state is ListingState.HELD else []),
            reader.say(
                marked(
                    "That is version {number}. Whoever bought an earlier one has this one, too; whoever is about to "
                    "pay by the one before may do so for an hour."
                ),
                number=one.version.number,
            ),
        ]
    )


def goods(reader: Reader, found: Sequence[Listing], names: Names, *, more: str | None) -> Message:
    """List what somebody put up."""
    if not found:
        return reader.say(marked("You put nothing up yet. {help} says how."), help=Literal("help sell"))
    entries = [
        reader.say(
            marked("**{title}**, {price}: {state}, sold {sold}, complaints {complaints} ({listing})"),
            title=one.version.offer.title,
            price=_price(one.version.offer, names),
            state=_stands(reader, one),
            sold=one.sold,
            complaints=one.complaints,
            listing=Literal(one.id),
        )
        for one in found
    ]
    parts = [reader.say(marked("**What you sell:**")), lines(reader, entries)]
    if more is not None:
        parts.append(reader.say(marked("There is more: {more}"), more=Literal(f"sell list before {more}")))
    return join(parts)


def _stands(reader: Reader, one: Listing) -> Message:
    state = reader.say(_STATES[one.state])
    return state if one.reason is None else reader.say("{state} ({reason})", state=state, reason=one.reason)


def sales(
    reader: Reader, found: Sequence[Purchase], names: Names, *, owed: Mapping[Asset, tuple[int, int]], more: str | None
) -> Message:
    """List what somebody sold, and what they owe back: payments and their sum by asset."""
    if not found:
        return reader.say(marked("Nothing was sold yet."))
    parts = [reader.say(marked("**What you sold:**")), purchases(reader, found, names, _sale)]
    if owed:
        sums = Safe(", ".join(sum_of(total, asset, names).text for asset, (_, total) in owed.items()))
        payments = sum(count for count, _ in owed.values())
        parts.append(reader.say(marked("Asked back or owed: {sums} of {payments}."), sums=sums, payments=payments))
    if any(one.state in (PurchaseState.OWED_BACK, PurchaseState.REFUND_ASKED) for one in found):
        parts.append(
            reader.say(
                marked("{approve} says that you pay one back, {decline} that you do not."),
                approve=Literal("sell approve PURCHASE"),
                decline=Literal("sell decline PURCHASE"),
            )
        )
    if more is not None:
        parts.append(reader.say(marked("There is more: {more}"), more=Literal(f"sell sales before {more}")))
    return join(parts)


def _sale(reader: Reader, one: Purchase) -> Message:
    state = reader.say(_SALES[one.state])
    if one.because is None:
        return state
    return reader.say("{state} ({because})", state=state, because=Safe(reader.translate(BECAUSE[one.because])))


def approved(reader: Reader, one: Purchase, names: Names, wallet: Address | None) -> Message:
    """Tell a seller what they pay back, and to whom."""
    paid = sum_of(one.amount, one.asset, names)
    if wallet is None:
        refund = Literal(f"earnest sell refund {one.id}")
        return reader.say(
            marked("Noted: you pay {paid} back. {refund} shows to which wallet."), paid=paid, refund=refund
        )
    return reader.say(
        marked(
            "Noted: you pay {paid} back, by a transaction of your own, to {wallet}. I move no money; until the chain "
            "has it, the buyer keeps **{title}**."
        ),
        paid=paid,
        wallet=Literal(show_address(wallet)),
        title=one.title,
    )


def declined(reader: Reader, one: Purchase) -> Message:
    """Say that a seller does not pay something back."""
    return reader.say(
        marked("Noted: you do not pay **{title}** back. The buyer keeps it; {approve} thinks again."),
        title=one.title,
        approve=Literal(f"sell approve {one.id}"),
    )


def complaints(reader: Reader, found: Sequence[tuple[datetime, str]]) -> Message:
    """Show a seller what buyers said."""
    if not found:
        return reader.say(marked("Nobody complained of it."))
    entries = [reader.say("{when}: {text}", when=reader.when(at), text=text or "-") for at, text in found]
    return join([reader.say(marked("**What buyers said of it:**")), lines(reader, entries)])
