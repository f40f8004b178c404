"""Screening: puts messages to the filters of all who may read them; it only reads, and keeps no text.

Everybody's patterns are looked for at once (``filters.fan``); what a rule asks about its viewer's own view of whoever
wrote is looked up only where the rest of the rule still can hold.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import structlog
from sqlalchemy.orm import Session

from kit.errors import Invalid
from kit.identifiers import PersonId, RoomId, UserId
from ledger.people import People
from reputation.conditions.condition import Trace
from reputation.conditions.facts import FILTER_FACTS, record
from reputation.conditions.model import Record
from reputation.filters.fan import Asked, Fan, names
from reputation.filters.patterns import Group
from reputation.knowing import Knowing
from reputation.policy_rules import FOUND, Screen, group_of
from reputation.screens import Filters
from reputation.seeing import Held, Place, Recent, Sighting, Spoken, Unsaid, held_of, unsaid_of
from reputation.sightings import Tally
from reputation.store import GateStore

LOG = structlog.get_logger(__name__)
MOST_VIEWERS: Final = 100
"""Viewers of one room whose filters are asked; those with the lowest numbers, who came first."""
_MOST_CREWS: Final = 50
"""Sets of viewers whose patterns stay compiled."""

Shared = Callable[[UserId, UserId], int | None]
"""Tells how many of the rooms that are read two people are both in; ``None`` where that is not known."""


@dataclass(frozen=True, slots=True)
class Viewer:
    """Somebody with a filter: which version, and the bits of its patterns in the crew's scanner."""

    person: PersonId
    number: int
    screen: Screen
    bits: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Crew:
    """Viewers whose filters are asked together."""

    fan: Fan
    viewers: tuple[Viewer, ...]


class Crews:
    """Compiled filters of those who are in a room together, remembered; for one thread at a time."""

    def __init__(self) -> None:
        """Remember nothing."""
        self._known: OrderedDict[tuple[tuple[PersonId, int], ...], tuple[Crew, ...]] = OrderedDict()

    def of(self, standing: Mapping[PersonId, int], filters: Filters) -> tuple[Crew, ...]:
        """Return the crews of these viewers; ``standing`` says which version of whose filter stands."""
        key = tuple(sorted(standing.items()))
        found = self._known.get(key)
        if found is None:
            screens = [(person, number, filters.screen(person, number)) for person, number in key]
            found = tuple(_crews([(person, number, screen) for person, number, screen in screens if screen]))
        self._known[key] = found
        self._known.move_to_end(key)
        while len(self._known) > _MOST_CREWS:
            self._known.popitem(last=False)
        return found


def _crews(screens: Sequence[tuple[PersonId, int, Screen]]) -> list[Crew]:
    """Compile all at once; where they are too large together, one half after the other."""
    if not screens:
        return []
    groups, rules, viewers = list[Group](), list[Asked](), list[Viewer]()
    for place, (person, number, screen) in enumerate(screens):
        bits = {name: len(groups) + more for more, name in enumerate(screen.document.patterns)}
        groups += [group_of(pattern) for pattern in screen.document.patterns.values()]
        rules += [Asked(place, rule, condition, bits) for rule, condition in enumerate(screen.conditions)]
        viewers.append(Viewer(person, number, screen, bits))
    try:
        return [Crew(Fan(groups, rules), tuple(viewers))]
    except Invalid:
        if len(screens) == 1:  # read once, and now too large for this release: nobody else's waits for it
            LOG.warning("filter_too_large", person=screens[0][0], number=screens[0][1])
            return []
        half = len(screens) // 2
        return [*_crews(screens[:half]), *_crews(screens[half:])]


@dataclass(slots=True)
class Screened:
    """What came of putting messages to filters: the sightings, and of how many messages for each viewer."""

    sightings: list[Sighting] = field(default_factory=list)
    tallies: dict[PersonId, dict[RoomId, Tally]] = field(default_factory=dict)

    def tally(self, viewer: PersonId, room: RoomId) -> Tally:
        """Return the count of one viewer's messages in a room."""
        return self.tallies.setdefault(viewer, {}).setdefault(room, Tally())


