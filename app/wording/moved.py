"""Moved: how a person is told what went from and to their wallets."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from app.wording.catalogue import marked
from app.wording.message import Literal, Message, Safe, join
from app.wording.reader import Reader
from app.wording.replies import lines
from kit.amounts import Amount
from ledger.model import Account, Level
from ledger.movements import Movement, What

_WHAT: Mapping[What, str] = {
    What.OPENING_BALANCE: marked("balance before"),
    What.TRANSFER: marked("transfer"),
    What.MINT: marked("made"),
    What.BURN: marked("burned"),
    What.UNSOLICITED: marked("sent to the escrow without a stake"),
    What.STAKE_OPENED: marked("stake put down"),
    What.RELAY_FEE: marked("fee for carrying it to the chain"),
    What.STAKE_RETURNED: marked("stake returned"),
    What.STAKE_BURNED: marked("stake burned"),
    What.STAKE_EXPIRED: marked("stake back, since nobody answered"),
    What.FEE: marked("fee for an answer"),
}
_LEVEL: Mapping[Level, str] = {
    Level.SEEN: marked("not final yet"),
    Level.SAFE: marked("not final yet"),
    Level.FINALIZED: marked("final"),
    Level.ORPHANED: marked("in a block that left the chain"),
}


def statement(reader: Reader, newest: Sequence[Movement], wallets: Collection[Account], days: int) -> Message:
    """Show the newest movements, latest first, and how to get all of them as a file."""
    if not wallets:
        return reader.say(marked("You have not linked a wallet yet. Write {link} to link one."), link=Literal("link"))
    how = reader.say(
        marked("All of it, as a table or a journal for your accounting: {url}, with a token ({token})."),
        url=reader.link("/v1/me/statement?format=csv"),
        token=Literal("token read"),
    )
    if not newest:
        return join([reader.say(marked("Nothing was moved in the last {days} days."), days=days), how])
    return join([lines(reader, [_line(reader, one, wallets) for one in newest]), how])


def _line(reader: Reader, one: Movement, wallets: Collection[Account]) -> Message:
    sign = "+" if one.target in wallets else "\N{MINUS SIGN}" if one.source in wallets else ""
    if one.source in wallets and one.target in wallets:
        sign = ""
    template = (
        marked("{when}: {sign}{amount}, {what}, taken back ({level})")
        if one.reversal
        else marked("{when}: {sign}{amount}, {what} ({level})")
    )
    return reader.say(
        template,
        when=reader.when(one.time),
        sign=Safe(sign),
        amount=reader.money(Amount(one.amount)),
        what=reader.say(_WHAT[one.what]),
        level=reader.say(_LEVEL[one.level]),
    )
