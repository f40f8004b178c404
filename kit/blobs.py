"""Blobs: contents of any size, sealed in a folder, chunk by chunk, so that a part is opened without the whole.

A blob's file is ``_FORM`` and its chunks, each of 64 KiB of content (the last one of what is left) under AES-256-GCM
(NIST SP 800-38D) by a key of this blob alone. The nonce is the chunk's place and whether it is the last one; what is
authenticated with it binds the blob's name. So chunks can be neither swapped, nor cut off, nor taken from elsewhere.
The key is random, and whoever keeps the blob's row keeps it, sealed (``kit.sealing``): no file alone tells anything.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import IO, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from kit.disk import sync
from kit.errors import Conflict, Invalid, NotFound

CHUNK: Final = 64 * 1024
"""Bytes of content that are sealed together."""
LARGEST_BLOB: Final = 128 * 1024 * 1024
"""Bytes: what a backup takes as one member, with room."""
_TAG: Final = 16
_FORM: Final = b"EBLOB\x01"
_KEY_BYTES: Final = 32
_NAME: Final = re.compile(r"[0-9a-f]{32}")
_HEAD: Final = 512


@dataclass(frozen=True, slots=True)
class Written:
    """A blob that was just written: its name, its key (to be sealed and kept), and what is in it.

    ``size`` is in bytes, ``digest`` the SHA-256 of the content, ``head`` its first 512 bytes.
    """

    name: str
    key: bytes
    size: int
    digest: bytes
    head: bytes


class Blobs:
    """The folder of blobs. A file there is whole and on the disk, or it is a draft that ``sweep`` takes away."""

    def __init__(self, folder: Path) -> None:
        """Keep them in ``folder``, which is made at the first one."""
        self._folder = folder

    def write(self, parts: Iterable[bytes], *, most: int = LARGEST_BLOB) -> Written:
        """Seal a stream into a new blob; nothing of it touches the disk unsealed.

        Raises ``Invalid`` for none, or for more than ``most`` bytes; then nothing stays.
        """
        name, key = secrets.token_hex(16), AESGCM.generate_key(bit_length=8 * _KEY_BYTES)
        place = self._place(name)
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = place.with_name(f".{name}.draft")
        try:
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
                size, digest, head = _seal(out, parts, name, key, most=min(most, LARGEST_BLOB))
                out.flush()
                os.fsync(out.fileno())
            draft.replace(place)
        finally:
            draft.unlink(missing_ok=True)
        sync(place.parent)
        sync(self._folder)
        return Written(name, key, size, digest, head)

    def size(self, name: str) -> int:
        """Return how many bytes of content a blob's file has. Raises ``NotFound``, ``Conflict`` for a damaged one."""
        with suppress(FileNotFoundError):
            return _content_size(self._place(name).stat().st_size)
        raise _gone()

    def read(self, name: str, key: bytes, *, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """Give the content from byte ``start`` to before ``end`` (of all of it, by default), some at a time.

        The file is opened, and the first part too, before this returns: what is wrong is told then. Raises
        ``NotFound`` for a blob that is not there, ``Invalid`` for a range that is none of it, ``Conflict`` for one that
        was changed or is under another key; that may happen while it is read, too.
        """
        parts = self._parts(name, key, start, end)
        first = next(parts, b"")
        return _with_first(first, parts)

    def remove(self, name: str) -> None:
        """Take a blob away, if it is there."""
        self._place(name).unlink(missing_ok=True)

    def sweep(self, known: Callable[[Collection[str]], Collection[str]], *, before: float) -> int:
        """Take away what nobody knows of: drafts of crashes, and blobs that ``known`` does not give back.

        Return how many files went. Only what was last written ``before`` that moment, in Unix
        seconds: what is written now becomes known later, so that should be a day ago.
        """
        gone = 0
        for shelf in sorted(self._folder.glob("[0-9a-f][0-9a-f]")):
            old = [file for file in shelf.iterdir() if _written(file) <= before]
            names = [file.name for file in old if _NAME.fullmatch(file.name)]
            keep = set(known(names)) if names else set[str]()
            for file in old:
                if file.name not in keep:
                    file.unlink(missing_ok=True)
                    gone += 1
        return gone

    def _parts(self, name: str, key: bytes, start: int, end: int | None) -> Iterator[bytes]:
        try:
            file = self._place(name).open("rb")
        except FileNotFoundError:
            raise _gone() from None
        with file:
            size = _content_size(os.fstat(file.fileno()).st_size)
            until = size if end is None else end
            if not 0 <= start < until <= size:
                raise Invalid("range_outside", f"The content has {size} bytes.", size=size)
            if file.read(len(_FORM)) != _FORM:
                raise _damaged()
            cipher, last = AESGCM(key), (size - 1) // CHUNK
            index = start // CHUNK
            file.seek(len(_FORM) + index * (CHUNK + _TAG))
            while index * CHUNK < until:
                try:
                    sealed = file.read(CHUNK + _TAG)
                    chunk = cipher.decrypt(_nonce(index, last=index == last), sealed, name.encode())
                except (InvalidTag, ValueError):
                    raise _damaged() from None
                begin = index * CHUNK
                yield chunk[max(start - begin, 0) : until - begin]
                index += 1

    def _place(self, name: str) -> Path:
        if not _NAME.fullmatch(name):
            raise _gone()
        return self._folder / name[:2] / name


def _seal(out: IO[bytes], parts: Iterable[bytes], name: str, key: bytes, *, most: int) -> tuple[int, bytes, bytes]:
    cipher, digest, head = AESGCM(key), sha256(), b""
    held, index, size = bytearray(), 0, 0
    out.write(_FORM)
    for part in parts:
        size += len(part)
        if size > most:
            raise Invalid("content_too_large", f"That is more than {most} bytes.", most=most)
        digest.update(part)
        head += part[: _HEAD - len(head)]
        held += part
        while len(held) > CHUNK:  # the last chunk is known as such only at the end
            out.write(cipher.encrypt(_nonce(index, last=False), bytes(held[:CHUNK]), name.encode()))
            del held[:CHUNK]
            index += 1
    if not size:
        raise Invalid("content_empty", "There is nothing in it.")
    out.write(cipher.encrypt(_nonce(index, last=True), bytes(held), name.encode()))
    return size, digest.digest(), head


def _nonce(index: int, *, last: bool) -> bytes:
    return index.to_bytes(11, "big") + bytes([last])


def _content_size(file_size: int) -> int:
    sealed = file_size - len(_FORM)
    chunks = -(-sealed // (CHUNK + _TAG))
    size = sealed - chunks * _TAG
    if size <= max(chunks - 1, 0) * CHUNK:
        raise _damaged()
    return size


def _with_first(first: bytes, parts: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from parts


def _written(file: Path) -> float:
    try:
        return file.stat().st_mtime
    except FileNotFoundError:
        return float("inf")


def _gone() -> NotFound:
    return NotFound("content_gone", "This content is not here.")


def _damaged() -> Conflict:
    return Conflict("content_damaged", "This content was changed on the disk, or sealed under another key.")
