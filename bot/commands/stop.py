"""``stop``: no messages unasked."""

from __future__ import annotations

from app.container import Work
from app.wording import manners
from app.wording.buttons import Letter
from app.wording.catalogue import marked
from bot.commands.command import Asked, Command, nothing_more


def run(work: Work, asked: Asked) -> Letter:
    """Stop notices."""
    nothing_more(asked.words)
    work.people.stop_notices(asked.person)
    return Letter(manners.stopped(asked.reader))


COMMAND = Command("stop", ("stop",), marked("ends all messages that you did not ask for"), run)
