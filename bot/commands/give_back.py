"""``return``: a stranger's stake goes back, and nothing else changes."""

from __future__ import annotations

from app.container import Work
from app.wording.buttons import Letter, Word
from app.wording.catalogue import marked
from bot.commands.choosing import choose, give, on_behalf
from bot.commands.command import Asked, Command
from payments.stakes.model import Answer


def give_back(work: Work, asked: Asked, *, verb: str | None = None) -> Letter:
    """Return the stake of the one who is named, or of the only one who waits; ``verb``: how it was written, if else."""
    asked = on_behalf(work, asked)
    chosen = choose(work, asked, Word.RETURN, verb=verb)
    return chosen if isinstance(chosen, Letter) else give(work, asked, chosen, Answer.RETURN)


COMMAND = Command(
    "return",
    ("return", "return @name:example.org", "return @name:example.org for @owner:example.org"),
    marked("gives a stranger's stake back; next time they have to put down one again"),
    give_back,
)