class Screening:
    """Puts messages to filters, in one reading transaction."""

    def __init__(self, session: Session, *, people: People, knowing: Knowing, filters: Filters, crews: Crews) -> None:
        """Read in ``session``; ``crews`` remembers between transactions."""
        self._people = people
        self._knowing = knowing
        self._filters = filters
        self._crews = crews
        self._store = GateStore(session)
        self._of_sender: dict[tuple[PersonId, UserId], dict[str, object]] = {}

    def viewers(self, place: Place) -> dict[PersonId, int]:
        """Return who in a room has a filter, and the number of its version."""
        there = [number for name, number in place.numbers.items() if name in place.joined]
        found: dict[PersonId, int] = {}
        for start in range(0, len(there), 1_000):
            found |= self._filters.standing(there[start : start + 1_000])
        return dict(sorted(found.items())[:MOST_VIEWERS])

    def screen(self, place: Place, messages: Sequence[Spoken], shared: Shared) -> Screened:
        """Put messages of a room to the filters of all who are in it, but for those who wrote them."""
        return self._put(Screened(), place, messages, self._crews.of(self.viewers(place), self._filters), shared)

    def try_(self, viewer: PersonId, draft: Screen, recent: Sequence[Recent]) -> Screened:
        """Put messages of several rooms to a filter that somebody drafted."""
        found, crews = Screened(), _crews([(viewer, 0, draft)])
        for one in recent:
            self._put(found, one.place, one.messages, crews, lambda *_: None)
        return found

    def _put(
        self, found: Screened, place: Place, messages: Sequence[Spoken], crews: Sequence[Crew], shared: Shared
    ) -> Screened:
        own = {number: name for name, number in place.numbers.items()}
        senders = self._people.find_all({message.sender for message in messages})
        for message in messages:
            for crew in crews:
                one = _One(self, crew, place, message, senders.get(message.sender), own, shared)
                one.into(found)
        return found

    def known(self, viewer: Viewer, message: Spoken, sender: PersonId | None) -> dict[str, object]:
        """Return what a viewer knows of whoever wrote a message, as far as their filter asks; of each, once."""
        asked, pair = viewer.screen.facts, (viewer.person, message.sender)
        found = self._of_sender.get(pair)
        if found is None:
            found = self._knowing.of_sender(asked, viewer.person, message.sender, sender, at=message.at)
            if "sender.contact" in asked:
                found["sender.contact"] = sender is not None and self._is_contact(viewer.person, sender)
            self._of_sender[pair] = found
        return found | self._knowing.of_time(asked, viewer.person, at=message.at)

    def _is_contact(self, viewer: PersonId, sender: PersonId) -> bool:
        if self._store.called_spam(viewer, sender):
            return False
        known = self._store.contact(viewer, sender) is not None or self._store.is_exempt(viewer, sender)
        return known or self._knowing.vouches_for(viewer, sender)


class _One:
    """One message before one crew."""

    def __init__(
        self,
        screening: Screening,
        crew: Crew,
        place: Place,
        message: Spoken,
        sender: PersonId | None,
        own: Mapping[PersonId, UserId],
        shared: Shared,
    ) -> None:
        self._screening = screening
        self._crew = crew
        self._place = place
        self._message = message
        self._sender = sender
        self._own = own
        self._shared = shared
        self._told = place.facts() | message.facts()
        self._bits = crew.fan.scan(message.text)
        self._records: dict[int, Record] = {}

    def into(self, found: Screened) -> None:
        """Add what came of it."""
        unsure: list[tuple[int, int]] = []
        hits = self._crew.fan.hits_of(self._bits, self._record, unsure)
        held, unsaid = _by_viewer(hits), _by_viewer(unsure)
        for place, viewer in enumerate(self._crew.viewers):
            if viewer.person == self._sender:
                continue
            tally = found.tally(viewer.person, self._place.room)
            tally.messages += 1
            unknown = unsaid_of(viewer.screen, self._traces(place, unsaid.get(place, ())))
            tally.lacking.update({fact for one in unknown for fact in one.lacking})
            if place in held:
                made = held_of(viewer.screen, self._traces(place, held[place]))
                found.sightings.append(self._sighting(viewer, made, unknown))

    def _sighting(self, viewer: Viewer, held: tuple[Held, ...], unknown: tuple[Unsaid, ...]) -> Sighting:
        message = self._message
        room, version = self._place.room, viewer.number
        return Sighting(viewer.person, room, message.event, message.sender, message.at, version, held, unknown)

    def _traces(self, place: int, rules: Sequence[int]) -> list[tuple[int, Trace]]:
        conditions = self._crew.viewers[place].screen.conditions
        return [(rule, conditions[rule].explain(self._record(place))) for rule in sorted(rules)]

    def _record(self, place: int) -> Record:
        found = self._records.get(place)
        if found is None:
            viewer, message = self._crew.viewers[place], self._message
            name = self._own.get(viewer.person)
            known = self._told | self._screening.known(viewer, message, self._sender)
            known[FOUND] = names(self._bits, dict(viewer.bits))
            if name is not None:
                known["message.mentions_me"] = message.mentions_them(name)
                known["sender.mutual_rooms"] = self._shared(name, message.sender)
            found = self._records[place] = record(FILTER_FACTS, known)
        return found


def _by_viewer(pairs: Sequence[tuple[int, int]]) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for viewer, rule in pairs:
        found.setdefault(viewer, []).append(rule)
    return found
