"""Sightings, in one transaction: what people's filters would have hidden or marked, of how many messages, and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, delete, func, or_, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from kit.errors import Invalid
from kit.identifiers import PersonId, RoomId
from ledger.people import People
from reputation.policy import Severity
from reputation.seeing import KEPT_FOR, MOST_SIGHTINGS, Held, Sighting, Unsaid, read_details
from reputation.tables import FilterRow, ScreenedRow, SightingRow

MOST_DAYS: Final = KEPT_FOR.days
USUAL_DAYS: Final = 7
MOST_NAMED: Final = 10
"""Sightings that are named at once, the newest; all are counted."""
_MOST_RULES: Final = 50


@dataclass(slots=True)
class Tally:
    """How many messages of a room were put to somebody's filter, or could not be."""

    messages: int = 0
    unread: int = 0
    passed: int = 0
    lacking: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Seen:
    """A sighting as it is kept; ``sender`` is a number."""

    room: RoomId
    event: str
    sender: PersonId
    at: datetime
    version: int
    held: tuple[Held, ...]
    unsaid: tuple[Unsaid, ...]

    @property
    def first(self) -> Held:
        """The rule that is meant most."""
        return self.held[0]


@dataclass(frozen=True, slots=True)
class ByRule:
    """How many messages one rule would have hidden or marked, as the one that is meant most."""

    rule: str
    label: str
    severity: Severity
    messages: int


@dataclass(frozen=True, slots=True)
class WouldHave:
    """What somebody's filter would have done in the last ``days``, counted; ``newest`` names some.

    ``unread``: messages for which there was no key; ``passed``: those that were too many at once; ``lacking``: of how
    many a rule lacked which fact.
    """

    days: int
    messages: int = 0
    rooms: int = 0
    unread: int = 0
    passed: int = 0
    lacking: Mapping[str, int] = field(default_factory=dict)
    rules: tuple[ByRule, ...] = ()
    newest: tuple[Seen, ...] = ()

    @property
    def seen(self) -> int:
        """How many it would have hidden or marked."""
        return sum(one.messages for one in self.rules)


