"""``ask``: one sentence into the silent queue of somebody whose door allows that; listed, and taken back."""

from __future__ import annotations

from dataclasses import replace

from app import answering
from app.container import Work
from app.wording import asking
from app.wording.buttons import Letter
from app.wording.catalogue import marked
from bot.commands.command import Asked, Command, Unclear, named
from kit.errors import NotFound


def run(work: Work, asked: Asked) -> Letter:
    """Ask, take it back, or list what was asked."""
    if not asked.words:
        asks = work.asks.made(asked.person)
        return Letter(asking.made(asked.reader, asks, work.people.mxids({one.recipient for one in asks})))
    if asked.words[0].lower() == "withdraw":
        return _withdraw(work, asked)
    # The name is written out: where an app writes a picked one as it is shown, nobody knows at which word it ends.
    recipient = named(replace(asked, mentions=()), asked.words[:1])
    if recipient is None or not asked.words[1:]:
        raise Unclear
    ask = answering.ask(work, asked.user, recipient, " ".join(asked.words[1:]))
    return Letter(asking.asked(asked.reader, ask, recipient))


def _withdraw(work: Work, asked: Asked) -> Letter:
    recipient = named(asked, asked.words[1:])
    if recipient is None:
        raise Unclear
    number = work.people.find(recipient)
    if number is None:
        raise NotFound("ask_unknown", "No sentence of yours waits for anybody of that name.")
    work.asks.withdraw(asked.person, number)
    return Letter(asking.withdrawn(asked.reader, recipient))


COMMAND = Command(
    "ask",
    ("ask", "ask @name:example.org One sentence about who you are.", "ask withdraw @name:example.org"),
    marked("puts one sentence before somebody whose door allows that, for nothing; they see it when they look"),
    run,
)
