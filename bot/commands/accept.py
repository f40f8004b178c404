"""``accept``: a stranger is welcome."""

from __future__ import annotations

from app.container import Work
from app.wording.buttons import Letter, Word
from app.wording.catalogue import marked
from bot.commands.choosing import choose, give, on_behalf
from bot.commands.command import Asked, Command
from payments.stakes.model import Answer


def run(work: Work, asked: Asked) -> Letter:
    """Accept the one who is named, or the only one who waits."""
    asked = on_behalf(work, asked)
    chosen = choose(work, asked, Word.ACCEPT)
    return chosen if isinstance(chosen, Letter) else give(work, asked, chosen, Answer.ACCEPT)


COMMAND = Command(
    "accept",
    ("accept", "accept @name:example.org", "accept @name:example.org for @owner:example.org"),
    marked("gives a stranger's stake back and lets them reach you freely from now on"),
    run,
)
