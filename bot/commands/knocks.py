"""``knocks``: who waits for an answer, with a stake or a sentence, and who was not let through."""

from __future__ import annotations

from app.container import Work
from app.wording import asking, replies
from app.wording.buttons import Letter
from app.wording.catalogue import marked
from bot.commands.command import Asked, Command, nothing_more


def run(work: Work, asked: Asked) -> Letter:
    """List them."""
    nothing_more(asked.words)
    waiting = work.gate.waiting(asked.person)
    counts = work.gate.knocks(asked.person)
    asks = work.asks.queue(asked.person)
    strangers = {one.stranger for one in waiting} | {one.stranger for one in asks} | {one.stranger for one in counts}
    names = work.people.mxids(strangers)
    return Letter(replies.knocks(asked.reader, waiting, counts, names, asks=asking.queue(asked.reader, asks, names)))


COMMAND = Command("knocks", ("knocks",), marked("lists who waits for your answer and who was not let through"), run)
