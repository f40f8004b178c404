"""Seeing (pure): a message as filters are asked about it, and what is kept of one that a filter would hide or mark.

What is kept never says what the message said: of facts that are texts or lists only the names are kept, but for the
names of patterns, which are their owner's own words. Who wrote it is a number; where and when, its ids say.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from html import unescape
from typing import Any, Final
from urllib.parse import unquote

from kit.identifiers import PersonId, RoomId, UserId
from reputation.conditions.condition import Trace
from reputation.conditions.facts import plain
from reputation.policy import Severity
from reputation.policy_rules import FOUND, Screen

KEPT_FOR: Final = timedelta(days=30)
"""How long a sighting is kept; one whose label holds for fewer days goes with it."""
MOST_SIGHTINGS: Final = 1_000
"""Sightings of one person that are kept; beyond it the oldest go."""
MOST_HELD: Final = 5
"""Rules of one sighting that are kept, and as many of those that could not tell."""
MOST_FACTS: Final = 12
"""Facts of one rule that are kept."""
_LOUDNESS: Final = {Severity.HIDE: 0, Severity.WARN: 1, Severity.NOTE: 2}
_LINK: Final = re.compile(r"\b(?:https?://|www\.)[^\s<>\"']+|\b(?:matrix|mailto):[^\s<>\"']+", re.IGNORECASE)
_MENTION: Final = re.compile(r"https?://matrix\.to/#/(?:@|%40)|matrix:u/", re.IGNORECASE)
_TAG: Final = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9-]{0,20})([^<>]{0,2000})>")
_HREF: Final = re.compile(r"\bhref\s{0,5}=\s{0,5}[\"']?([^\"'\s>]+)", re.IGNORECASE)
_INLINE: Final = frozenset({"b", "i", "u", "em", "strong", "span", "font", "code", "del", "s", "sub", "sup", "a"})
"""Tags within a word; all others stand between words."""
_LONGEST_HTML: Final = 65_536
_HALF_SCANNED: Final = 5_000
"""Characters of a text after which what apps show in its place comes first: of both together 10,000 are looked at."""
_EVENT: Final = re.compile(r"\$[!-~]{1,254}")


@dataclass(frozen=True, slots=True)
class Place:
    """A room as far as it is known; ``None`` where something is not. ``numbers``: of those in it whom we know.

    ``count``: how many are in it, where ``joined`` does not say who.
    """

    room: RoomId
    joined: frozenset[UserId]
    numbers: Mapping[UserId, PersonId] = field(default_factory=dict)
    encrypted: bool | None = None
    public: bool | None = None
    name: str | None = None
    topic: str | None = None
    count: int | None = None

    def facts(self) -> dict[str, object]:
        """Return what a rule may ask about it."""
        return {
            "room.id": self.room,
            "room.name": self.name,
            "room.topic": self.topic,
            "room.encrypted": self.encrypted,
            "room.public": self.public,
            "room.members": len(self.joined) if self.count is None else self.count,
        }


@dataclass(frozen=True, slots=True)
class Spoken:
    """A message as it was sent; ``mentions`` are the first of those whom it mentions, ``all_named``: all of them."""

    event: str
    sender: UserId
    text: str
    at: datetime
    mentions: tuple[UserId, ...] = ()
    all_named: bool = True
    kind: str = "m.text"

    def facts(self) -> dict[str, object]:
        """Return what a rule may ask about it, whoever asks."""
        return {
            "message.text": self.text,
            "message.kind": self.kind,
            "message.links": links_in(self.text),
            "time.now": self.at,
        }

    def mentions_them(self, user: UserId) -> bool | None:
        """Tell whether it mentions somebody; ``None`` where more are mentioned than were read."""
        return True if user in self.mentions else (False if self.all_named else None)


@dataclass(frozen=True, slots=True)
class Recent:
    """What was said last in a room; it is in memory alone."""

    place: Place
    messages: tuple[Spoken, ...]


@dataclass(frozen=True, slots=True)
class Held:
    """A rule that held, and the facts that made it: their values, or ``None`` for what is not kept."""

    number: int
    rule: str
    label: str
    severity: Severity
    days: int | None = None
    facts: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Unsaid:
    """A rule of which it could not be said whether it holds, and the facts that it lacked."""

    rule: str
    lacking: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Sighting:
    """What a viewer's filter would do to one message: the rules that held, loudest first, and those that cannot say."""

    viewer: PersonId
    room: RoomId
    event: str
    sender: UserId
    at: datetime
    version: int
    held: tuple[Held, ...]
    unsaid: tuple[Unsaid, ...] = ()

    @property
    def first(self) -> Held:
        """The rule that is meant most."""
        return self.held[0]

    @property
    def keeps(self) -> timedelta:
        """How long it is kept: as long as the label of some rule holds, 30 days at most."""
        days = [one.days for one in self.held]
        return KEPT_FOR if None in days else min(KEPT_FOR, timedelta(days=max(day for day in days if day is not None)))

    def details(self) -> dict[str, Any]:
        """Return what has no column of its own."""
        held = [
            {"number": one.number, "rule": one.rule, "label": one.label, "severity": one.severity.value}
            | {"facts": dict(one.facts)}
            for one in self.held
        ]
        return {"held": held, "unsaid": [{"rule": one.rule, "lacking": list(one.lacking)} for one in self.unsaid]}


