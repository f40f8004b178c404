"""Files by matrix-nio: uploaded as they are read, encrypted where a room is, and fetched piece by piece.

Matrix specification, client-server API: "Content repository" (authenticated media), "Sending encrypted attachments".
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from abc import ABC, abstractmethod
from base64 import b64decode, urlsafe_b64decode
from binascii import Error
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final
from urllib.parse import quote

from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR
from nio import MegolmEvent
from nio.crypto.attachments import encrypted_attachment_generator

from bot import nio_rooms
from bot.homeserver import EventId
from bot.media import Parcel, Sent
from bot.nio_client import NioClient
from bot.nio_moderation import path_of
from kit.errors import Invalid
from kit.identifiers import RoomId
from reputation.enforcement.reading import user_in

_SECONDS: Final = 600.0
"""How long a file may be on its way."""
_FETCHING_SECONDS: Final = 120.0
"""The same of one that others sent: it may lie on a homeserver that is slow on purpose, and the next one waits."""
_PIECE: Final = 64 * 1024
_MXC: Final = re.compile(r"mxc://([A-Za-z0-9.:\[\]-]{1,255})/([A-Za-z0-9_=.-]{1,255})")
_TEXTS: Final = frozenset({"m.text", "m.emote"})
_FILES: Final = frozenset({"m.file", "m.image", "m.video", "m.audio"})
_SHOWN_AS: Final[Mapping[str, str]] = {"image": "m.image", "video": "m.video", "audio": "m.audio"}
_OCTETS: Final = "application/octet-stream"
_KEY_BYTES, _NONCE_BYTES = 32, 16


@dataclass(frozen=True, slots=True)
class _Locked:
    """How an encrypted file is opened: AES-CTR's key and first counter, and the SHA-256 of what is encrypted."""

    key: bytes
    nonce: bytes
    digest: bytes


