"""``help``: what the bot does."""

from __future__ import annotations

from collections.abc import Sequence

from app.container import Work
from app.wording import manners
from app.wording.buttons import Letter
from app.wording.catalogue import marked
from bot.commands.command import Asked, Command


def help_on(commands: Sequence[Command]) -> Command:
    """Return the command that tells of ``commands`` and of itself."""

    def _run(work: Work, asked: Asked) -> Letter:  # noqa: ARG001 - every command has the same form
        wanted = asked.words[0].lower() if asked.words else ""
        for one in commands:
            if one.name == wanted:
                return Letter(manners.help_about(asked.reader, one.name, one.says, one.usage, one.guide))
        return Letter(manners.help_text(asked.reader, [(one.name, one.says) for one in (*commands, command)]))

    command = Command("help", ("help", "help door"), marked("shows this, or how one command is written"), _run)
    return command
