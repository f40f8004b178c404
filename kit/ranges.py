"""Ranges (pure): which bytes of a content a request wants (RFC 9110, section 14), and names of files in headers."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote

from kit.errors import Invalid

_RANGE: Final = re.compile(r"bytes=\s*(?:([0-9]{1,18})-([0-9]{0,18})|-([0-9]{1,18}))\s*", re.ASCII | re.IGNORECASE)
_PLAIN: Final = re.compile(r"[^A-Za-z0-9 ._()-]", re.ASCII)


def wanted(header: str | None, size: int, *, condition: str | None = None, tag: str) -> tuple[int, int] | None:
    """Return from which byte to before which one is wanted of ``size``; ``None``: all of it.

    ``condition`` is ``If-Range``: what is not exactly ``tag`` wants all. Several ranges, another unit and what is
    malformed want all, as a server may answer them. Raises ``Invalid`` for a range that is none of the content.
    """
    found = None if header is None else _RANGE.fullmatch(header)
    if found is None or (condition is not None and condition.strip() != tag):
        return None
    first, last, suffix = found.groups()
    if suffix is not None:
        start, end = max(size - int(suffix), 0), size
    else:
        start, end = int(first), min(int(last), size - 1) + 1 if last else size
        if last and int(last) < int(first):
            return None
    if start >= end:
        raise Invalid("range_outside", f"The content has {size} bytes.", size=size)
    return start, end


def attachment(name: str) -> str:
    """Return ``Content-Disposition`` of a file to be saved (RFC 6266): in plain letters, and whole (RFC 8187)."""
    plain = _PLAIN.sub("_", name)[:200] or "content"
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
