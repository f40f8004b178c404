"""``forget me``: everything that is kept about a person goes, once that is confirmed."""

from __future__ import annotations

from app.container import Work
from app.wording import manners
from app.wording.buttons import Letter
from app.wording.catalogue import marked
from bot.commands.command import Asked, Command, Unclear


def run(work: Work, asked: Asked) -> Letter:  # noqa: ARG001 - every command has the same form
    """Ask whether that is really meant."""
    if tuple(word.lower() for word in asked.words) != ("me",):
        raise Unclear
    return manners.confirm_forget(asked.reader)


COMMAND = Command("forget", ("forget me",), marked("has me forget you; asks once more before it does"), run)
