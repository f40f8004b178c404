"""What is in rooms, as values: an event of state, a message as it is now, a room whose members the bot keeps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kit.identifiers import RoomId, UserId

PURPOSE = "org.earnest.purpose"
"""What a room that we made says of itself for good: what we made it for."""


@dataclass(frozen=True, slots=True)
class StateEvent:
    """One event of a room's state, as it came; ``content`` is of any shape."""

    kind: str
    key: str
    sender: str
    content: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Told:
    """One message as it can be read now: who wrote it, and its text; ``None`` where there is none, or no key for it."""

    sender: UserId
    text: str | None


@dataclass(frozen=True, slots=True)
class KeptRoom:
    """A room to be made of which we keep who is in it: nobody enters it uninvited but whoever is in ``within``.

    ``purpose`` is written into it for good, so that it is found again. ``levels`` are of what may be done there.
    """

    name: str
    purpose: str
    topic: str | None = None
    kind: str | None = None
    within: RoomId | None = None
    levels: Mapping[str, int] = field(default_factory=dict)


def made_as(such: KeptRoom) -> dict[str, Any]:
    """Return what a kept room says for good of how it was made."""
    return {PURPOSE: such.purpose} | ({"type": such.kind} if such.kind else {})
