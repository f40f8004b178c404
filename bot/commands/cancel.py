"""``cancel``: the question that waits is answered with no."""

from __future__ import annotations

from app.container import Work
from app.conversations import CONFIRMATIONS
from app.wording import manners
from app.wording.buttons import Letter
from app.wording.catalogue import marked
from bot.commands.command import Asked, Command, nothing_more


def run(work: Work, asked: Asked) -> Letter:
    """Leave everything as it is."""
    nothing_more(asked.words)
    for prompt in work.conversations.waiting(asked.person, *CONFIRMATIONS):
        work.conversations.close(prompt)
    return Letter(manners.cancelled(asked.reader))


COMMAND = Command("cancel", ("cancel",), marked("answers my question with no"), run)
