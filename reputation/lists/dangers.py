"""What is dangerous in a list (pure): entries that hit nearly everybody, or those who are not to be hit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256

from reputation.lists.globs import hits
from reputation.lists.model import Entry, Listing, Recommendation, Subject

_HARMLESS = frozenset({Recommendation.ALLOW})
_ANYBODY = "\0" * 32
"""A name that nobody has, so that it is hit only by what hits all people of its server."""


class Danger(StrEnum):
    """Why somebody should look at an entry before they follow it."""

    EVERYBODY = "everybody"
    """It hits whoever comes."""
    TOP_LEVEL = "top_level"
    """It hits all servers below a name that nobody owns, such as ``*.com``."""
    YOURS = "yours"
    """It hits somebody or a server that was named as one's own."""
    LOOKS_ALIKE = "looks_alike"
    """It has letters that look like others; it may be meant for somebody else than it seems."""


@dataclass(frozen=True, slots=True)
class Found:
    """A danger, the entry, and for ``YOURS`` whom it hits."""

    danger: Danger
    entry: Entry
    whom: str = ""


def dangers(listing: Listing, mine: Sequence[str] = ()) -> Iterator[Found]:
    """Look at each entry; ``mine`` are Matrix ids, servers and rooms that nothing is to hit."""
    own = [(name.lower(), _server(name)) for name in mine]
    for entry in listing:
        if entry.recommendation in _HARMLESS:
            continue
        broad = breadth(entry)
        if broad is not None:
            yield Found(broad, entry)
        elif entry.entity is not None and not entry.entity.isascii():
            yield Found(Danger.LOOKS_ALIKE, entry)
        for name, server in own:
            if _hits(entry, name, server):
                yield Found(Danger.YOURS, entry, name)


def breadth(entry: Entry) -> Danger | None:
    """Tell whether an entry hits everybody, or everybody below a name that is nobody's."""
    pattern = entry.patterns[-1] if entry.patterns else ""
    if "*" not in pattern and "?" not in pattern:
        return None
    if not pattern.strip("*?@!#:."):
        return Danger.EVERYBODY
    if entry.subject is Subject.USER:
        who, colon, server = pattern.partition(":")
        if who.strip("@*?"):
            return None
        pattern = server if colon else who
    if entry.subject is Subject.ROOM:
        return None
    host = pattern.rpartition(":")[0] if pattern.rpartition(":")[2].isdigit() else pattern
    fixed = host.replace("?", "*").rpartition("*")[2].lstrip(".")
    return Danger.TOP_LEVEL if "*" in host and "." not in fixed else None


def _hits(entry: Entry, name: str, server: str) -> bool:
    candidates = [name]
    if entry.subject is Subject.SERVER:
        host, colon, port = server.rpartition(":")
        candidates = [server, host] if colon and port.isdigit() else [server]  # it is meant on whatever port
    elif entry.subject is Subject.USER and name[:1] not in ("@", "!", "#"):
        candidates = [f"@{_ANYBODY}:{name}"] if entry.entity is not None else []
    elif name[:1] not in (("@",) if entry.subject is Subject.USER else ("!", "#")):
        return False
    if entry.entity is None:
        return any(entry.sha256 == sha256(each.encode()).digest() for each in candidates)
    return any(hits(pattern.lower(), each) for pattern in entry.patterns for each in candidates)


def _server(name: str) -> str:
    return name.lower().partition(":")[2] if name[:1] in "@!#" else name.lower()
