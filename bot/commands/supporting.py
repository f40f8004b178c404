"""``support``, ``claim`` and ``flair``: what there is to support, whose gifts are whose, and who sees what of it."""

from __future__ import annotations

import json

from app import showing
from app.container import Work
from app.conversations import Meaning
from app.supporting.planning import FLAIR
from app.supporting.wanting import flair
from app.wording import supporting
from app.wording.buttons import Letter
from app.wording.catalogue import marked
from app.wording.showing import who_would_see
from bot.commands.command import Asked, Command, Unclear, nothing_more
from payments.flair.model import NOTHING, Showing

_SHOWN = {
    (): Meaning.SHOW_FLAIR,
    ("name",): Meaning.SHOW_NAME,
    ("amount",): Meaning.SHOW_AMOUNT,
    ("nameless",): Meaning.SHOW_NAMELESS,
}


def support(work: Work, asked: Asked) -> Letter:
    """Say what there is to support, and how."""
    nothing_more(asked.words)
    return Letter(supporting.tiers(asked.reader, work.supporters.tiers(), work.supporters.assets, work.support.cause))


def run(work: Work, asked: Asked) -> Letter:
    """Show what somebody has and who sees it, or change who does."""
    match tuple(word.lower() for word in asked.words):
        case ():
            letter = _held(work, asked)
        case ("join" | "leave" as word,):
            letter = joins(work, asked, now=word == "join")
        case ("hide",):
            letter = _show(work, asked, NOTHING)
        case ("show", *more) if tuple(more) in _SHOWN:
            meaning = _SHOWN[tuple(more)]
            seen = showing.preview(work, asked.person, supporting.SHOWS[meaning])
            letter = supporting.ask_show(asked.reader, who_would_see(asked.reader, seen.what), meaning)
        case ("value",):
            letter = _value(work, asked)
        case ("profile", "on" | "off" as word):
            letter = _profile(work, asked, on=word == "on")
        case _:
            raise Unclear
    return letter


def _held(work: Work, asked: Asked) -> Letter:
    shown = work.supporters.shown(asked.person)
    return Letter(
        supporting.held(
            asked.reader,
            work.supporters.of(asked.person),
            work.supporters.tiers(),
            seen=who_would_see(asked.reader, showing.preview(work, asked.person, shown).what),
            showing=shown,
            joins=work.support.wish(asked.person).joins,
        )
    )


def joins(work: Work, asked: Asked, *, now: bool) -> Letter:
    """Have somebody asked into the rooms of their tiers from now on, or taken out of them."""
    work.support.wishes(asked.person, joins=now)
    tiers = work.supporters.tiers()
    held = [tiers.find(one.tier) for one in work.supporters.of(asked.person) if one.holds(work.now)]
    rooms = any(tier is not None and tier.gives.space for tier in held)
    return Letter(supporting.joins(asked.reader, now=now, rooms=rooms))


def shows(work: Work, asked: Asked, meaning: Meaning) -> Letter:
    """Show what was asked about."""
    return _show(work, asked, supporting.SHOWS[meaning])


def _show(work: Work, asked: Asked, wanted: Showing) -> Letter:
    # Whoever says yes was shown it just now, in the message that asked.
    seen = showing.preview(work, asked.person, wanted).seen
    showing.show(work, asked.person, wanted, seen=seen)
    return Letter(supporting.now_shown(asked.reader, wanted))


def _value(work: Work, asked: Asked) -> Letter:
    url = asked.reader.service.public_url
    one = work.support.supporter(asked.person, asked.user)
    found = flair(work.supporters.tiers(), one, work.now, url) if one.showing.flair else None
    text = None if found is None else json.dumps(found, ensure_ascii=False)
    return Letter(supporting.value(asked.reader, FLAIR, text, written=work.support.writes_profile_of(asked.user)))


def _profile(work: Work, asked: Asked, *, on: bool) -> Letter:
    work.support.check_profile(asked.user)
    work.support.wishes(asked.person, profile=on)
    return Letter(supporting.profile(asked.reader, on=on))


SUPPORT = Command(
    "support", ("support",), marked("says what there is to support here, what it gives, and how to give"), support
)
COMMAND = Command(
    "flair",
    (
        "flair",
        "flair join",
        "flair leave",
        "flair show",
        "flair show name",
        "flair show amount",
        "flair show nameless",
        "flair hide",
        "flair value",
        "flair profile on",
        "flair profile off",
    ),
    marked("shows what your support gives you and who sees that, and changes it; nothing is shown until you say so"),
    run,
)
