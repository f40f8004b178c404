"""What protections are asked about, and what follows (pure): messages and arrivals as they are heard, and outcomes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Literal
from urllib.parse import unquote

from kit.identifiers import RoomId, UserId

Do = Literal["warn", "redact", "mute", "kick", "ban"]
"""What a rule may do, in the words of ``reputation.enforcement``."""
JOIN: Final = "join"
"""What ``message.kind`` is of somebody who comes."""
POLL: Final = "m.poll.start"
"""The same of a poll, whose text is its question and its answers."""
REACTION: Final = "m.reaction"
"""The same of a reaction, whose text is its sign."""
TEXTS: Final = frozenset({"m.text", "m.notice", "m.emote"})
"""Kinds of messages that say something; of all others the body is the name of a file."""
_LINKED: Final = re.compile(r"(?:matrix\.to/#/(?:@|%40)|matrix:u/)([^\s<>\"'?/)\]]{1,255})", re.IGNORECASE)
_MOST_NAMED: Final = 10_000
"""Names that are read of those whom a message mentions: an event of 65,536 bytes holds no more."""


@dataclass(frozen=True, slots=True)
class Posted:
    """A message as it came; ``text`` is all that apps may show of it (``seeing.text_of``), or a file's name.

    ``mentions``: how many people it mentions; ``mentions_room``: whether everybody. Each is ``None`` where that is not
    known, as of what we have no key for (kind ``m.room.encrypted``): it counts all the same.
    """

    event: str
    sender: UserId
    text: str | None
    kind: str = "m.text"
    mentions: int | None = None
    mentions_room: bool | None = None


@dataclass(frozen=True, slots=True)
class Came:
    """Somebody came into a room, by themselves or invited; a change of their name is no arrival."""

    sender: UserId


Heard = Posted | Came


@dataclass(frozen=True, slots=True)
class Outcome:
    """What follows for whom by which rule (counted from 1), and the facts that decided; no text is in it.

    ``time``: how long a mute or ban holds; for good where there is none. ``events``: what is to be taken out.
    """

    room: RoomId
    user: UserId
    do: Do
    rule: str
    number: int
    at: datetime
    time: timedelta | None = None
    events: tuple[str, ...] = ()
    facts: Mapping[str, object] = field(default_factory=dict)


def mentions_in(said: object, text: str) -> tuple[int, bool]:
    """Return how many people a message mentions, and whether it means everybody in the room.

    ``said`` is ``m.mentions`` of its content, of any shape, or ``None`` where there is none; ``text`` all that apps
    show of it. Who is named there and is linked to is one mention. Matrix specification, client-server API, "User and
    room mentions": where ``m.mentions`` stands, ``@room`` in the text means nobody.
    """
    found: set[str] = set()
    if isinstance(said, Mapping):
        users = said.get("user_ids")
        if isinstance(users, list):
            found.update(user.removeprefix("@") for user in users[:_MOST_NAMED] if isinstance(user, str))
        room = said.get("room") is True
    else:
        room = "@room" in text
    if "matrix" in text.lower():
        found.update(unquote(link.group(1)).removeprefix("@") for link in _LINKED.finditer(text))
    return len(found), room