class Sightings:
    """What filters see."""

    def __init__(self, session: Session, now: datetime, people: People) -> None:
        """Work in ``session``, at ``now``."""
        self._session = session
        self._now = now
        self._people = people

    # -------------------------------------------------------------------------------------------- taking in

    def record(self, seen: Sequence[Sighting], tallies: Mapping[PersonId, Mapping[RoomId, Tally]]) -> int:
        """Keep what filters saw, and of how many messages; return how many sightings are new.

        Of whose filter is another by now, or gone, nothing is kept. The same message makes one sighting, however often.
        """
        standing = self._standing({*tallies, *(one.viewer for one in seen)})
        self._count({viewer: rooms for viewer, rooms in tallies.items() if viewer in standing})
        valid = [one for one in seen if standing.get(one.viewer) == one.version]
        if not valid:
            return 0
        senders = self._people.numbers({one.sender for one in valid})
        new = self._insert()(SightingRow).values([self._values(one, senders[one.sender]) for one in valid])
        added = self._session.execute(new.on_conflict_do_nothing().returning(SightingRow.viewer)).all()
        self._shorten({one.viewer for one in valid})
        return len(added)

    def _standing(self, viewers: set[PersonId]) -> dict[PersonId, int]:
        query = select(FilterRow.person, FilterRow.number).where(FilterRow.person.in_(viewers))
        return {PersonId(person): number for person, number in self._session.execute(query)}

    def _values(self, one: Sighting, sender: PersonId) -> dict[str, Any]:
        first = one.first
        return {
            "viewer": one.viewer,
            "event": one.event,
            "room": one.room,
            "sender": sender,
            "at": one.at,
            "until": self._now + one.keeps,
            "version": one.version,
            "rule": first.rule,
            "label": first.label,
            "severity": first.severity.value,
            "details": one.details(),
        }

    def _count(self, tallies: Mapping[PersonId, Mapping[RoomId, Tally]]) -> None:
        day = self._now.replace(hour=0, minute=0, second=0, microsecond=0)
        today = select(ScreenedRow).where(ScreenedRow.viewer.in_(sorted(tallies)), ScreenedRow.day == day)
        found = self._session.scalars(today.execution_options(populate_existing=True))
        rows = {(row.viewer, row.room): row for row in found}
        for viewer, rooms in tallies.items():
            for room, tally in rooms.items():
                row = rows.get((viewer, room))
                if row is None:
                    row = ScreenedRow(viewer=viewer, room=room, day=day, messages=0, unread=0, passed=0, lacking={})
                    self._session.add(row)
                row.messages += tally.messages
                row.unread += tally.unread
                row.passed += tally.passed
                row.lacking = dict(Counter(row.lacking) + tally.lacking)
        self._session.flush()

    def _shorten(self, viewers: set[PersonId]) -> None:
        counted = select(SightingRow.viewer).where(SightingRow.viewer.in_(viewers)).group_by(SightingRow.viewer)
        for viewer in self._session.scalars(counted.having(func.count() > MOST_SIGHTINGS)).all():
            mine = select(SightingRow.event).where(SightingRow.viewer == viewer)
            older = mine.order_by(SightingRow.at.desc(), SightingRow.event).offset(MOST_SIGHTINGS)
            events = self._session.scalars(older.limit(MOST_SIGHTINGS)).all()
            self._people.prune(set(self._delete(SightingRow.viewer == viewer, SightingRow.event.in_(events))))

    # -------------------------------------------------------------------------------------------- telling

    def would_have(self, viewer: PersonId, days: int = USUAL_DAYS, *, most: int = MOST_NAMED) -> WouldHave:
        """Return what somebody's filter would have done in the last days, today among them (in UTC).

        Raises ``Invalid`` for days of which nothing is kept.
        """
        if not 1 <= days <= MOST_DAYS:
            raise Invalid("days_out_of_range", f"Between 1 and {MOST_DAYS} days are kept.", most=MOST_DAYS)
        since = self._now.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=days - 1)
        looked, lacking = Tally(), Counter[str]()
        rooms = set[str]()
        screened = select(ScreenedRow).where(ScreenedRow.viewer == viewer, ScreenedRow.day >= since)
        for row in self._session.scalars(screened.execution_options(populate_existing=True)):
            looked.messages += row.messages
            looked.unread += row.unread
            looked.passed += row.passed
            lacking.update(row.lacking)
            rooms.add(row.room)
        mine = SightingRow.viewer == viewer, SightingRow.at >= since
        columns = SightingRow.rule, SightingRow.label, SightingRow.severity
        counted = select(*columns, func.count().label("count")).where(*mine).group_by(*columns)
        rules = sorted(
            (ByRule(rule, label, Severity(severity), count) for rule, label, severity, count in self._rows(counted)),
            key=lambda one: (-one.messages, one.rule),
        )
        newest = select(SightingRow).where(*mine).order_by(SightingRow.at.desc(), SightingRow.event).limit(most)
        return WouldHave(
            days,
            looked.messages,
            len(rooms),
            looked.unread,
            looked.passed,
            dict(sorted(lacking.items())),
            tuple(rules[:_MOST_RULES]),
            tuple(_seen(row) for row in self._session.scalars(newest)),
        )

    def find(self, viewer: PersonId, event: str) -> Seen | None:
        """Return what somebody's filter would do to one message; ``None`` where nothing is kept of it."""
        row = self._session.get(SightingRow, (viewer, event), populate_existing=True)
        return None if row is None else _seen(row)

    # -------------------------------------------------------------------------------------------- keeping house

    def holds(self, room: RoomId, event: str) -> bool:
        """Tell whether anything is kept of a message."""
        query = select(SightingRow.viewer).where(SightingRow.event == event, SightingRow.room == room).limit(1)
        return self._session.scalar(query) is not None

    def redacted(self, room: RoomId, event: str) -> int:
        """Take out what is kept of a message that was taken back; return of how many viewers."""
        senders = self._delete(SightingRow.event == event, SightingRow.room == room)
        self._people.prune(set(senders))
        return len(senders)

    def forget(self, person: PersonId) -> None:
        """Take out what a person's filter saw, and what others' filters saw of them."""
        senders = self._delete(or_(SightingRow.viewer == person, SightingRow.sender == person))
        mine = delete(ScreenedRow).where(ScreenedRow.viewer == person)
        self._session.execute(mine.execution_options(synchronize_session=False))
        self._people.prune(set(senders) - {person})

    def prune(self, *, limit: int) -> list[PersonId]:
        """Take out some of what is past its time; return whom it named. Call it until it returns none."""
        over = select(SightingRow.viewer, SightingRow.event).where(SightingRow.until < self._now)
        found = self._rows(over.order_by(SightingRow.until).limit(limit))
        named = [
            sender
            for viewer, event in found
            for sender in self._delete(SightingRow.viewer == viewer, SightingRow.event == event)
        ]
        days = select(ScreenedRow).where(ScreenedRow.day < self._now - KEPT_FOR - timedelta(days=1)).limit(limit)
        for row in self._session.scalars(days).all():
            named.append(PersonId(row.viewer))
            self._session.delete(row)
        self._session.flush()
        return named

    def _delete(self, *which: ColumnElement[bool]) -> list[PersonId]:
        """Take some out; return who wrote them."""
        gone = delete(SightingRow).where(*which).returning(SightingRow.sender)
        senders = self._session.scalars(gone.execution_options(synchronize_session=False))
        return [PersonId(sender) for sender in senders]

    def _rows(self, query: Any) -> Sequence[Any]:  # noqa: ANN401 - any query, its rows
        return self._session.execute(query).all()

    def _insert(self) -> Any:  # noqa: ANN401 - either dialect's own insert
        return postgresql.insert if self._session.get_bind().dialect.name == "postgresql" else sqlite.insert


def _seen(row: SightingRow) -> Seen:
    held, unsaid = read_details(row.details)
    return Seen(RoomId(row.room), row.event, PersonId(row.sender), row.at, row.version, held, unsaid)
