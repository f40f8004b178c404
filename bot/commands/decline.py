"""``decline``: a stranger who asked is left outside, and so is one with a stake, which goes back."""

from __future__ import annotations

from app.container import Work
from app.wording.buttons import Letter, Word
from app.wording.catalogue import marked
from bot.commands.choosing import choose, give
from bot.commands.command import Asked, Command
from payments.stakes.model import Answer


def run(work: Work, asked: Asked) -> Letter:
    """Decline the one who is named, or the only one who waits."""
    chosen = choose(work, asked, Word.RETURN, verb=COMMAND.name)
    return chosen if isinstance(chosen, Letter) else give(work, asked, chosen, Answer.RETURN)


COMMAND = Command(
    "decline",
    ("decline", "decline @name:example.org"),
    marked("leaves a stranger who asks outside; they are not told, and you can accept them later"),
    run,
)
