"""``vouch``: one's word for somebody, given, listed and, by ``unvouch``, taken back."""

from __future__ import annotations

from app.container import Work
from app.wording import vouching
from app.wording.buttons import Letter
from app.wording.catalogue import marked
from bot.commands.command import Asked, Command, Unclear, named, nothing_more
from kit.errors import NotFound
from reputation.evidence import LEAST_WEIGHT, Audience

_LISTS = {"list": False, "history": True}


def run(work: Work, asked: Asked) -> Letter:
    """Give a word for somebody, or list those given."""
    first = asked.words[0].lower() if asked.words else "list"
    if first in _LISTS:
        nothing_more(asked.words[1:])
        vouches = work.vouches.given(asked.person, past=_LISTS[first])
        return Letter(vouching.given(asked.reader, vouches, work.people.mxids({one.subject for one in vouches})))
    words, weight, audience = list(asked.words), LEAST_WEIGHT, Audience.TRUSTED
    if len(words) > 1 and words[-1].lower() in set(Audience):
        audience = Audience(words.pop().lower())
    if len(words) > 1 and words[-1].isascii() and words[-1].isdecimal():
        weight = int(words.pop()[:2])
    other = named(asked, tuple(words))
    if other is None:
        raise Unclear
    vouch = work.vouches.vouch(asked.person, work.people.number(other), weight=weight, audience=audience)
    return Letter(vouching.vouched(asked.reader, vouch, other))


def take_back(work: Work, asked: Asked) -> Letter:
    """Take a word for somebody back."""
    other = named(asked, asked.words)
    if other is None:
        raise Unclear
    number = work.people.find(other)
    if number is None:
        raise NotFound("vouch_unknown", "You do not vouch for anybody of that name.")
    work.vouches.withdraw(asked.person, number)
    return Letter(vouching.withdrawn(asked.reader, other))


COMMAND = Command(
    "vouch",
    (
        "vouch list",
        "vouch history",
        "vouch @name:example.org",
        "vouch @name:example.org 3",
        "vouch @name:example.org everybody",
        "vouch @name:example.org 2 myself",
    ),
    marked("says that you know somebody, for others to go by; from 1 (you know them) to 3 (you would answer for them)"),
    run,
)
TAKE_BACK = Command("unvouch", ("unvouch @name:example.org",), marked("takes your word for somebody back"), take_back)
