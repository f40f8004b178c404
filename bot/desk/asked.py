"""What is asked at a desk, and what a command there is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from app.container import Container
from app.wording.message import Message
from app.wording.moderation import RoomNames
from app.wording.reader import Reader
from bot.crossing import Crossing
from bot.homeserver import Homeserver
from bot.views import View
from bot.warden import Warden
from kit.identifiers import PersonId, UserId
from reputation.moderation import Management


class Behind(Protocol):
    """What commands work with."""

    @property
    def homeserver(self) -> Homeserver:
        """Where rooms are."""
        ...

    @property
    def cross(self) -> Crossing:
        """What opens transactions."""
        ...

    @property
    def container(self) -> Container:
        """What use cases are given."""
        ...

    @property
    def warden(self) -> Warden:
        """Who looks after rooms."""
        ...

    async def seen(self, management: int) -> list[View]:
        """Return the rooms that are looked after from a desk as they are now."""
        ...

    async def names(self, management: int) -> RoomNames:
        """Return what those rooms call themselves, as they were seen last."""
        ...


@dataclass(frozen=True, slots=True)
class Asked:
    """Who asks at which desk, and in what words (without the command itself); ``text`` is all of them as written.

    ``cause`` is the same where the same message is heard again, since a bot died over it.
    """

    management: Management
    person: PersonId
    user: UserId
    words: tuple[str, ...]
    reader: Reader
    text: str = ""
    cause: str = ""


@dataclass(frozen=True, slots=True)
class Command:
    """A command of management rooms: its forms, what it does (marked for translation), and how."""

    name: str
    usage: tuple[str, ...]
    says: str
    run: Callable[[Behind, Asked], Awaitable[Message]]
