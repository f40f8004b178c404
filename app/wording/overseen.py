"""Overseen: what the bot says to sellers and buyers of what the operator holds, lets out again, or took down."""

from __future__ import annotations

from app.conversations import Meaning
from app.wording.buttons import Letter
from app.wording.catalogue import marked
from app.wording.message import Literal, Message, join
from app.wording.reader import Reader
from app.wording.replies import NO, YES
from payments.content.holds import Refunds
from payments.content.model import Listing, ListingState, Purchase


def held(reader: Reader, one: Listing) -> Message:
    """Tell a seller that something is not for sale, since a rule of the operator's objects, and what they can do."""
    return reader.say(
        marked(
            "**{title}** is not for sale: whoever runs this service holds it back. {reason}\n"
            "They may still allow it, and another version is looked at anew: {retitle}, {preview}. Whoever bought it "
            "keeps it."
        ),
        title=one.version.offer.title,
        reason=one.reason or "-",
        retitle=Literal(f"sell title {one.id} …"),
        preview=Literal(f"sell preview {one.id} …"),
    )


def news(reader: Reader, one: Listing, refunds: Refunds) -> Message | None:
    """Tell a seller how something of theirs stands with the operator now; ``None`` where there is nothing to say."""
    title = one.version.offer.title
    if one.state is ListingState.HELD:
        return held(reader, one)
    if one.state is ListingState.LISTED:
        return reader.say(marked("**{title}** is for sale again: nothing holds it back any more."), title=title)
    if one.state is not ListingState.TAKEN_DOWN:
        return None
    parts = [
        reader.say(
            marked(
                "Whoever runs this service took **{title}** down: {reason}\nIt is neither sold nor handed over now."
            ),
            title=title,
            reason=one.reason or "-",
        )
    ]
    if refunds.bought:
        parts.append(
            reader.several(
                marked("One buyer has it, and may ask for the money: {sales} shows what you owe."),
                marked("{count} buyers have it, and may ask for their money: {sales} shows what you owe."),
                refunds.bought,
                sales=Literal("sell sales"),
            )
        )
    return join(parts)


def taken_down(reader: Reader, purchase: Purchase, reason: str) -> Letter:
    """Tell a buyer that what they bought was taken down, and ask whether they want their money."""
    told = reader.say(
        marked(
            "Whoever runs this service took **{title}** down, which you bought: {reason}\n"
            "I hand it over no more. Do you want the seller to pay you back? Tap {yes} or write {refund}; {no} leaves "
            "it. They pay by a transaction of their own: I can ask them, no more."
        ),
        title=purchase.title,
        reason=reason or "-",
        yes=YES,
        no=NO,
        refund=Literal(f"refund {purchase.id}"),
    )
    return Letter(told, Meaning.ASK_REFUND, listing=purchase.listing)