def read_details(found: Mapping[str, Any]) -> tuple[tuple[Held, ...], tuple[Unsaid, ...]]:
    """Read what ``Sighting.details`` wrote."""
    held = tuple(
        Held(one["number"], one["rule"], one["label"], Severity(one["severity"]), facts=one["facts"])
        for one in found["held"]
    )
    return held, tuple(Unsaid(one["rule"], tuple(one["lacking"])) for one in found["unsaid"])


def links_in(text: str) -> int:
    """Return how many links are in a text, each counted once; that somebody is mentioned is none."""
    if ":" not in text and "www." not in text.lower():  # as most texts: then there is nothing to look for
        return 0
    found = (match.group().rstrip(").,;:!?*_]") for match in _LINK.finditer(text))
    return len({link for link in found if not _MENTION.match(link)})


def text_of(body: str, html: str | None) -> str:
    """Return all that a message says: its text, and what apps show in its place where that says something else."""
    if not html:
        return body
    shown = unescape(_TAG.sub(_untagged, html[:_LONGEST_HTML]))
    if " ".join(shown.split()) == " ".join(body.split()):
        return body
    return f"{body}\n{shown}" if len(body) <= _HALF_SCANNED else f"{shown}\n{body}"


def _untagged(tag: re.Match[str]) -> str:
    """Return what a tag shows: where a link leads, which an app shows when asked, and a break between words."""
    closes, name, rest = tag.group(1), tag.group(2).lower(), tag.group(3)
    target = _HREF.search(rest) if name == "a" and not closes else None
    if target is not None:
        return f" {target.group(1)} "
    return "" if name in _INLINE else "\n"


def held_of(screen: Screen, rules: Iterable[tuple[int, Trace]]) -> tuple[Held, ...]:
    """Return the rules (counted from 0) that held as they are kept, loudest first, each with why."""
    found = []
    for place, trace in rules:
        rule = screen.document.rules[place]
        then = rule.then
        found.append(Held(place + 1, rule.name, then.label, then.severity, then.days, facts_of(trace)))
    found.sort(key=lambda one: (_LOUDNESS[one.severity], one.number))
    return tuple(found[:MOST_HELD])


def unsaid_of(screen: Screen, rules: Iterable[tuple[int, Trace]]) -> tuple[Unsaid, ...]:
    """Return the rules (counted from 0) that could not tell, each with what it lacked."""
    found = [Unsaid(screen.document.rules[place].name, trace.missing[:MOST_FACTS]) for place, trace in rules]
    return tuple(found[:MOST_HELD])


def facts_of(trace: Trace) -> dict[str, object]:
    """Return the facts that decided, as they are kept: of texts, lists and names ``None``."""
    kept: dict[str, object] = {}
    for step in trace.steps:
        for seen in step.facts:
            if len(kept) < MOST_FACTS:
                small = seen.name == FOUND or not isinstance(seen.value, str | tuple)
                kept[seen.name] = plain(seen.value) if small else None
    return kept


def event_in(text: str) -> str | None:
    """Return the event id that somebody wrote, bare or in a link to the message; ``None`` where there is none."""
    written = unquote(text.strip().strip("\u2066\u2067\u2068\u2069\u200e\u200f<>")).partition("?")[0]
    if written.startswith("matrix:"):
        _, found, last = written.rpartition("/e/")
        written = f"${last}" if found else ""
    event = written if written.startswith("$") else written[written.find("/$") + 1 :]
    return event if _EVENT.fullmatch(event) else None
