"""``link``: a one-time link for linking a wallet."""

from __future__ import annotations

from app.container import Work
from app.sessions import LINK_LIFETIME
from app.wording import manners
from app.wording.buttons import Letter
from app.wording.catalogue import marked
from bot.commands.command import Asked, Command, nothing_more


def run(work: Work, asked: Asked) -> Letter:
    """Make the link."""
    nothing_more(asked.words)
    secret = work.sessions.issue_link(asked.person)
    return Letter(manners.link(asked.reader, f"/link/{secret}", int(LINK_LIFETIME.total_seconds() // 60)), secret=True)


COMMAND = Command("link", ("link",), marked("gives you a page on which to link your wallet"), run)
