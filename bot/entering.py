"""Entering rooms: one at a time is opened or judged, and those that we are just entering are no strays."""

from __future__ import annotations

import asyncio

from kit.identifiers import RoomId


class Entering(asyncio.Lock):
    """Held while a chat is opened or remembered, or strays are looked for.

    Not while a room is joined: somebody's homeserver may take its time with that. ``rooms`` are those meanwhile.
    """

    def __init__(self) -> None:
        """Begin with no room."""
        super().__init__()
        self.rooms: set[RoomId] = set()
