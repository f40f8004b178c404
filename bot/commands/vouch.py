"""``vouch`` and ``report``: one's word for or against somebody, given, listed and taken back."""

from __future__ import annotations

from app.container import Work
from app.wording import reports, vouching
from app.wording.buttons import Letter
from app.wording.catalogue import marked
from bot.commands.command import Asked, Command, Unclear, message_in, named, nothing_more
from kit.errors import Invalid
from kit.identifiers import PersonId, UserId
from reputation.evidence import LEAST_WEIGHT, Audience, Reason

_NOBODY = PersonId(0)
"""Of whom nobody ever said anything."""
_LISTS = {"list": False, "history": True}


def run(work: Work, asked: Asked) -> Letter:
    """Give a word for somebody, or list those given."""
    listed = _listed(work, asked)
    if listed is not None:
        return listed
    words, audience = _audience(asked.words)
    weight = LEAST_WEIGHT
    if len(words) > 1 and words[-1].isascii() and words[-1].isdecimal():
        weight = int(words.pop()[:2])
    other = _one(asked, words)
    vouch = work.vouches.vouch(asked.person, work.people.number(other), weight=weight, audience=audience)
    return Letter(vouching.vouched(asked.reader, vouch, other))


def report(work: Work, asked: Asked) -> Letter:
    """Give a word against somebody, or list what one says of others."""
    listed = _listed(work, asked)
    if listed is not None:
        return listed
    linked = message_in(asked.words[0]) if asked.words else None
    if linked is not None:
        room, event = linked
        work.moderation.complaints.note(room, event, asked.person, " ".join(asked.words[1:]))
        return Letter(reports.taken(asked.reader))
    words, audience = _audience(asked.words)
    if len(words) < 2 or words[-1].lower() not in set(Reason):  # noqa: PLR2004 - a name and a reason
        _one(asked, words[:1])
        raise Invalid("report_reason", "A report says why.")
    reason = Reason(words.pop().lower())
    other = _one(asked, words)
    said = work.vouches.report(asked.person, work.people.number(other), reason, audience=audience)
    return Letter(vouching.reported(asked.reader, said, other))


def take_back(work: Work, asked: Asked) -> Letter:
    """Take a word for somebody back."""
    return _taken_back(work, asked, good=True)


def withdraw(work: Work, asked: Asked) -> Letter:
    """Take back whatever one says of somebody."""
    return _taken_back(work, asked, good=None)


def _listed(work: Work, asked: Asked) -> Letter | None:
    first = asked.words[0].lower() if asked.words else "list"
    if first not in _LISTS:
        return None
    nothing_more(asked.words[1:])
    said = work.vouches.given(asked.person, past=_LISTS[first])
    return Letter(vouching.given(asked.reader, said, work.people.mxids({one.subject for one in said})))


def _audience(words: tuple[str, ...]) -> tuple[list[str], Audience]:
    """Return the words without the audience that they may end with, and it."""
    left, audience = list(words), Audience.TRUSTED
    if len(left) > 1 and left[-1].lower() in set(Audience):
        audience = Audience(left.pop().lower())
    return left, audience


def _one(asked: Asked, words: list[str]) -> UserId:
    other = named(asked, tuple(words))
    if other is None:
        raise Unclear
    return other


def _taken_back(work: Work, asked: Asked, *, good: bool | None) -> Letter:
    other = _one(asked, list(asked.words))
    said = work.vouches.withdraw(asked.person, work.people.find(other) or _NOBODY, good=good)
    return Letter(vouching.withdrawn(asked.reader, said, other))


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
REPORT = Command(
    "report",
    (
        "report list",
        *(f"report @name:example.org {reason}" for reason in Reason),
        "report @name:example.org spam everybody",
        "report @name:example.org spam myself",
        "report https://matrix.to/#/!room:example.org/$message why",
    ),
    marked(
        "says something against somebody, for others to go by; or tells those who look after a room of a message in it"
    ),
    report,
)
WITHDRAW = Command(
    "withdraw",
    ("withdraw @name:example.org",),
    marked("takes back what you say of somebody: a vouch or a report"),
    withdraw,
)
