"""What is dangerous in a list (pure): entries that hit nearly everybody, or those who are not to be hit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256

from reputation.lists.globs import Globs
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
    """Look at each entry; ``mine`` are Matrix ids, servers and rooms that nothing is to hit.

    Which of them are hit is looked up for all entries at once: a list may have 200,000, and a service many servers.
    """
    looked_at = [entry for entry in listing if entry.recommendation not in _HARMLESS]
    hit = _hit(looked_at, mine)
    for place, entry in enumerate(looked_at):
        broad = breadth(entry)
        if broad is not None:
            yield Found(broad, entry)
        elif entry.entity is not None and not entry.entity.isascii():
            yield Found(Danger.LOOKS_ALIKE, entry)
        for name in hit.get(place, ()):
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


def _hit(entries: Sequence[Entry], mine: Sequence[str]) -> dict[int, list[str]]:
    """Return which of one's own names entries hit, by the places of the entries; names in their order."""
    names = [name.lower() for name in mine]
    found: dict[int, set[int]] = {}
    for subject in Subject if names else ():
        of_it = [place for place, entry in enumerate(entries) if entry.subject is subject]
        patterns = [(place, pattern) for place in of_it for pattern in entries[place].patterns]
        globs = Globs([pattern for _, pattern in patterns])
        hidden: dict[bytes, list[int]] = {}
        for place in of_it:
            digest = entries[place].sha256
            if digest is not None:
                hidden.setdefault(digest, []).append(place)
        for number, name in enumerate(names):
            for candidate in _candidates(subject, name):
                written = [patterns[each][0] for each in globs.find(candidate)]
                if _ANYBODY not in candidate:
                    written += hidden.get(sha256(candidate.encode()).digest(), ())
                for place in written:
                    found.setdefault(place, set()).add(number)
    return {place: [names[number] for number in sorted(numbers)] for place, numbers in found.items()}


def _candidates(subject: Subject, name: str) -> list[str]:
    """Return as what a name of one's own can be hit by entries that speak of one kind of subject."""
    whose = name[:1]
    if subject is Subject.SERVER:
        server = _server(name)
        host, colon, port = server.rpartition(":")
        return [server, host] if colon and port.isdigit() else [server]  # it is meant on whatever port
    if subject is Subject.USER:
        return [name] if whose == "@" else [f"@{_ANYBODY}:{name}"] if whose not in ("!", "#") else []
    return [name] if whose in ("!", "#") else []


def _server(name: str) -> str:
    return name.lower().partition(":")[2] if name[:1] in "@!#" else name.lower()
