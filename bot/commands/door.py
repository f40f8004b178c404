"""``door``: what its owner asks of strangers."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from app.container import Work
from app.wording import documents, replies
from app.wording import doors as wording
from app.wording.buttons import Letter
from app.wording.catalogue import marked
from app.wording.message import Message
from bot.commands import door_drafts
from bot.commands.command import Asked, Command, Unclear, named, nothing_more
from bot.commands.documents import number_in
from kit.amounts import Amount, parse
from reputation.model import Door
from reputation.policy_doors import document_of
from reputation.pricing import DEFAULT_STAKE

_PRICES = ("stake", "fee")
_DIGITS = 6


def run(work: Work, asked: Asked) -> Letter:
    """Show or change the door."""
    action, rest = (asked.words[0].lower(), asked.words[1:]) if asked.words else ("show", ())
    if action in ("exempt", "unexempt"):
        return _exempt(work, asked, rest, exempt=action == "exempt")
    if action == "try":
        return door_drafts.try_(work, asked)
    if action in _SHOWN and not rest:
        return _SHOWN[action](work, asked)
    before = door_drafts.standing(work, asked)
    if action in ("undo", "back"):
        if action == "undo":
            nothing_more(rest)
        door = work.doors.back(asked.person, number_in(rest) if action == "back" else None)
        return Letter(documents.gone_back(asked.reader, _shown(work, asked, door), before, document_of(door)))
    door = _changed(work, asked, action, rest)
    return Letter(documents.now_set(asked.reader, _shown(work, asked, door), before, document_of(door)))


def _show(work: Work, asked: Asked) -> Letter:
    return Letter(_shown(work, asked, work.doors.show(asked.person)))


_SHOWN: Mapping[str, Callable[[Work, Asked], Letter]] = {
    "show": _show,
    "presets": door_drafts.presets,
    "preset": door_drafts.presets,
    "rules": door_drafts.rules,
    "versions": door_drafts.versions,
}


def _looks(words: tuple[str, ...]) -> bool:
    return not words or words[0].lower() == "try" or (words[0].lower() in _SHOWN and len(words) == 1)


def _shown(work: Work, asked: Asked, door: Door) -> Message:
    numbers = work.doors.exemptions(asked.person)
    known = work.people.mxids(numbers)
    return wording.door(asked.reader, door, [known[number] for number in numbers if number in known])


def _changed(work: Work, asked: Asked, action: str, rest: tuple[str, ...]) -> Door:
    if action in _PRICES:
        return _ask(work, asked)
    if action == "cap":
        return _cap(work, asked, rest)
    if action in ("preset", "set"):
        return work.doors.write(asked.person, door_drafts.draft(asked, rest)[0])
    if action == "but":
        return work.doors.write(asked.person, door_drafts.draft(asked, asked.words)[0])
    nothing_more(rest)
    return _plain(work, asked, action)


def _plain(work: Work, asked: Asked, action: str) -> Door:
    if action == "open":
        return work.doors.open(asked.person)
    if action in ("closed", "close"):
        return work.doors.closed(asked.person)
    if action == "ask":
        return work.doors.ask(asked.person, stake=DEFAULT_STAKE)
    raise Unclear


def _cap(work: Work, asked: Asked, words: tuple[str, ...]) -> Door:
    """Read ``10``, ``day 5`` or ``10 day 5``."""
    numbers = [word for word in words if word.lower() != "day"]
    if not numbers or not all(word.isascii() and word.isdecimal() and len(word) <= _DIGITS for word in numbers):
        raise Unclear
    match [word.lower() for word in words]:
        case [at_once]:
            return work.doors.cap(asked.person, most_open=int(at_once))
        case ["day", a_day]:
            return work.doors.cap(asked.person, most_a_day=int(a_day))
        case [at_once, "day", a_day]:
            return work.doors.cap(asked.person, most_open=int(at_once), most_a_day=int(a_day))
    raise Unclear


def _ask(work: Work, asked: Asked) -> Door:
    prices: dict[str, Amount] = {}
    words = [word.lower() for word in asked.words]
    symbol = asked.reader.service.symbol.lower()
    words = [word for word in words if word not in (symbol, "and", "+")]
    if len(words) % 2 or len(words) > 2 * len(_PRICES):
        raise Unclear
    for name, amount in zip(words[::2], words[1::2], strict=True):
        if name not in _PRICES or name in prices:
            raise Unclear
        prices[name] = parse(amount, asked.reader.service.decimals)
    return work.doors.ask(asked.person, stake=prices.get("stake"), fee=prices.get("fee"))


def _exempt(work: Work, asked: Asked, words: tuple[str, ...], *, exempt: bool) -> Letter:
    other = named(asked, words)
    if other is None:
        raise Unclear
    if exempt:
        work.doors.exempt(asked.person, work.people.number(other))
    else:
        number = work.people.find(other)
        if number is not None:
            work.doors.unexempt(asked.person, number)
    return Letter(replies.exempted(asked.reader, other, now_exempt=exempt))


COMMAND = Command(
    "door",
    (
        "door show",
        "door presets",
        "door try friends-of-friends",
        "door try 30 but @name:example.org",
        "door preset friends-of-friends",
        "door but @name:example.org example.com",
        "door undo",
        "door versions",
        "door back 3",
        "door rules",
        "door try {…}",
        "door set {…}",
        "door open",
        "door closed",
        "door ask",
        "door stake 5",
        "door fee 1",
        "door stake 5 fee 1",
        "door cap 10 day 5",
        "door exempt @name:example.org",
        "door unexempt @name:example.org",
    ),
    marked("shows what you ask of strangers who invite you, and changes it"),
    run,
    guide=wording.guide,
    looks=_looks,
    prepare=door_drafts.prepare,
)
