"""``beside``, ``take over``, ``give back``, ``compare``: who acts in the rooms where there is another policy bot."""

from __future__ import annotations

from functools import partial

from app import comparing
from app.container import Work
from app.wording import beside as wording
from app.wording.catalogue import marked
from app.wording.message import Message
from bot.commands.command import Unclear, nothing_more
from bot.desk.asked import Asked, Behind, Command
from kit.identifiers import parse_user_id
from reputation.beside import Beside

_YES = "yes"


async def _beside(desk: Behind, asked: Asked) -> Message:
    number = asked.management.id
    match asked.words:
        case ():
            one, ours, published = await _standing(desk, number)
            return wording.nobody(asked.reader) if one is None else wording.stands(asked.reader, one, ours, published)
        case ("off",):
            one, _, published = await _standing(desk, number)
            return wording.nobody(asked.reader) if one is None else wording.would_end(asked.reader, published)
        case ("off", "yes"):
            found = await desk.cross.work(lambda work: work.moderation.beside.end(number))
            return wording.ended(asked.reader) if found else wording.nobody(asked.reader)
        case (name,) | (name, "yes"):
            bot = parse_user_id(name)
        case _:
            raise Unclear
    _, ours, _ = await _standing(desk, number)
    if asked.words[-1] != _YES:
        return wording.would_be_beside(asked.reader, bot, ours)
    await desk.cross.work(lambda work: work.moderation.beside.set(number, bot))
    one, ours, published = await _standing(desk, number)
    return wording.nobody(asked.reader) if one is None else wording.stands(asked.reader, one, ours, published)


async def _take(desk: Behind, asked: Asked) -> Message:
    number, sure = asked.management.id, _second(asked, "over")
    one, _, published = await _standing(desk, number)
    if one is None:
        return wording.nobody(asked.reader)
    if not sure:
        return wording.would_take_over(asked.reader, one, published)
    count = await desk.cross.work(lambda work: work.moderation.beside.take_over(number))
    return wording.taken_over(asked.reader, count)


async def _give(desk: Behind, asked: Asked) -> Message:
    number, sure = asked.management.id, _second(asked, "back")
    one, ours, _ = await _standing(desk, number)
    if one is None:
        return wording.nobody(asked.reader)
    if not sure:
        return wording.would_give_back(asked.reader, one, ours)
    count = await desk.cross.work(lambda work: work.moderation.beside.give_back(number))
    return wording.given_back(asked.reader, count)


def _second(asked: Asked, word: str) -> bool:
    """Tell whether a yes stands behind the second word of a command."""
    match asked.words:
        case (second,) if second.lower() == word:
            return False
        case (second, yes) if (second.lower(), yes.lower()) == (word, _YES):
            return True
        case _:
            raise Unclear


async def _standing(desk: Behind, number: int) -> tuple[Beside | None, int, int]:
    def _find(work: Work) -> tuple[Beside | None, int, int]:
        return work.moderation.beside.of(number), *work.moderation.beside.counts(number)

    return await desk.cross.read(_find)


async def _compare(desk: Behind, asked: Asked) -> Message:
    nothing_more(asked.words)
    number = asked.management.id
    one, _, _ = await _standing(desk, number)
    if one is None or one.bot is None:
        return wording.nobody(asked.reader)
    views = await desk.seen(number)
    at = min((view.at for view in views), default=asked.reader.now)
    rooms = [view.seen for view in views]
    found = await desk.cross.aside(partial(comparing.compare, desk.container, number, rooms, at, bot=one.bot))
    return wording.compared(asked.reader, one.bot, found, await desk.names(number))


BESIDE = Command(
    "beside",
    ("beside", "beside @draupnir:example.org", "beside off"),
    marked("lets another bot act, by what I publish for it"),
    _beside,
)
TAKE = Command("take", ("take over",), marked("has me act, beside the other bot or in its place"), _take)
GIVE = Command("give", ("give back",), marked("has the other bot act, what I did undone"), _give)
COMPARE = Command("compare", ("compare",), marked("shows what the other bot did, and what I would have"), _compare)
