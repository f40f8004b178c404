"""``door``: what its owner asks of strangers."""

from __future__ import annotations

from app.container import Work
from app.wording import replies
from app.wording.buttons import Letter
from app.wording.catalogue import marked
from bot.commands.command import Asked, Command, Unclear, named, nothing_more
from kit.amounts import Amount, parse
from reputation.model import Door

_PRICES = ("stake", "fee")


def run(work: Work, asked: Asked) -> Letter:
    """Show or change the door."""
    action, rest = (asked.words[0].lower(), asked.words[1:]) if asked.words else ("show", ())
    if action in ("exempt", "unexempt"):
        return _exempt(work, asked, rest, exempt=action == "exempt")
    if action in _PRICES:
        door = _ask(work, asked)
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
        "door stake 5",
        "door fee 1",
        "door stake 5 fee 1",
        "door exempt @name:example.org",
        "door unexempt @name:example.org",
    ),
    marked("shows what you ask of strangers who invite you, and changes it"),
    run,
)
