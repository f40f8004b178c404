"""``why``: what would happen if somebody knocked, and for what reason."""

from __future__ import annotations

from app.container import Work
from app.wording import helping, replies, vouching
from app.wording.buttons import Letter
from app.wording.catalogue import marked
from app.wording.message import join
from bot.commands.command import Asked, Command, Unclear, named


def run(work: Work, asked: Asked) -> Letter:
    """Explain the verdict on one person."""
    other = named(asked, asked.words)
    if other is None:
        raise Unclear
    told = replies.why(asked.reader, work.gate.why(asked.person, other), other)
    number = work.people.find(other)
    vouches = [] if number is None else work.vouches.seen(asked.person, number)
    others = [vouch for vouch in vouches if vouch.author != asked.person]
    if others:
        names = work.people.mxids({vouch.author for vouch in others})
        told = join([told, vouching.seen(asked.reader, others, names)])
    against = [] if number is None else work.vouches.reported(asked.person, number)
    if against:
        names = work.people.mxids({one.author for one in against})
        told = join([told, vouching.seen_against(asked.reader, against, names)])
    given = [] if number is None else work.helping.answers(asked.person, number)
    if given:
        names = work.people.mxids({who for one in given for who in (one.helper, one.stranger)})
        told = join([told, helping.answers(asked.reader, given, names)])
    return Letter(told)


COMMAND = Command(
    "why",
    ("why @name:example.org",),
    marked("says what an invitation from somebody would meet and why, and who vouches for or reports them"),
    run,
)
