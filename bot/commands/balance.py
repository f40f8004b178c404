"""``balance``: what the person's wallets hold."""

from __future__ import annotations

from app.container import Work
from app.wording import replies
from app.wording.buttons import Letter
from app.wording.catalogue import marked
from bot.commands.command import Asked, Command, nothing_more
from kit.amounts import Amount
from ledger.model import wallet


def run(work: Work, asked: Asked) -> Letter:
    """Show each linked wallet's balance, as far as the chain has been read."""
    nothing_more(asked.words)
    holdings = [
        (address, Amount(work.book.balance(wallet(address)))) for address in work.holders.addresses(asked.person)
    ]
    return Letter(replies.balance(asked.reader, holdings))


COMMAND = Command("balance", ("balance",), marked("shows what your linked wallets hold"), run)
