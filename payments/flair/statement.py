"""The flair's statement (pure): who supports what, until when this counts, and who says so; signed and verified.

A statement lives for a day at most, so that one that was copied somewhere ends by itself; the service's own address,
where it stands for as long as it is true and shown, tells sooner.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from kit import signing
from kit.clock import unix
from kit.errors import Invalid
from kit.identifiers import UserId, parse_user_id
from kit.signing import SigningKey

FLAIR: Final = "org.earnest.flair"
"""The type of what is signed: nothing else that the service signs can be taken for it."""
FORMAT: Final = 1
LIFE: Final = timedelta(hours=24)
"""How long a statement counts at most, after it was issued."""
EARLY: Final = timedelta(minutes=5)
"""By how much the clock of whoever verifies may be slow."""
DAY: Final = 86_400
"""What is shown of times are days: by the second of a gift everybody would find it, and its wallet, on the chain."""
LONGEST_TITLE: Final = 60
LONGEST_TIER: Final = 40
LONGEST_SERVICE: Final = 255
_WHAT: Final = "flair"
_PARTS: Final = frozenset({"type", "format", "mxid", "tier", "title", "since", "until", "service", "issued", "expires"})
_TIER: Final = re.compile(rf"[a-z0-9][a-z0-9_-]{{0,{LONGEST_TIER - 1}}}")
_SERVICE: Final = re.compile(r"https?://[A-Za-z0-9.\-\[\]:]+(?:/[A-Za-z0-9._~/\-]*)?")
_LAST_MOMENT: Final = 253_402_300_799


def day_of(moment: datetime) -> int:
    """Return when a moment's day began (UTC, Unix seconds)."""
    return unix(moment) // DAY * DAY


@dataclass(frozen=True, slots=True)
class Statement:
    """Somebody's flair. All times are Unix seconds.

    ``tier`` is the tier's id and ``title`` what it is called. ``since``: the day from which they have it. ``until``:
    the day to which what they gave lasts; ``None`` for good. ``service``: the public address of whoever says so.
    ``issued`` and ``expires``: from when and until when this very statement counts.
    """

    mxid: UserId
    tier: str
    title: str
    since: int
    until: int | None
    service: str
    issued: int
    expires: int

    def shown(self) -> dict[str, Any]:
        """Return it as it is published, but for the signature."""
        return {
            "type": FLAIR,
            "format": FORMAT,
            "mxid": self.mxid,
            "tier": self.tier,
            "title": self.title,
            "since": self.since,
            "until": self.until,
            "service": self.service,
            "issued": self.issued,
            "expires": self.expires,
        }

    def signed(self, key: SigningKey) -> dict[str, Any]:
        """Return it as it is published."""
        return key.sign(self.shown())


def key_of(signed: Mapping[str, Any]) -> str:
    """Return the name of the key that a statement says it is signed with. Raises ``Invalid``."""
    return signing.key_of(signed, _WHAT)


def check_key(name: str) -> str:
    """Return the name of a key as it is written. Raises ``Invalid`` for what is none."""
    return signing.check_key(name, _WHAT)


def read_statement(found: object, keys: Mapping[str, int | None], *, service: str, now: int) -> Statement:
    """Read a statement of ``service``, at ``now`` (Unix seconds), as strictly as ours are written.

    ``keys``: the service's keys by name, each with the moment after which it signs nothing (``None``: it signs now).
    Raises ``Invalid`` for what is none, another key, a bad signature, another service's, one that was signed by a key
    that signed no more, one that is not yet or no more good, or says to be good for longer than any.
    """
    if not isinstance(found, Mapping) or not all(isinstance(part, str) for part in found):
        raise _wrong("an object is missing")
    key = key_of(found)
    if key not in keys:
        raise Invalid("flair_key_other", "It is signed with a key that is not the service's.")
    signing.verify(found, key, _WHAT)
    statement = _statement(found)
    if statement.service != service:
        raise Invalid("flair_other_service", "Another service says so.")
    ended = keys[key]
    if ended is not None and statement.issued > ended:
        raise Invalid("flair_key_old", "It is signed with a key that had been replaced.")
    if statement.issued > now + EARLY.total_seconds():
        raise Invalid("flair_not_yet", "It is issued in the future.")
    if statement.expires <= now:
        raise Invalid("flair_expired", "It has expired; ask the service for a new one.")
    return statement


def _statement(found: Mapping[str, Any]) -> Statement:
    if found.keys() != _PARTS | {"signature"}:
        raise _wrong("its parts are not those of one")
    if found["type"] != FLAIR or type(found["format"]) is not int or found["format"] != FORMAT:
        raise _wrong("its format is not known here")
    until = None if found["until"] is None else _moment(found["until"])
    since, issued, expires = (_moment(found[part]) for part in ("since", "issued", "expires"))
    if not since <= issued < expires <= issued + LIFE.total_seconds():
        raise _wrong("its times are in no order, or too far apart")
    if until is not None and until < since:
        raise _wrong("it ends before it begins")
    mxid, tier, title, service = (found[part] for part in ("mxid", "tier", "title", "service"))
    if not isinstance(mxid, str):
        raise _wrong("nobody is named")
    if not isinstance(tier, str) or not _TIER.fullmatch(tier):
        raise _wrong("its tier is none")
    if not isinstance(service, str) or len(service) > LONGEST_SERVICE or not _SERVICE.fullmatch(service):
        raise _wrong("its service is none")
    return Statement(parse_user_id(mxid), tier, _title(title), since, until, service, issued, expires)


def _title(found: object) -> str:
    if not isinstance(found, str) or not 1 <= len(found) <= LONGEST_TITLE or not found.isprintable():
        raise _wrong("its title is missing, too long, or has characters that cannot be seen")
    return found


def _moment(found: object) -> int:
    if type(found) is not int or not 0 <= found <= _LAST_MOMENT:  # to Python, true is 1
        raise _wrong("a time is missing, or further away than any calendar goes")
    return found


def _wrong(what: str) -> Invalid:
    return Invalid("flair_form", f"It is no flair: {what}.")