class WithMedia(ABC):
    """What a client does with files."""

    _client: NioClient

    @abstractmethod
    async def start(self) -> None:
        """Log in, unless that was done."""

    @abstractmethod
    async def _make_ready(self, room: RoomId) -> None:
        """Know who is in a room, and whether it is encrypted."""

    @abstractmethod
    async def _send(self, room: RoomId, kind: str, content: dict[str, Any], txn: str) -> EventId:
        """Send an event, once."""

    async def largest(self) -> int | None:
        """Return how many bytes a file may have that the server takes."""
        await self.start()
        most = (await self._client.request("GET", "/_matrix/client/v1/media/config")).get("m.upload.size")
        return most if isinstance(most, int) else None

    async def send_file(self, room: RoomId, parcel: Parcel, *, txn: str) -> str:
        """Upload a file and send it; told again, it is uploaded again, but what was sent first stays what was sent."""
        await self.start()
        await self._make_ready(room)
        content: dict[str, Any] = {
            "msgtype": _SHOWN_AS.get(parcel.media_type.partition("/")[0], "m.file"),
            "body": parcel.name,
            "filename": parcel.name,
            "info": {"mimetype": parcel.media_type, "size": parcel.size},
            "m.mentions": {},
        }
        if self._client.nio.rooms[room].encrypted:
            keys: dict[str, Any] = {}
            url = await self._upload(parcel, _OCTETS, "", keys)
            content["file"] = keys | {"url": url}
        else:
            content["url"] = await self._upload(parcel, parcel.media_type, parcel.name, None)
        return await self._send(room, "m.room.message", content, txn)

    async def _upload(self, parcel: Parcel, media_type: str, name: str, keys: dict[str, Any] | None) -> str:
        """Upload, encrypting where ``keys`` is given, into which goes what opens it again."""
        nio = self._client.nio
        path = "/_matrix/media/v3/upload" + (f"?filename={quote(name, safe='')}" if name else "")

        async def _once() -> dict[str, Any]:
            parts = await parcel.open_()
            data = _pieces(parts if keys is None else _locking(parts, keys))
            headers = {"Content-Type": media_type, "Content-Length": str(parcel.size)}
            headers["Authorization"] = f"Bearer {nio.access_token}"
            sending = nio.send("POST", path, data, headers, timeout=_SECONDS)
            return await self._client.answer(await self._client.guarded(sending))

        return str((await self._client.patiently(_once)).get("content_uri"))

    async def sent(self, room: RoomId, event: str, *, most: int) -> Sent | None:
        """Return what was sent by a message."""
        await self.start()
        source = await self._client.request("GET", f"{path_of(room)}/event/{quote(event, safe='')}")
        sender = user_in(source.get("sender"))
        parsed = nio_rooms.parsed(self._client, room, source)
        if sender is None or "state_key" in source or parsed is None or isinstance(parsed, MegolmEvent):
            return None
        content = parsed.source.get("content")
        if parsed.source.get("type") != "m.room.message" or not isinstance(content, dict):
            return None
        content = await self._as_changed(room, source) or content
        kind, body, rich = content.get("msgtype"), content.get("body"), content.get("formatted_body")
        if kind in _TEXTS and isinstance(body, str):
            formatted = isinstance(rich, str) and content.get("format") == "org.matrix.custom.html"
            return Sent(sender, text=body, html=str(rich) if formatted else None)
        if kind not in _FILES:
            return None
        return self._file(sender, content, most)

    async def _as_changed(self, room: RoomId, source: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return what a message was last changed to by its writer; ``None`` where it was not, or that cannot be read.

        The server names the latest change beside the message (client-server API, "Event replacements").
        """
        told: Any = source.get("unsigned")
        for name in ("m.relations", "m.replace", "event_id"):
            told = told.get(name) if isinstance(told, dict) else None
        if not isinstance(told, str):
            return None
        newer = await self._client.request("GET", f"{path_of(room)}/event/{quote(told, safe='')}")
        parsed = nio_rooms.parsed(self._client, room, newer)
        if parsed is None or newer.get("sender") != source.get("sender") or isinstance(parsed, MegolmEvent):
            return None
        content = parsed.source.get("content")
        changed = content.get("m.new_content") if isinstance(content, dict) else None
        return changed if isinstance(changed, dict) else None

    def _file(self, sender: Any, content: Mapping[str, Any], most: int) -> Sent | None:  # noqa: ANN401 - a Matrix id
        file = content.get("file")
        locked = _locked(file) if isinstance(file, dict) else None
        url = file.get("url") if isinstance(file, dict) else content.get("url")
        found = _MXC.fullmatch(url) if isinstance(url, str) else None
        if found is None or (isinstance(file, dict) and locked is None):
            return None
        names = (content.get("filename"), content.get("body"))
        name = next((one for one in names if isinstance(one, str) and one), "file")
        path = f"/_matrix/client/v1/media/download/{quote(found[1], safe='')}/{quote(found[2], safe='')}"
        return Sent(sender, name=name[:255], parts=partial(self._fetched, path, locked, most))

    async def _fetched(self, path: str, locked: _Locked | None, most: int) -> AsyncIterator[bytes]:
        taken, digest, opening = 0, hashlib.sha256(), None if locked is None else _opening(locked)
        async for piece in self._client.stream(path, seconds=_FETCHING_SECONDS):
            taken += len(piece)
            if taken > most:
                raise Invalid("content_too_large", f"A content has at most {most:,} bytes.", most=most)
            digest.update(piece)
            yield piece if opening is None else opening.update(piece)
        if locked is not None and digest.digest() != locked.digest:
            raise Invalid("file_changed", "The file is not what its sender encrypted.")


def _locking(parts: Iterator[bytes], keys: dict[str, Any]) -> Iterator[bytes]:
    for part in encrypted_attachment_generator(parts):
        if isinstance(part, dict):
            keys.update(part)
        else:
            yield part


async def _pieces(parts: Iterator[bytes]) -> AsyncIterator[bytes]:
    """Read in threads, so that nobody else waits for the disk."""
    while (part := await asyncio.to_thread(next, parts, None)) is not None:
        for begin in range(0, len(part), _PIECE):
            yield part[begin : begin + _PIECE]


def _opening(locked: _Locked) -> CipherContext:
    return Cipher(AES(locked.key), CTR(locked.nonce)).decryptor()


def _locked(file: Mapping[str, Any]) -> _Locked | None:
    """Read how a file is opened; ``None`` where that is of no shape that apps write."""
    key, hashes = file.get("key"), file.get("hashes")
    try:
        found = _Locked(
            urlsafe_b64decode(_padded(key["k"])) if isinstance(key, dict) else b"",
            b64decode(_padded(file["iv"])),
            b64decode(_padded(hashes["sha256"])) if isinstance(hashes, dict) else b"",
        )
    except (Error, KeyError, TypeError, ValueError):
        return None
    right = (len(found.key), len(found.nonce), len(found.digest)) == (_KEY_BYTES, _NONCE_BYTES, 32)
    return found if right else None


def _padded(text: str) -> str:
    return text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4)
