"""Media, as a part of the homeserver port: files that are sent into rooms, and what others sent there."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from kit.identifiers import RoomId, UserId


@dataclass(frozen=True, slots=True)
class Parcel:
    """A file to be sent: ``size`` is in bytes; ``open_`` gives its content, from its beginning each time."""

    name: str
    media_type: str
    size: int
    open_: Callable[[], Awaitable[Iterator[bytes]]]


@dataclass(frozen=True, slots=True)
class Sent:
    """What somebody sent: a text as they wrote it, or a file of a name, whose content ``parts`` gives once.

    While they are read, ``parts`` raises ``Invalid`` for more than was asked for, and for what is not what its sender
    encrypted; ``HomeserverUnavailable`` where the server does not answer.
    """

    sender: UserId
    text: str | None = None
    name: str = ""
    parts: Callable[[], AsyncIterator[bytes]] | None = None
    html: str | None = None
    """A text with its formatting, where it has any; as it came."""


class Media(Protocol):
    """What a homeserver does with files."""

    async def largest(self) -> int | None:
        """Return how many bytes a file may have that the server takes; ``None`` where it does not say."""
        ...

    async def send_file(self, room: RoomId, parcel: Parcel, *, txn: str) -> str:
        """Send a file, encrypted where the room is; the same ``txn`` is sent once only. Return the event's id.

        Raises as ``Homeserver.send`` does.
        """
        ...

    async def sent(self, room: RoomId, event: str, *, most: int) -> Sent | None:
        """Return what was sent by a message, as it was last changed; ``None`` where it is no text and no file.

        A file has ``most`` bytes at most.
        """
        ...
