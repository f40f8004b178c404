"""Mirroring (pure): what it takes for a policy room to hold exactly what a list says."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

from reputation.lists.model import Listing
from reputation.lists.policy_events import TYPES
from reputation.lists.writing import to_events

ROOM_TYPE: Final = "support.feline.policy.lists.msc.v1"
"""Of a room that holds rules (MSC3784), as other bots make them and find them by."""

Place = tuple[str, str]
"""Where a rule stands in a room: the type of the event, and its state key."""
Rule = tuple[Place, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be written into a room, in order: rules that are new or other than they were, and ``{}`` for others.

    Rules that go are written first: whom the list says nothing of any more waits the shortest.
    """

    writes: tuple[Rule, ...]

    def __bool__(self) -> bool:
        """Tell whether anything is to be written."""
        return bool(self.writes)


def plan(there: Iterable[Rule], listing: Listing) -> Plan:
    """Compare the rules that stand in a room, of whatever type and author, with those that a list makes."""
    standing = {place: content for place, content in there if place[0] in TYPES and content}
    wanted = rules_of(listing)
    gone: list[Rule] = [(place, {}) for place in standing if place not in wanted]
    written: list[Rule] = [(place, content) for place, content in wanted.items() if standing.get(place) != content]
    return Plan((*gone, *written))


def rules_of(listing: Listing) -> dict[Place, Mapping[str, Any]]:
    """Return the rules that a list makes, with an opinion beside each (MSC3845).

    A state key is the hash of whom the rule speaks of: it never begins with ``@``, which would make it somebody's own
    (Matrix specification, "Authorization rules"), and it is never too long.
    """
    found = {}
    for event in to_events(listing, opinions=True):
        content = event["content"]
        name = content["entity"] if "entity" in content else content["hashes"]["sha256"]
        key = base64.b64encode(sha256(name.encode()).digest()).decode()
        found[event["type"], key] = content
    return found
