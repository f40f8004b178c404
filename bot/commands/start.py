"""``start``: messages come again."""

from __future__ import annotations

from app.container import Work
from app.wording import manners
from app.wording.buttons import Letter
from app.wording.catalogue import marked
from bot.commands.command import Asked, Command, nothing_more


def run(work: Work, asked: Asked) -> Letter:
    """Resume notices."""
    nothing_more(asked.words)
    work.people.resume_notices(asked.person)
    return Letter(manners.started(asked.reader))


COMMAND = Command("start", ("start",), marked("undoes stop"), run)
