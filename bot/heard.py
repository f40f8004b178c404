"""What was heard and waits for an answer, and who else in the bot hears."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Protocol

from app.container import Work
from bot.homeserver import Happening
from bot.letters import ANSWER
from kit.identifiers import RoomId, UserId


@dataclass(frozen=True, slots=True)
class Heard:
    """Something that waits for an answer: who said it, where, and under which id."""

    room: RoomId
    sender: UserId
    event: str
    replies_to: str | None = None
    """The message to which it is an answer."""

    @property
    def answer(self) -> str:
        """Return the key of what answers it."""
        return f"{ANSWER}:{hashlib.sha256(self.event.encode()).hexdigest()}"  # however long an id they made up


class Ear(Protocol):
    """A part of the bot with rooms of its own."""

    async def takes(self, happening: Happening) -> bool:
        """Take what happens in a room of its own; ``False`` for all other rooms."""
        ...


def is_chat_of(work: Work, heard: Heard) -> bool:
    """Tell whether it was said in the chat of whoever said it."""
    person = work.people.find(heard.sender)
    return person is not None and work.conversations.room_of(person) == heard.room
