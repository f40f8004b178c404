"""Rooms that people sell admission to, and whom they admit, as values; pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from kit.identifiers import PersonId, RoomId
from payments.content.model import Purchase


class Trouble(StrEnum):
    """Why nobody can be admitted to a room."""

    UNSEEN = "unseen"
    """The bot is not there."""
    POWER = "power"
    """The bot may not invite people there, or not put them out."""
    SELLER = "seller"
    """The seller is not there, or may not do that themselves."""
    MOVED = "moved"
    """The room was closed for another one."""
    TAKEN = "taken"
    """The bot has that room for something else: a chat, a list, a room of its own."""


@dataclass(frozen=True, slots=True)
class Place:
    """A room that a listing admits to, and how it stands there.

    ``wanted``: it is to be for sale once the bot found it ``ready``; ``newest``: the newest version is of this room.
    """

    id: int
    listing: str
    seller: PersonId
    room: RoomId
    wanted: bool
    newest: bool
    ready: bool
    trouble: Trouble | None
    checked: bool


@dataclass(frozen=True, slots=True)
class Admission:
    """Somebody who is admitted to a room until a moment, by the purchase of this number; ``ready`` as in ``Place``."""

    number: int
    purchase: Purchase
    room: RoomId
    until: datetime
    ready: bool


@dataclass(frozen=True, slots=True)
class Brought:
    """Somebody who was asked into a room, and for which time; ``brought``: we have them go when it ends.

    ``refused_until`` is a moment that is past where it is not known whether they were asked.
    """

    since: datetime
    refused_until: datetime | None
    brought: bool
