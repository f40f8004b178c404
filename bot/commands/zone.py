"""``zone``: in which time zone times are shown."""

from __future__ import annotations

from app.container import Work
from app.wording import manners
from app.wording.buttons import Letter
from app.wording.catalogue import marked
from bot.commands.command import Asked, Command, Unclear
from bot.readers import reader_of


def run(work: Work, asked: Asked) -> Letter:
    """Set the zone, and show a time in it."""
    if len(asked.words) != 1:
        raise Unclear
    work.people.set_time_zone(asked.person, asked.words[0])
    work.digests.zone_changed(asked.person)
    return Letter(manners.preference(reader_of(work, asked.reader.service, asked.person), work.now))


COMMAND = Command("zone", ("zone Europe/Vienna",), marked("shows times in your time zone"), run)
