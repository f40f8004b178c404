"""``spam``: a stranger's stake is burned, once that is confirmed."""

from __future__ import annotations

from app.container import Work
from app.wording.buttons import Letter, Word
from app.wording.catalogue import marked
from bot.commands.choosing import ask_whether_spam, choose, on_behalf
from bot.commands.command import Asked, Command


def run(work: Work, asked: Asked) -> Letter:
    """Ask whether the one who is named, or the only one who waits, is really meant."""
    asked = on_behalf(work, asked)
    chosen = choose(work, asked, Word.SPAM)
    return chosen if isinstance(chosen, Letter) else ask_whether_spam(work, asked, chosen)


COMMAND = Command(
    "spam",
    ("spam", "spam @name:example.org", "spam @name:example.org for @owner:example.org"),
    marked("has a stranger's stake burned and lets them reach you no more; asks once more before it does"),
    run,
)
