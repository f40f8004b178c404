"""The rooms that the bot is in on purpose, or wants to be in: all others it may leave, or take for somebody's chat."""

from __future__ import annotations

from app.container import Work
from kit.identifiers import RoomId


def purposes(work: Work) -> frozenset[RoomId]:
    """Return people's chats, rooms that are read, looked after, or manage others; of lists, supporters and buyers."""
    watched = frozenset(one.room for one in work.filters.rooms.all())
    lists = work.followed.rooms.rooms() | work.publishing.rooms.all()
    kept = work.support.rooms() | work.admitting.rooms()
    return work.conversations.rooms() | watched | work.moderation.all_rooms() | lists | kept
