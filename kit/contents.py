"""Contents: of what type a content is, by its first bytes, and file names that are safe to offer; pure."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from kit.identifiers import is_hidden

BINARY: Final = "application/octet-stream"
TEXT: Final = "text/plain"
LONGEST_NAME: Final = 120
"""Characters of a file's name."""

_MAGICS: Final = (
    (0, b"%PDF-", "application/pdf"),
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"GIF87a", "image/gif"),
    (0, b"GIF89a", "image/gif"),
    (8, b"WEBP", "image/webp"),
    (8, b"WAVE", "audio/wav"),
    (4, b"ftyp", "video/mp4"),
    (0, b"\x1aE\xdf\xa3", "video/webm"),
    (0, b"OggS", "application/ogg"),
    (0, b"fLaC", "audio/flac"),
    (0, b"ID3", "audio/mpeg"),
    (0, b"PK\x03\x04", "application/zip"),
    (0, b"\x1f\x8b", "application/gzip"),
    (0, b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
)
_CONTROLS: Final = re.compile(rb"[\x00-\x08\x0b\x0e-\x1f\x7f]")
_SEPARATORS: Final = re.compile(r'[/\\:*?"<>|;%]')


def media_type(head: bytes) -> str:
    """Return the type of a content by its first 512 bytes; what a browser would run (HTML, SVG) is plain text."""
    for place, magic, kind in _MAGICS:
        if head[place : place + len(magic)] == magic:
            return kind
    try:
        head.decode()
    except UnicodeDecodeError as error:
        if len(head) - error.start >= 4 or "end of data" not in error.reason:  # noqa: PLR2004 - a character cut in two
            return BINARY
    return BINARY if _CONTROLS.search(head) else TEXT


def file_name(name: str, fallback: str = "content") -> str:
    """Return a name that is safe as a file's and in a header: no path, nothing hidden or that turns text around.

    Only what follows the last separator stays, at most 120 characters, its ending among them.
    """
    last = re.split(r"[/\\]", name)[-1]
    shown = "".join("_" if is_hidden(c) or unicodedata.category(c) in {"Cf", "Co", "Cn"} else c for c in last)
    tame = _SEPARATORS.sub("_", unicodedata.normalize("NFC", shown)).strip(" .")
    if len(tame) > LONGEST_NAME:
        stem, point, ending = tame.rpartition(".")
        ending = f"{point}{ending}" if stem and len(ending) <= 10 else ""  # noqa: PLR2004 - endings are short
        tame = tame[: LONGEST_NAME - len(ending)].rstrip(" .") + ending
    return tame or fallback
