"""``wallets``: the person's linked wallets."""

from __future__ import annotations

from app.container import Work
from app.wording import wallets
from app.wording.buttons import Letter
from app.wording.catalogue import marked
from bot.commands.command import Asked, Command, nothing_more


def run(work: Work, asked: Asked) -> Letter:
    """List them."""
    nothing_more(asked.words)
    return Letter(wallets.wallets(asked.reader, work.holders.wallets(asked.person)))


COMMAND = Command("wallets", ("wallets",), marked("shows which wallets you have linked"), run)
