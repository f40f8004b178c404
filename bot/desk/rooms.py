"""``protect``, ``unprotect``, ``rooms``, ``close``: which rooms are looked after from a desk."""

from __future__ import annotations

from dataclasses import replace
from typing import Final
from urllib.parse import unquote

from app.wording import beside
from app.wording import desk as wording
from app.wording import subscriptions as standing
from app.wording.catalogue import marked
from app.wording.message import Message, join
from bot.commands.command import MATRIX_TO, Unclear
from bot.desk.asked import Asked, Behind, Command
from bot.homeserver import Denied
from kit.errors import Conflict, HomeserverUnavailable, Invalid
from kit.identifiers import RoomId, parse_room_id
from reputation.enforcement.model import Consequence
from reputation.enforcement.powers import lacking
from reputation.moderation import Protected

_LOOKED_AT: Final = 20


async def _protect(desk: Behind, asked: Asked) -> Message:
    word = _one(asked)
    try:
        room, via = await _found(desk, word)
        entered = await _entered(desk, room, via)
    except (Denied, HomeserverUnavailable):
        return wording.not_entered(asked.reader, word)
    try:
        seen = (await desk.warden.look(room)).seen
        may = seen.powers.of(asked.user) >= seen.powers.ban
        if may:
            await desk.warden.protect(asked.management.id, seen)
    except (Conflict, Invalid):
        if entered:
            await desk.warden.leave(room)
        raise
    if not may:
        if entered:
            await desk.warden.leave(room)
        return wording.only_with_power(asked.reader, word)  # what it calls itself is not theirs to know, perhaps
    return wording.protects(asked.reader, seen.name or word, await _rooms(desk, asked))


async def _entered(desk: Behind, room: RoomId, via: tuple[str, ...]) -> bool:
    """Enter a room; ``False`` where we are in it already."""
    there = room in await desk.homeserver.joined_rooms()
    if not there:
        await desk.homeserver.join(room, via)
    return not there


async def _found(desk: Behind, word: str) -> tuple[RoomId, tuple[str, ...]]:
    name = unquote(word.removeprefix(MATRIX_TO).partition("?")[0])
    if name.startswith("#"):
        return await desk.homeserver.resolve(name)
    room = parse_room_id(name)
    server = room.partition(":")[2]
    return room, (server,) if server else ()


async def _unprotect(desk: Behind, asked: Asked) -> Message:
    word = _one(asked)
    names = await desk.names(asked.management.id)
    try:
        room: RoomId | None = (await _found(desk, word))[0]
    except (Denied, HomeserverUnavailable, Invalid):
        room = next((one for one, name in names.items() if name == " ".join(asked.words)), None)
    if room is None or room not in names:
        return wording.not_protected(asked.reader, word)
    await desk.warden.unprotect(room)
    return wording.unprotected(asked.reader, names[room])


async def _rooms(desk: Behind, asked: Asked) -> Message:
    number = asked.management.id
    found = await desk.cross.read(lambda work: work.moderation.rooms(number))
    # Whoever asks has perhaps just given the power: the first few are looked at anew.
    fresh = {one.room: await _lacks(desk, one) for one in found[:_LOOKED_AT]}
    shown = [replace(one, lacks=fresh.get(one.room, one.lacks)) for one in found]
    told = standing.rooms(asked.reader, shown, await desk.names(number))
    outside = await desk.cross.read(lambda work: work.moderation.beside.outside(number))
    return join([told, beside.outside(asked.reader, outside)]) if outside else told


async def _lacks(desk: Behind, one: Protected) -> tuple[Consequence, ...]:
    try:
        seen = (await desk.warden.look(one.room)).seen
    except (Denied, Invalid):
        return one.lacks
    return lacking(seen, desk.homeserver.me)


async def _close(desk: Behind, asked: Asked) -> Message:
    if " ".join(asked.words) != asked.management.name:
        return wording.how_to_close(asked.reader, asked.management)
    await desk.cross.work(lambda work: work.moderation.end(asked.management.id))
    return wording.closed(asked.reader)


def _one(asked: Asked) -> str:
    if not asked.words:
        raise Unclear
    return asked.words[0]


PROTECT = Command("protect", ("protect #room:example.org",), marked("looks after a room, or a space"), _protect)
UNPROTECT = Command("unprotect", ("unprotect #room:example.org",), marked("leaves a room, all undone"), _unprotect)
ROOMS = Command("rooms", ("rooms",), marked("shows the rooms, and what I lack there"), _rooms)
CLOSE = Command("close", ("close",), marked("ends all of this, all undone"), _close)
