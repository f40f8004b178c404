"""The data folder in a backup: all that cannot be made again, each file as it was at one moment."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import stat
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Final

from app.backups.archive import MOST_BYTES
from kit.disk import draft_of
from kit.errors import Invalid

_MADE_AGAIN: Final = ("anvil", "certificates", "elsewhere", "homeserver", "logs", "valkey")
"""Folders of programs that are not ours, or that are made anew."""
_KEPT_ALL_THE_SAME: Final = ("homeserver/bearer",)
"""What a local world keeps in them of our own: its tenant's bearer."""
BESIDE: Final = ("-wal", "-shm", "-journal")
_PASSING: Final = ("*.backup", "*.lock", "lock", "*.new", ".*.draft", "celery*", *(f"*{end}" for end in BESIDE))
_SQLITE: Final = b"SQLite format 3\0"
_FIRST: Final = ("since.json",)
"""Whatever came after what this says is heard again, so it is read before anything that it speaks of."""


def files(data: Path, *, without: frozenset[Path]) -> Iterator[tuple[str, Path]]:
    """Give what belongs into a backup of ``data``: the name it has there, and the file; the order is part of it."""
    found = sorted(_walk(data), key=lambda path: (path.name not in _FIRST, _is_sqlite(path), path))
    for path in found:
        if path.resolve() not in without:
            yield f"data/{path.relative_to(data).as_posix()}", path


def _walk(data: Path) -> Iterator[Path]:
    for folder, names, here in os.walk(data):  # links to folders are not followed
        place = Path(folder)
        if place == data:
            names[:] = [name for name in names if name not in _MADE_AGAIN]
        for name in here:
            path = place / name
            if not any(fnmatch(name, pattern) for pattern in _PASSING) and stat.S_ISREG(path.lstat().st_mode):
                yield path
    for name in _KEPT_ALL_THE_SAME:
        if (data / name).is_file() and not (data / name).is_symlink():
            yield data / name


def content(path: Path) -> bytes | None:
    """Return what a file holds at one moment, a database that is in use too; ``None`` where it has gone.

    Raises ``Invalid`` for one that is too large for a backup.
    """
    try:
        if path.stat().st_size > MOST_BYTES:
            raise Invalid("not_for_a_backup", f"{path} is too large for a backup: keep it elsewhere.")
        return _database(path) if _is_sqlite(path) else path.read_bytes()
    except FileNotFoundError:
        return None


def _is_sqlite(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(_SQLITE)) == _SQLITE
    except FileNotFoundError:
        return False


def _database(path: Path) -> bytes:
    """Copy a SQLite file by the online backup, which minds whoever writes to it."""
    with (
        contextlib.closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as source,
        contextlib.closing(sqlite3.connect(":memory:")) as copy,
    ):
        source.backup(copy)
        return copy.serialize()


def put(path: Path, content: bytes) -> None:
    """Write a file whole or not at all, for its owner's eyes only."""
    with draft_of(path, content) as draft:
        # What lies beside a database file is what was written to the one before, and SQLite would write it into this.
        for end in BESIDE:
            path.with_name(f"{path.name}{end}").unlink(missing_ok=True)
        draft.replace(path)
