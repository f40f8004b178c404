"""``strangers`` and ``quorum``: what somebody of whom nothing is known is thought of, and whom it takes to be heard."""

from __future__ import annotations

from app.container import Work
from app.wording import outlooks
from app.wording.buttons import Letter
from app.wording.catalogue import marked
from bot.commands.command import Asked, Command, Unclear
from reputation.outlook import Strangers

_QUORUMS = {"1": 1, "2": 2, "3": 3}


def run(work: Work, asked: Asked) -> Letter:
    """Show what one thinks of strangers, or set it."""
    match [word.lower() for word in asked.words]:
        case []:
            return _shown(work, asked)
        case [word] if word in set(Strangers):
            return _shown(work, asked, strangers=Strangers(word))
    raise Unclear


def quorum(work: Work, asked: Asked) -> Letter:
    """Show how many must speak for somebody before they are heard, or set it."""
    match asked.words:
        case ():
            return _shown(work, asked)
        case (word,) if word in _QUORUMS:
            return _shown(work, asked, quorum=_QUORUMS[word])
    raise Unclear


def _shown(work: Work, asked: Asked, *, strangers: Strangers | None = None, quorum: int | None = None) -> Letter:
    if strangers is None and quorum is None:
        return Letter(outlooks.outlook(asked.reader, work.outlooks.show(asked.person)))
    return Letter(outlooks.outlook(asked.reader, work.outlooks.set(asked.person, strangers=strangers, quorum=quorum)))


COMMAND = Command(
    "strangers",
    ("strangers", *(f"strangers {word}" for word in Strangers)),
    marked("says what you think of somebody of whom nobody whom you hear says anything"),
    run,
)
QUORUM = Command(
    "quorum",
    ("quorum", "quorum 1", "quorum 2", "quorum 3"),
    marked("says how many whom you hear must speak for somebody before you hear that one too"),
    quorum,
)
