"""``undo``: a spam verdict is taken back."""

from __future__ import annotations

from app.container import Work
from app.wording.buttons import Letter, Word
from app.wording.catalogue import marked
from bot.commands.choosing import choose, take_back
from bot.commands.command import Asked, Command


def run(work: Work, asked: Asked) -> Letter:
    """Take back the verdict on the one who is named, or the only one that can be."""
    chosen = choose(work, asked, Word.UNDO)
    return chosen if isinstance(chosen, Letter) else take_back(work, asked, chosen)


COMMAND = Command(
    "undo",
    ("undo", "undo @name:example.org"),
    marked("takes a spam verdict back, as long as the stake is not burned"),
    run,
)
