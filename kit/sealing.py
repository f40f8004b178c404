"""Sealing: secrets of people that we must be able to use (and so cannot keep as a hash), encrypted in the database."""

from __future__ import annotations

import base64
import binascii
import contextlib
import fcntl
import os
import secrets
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from kit.disk import draft_of
from kit.errors import Conflict, Invalid

_KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12
_FORM: Final = b"\x01"
MOST_KEYS: Final = 10
"""Sealing keys at a time: each of them may have to be tried."""


@dataclass(slots=True)
class Sealed:
    """How many secrets the current key has sealed, how many an older one, and how many one that is not here."""

    current: int = 0
    older: int = 0
    lost: int = 0


class SealsAnew(Protocol):
    """What whoever keeps secrets does to some of their rows, in one transaction."""

    def __call__(self, found: Sealed, *, after: int, limit: int, change: bool) -> int | None:
        """Count ``limit`` rows after a number into ``found``; seal them anew where they are to ``change``.

        Return the last one's number, ``None`` where there was none.
        """
        ...


class Seal:
    """Encrypts under one key, and decrypts what it or an older one encrypted.

    ``purpose`` names the place of a secret: it opens in no other one.
    """

    def __init__(self, key: bytes, *older: bytes) -> None:
        """Work with keys of 32 random bytes; the first one seals."""
        self._locks = [ChaCha20Poly1305(one) for one in (key, *older)]

    def __repr__(self) -> str:
        return "<Seal>"

    def close(self, secret: bytes, purpose: str) -> bytes:
        """Return a secret sealed."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return _FORM + nonce + self._locks[0].encrypt(nonce, secret, purpose.encode())

    def open(self, sealed: bytes, purpose: str) -> bytes:
        """Return what was sealed for this purpose. Raises ``Conflict`` where it was not, or under another key."""
        for lock in self._locks:
            secret = _opened(lock, sealed, purpose)
            if secret is not None:
                return secret
        raise Conflict("sealed_otherwise", "A secret in the database was sealed under another key.")

    def is_current(self, sealed: bytes, purpose: str) -> bool:
        """Tell whether the key that seals now has sealed this."""
        return _opened(self._locks[0], sealed, purpose) is not None

    def anew(self, sealed: bytes, purpose: str, found: Sealed, *, change: bool) -> bytes:
        """Count a secret, and return it as it is kept from now on: under the current key, where it is to ``change``."""
        if self.is_current(sealed, purpose):
            found.current += 1
            return sealed
        try:
            secret = self.open(sealed, purpose)
        except Conflict:
            found.lost += 1
            return sealed
        if not change:
            found.older += 1
            return sealed
        found.current += 1
        return self.close(secret, purpose)


def _opened(lock: ChaCha20Poly1305, sealed: bytes, purpose: str) -> bytes | None:
    nonce, rest = sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :]
    try:
        return lock.decrypt(nonce, rest, purpose.encode()) if sealed[:1] == _FORM else None
    except (InvalidTag, ValueError):
        return None


def parse_key(text: str) -> bytes:
    """Return the key that ``make_key`` wrote. Raises ``Invalid``."""
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except binascii.Error:
        key = b""
    if len(key) != _KEY_BYTES:
        raise Invalid("sealing_key_malformed", "The sealing key is 32 random bytes, in base64.")
    return key


def make_key() -> str:
    """Return a new key as text."""
    return base64.b64encode(secrets.token_bytes(_KEY_BYTES)).decode()


def parse_keys(text: str) -> tuple[bytes, ...]:
    """Return the keys in a text, by blanks or lines: the one that seals, and older ones. Raises ``Invalid``."""
    keys = tuple(parse_key(part) for part in text.split()) or (parse_key(text),)
    if len(keys) > MOST_KEYS:
        message = (
            f"There are more than {MOST_KEYS} sealing keys; `earnest keys rotate sealing --forget` drops old ones."
        )
        raise Invalid("too_many_sealing_keys", message)
    return keys


def kept_keys(file: Path) -> tuple[bytes, ...]:
    """Return the keys in ``file``, one made now where there is none; of several that make one at once, one wins."""
    if not file.exists():
        # On the disk before anything is sealed under it: a key that the next power cut takes would take that along.
        with draft_of(file, f"{make_key()}\n".encode()) as draft, contextlib.suppress(FileExistsError):
            os.link(draft, file)  # whole or not at all, and never over another
    return parse_keys(file.read_text(encoding="ascii"))


def change_keys(file: Path, change: Callable[[Sequence[bytes]], Sequence[bytes]]) -> None:
    """Replace the keys in ``file`` by what ``change`` makes of them, whole or not at all; one at a time does so."""
    kept_keys(file)
    with _alone_in(file.parent):
        after = change(kept_keys(file))
        content = b"".join(base64.b64encode(key) + b"\n" for key in after)
        parse_keys(content.decode())
        with draft_of(file, content) as draft:
            draft.replace(file)


@contextlib.contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    opened = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(opened, fcntl.LOCK_EX)
        yield
    finally:
        os.close(opened)


class KeptSeal:
    """The seal of the keys in a file. Whether they are others by now is looked at whenever it is asked for."""

    def __init__(self, file: Path, *, given: str | None = None) -> None:
        """Keep to ``file``, or to the keys that are ``given`` instead; nothing is read yet."""
        self._file = file
        self._given = given
        self._known: tuple[object, Seal] | None = None
        self._reading = threading.Lock()

    def now(self) -> Seal:
        """Return the seal. Raises ``Invalid`` for a file that holds no keys."""
        with self._reading:
            if self._given is not None:
                self._known = self._known or (None, Seal(*parse_keys(self._given)))
                return self._known[1]
            mark = self._mark()  # before it is read: what changes meanwhile is seen the next time
            if self._known is None or mark is None or self._known[0] != mark:
                self._known = mark, Seal(*kept_keys(self._file))
            return self._known[1]

    def _mark(self) -> object:
        try:
            seen = self._file.stat()
        except OSError:
            return None
        return seen.st_ino, seen.st_mtime_ns, seen.st_size
