"""The disk: files that are there whole or not at all, and still there when the power failed right after."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def draft_of(file: Path, content: bytes) -> Iterator[Path]:
    """Give a file beside ``file`` that has all of ``content`` on the disk, for its owner's eyes only.

    The block gives it its name, if it wishes (``replace``, ``link``); what is left of it goes with the block's end, and
    the names in the folder are on the disk by then.
    """
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = file.with_name(f".{file.name}.{secrets.token_hex(8)}.draft")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
            out.write(content)
            out.flush()
            os.fsync(out.fileno())
        yield draft
    finally:
        draft.unlink(missing_ok=True)
    sync(file.parent)


def sync(folder: Path) -> None:
    """Bring the names in a folder onto the disk: without that a new name may be lost, although the content is not."""
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
