"""``knocks``: who waits for an answer, and who was not let through."""

from __future__ import annotations

from app.container import Work
from app.wording import replies
from app.wording.buttons import Letter
from app.wording.catalogue import marked
from bot.commands.command import Asked, Command, nothing_more


def run(work: Work, asked: Asked) -> Letter:
    """List them."""
    nothing_more(asked.words)
    waiting = work.gate.waiting(asked.person)
    counts = work.gate.knocks(asked.person)
    names = work.people.mxids({one.stranger for one in waiting} | {one.stranger for one in counts})
    return Letter(replies.knocks(asked.reader, waiting, counts, names))


COMMAND = Command("knocks", ("knocks",), marked("lists who waits for your answer and who was not let through"), run)
