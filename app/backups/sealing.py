"""Sealing: a stream encrypted by a passphrase, in the form of age.

age's passphrases take a whole file at once, its keys a stream. So a sealed file is two files of age, one after the
other: a key made for it alone, encrypted by the passphrase (with the usual armour, so that its end can be seen), and
then the stream, encrypted to that key.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final, TypeAlias

import pyrage

from app.backups.archive import damaged
from kit.errors import Invalid

_BEGIN: Final = b"-----BEGIN AGE ENCRYPTED FILE-----"
_END: Final = b"-----END AGE ENCRYPTED FILE-----"
_LONGEST_KEY: Final = 4096

Key: TypeAlias = pyrage.x25519.Identity
"""What opens the stream of one sealed file."""


def is_sealed(file: Path) -> bool:
    """Tell whether a file was sealed."""
    with file.open("rb") as raw:
        return raw.read(len(_BEGIN)) == _BEGIN


@contextmanager
def sealed(raw: IO[bytes], passphrase: str | None) -> Iterator[IO[bytes]]:
    """Give a stream to write, all of which goes into ``raw`` encrypted (as it is, without a passphrase)."""
    if passphrase is None:
        yield raw
        return
    key = pyrage.x25519.Identity.generate()
    raw.write(pyrage.passphrase.encrypt(str(key).encode(), passphrase, armored=True))
    reading, writing = os.pipe()
    work = _Aside(reading, "rb", lambda pipe: pyrage.encrypt_io(pipe, raw, [key.to_public()]))
    try:
        with os.fdopen(writing, "wb") as stream:
            yield stream
    finally:
        work.end()
    work.check()


def key_of(file: Path, passphrase: str) -> Key:
    """Return what opens a sealed file: a passphrase takes about a second to tell, so whoever reads twice asks once.

    Raises ``Invalid`` for another passphrase.
    """
    with file.open("rb") as raw:
        locked = _locked_key(raw)
    try:
        found = pyrage.passphrase.decrypt(locked, passphrase).decode()
    except pyrage.DecryptError:
        raise Invalid("backup_sealed", "The passphrase is another, or the backup's beginning is damaged.") from None
    try:
        return pyrage.x25519.Identity.from_str(found)
    except pyrage.IdentityError:
        raise damaged("its key is none") from None


@contextmanager
def opened(file: Path, key: Key | None) -> Iterator[IO[bytes]]:
    """Give a stream to read what a file holds; a plain one has no key. Raises ``Invalid`` for what was changed."""
    with file.open("rb") as raw:
        if key is None:
            yield raw
            return
        _locked_key(raw)
        reading, writing = os.pipe()
        work = _Aside(writing, "wb", lambda pipe: pyrage.decrypt_io(raw, pipe, [key]))
        try:
            with os.fdopen(reading, "rb") as stream:
                yield stream
        finally:
            work.end()
            if work.error is not None and not isinstance(work.error, BrokenPipeError):
                raise damaged("it was changed, or cut off, since it was sealed") from None


def _locked_key(raw: IO[bytes]) -> bytes:
    """Read the first of the two files of age."""
    lines: list[bytes] = []
    while sum(map(len, lines)) < _LONGEST_KEY and (line := raw.readline(_LONGEST_KEY)):
        lines.append(line)
        if line.strip() == _END:
            break
    return b"".join(lines)


class _Aside:
    """Something done in a thread with one end of a pipe."""

    def __init__(self, end: int, mode: str, work: Callable[[IO[bytes]], None]) -> None:
        self.error: Exception | None = None

        def run() -> None:
            try:
                with os.fdopen(end, mode) as pipe:
                    work(pipe)
            except Exception as error:  # noqa: BLE001 - told to whoever waits
                self.error = error

        self._thread = threading.Thread(target=run, name="sealing", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Wait until it is done."""
        self._thread.join()

    def check(self) -> None:
        """Raise what went wrong."""
        if self.error is not None:
            raise self.error
