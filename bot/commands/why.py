"""``why``: what would happen if somebody knocked, and for what reason."""

from __future__ import annotations

from app.container import Work
from app.wording import replies
from app.wording.buttons import Letter
from app.wording.catalogue import marked
from bot.commands.command import Asked, Command, Unclear, named


def run(work: Work, asked: Asked) -> Letter:
    """Explain the verdict on one person."""
    other = named(asked, asked.words)
    if other is None:
        raise Unclear
    return Letter(replies.why(asked.reader, work.gate.why(asked.person, other), other))


COMMAND = Command(
    "why",
    ("why @name:example.org",),
    marked("says what an invitation from somebody would meet, and for what reason"),
    run,
)
