"""``waiting``, ``approve``, ``refuse``, ``why``, ``history``: what was done, and what waits for a yes."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

from app import protecting
from app.wording import desk as wording
from app.wording import moderation
from app.wording.catalogue import marked
from app.wording.message import Message, join
from app.wording.subscriptions import turned, weighed
from bot.commands.command import Unclear, nothing_more
from bot.desk.asked import Asked, Behind, Command
from kit.errors import Invalid
from reputation.enforcement.model import State

_MOST = 20
_DAYS = 90


async def _waiting(desk: Behind, asked: Asked) -> Message:
    nothing_more(asked.words)
    number = asked.management.id
    found = await desk.cross.read(
        lambda work: work.moderation.consequences.history(number, states=(State.ASKED,), most=_MOST)
    )
    return moderation.waiting(asked.reader, found, await desk.names(number))


async def _answer(desk: Behind, asked: Asked, *, yes: bool) -> Message:
    """Say yes or no to what waits, or to what has these numbers."""
    only = None if asked.words in ((), ("all",)) else {_number(word) for word in asked.words}
    count = await desk.cross.aside(
        partial(
            protecting.answer,
            desk.container,
            asked.management.id,
            yes=yes,
            by=asked.person,
            only=only,
            cause=asked.cause,
        )
    )
    return moderation.answered(asked.reader, count, yes=yes)


def _number(word: str) -> int:
    if not (word.isascii() and word.isdigit() and len(word) <= 18):  # noqa: PLR2004 - digits of a row's number
        raise Unclear
    return int(word)


async def _why(desk: Behind, asked: Asked) -> Message:
    match asked.words:
        case (target,):
            number = asked.management.id
        case _:
            raise Unclear
    found = await desk.cross.read(lambda work: work.moderation.consequences.history(number, target=target, most=_MOST))
    kept_out = await desk.cross.read(lambda work: work.moderation.turning.history(number, target=target))
    names = await desk.names(number)
    told = [moderation.why(asked.reader, target, found, names)] if found or not kept_out else []
    told += [turned(asked.reader, kept_out, names)] if kept_out else []
    acting = await desk.cross.read(lambda work: work.moderation.lists.subscriptions(number))
    causing = {cause.list for one in found for cause in one.causes}
    causing |= {cause.list for one in kept_out for cause in one.causes}
    return join([*told, *weighed(asked.reader, [one for one in acting if one.list in causing])])


async def _again(desk: Behind, asked: Asked) -> Message:
    nothing_more(asked.words)
    number = asked.management.id
    found = await desk.cross.work(lambda work: work.moderation.again(number))
    return moderation.tried_again(asked.reader, found=found)


async def _history(desk: Behind, asked: Asked) -> Message:
    nothing_more(asked.words)
    number = asked.management.id
    found = await desk.cross.read(lambda work: work.moderation.consequences.history(number, most=_MOST))
    kept_out = await desk.cross.read(lambda work: work.moderation.turning.history(number))
    names = await desk.names(number)
    told = moderation.history(asked.reader, found, names)
    return join([told, turned(asked.reader, kept_out, names)]) if kept_out else told


async def _threshold(desk: Behind, asked: Asked) -> Message:
    match asked.words:
        case (word,):
            wanted, number = _number(word), asked.management.id
        case _:
            raise Unclear
    now = await desk.cross.work(lambda work: work.moderation.tune(number, threshold=wanted))
    return wording.threshold(asked.reader, now)


async def _rehearse(desk: Behind, asked: Asked) -> Message:
    number = asked.management.id
    match asked.words:
        case ("off",):
            now = await desk.cross.work(lambda work: work.moderation.tune(number, end_rehearsal=True))
        case (word,) | (word, "days"):
            days = _number(word)
            if not 1 <= days <= _DAYS:
                raise Invalid("rehearsal", f"A rehearsal is 1 to {_DAYS} days.")
            until = asked.reader.now + timedelta(days=days)
            now = await desk.cross.work(lambda work: work.moderation.tune(number, rehearse_until=until))
        case _:
            raise Unclear
    return wording.rehearsing(asked.reader, now)


async def _confirm(desk: Behind, asked: Asked) -> Message:
    match asked.words:
        case ("on" | "off" as word,):
            number = asked.management.id
        case _:
            raise Unclear
    now = await desk.cross.work(lambda work: work.moderation.tune(number, confirm=word == "on"))
    return wording.confirming(asked.reader, now)


WAITING = Command("waiting", ("waiting",), marked("shows what waits for a yes"), _waiting)
APPROVE = Command("approve", ("approve", "approve 12 13"), marked("does what waits"), partial(_answer, yes=True))
REFUSE = Command("refuse", ("refuse", "refuse 12"), marked("does not do what waits"), partial(_answer, yes=False))
WHY = Command("why", ("why @name:example.org", "why example.org"), marked("tells why something was done"), _why)
AGAIN = Command("again", ("again",), marked("tries again to take back what could not be"), _again)
HISTORY = Command("history", ("history",), marked("shows what was done last"), _history)
THRESHOLD = Command("threshold", ("threshold 2",), marked("sets how many lists must agree"), _threshold)
REHEARSE = Command("rehearse", ("rehearse 14", "rehearse off"), marked("has lists only tell, for some days"), _rehearse)
CONFIRM = Command(
    "confirm", ("confirm on", "confirm off"), marked("whether kicks and removals wait for a yes"), _confirm
)
