"""What is heard: something that waits for an answer, and what of a room was done once."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from app.container import Work
from bot.letters import ANSWER
from kit.identifiers import RoomId, UserId

_MOST_REMEMBERED: Final = 10_000


@dataclass(frozen=True, slots=True)
class Heard:
    """Something that waits for an answer: who said it, where, and under which id."""

    room: RoomId
    sender: UserId
    event: str

    @property
    def answer(self) -> str:
        """Return the key of what answers it."""
        return f"{ANSWER}:{hashlib.sha256(self.event.encode()).hexdigest()}"  # however long an id they made up


def is_chat_of(work: Work, heard: Heard) -> bool:
    """Tell whether it was said in the sender's chat with us."""
    person = work.people.find(heard.sender)
    return person is not None and work.conversations.room_of(person) == heard.room


class Once:
    """Remembers what of a room was done, as long as it is among the last 10,000."""

    def __init__(self) -> None:
        """Begin empty."""
        self._done: OrderedDict[tuple[str, RoomId], None] = OrderedDict()

    def __contains__(self, what: tuple[str, RoomId]) -> bool:
        """Tell whether something of a room was done."""
        return what in self._done

    def first(self, what: str, room: RoomId) -> bool:
        """Note something of a room; ``False`` where it was noted before."""
        if (what, room) in self._done:
            return False
        self._done[what, room] = None
        while len(self._done) > _MOST_REMEMBERED:
            self._done.popitem(last=False)
        return True

    def forget(self, what: str, room: RoomId) -> None:
        """Note that something of a room is to be done again."""
        self._done.pop((what, room), None)
