"""``standing``: how somebody stands with whoever asks, by whose words and through whom."""

from __future__ import annotations

from app.container import Work
from app.wording import standings
from app.wording.buttons import Letter
from app.wording.catalogue import marked
from bot.commands.command import Asked, Command, Unclear, named
from kit.errors import Invalid
from kit.identifiers import PersonId

_NOBODY = PersonId(0)
"""Of whom nothing is said."""
_QUORUMS = {"1": 1, "2": 2, "3": 3}


def run(work: Work, asked: Asked) -> Letter:
    """Explain how one person stands."""
    words: tuple[str, ...] = asked.words
    quorum: int | None = None
    if len(words) > 1 and words[-1] in _QUORUMS:
        words, quorum = words[:-1], _QUORUMS[words[-1]]
    other = named(asked, words)
    if other is None:
        raise Unclear
    subject = work.people.find(other) or _NOBODY
    if subject == asked.person:
        raise Invalid("standing_self", "Nobody stands with themselves.")
    staked = work.outlooks.staked(asked.person, subject)
    judged = work.hearing.judgements.judge(asked.person, subject, quorum=quorum, staked=staked)
    found, change = judged.explanation, judged.turn
    people = {share.who for share in found.shares} | set(found.path) | set(change.people)
    people |= set() if found.through is None else {found.through}
    names = {int(number): name for number, name in work.people.mxids(map(PersonId, people)).items()}
    return Letter(standings.standing(asked.reader, other, judged, names))


COMMAND = Command(
    "standing",
    ("standing @name:example.org", "standing @name:example.org 1"),
    marked(
        "says how those whose word counts for you speak of somebody; a number, 1 to 3, is another quorum than yours"
    ),
    run,
    looks=lambda _: True,
)
