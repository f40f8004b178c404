"""``knocks``: who waits for an answer, and who was not let through; one's own, or those of whom one helps."""

from __future__ import annotations

from app.container import Work
from app.wording import asking, helping, replies
from app.wording.buttons import Letter
from app.wording.catalogue import marked
from app.wording.message import Message, join
from app.wording.reader import Reader
from bot.commands.command import Asked, Command, Unclear, is_id, named
from kit.identifiers import PersonId


def run(work: Work, asked: Asked) -> Letter:
    """List them."""
    if asked.words and not (asked.mentions or is_id(asked.words[0])):
        raise Unclear
    owner = named(asked, asked.words)
    if owner is not None and owner != asked.user:
        helped = work.helping.owner(asked.person, owner)
        return Letter(helping.queue(asked.reader, owner, _queue(work, asked.reader, helped)))
    told = _queue(work, asked.reader, asked.person)
    given = work.helping.answers(asked.person)
    if given:
        names = work.people.mxids({who for one in given for who in (one.helper, one.stranger)})
        told = join([told, helping.answers(asked.reader, given, names)])
    return Letter(told)


def _queue(work: Work, reader: Reader, owner: PersonId) -> Message:
    """Show a queue, the same to its owner and to whoever helps them."""
    waiting = work.gate.waiting(owner)
    counts = work.gate.knocks(owner)
    asks = work.asks.queue(owner)
    strangers = {one.stranger for one in waiting} | {one.stranger for one in asks} | {one.stranger for one in counts}
    names = work.people.mxids(strangers)
    return replies.knocks(reader, waiting, counts, names, asks=asking.queue(reader, asks, names))


COMMAND = Command(
    "knocks",
    ("knocks", "knocks @owner:example.org"),
    marked("lists who waits for your answer and who was not let through; with a name, of somebody whom you help"),
    run,
)
