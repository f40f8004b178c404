"""``door``: what its owner asks of strangers."""

from __future__ import annotations

from app.container import Work
from app.wording import replies
from app.wording.buttons import Letter
from app.wording.catalogue import marked
from bot.commands.command import Asked, Command, Unclear, named, nothing_more
from kit.amounts import Amount, parse
from reputation.model import Door
from reputation.pricing import DEFAULT_STAKE

_PRICES = ("stake", "fee")
_DIGITS = 6


def run(work: Work, asked: Asked) -> Letter:
    """Show or change the door."""
    action, rest = (asked.words[0].lower(), asked.words[1:]) if asked.words else ("show", ())
    if action in ("exempt", "unexempt"):
        return _exempt(work, asked, rest, exempt=action == "exempt")
    if action in _PRICES:
        door = _ask(work, asked)
    elif action == "cap":
        door = _cap(work, asked, rest)
    else:
        nothing_more(rest)
        door = _plain(work, asked, action)
    numbers = work.doors.exemptions(asked.person)
    known = work.people.mxids(numbers)
    return Letter(replies.door(asked.reader, door, [known[number] for number in numbers if number in known]))


def _plain(work: Work, asked: Asked, action: str) -> Door:
    if action == "show":
        return work.doors.show(asked.person)
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
)
