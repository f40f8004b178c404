"""Wallets: what the bot says of a person's linked wallets, to that person alone."""

from __future__ import annotations

from collections.abc import Sequence

from app.conversations import Meaning
from app.wording.buttons import Letter, Word
from app.wording.catalogue import marked
from app.wording.message import Literal, Message, join
from app.wording.reader import Reader
from app.wording.replies import NO, YES, lines
from kit.identifiers import Address, show_address
from ledger.holders import Wallet


def wallets(reader: Reader, known: Sequence[Wallet]) -> Message:
    """List wallets, the primary one first."""
    if not known:
        return reader.say(marked("You have not linked a wallet yet. Write {link} to link one."), link=Literal("link"))
    first, *rest = known
    entries = [
        reader.say(
            marked("{wallet}, **your primary one**, since {since}"),
            wallet=_shown(first.address),
            since=reader.when(first.linked_at),
        )
    ]
    entries += [
        reader.say(marked("{wallet}, since {since}"), wallet=_shown(one.address), since=reader.when(one.linked_at))
        for one in rest
    ]
    return join(
        [
            reader.say(marked("Your wallets; nobody else is told which they are:")),
            lines(reader, entries),
            reader.say(
                marked(
                    "Fees at your door go to the primary one. {primary} makes another the primary one, {unlink} ends."
                ),
                primary=Literal("wallet primary 0x…"),
                unlink=Literal("wallet unlink 0x…"),
            ),
        ]
    )


def now_primary(reader: Reader, address: Address) -> Message:
    """Say which wallet is the primary one from now on."""
    return reader.say(
        marked(
            "{wallet} is your primary wallet now: fees of new knocks go to it. Prices told before keep the old one."
        ),
        wallet=_shown(address),
    )


def confirm_unlink(reader: Reader, address: Address) -> Letter:
    """Ask whether to unlink a wallet is really meant."""
    return Letter(
        reader.say(
            marked(
                "Shall I unlink {wallet}? Its movements leave your statement, and no fee of a new knock goes to it. "
                "Stakes that you put down from it stay as they are: each goes back to the address that its own terms "
                "name. Tap {yes} or write {confirm}; {no} or {cancel} leaves everything as it is."
            ),
            wallet=_shown(address),
            yes=YES,
            no=NO,
            confirm=Literal(Word.CONFIRM),
            cancel=Literal(Word.CANCEL),
        ),
        Meaning.CONFIRM_UNLINK,
        wallet=address,
    )


def unlinked(reader: Reader, address: Address, primary: Address | None, *, tipped: bool) -> Message:
    """Say that a wallet is unlinked, which one is the primary one now, and how to take it back.

    ``tipped``: it was the one at which they took tips.
    """
    parts = [reader.say(marked("{wallet} is unlinked."), wallet=_shown(address))]
    if primary is not None:
        parts.append(reader.say(marked("Your primary wallet is {wallet}."), wallet=_shown(primary)))
    if tipped:
        parts.append(
            reader.say(
                marked("You took tips at it, so you take none now. {on} begins again, at your primary wallet."),
                on=Literal("tips on"),
            )
        )
    parts.append(reader.say(marked("{link} links it again, by another signature."), link=Literal("link")))
    return join(parts)


def _shown(address: Address) -> Literal:
    return Literal(show_address(address))
