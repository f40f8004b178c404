"""Signed lists (pure): labels and headers as they are published, and how they are signed.

A label has the parts of a label of Bluesky's (author, subject, value, version pin, negation, expiry, signature). Each
is signed by itself, so that it can be shown anywhere; the header says how many there are and what they hash to, so that
none can be kept back. Both are signed with Ed25519 as canonical JSON without ``signature``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256, shake_128
from types import MappingProxyType
from typing import Any, Final

from kit import signing
from kit.canonical import canonical
from kit.signing import SigningKey
from reputation.lists.model import Recommendation, Subject

LIST: Final = "org.earnest.list"
LABEL: Final = "org.earnest.label"
"""Types of the two things that are signed: neither can be taken for the other."""
FORMAT: Final = 1
LONGEST_TITLE: Final = 100
LONGEST_DESCRIPTION: Final = 500
LONGEST_LICENCE: Final = 60
LONGEST_PIN: Final = 255
MOST_DEFINITIONS: Final = 20
MOST_LANGUAGES: Final = 20
LARGEST_NUMBER: Final = 2**53 - 1
"""Of whole numbers in canonical JSON."""
_WHAT: Final = "list"
_SUM_BYTES: Final = 2_048
_LOW: Final = int.from_bytes(b"\xff\xff\0\0" * (_SUM_BYTES // 4), "little")
"""Every other one of the numbers, all bits set: what is left of each of these has 16 bits to grow into."""
_CARRY: Final = int.from_bytes(b"\0\0\1\0" * (_SUM_BYTES // 4), "little")
_AT_ONCE: Final = 2**15
"""So many numbers of 16 bits, and one more, add up to one of less than 32."""


class Severity(StrEnum):
    """How much a label is meant; whoever follows the list decides what comes of it."""

    ALERT = "alert"
    """Somebody who means harm."""
    WARN = "warn"
    """Somebody to look at twice."""
    INFORM = "inform"
    """Something good to know."""


@dataclass(frozen=True, slots=True)
class Words:
    """What a value is called in one language, and what it means."""

    name: str
    description: str


@dataclass(frozen=True, slots=True)
class Definition:
    """What a value of labels means: how much, what it recommends, and its words by language tag."""

    severity: Severity
    recommendation: Recommendation
    says: Mapping[str, Words]

    def shown(self) -> dict[str, Any]:
        """Return it as it is published."""
        says = {tag: {"name": one.name, "description": one.description} for tag, one in self.says.items()}
        return {"severity": self.severity.value, "recommendation": self.recommendation.value, "says": says}


USUAL: Final[Mapping[str, Definition]] = MappingProxyType(
    {
        "ban": Definition(
            Severity.ALERT, Recommendation.BAN, {"en": Words("Banned", "Is not wanted in rooms that follow the list.")}
        ),
        "takedown": Definition(
            Severity.ALERT,
            Recommendation.TAKEDOWN,
            {"en": Words("Taken down", "Is not wanted, and what they wrote is to go.")},
        ),
        "limit": Definition(
            Severity.WARN, Recommendation.LIMIT, {"en": Words("Limited", "May be there, but is not shown around.")}
        ),
        "allow": Definition(
            Severity.INFORM, Recommendation.ALLOW, {"en": Words("Allowed", "No other entry of the list means them.")}
        ),
    }
)
"""What labels may say in a list whose author defined nothing else."""


@dataclass(frozen=True, slots=True)
class Label:
    """What an author says of a subject; the newer ``version`` of two in one list holds.

    ``version`` counts the list's changes; ``since`` and ``until`` are Unix seconds. ``pin``: the one version of the
    subject (an event id) that is meant. ``negates``: what was said of the subject before is taken back.
    """

    author: str
    list: str
    subject: Subject
    entity: str | None
    value: str
    version: int
    since: int
    sha256: bytes | None = None
    below: bool = False
    reason: str = ""
    until: int | None = None
    pin: str | None = None
    negates: bool = False

    def shown(self) -> dict[str, Any]:
        """Return it as it is published, but for the signature; what says nothing is left out."""
        of: dict[str, Any] = {"kind": self.subject.value}
        of |= {"entity": self.entity} if self.entity is not None else {"sha256": (self.sha256 or b"").hex()}
        told: dict[str, Any] = {
            "type": LABEL,
            "author": self.author,
            "list": self.list,
            "subject": of | ({"below": True} if self.below else {}),
            "value": self.value,
            "version": self.version,
            "since": self.since,
        }
        told |= {"reason": self.reason} if self.reason else {}
        told |= {"until": self.until} if self.until is not None else {}
        told |= {"pin": self.pin} if self.pin is not None else {}
        return told | ({"negates": True} if self.negates else {})

    def digest(self) -> bytes:
        """Return the hash of what it says."""
        return sha256(canonical(self.shown())).digest()


@dataclass(frozen=True, slots=True)
class Header:
    """A list at one version: whose it is, what its labels mean, how many stand, and their digest.

    ``expires``: Unix seconds from which nothing in it counts any more. A retired list has no labels, and no author
    where they wish to be forgotten.
    """

    id: str
    title: str
    author: str | None
    licence: str
    language: str
    version: int
    entries: int
    digest: bytes
    description: str = ""
    expires: int | None = None
    retired: bool = False
    definitions: Mapping[str, Definition] = field(default_factory=lambda: USUAL)

    def shown(self) -> dict[str, Any]:
        """Return it as it is published, but for the signature."""
        return {
            "type": LIST,
            "format": FORMAT,
            "id": self.id,
            "title": self.title,
            "description": self.description,
            "author": self.author,
            "licence": self.licence,
            "language": self.language,
            "expires": self.expires,
            "retired": self.retired,
            "version": self.version,
            "entries": self.entries,
            "digest": self.digest.hex(),
            "definitions": {value: definition.shown() for value, definition in self.definitions.items()},
        }


ListKey = SigningKey
"""A key that signs lists."""


def check_key(name: str) -> str:
    """Return the name of a key as it is written. Raises ``Invalid`` for what is none."""
    return signing.check_key(name, _WHAT)


def key_of(signed: Mapping[str, Any]) -> str:
    """Return the name of the key that a header or a label says it is signed with. Raises ``Invalid``."""
    return signing.key_of(signed, _WHAT)


def verify(signed: Mapping[str, Any], key: str) -> None:
    """Make sure that ``key`` signed exactly this. Raises ``Invalid`` for another key, or a text that was changed."""
    signing.verify(signed, key, _WHAT)


class Sum:
    """What a list's standing labels come to, in whatever order they come and go: two sets of labels never share one.

    Each label's digest is drawn out to 1,024 numbers of 16 bits (SHAKE128), which are added up (LtHash, Bellare and
    Micciancio 1997, as Lewi and others measured it in 2019). So a change costs the same however long the list is.
    """

    def __init__(self, kept: bytes = b"") -> None:
        """Go on from what ``kept`` gave; from no labels without it."""
        self._numbers = int.from_bytes(kept or bytes(_SUM_BYTES), "little")

    def add(self, digests: Iterable[bytes]) -> None:
        """Add labels."""
        even, odd = _drawn(digests)
        self._numbers = ((self._numbers & _LOW) + even) & _LOW | ((self._numbers >> 16 & _LOW) + odd & _LOW) << 16

    def take(self, digests: Iterable[bytes]) -> None:
        """Take labels out that were added."""
        even, odd = _drawn(digests)
        even, odd = (self._numbers & _LOW) + _CARRY - even, (self._numbers >> 16 & _LOW) + _CARRY - odd
        self._numbers = even & _LOW | (odd & _LOW) << 16

    def kept(self) -> bytes:
        """Return it as it is kept: 2,048 bytes."""
        return self._numbers.to_bytes(_SUM_BYTES, "little")

    def digest(self) -> bytes:
        """Return its hash, as a header shows it."""
        return sha256(self.kept()).digest()


def _drawn(digests: Iterable[bytes]) -> tuple[int, int]:
    """Return what labels add up to: every other number, and those between, each with room for what is added to it."""
    even = odd = 0
    for count, one in enumerate(digests, 1):
        numbers = int.from_bytes(shake_128(one).digest(_SUM_BYTES), "little")
        even += numbers & _LOW
        odd += numbers >> 16 & _LOW
        if count % _AT_ONCE == 0:
            even, odd = even & _LOW, odd & _LOW
    return even & _LOW, odd & _LOW
