"""Entries of lists (pure): whom or what one speaks of, and what it recommends; what could not be read, and why."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from reputation.lists.globs import laborious, pieces_of

MOST_ENTRIES: Final = 200_000
"""Entries of one list; what stands behind them is not read, and that is said."""
MOST_READ: Final = 500_000
"""The same of all that stands in it: what cannot be read, and what is said again, takes time and memory, too."""
MOST_PIECES: Final = 8
"""Pieces of a pattern between its wildcards."""
MOST_ALIKE: Final = 1_000
"""Patterns of a list for which there is no table, with one and the same piece: each is looked at wherever it stands."""
LONGEST_ENTITY: Final = 255
"""Bytes of a Matrix id, a server name or a pattern for them (Matrix specification, appendix "Identifier Grammar")."""
LONGEST_REASON: Final = 500
_SERVER: Final = re.compile(r"[a-z0-9._:*?\[\]-]+")
"""Letters of a server's name, and of a pattern for some; a formula of a spreadsheet has others."""
_HASH: Final = "sha256:"


class Subject(StrEnum):
    """What an entry speaks of; the order is that in which they are shown."""

    USER = "user"
    SERVER = "server"
    ROOM = "room"


class Recommendation(StrEnum):
    """What an entry recommends; whoever subscribes decides what follows from it."""

    BAN = "ban"
    TAKEDOWN = "takedown"
    """A ban, and what they wrote is to go too (MSC4204)."""
    LIMIT = "limit"
    """Let them be, but do not show them around: ``silence`` of a server blocklist."""
    ALLOW = "allow"
    """No other entry of the list is to hit them."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry: ``entity`` is a name, or a pattern with ``*`` and ``?``; else ``sha256`` hides a name (MSC4205)."""

    subject: Subject
    entity: str | None
    recommendation: Recommendation
    reason: str = ""
    sha256: bytes | None = None
    place: str = ""
    """Where it stands: a line, or a state key."""
    below: bool = False
    """A server with all servers below its name, as blocklists mean them."""

    @property
    def patterns(self) -> tuple[str, ...]:
        """Return what hits whom it speaks of; nothing for a hidden name."""
        if self.entity is None:
            return ()
        return (self.entity, f"*.{self.entity}") if self.below else (self.entity,)

    @property
    def key(self) -> tuple[str, str]:
        """Return of whom it speaks, the same however it is written."""
        name = self.entity.lower() if self.entity is not None else f"sha256:{(self.sha256 or b'').hex()}"
        return self.subject.value, name

    @property
    def name(self) -> str:
        """Return the entity, or what stands for it, as it is shown."""
        return self.entity if self.entity is not None else f"(hidden) {(self.sha256 or b'').hex()[:16]}…"


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that could not be read; a code, and where it stands."""

    code: str
    place: str
    shown: str = ""


@dataclass(frozen=True, slots=True)
class Listing:
    """A list as it was read; of two entries for the same, the later one holds."""

    form: str
    entries: tuple[Entry, ...]
    faults: tuple[Fault, ...] = ()
    twice: int = 0
    """How many entries said again of somebody what an earlier one, which they replace, spoke of."""

    def __iter__(self) -> Iterator[Entry]:
        """Go through the entries."""
        return iter(self.entries)


def listing(form: str, found: Iterable[Entry | Fault]) -> Listing:
    """Put together what is read, one after the other, and read no more than a list may have: whatever it holds."""
    entries: dict[tuple[str, str], Entry] = {}
    faults: list[Fault] = []
    alike: Counter[str] = Counter()
    twice = 0
    for count, one in enumerate(found):
        full = isinstance(one, Entry) and one.key not in entries and len(entries) >= MOST_ENTRIES
        if full or count >= MOST_READ:
            faults.append(Fault("too_many", one.place))
            break
        piece = laborious(one.entity) if isinstance(one, Entry) and one.entity is not None else None
        if piece is not None:
            alike[piece] += 1
        if isinstance(one, Fault):
            faults.append(one)
        elif piece is not None and alike[piece] > MOST_ALIKE:
            faults.append(Fault("alike", one.place, one.entity or ""))
        else:
            twice += one.key in entries
            entries.pop(one.key, None)
            entries[one.key] = one
    return Listing(form, tuple(entries.values()), tuple(faults), twice)


def checked(
    subject: Subject,
    entity: str,
    recommendation: Recommendation,
    *,
    reason: str = "",
    place: str = "",
    below: bool = False,
) -> Entry | Fault:
    """Return an entry, or what is wrong with its entity: too long, not of the right shape, or not to be seen."""
    entity = entity.strip()
    shown = seen(entity)
    if not entity:
        return Fault("empty", place)
    if len(entity.encode(errors="surrogatepass")) > LONGEST_ENTITY:
        return Fault("too_long", place, shown)
    if not entity.isprintable() or " " in entity:
        return Fault("unprintable", place, shown)
    if subject is Subject.SERVER:
        entity = entity.lower().rstrip(".")
    wrong = "many_pieces" if pieces_of(entity) > MOST_PIECES else _SHAPES[subject](entity)
    if wrong is not None:
        return Fault(wrong, place, shown)
    return Entry(subject, entity, recommendation, plain(reason), place=place, below=below)


def seen(text: str) -> str:
    """Return the beginning of what could not be read, without anything that a terminal would obey."""
    return "".join(character if character.isprintable() else "�" for character in text[:60])


def plain(text: str) -> str:
    """Return a stranger's remark as one bounded line without anything that cannot be seen."""
    return " ".join("".join(c if c.isprintable() else " " for c in text[: 4 * LONGEST_REASON]).split())[:LONGEST_REASON]


def _user(entity: str) -> str | None:
    return None if entity[0] in "@*?" else "no_user"


def _room(entity: str) -> str | None:
    return None if entity[0] in "!#*?" else "no_room"


def _server(entity: str) -> str | None:
    if not entity.isascii() and not any(character in entity for character in "@/!#"):
        return "no_ascii"  # servers are named in ASCII; what is not would never hit, or hit what looks alike
    if entity.startswith(_HASH):
        return "no_server"  # so the hash of a name is kept: what looks like one would be taken for it
    return None if _SERVER.fullmatch(entity) else "no_server"


_SHAPES: Final = {Subject.USER: _user, Subject.ROOM: _room, Subject.SERVER: _server}
