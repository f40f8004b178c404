"""Tips: what the bot says to who gives, to who receives, and in the room where a message was tipped in public."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from app.wording.bought import Names, sum_of
from app.wording.catalogue import marked
from app.wording.message import Literal, Message, Safe, Value, join
from app.wording.reader import Reader
from app.wording.replies import lines
from kit.identifiers import Address, UserId, show_address, show_hash
from ledger.model import Level
from payments.tips.model import Link, News, Tip

_REFUSED = {
    "no_tips": marked("They take no tips here."),
    "tip_self": marked("That is you: nobody tips themselves."),
    "tips_often": marked("You had as many links to tip by as there are in a day. Tomorrow there are more."),
    "tips_many": marked("So many want to tip them today that there are no more links. Try tomorrow."),
    "tip_unseen": marked("I see no such message in a room that I look after and that you are in."),
    "note_long": marked("That note is too long: it has at most 300 characters."),
    "tip_small": marked("That is too little: a tip is at least a hundredth."),
    "tip_asset": marked(
        "They take no tips in that token. Leave it out: the page of the tip shows which ones they take."
    ),
    "tip_token_unknown": marked(
        "Nobody is tipped in that token here. Write the sum, its token, and then what you say: {written}."
    ),
    "asset_unclear": marked("Several tokens here could be called that. Write the address of the one that you mean."),
    "amount_too_fine": marked("That token has fewer decimal places than you wrote."),
}
_UNCLEAR = marked("A tip is written {tip}, as an answer to the message.")
_LEVELS = {
    Level.SEEN: marked("in a block"),
    Level.SAFE: marked("safe on the chain"),
    Level.FINALIZED: marked("final"),
    Level.ORPHANED: marked("it left the chain"),
}


_Who = Callable[[Tip], Value]
"""Names who gave or received one."""


# ------------------------------------------------------------------------------------------------ taking tips


def now_on(reader: Reader, wallet: Address, taken: Sequence[str]) -> Message:
    """Say what it means that somebody takes tips from now on; ``taken`` are the tokens that they take them in."""
    return reader.say(
        marked(
            "You take tips now in {taken}, at your primary wallet {wallet}, until you unlink it or say {on} again.\n"
            "- **Whoever tips you sees this wallet**, and on the chain everybody sees what it has and who paid it.\n"
            "- With a public tip the room sees who tipped you, how much, and what they say with it.\n"
            "{off} ends it; nobody sees your wallet then who has not seen it yet."
        ),
        taken=_names(taken),
        wallet=Literal(show_address(wallet)),
        on=_on(),
        off=Literal("tips off"),
    )


def now_off(reader: Reader) -> Message:
    """Say that somebody takes no tips any more."""
    return reader.say(marked("You take no tips any more. What was paid is yours; {on} begins again."), on=_on())


def off_in(reader: Reader, token: str, taken: Sequence[str]) -> Message:
    """Say that somebody takes no tips in a token any more, and in which they do."""
    if not taken:
        return now_off(reader)
    return reader.say(
        marked("You take no tips in {token} any more. You take them in {taken}."),
        token=Literal(token),
        taken=_names(taken),
    )


def taking(reader: Reader, wallet: Address | None, lost: Address | None, taken: Sequence[str]) -> Message:
    """Say whether somebody takes tips; ``lost`` is the wallet at which they did, where it is not theirs any more.

    ``taken`` are the tokens that they take them in.
    """
    if wallet is not None:
        return reader.say(
            marked("You take tips in {taken}, at {wallet}."),
            taken=_names(taken),
            wallet=Literal(show_address(wallet)),
        )
    if lost is not None:
        return reader.say(
            marked(
                "You take no tips now: you did at {wallet}, which you unlinked, and nobody is shown another one "
                "unasked. {on} begins again, at your primary wallet."
            ),
            wallet=Literal(show_address(lost)),
            on=_on(),
        )
    return reader.say(
        marked(
            "You take no tips. {on} changes that: whoever tips you then sees your primary wallet, and a "
            "public tip is shown in its room."
        ),
        on=_on(),
    )


def mine(
    reader: Reader, first: Message, given: Sequence[Tip], received: Sequence[Tip], names: Names, who: _Who
) -> Message:
    """Say whether somebody takes tips (``first``), and which they gave and received last."""
    parts = [first]
    for title, tips, say in (
        (marked("**You received:**"), received, marked("{paid} from {who}, {when}: {state}")),
        (marked("**You gave:**"), given, marked("{paid} to {who}, {when}: {state}")),
    ):
        if tips:
            entries = [
                reader.say(
                    say,
                    paid=sum_of(one.amount, one.asset, names),
                    who=who(one),
                    when=reader.when(one.paid_at),
                    state=Safe(reader.translate(_LEVELS[one.level])),
                )
                for one in tips
            ]
            parts += [reader.say(title), lines(reader, entries)]
    return join(parts)


def somebody(reader: Reader) -> Message:
    """Name who does not want to be named."""
    return reader.say(marked("somebody who does not say who they are"))


def _on() -> Literal:
    return Literal("tips on")


def _names(taken: Sequence[str]) -> Safe:
    return Safe(", ".join(taken))  # letters and digits alone


# ------------------------------------------------------------------------------------------------ giving


def offered(reader: Reader, link: Link, receiver: UserId | None) -> Message:
    """Give somebody the link by which they tip, alone."""
    return reader.say(
        marked(
            "A link to tip {receiver}{which}, until {until}: {page}\n"
            "There you choose how much and what you say with it, and sign with your own wallet. Nothing moves before. "
            "Whoever has this link sees that, and can pay for you, no more."
        ),
        receiver=reader.person(receiver),
        which=_which(reader, link),
        until=reader.when(link.expires_at),
        page=reader.link(f"/tip/{link.token}"),
    )


def _which(reader: Reader, link: Link) -> Value:
    if link.room is None or link.event is None:
        return Safe("")
    return reader.say(marked(" for this message: {message}"), message=message_link(link.room, link.event))


def message_link(room: str, event: str) -> Literal:
    """Write where a message stands."""
    return Literal(f"https://matrix.to/#/{room}/{event}")


def looking(reader: Reader) -> Message:
    """Say that a message is looked for."""
    return reader.say(marked("I look at that message; the link comes in a moment."))


def refused(reader: Reader, code: str) -> Message:
    """Say why somebody cannot tip."""
    sentence = _REFUSED.get(code)
    if sentence is None:
        return reader.say(_UNCLEAR, tip=Literal("!tip 5 Thank you"))
    return reader.say(sentence, written=Literal("!tip 5 ERN Thank you"))


# ------------------------------------------------------------------------------------------------ news


def told(
    reader: Reader, news: News, tip: Tip, names: Names, *, giver: UserId | None, receiver: UserId | None
) -> Message:
    """Tell a giver or a receiver what became of a tip."""
    values: dict[str, Value] = {
        "paid": sum_of(tip.amount, tip.asset, names),
        "receiver": reader.person(receiver),
        "giver": somebody(reader) if tip.anonymous else reader.person(giver),
    }
    match news:
        case News.SEEN:
            return reader.say(
                marked("Your tip of {paid} to {receiver} is in a block. They are told once the chain is sure of it."),
                **values,
            )
        case News.RECEIPT:
            return _receipt(reader, tip, values)
        case News.GONE_GIVER | News.GONE_RECEIVER:
            return _gone(reader, news, values)
        case _:
            return _received(reader, tip, values)


def _receipt(reader: Reader, tip: Tip, values: dict[str, Value]) -> Message:
    parts = [reader.say(marked("{receiver} has your tip of {paid}, and I tell them."), **values)]
    if tip.anonymous:
        parts.append(reader.say(marked("They are not told who you are; the chain shows which wallet paid.")))
    elif tip.public:
        parts.append(reader.say(marked("The room is told, too, under the message.")))
    parts.append(reader.say(marked("Your receipt: purchase {key}"), key=Literal(show_hash(tip.key))))
    return join(parts)


def _gone(reader: Reader, news: News, values: dict[str, Value]) -> Message:
    if news is News.GONE_GIVER:
        return reader.say(
            marked(
                "The chain dropped the block with your tip of {paid} to {receiver}. If the chain takes it up again, it "
                "counts again by itself; if not, you have your money still."
            ),
            **values,
        )
    return reader.say(
        marked(
            "The chain dropped the block with the tip of {paid} from {giver}: you do not have it now. If the chain "
            "takes it up again, I tell you."
        ),
        **values,
    )


def _received(reader: Reader, tip: Tip, values: dict[str, Value]) -> Message:
    parts = [reader.say(marked("**You were tipped {paid}** by {giver}."), **values)]
    if tip.room is not None and tip.event is not None:
        parts.append(reader.say(marked("For: {message}"), message=message_link(tip.room, tip.event)))
    if tip.note:
        parts.append(reader.say(marked("They say: {note}"), note=tip.note))
    parts.append(reader.say(marked("It is at your wallet. {off} ends being tipped."), off=Literal("tips off")))
    return join(parts)


def in_room(reader: Reader, tip: Tip, names: Names, *, giver: UserId | None, receiver: UserId | None) -> Message:
    """Show in a room that a message was tipped, and what is said with it."""
    values: dict[str, Value] = {
        "giver": reader.person(giver),
        "receiver": reader.person(receiver),
        "paid": sum_of(tip.amount, tip.asset, names),
    }
    if tip.note:
        return reader.say(marked("💜 {giver} tips {receiver} {paid}: {note}"), note=tip.note, **values)
    return reader.say(marked("💜 {giver} tips {receiver} {paid}"), **values)
