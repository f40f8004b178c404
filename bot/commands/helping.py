"""``helper``: who answers a person's queue with them, and whose queue they answer."""

from __future__ import annotations

from app.container import Work
from app.wording import helping
from app.wording.buttons import Letter
from app.wording.catalogue import marked
from bot.commands.command import Asked, Command, Unclear, named


def run(work: Work, asked: Asked) -> Letter:
    """List helpers, ask or remove one, or accept to be one or leave."""
    if not asked.words:
        mine, theirs = work.helping.helpers(asked.person), work.helping.helped(asked.person)
        names = work.people.mxids({one.helper for one in mine} | {one.owner for one in theirs})
        return Letter(helping.helpers(asked.reader, mine, theirs, names))
    other = named(asked, asked.words[1:])
    if other is None:
        raise Unclear
    match asked.words[0].lower():
        case "add":
            work.helping.ask(asked.person, other)
            return Letter(helping.asked(asked.reader, other, asked.user))
        case "remove":
            work.helping.remove(asked.person, other)
            return Letter(helping.removed(asked.reader, other))
        case "accept":
            work.helping.accept(asked.person, other)
            return Letter(helping.accepted(asked.reader, other))
        case "leave":
            work.helping.leave(asked.person, other)
            return Letter(helping.left(asked.reader, other))
    raise Unclear


COMMAND = Command(
    "helper",
    (
        "helper",
        "helper add @name:example.org",
        "helper remove @name:example.org",
        "helper accept @name:example.org",
        "helper leave @name:example.org",
    ),
    marked("lets others see and answer your queue with you and nothing else, once they accept; shows whom you help"),
    run,
)
