"""``moderate``: makes a room from which its owner looks after others."""

from __future__ import annotations

from app.container import Work
from app.wording import desk as wording
from app.wording.buttons import Letter
from app.wording.catalogue import marked
from bot.commands.command import Asked, Command


def run(work: Work, asked: Asked) -> Letter:
    """Make a management room, or show those there are."""
    if not asked.words:
        return Letter(wording.mine(asked.reader, work.moderation.of(asked.person)))
    name = " ".join(asked.words)
    work.moderation.make(asked.person, name)
    return Letter(wording.made(asked.reader, name))


COMMAND = Command(
    "moderate",
    ("moderate", "moderate My rooms"),
    marked("makes a room from which you look after others, with lists that you choose"),
    run,
)
