"""``statement``: what went from and to the person's wallets."""

from __future__ import annotations

from collections import deque
from datetime import timedelta

from app.container import Work
from app.statements import Span, of_person
from app.wording import moved
from app.wording.buttons import Letter
from app.wording.catalogue import marked
from bot.commands.command import Asked, Command, nothing_more
from ledger.model import wallet

_DAYS = 90
_MOST = 10


def run(work: Work, asked: Asked) -> Letter:
    """Show the newest movements of the last 90 days; the API has all of them."""
    nothing_more(asked.words)
    wallets = {wallet(address) for address in work.holders.addresses(asked.person)}
    found = of_person(work, asked.person, Span(first=(work.now - timedelta(days=_DAYS)).date()))
    newest = deque(found.lines, maxlen=_MOST)
    return Letter(moved.statement(asked.reader, list(reversed(newest)), wallets, _DAYS))


COMMAND = Command("statement", ("statement",), marked("shows what went from and to your linked wallets"), run)
