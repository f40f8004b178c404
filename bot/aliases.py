"""Aliases: by which a room is found again that the bot made, and died before it had noted it."""

from __future__ import annotations

from http import HTTPStatus

from bot.homeserver import Denied, Homeserver
from kit.identifiers import RoomId, server_of


async def found_by_alias(homeserver: Homeserver, alias: str, kind: str) -> tuple[RoomId | None, bool]:
    """Return the room of a type that we made under an alias (what stands between ``#`` and ``:``), and if it is free.

    Where somebody else took the name, or we were put out of that room, it is neither.
    """
    try:
        room, _ = await homeserver.resolve(f"#{alias}:{server_of(homeserver.me)}")
    except Denied as denied:
        if denied.status != HTTPStatus.NOT_FOUND:
            raise
        return None, True
    if room not in await homeserver.joined_rooms():
        return None, False
    made = await homeserver.events(room, {"m.room.create"})
    if any(one.sender == homeserver.me and one.content.get("type") == kind for one in made):
        return room, True
    return None, False
