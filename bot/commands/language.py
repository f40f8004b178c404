"""``language``: in which language the bot writes."""

from __future__ import annotations

from app.container import Work
from app.wording import manners
from app.wording.buttons import Letter
from app.wording.catalogue import marked
from bot.commands.command import Asked, Command, Unclear
from bot.readers import reader_of


def run(work: Work, asked: Asked) -> Letter:
    """Set the language; what has no translation yet stays English."""
    if len(asked.words) != 1:
        raise Unclear
    work.people.set_locale(asked.person, asked.words[0])
    return Letter(manners.preference(reader_of(work, asked.reader.service, asked.person), work.now))


COMMAND = Command("language", ("language de",), marked("writes in your language, where there is a translation"), run)
