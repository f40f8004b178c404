"""Digests: tells people at their own hour who knocked; what was told, and when the next is due, in one transaction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, func, or_, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from kit.clock import from_unix, unix, zone_of
from kit.identifiers import PersonId
from ledger.people import People
from reputation.asks import Asks
from reputation.courtesy import Courtesy
from reputation.gate import Gate
from reputation.notices import FLOOD_AGAIN, Notices
from reputation.schedule import USUAL, Every, Schedule, next_due
from reputation.tables import DigestRow, DoorRow, FloodRow, HelperAnswerRow, KnockRow

MOST_NAMED = 5
"""Of each kind, how many are named; the rest is counted."""
_FIRST = timedelta(days=7)
"""How far back the first digest goes."""


@dataclass(frozen=True, slots=True)
class Told:
    """An answer that a helper gave in somebody's name, as a digest tells of it."""

    helper: PersonId
    stranger: PersonId
    answer: str


@dataclass(frozen=True, slots=True)
class Digest:
    """What a person has yet to hear: how many, and the newest few of each. ``besides``: of a flood they heard then."""

    since: datetime
    strangers: int = 0
    latest: tuple[PersonId, ...] = ()
    waiting: int = 0
    waits: tuple[PersonId, ...] = ()
    answers: int = 0
    answered: tuple[Told, ...] = ()
    besides: datetime | None = None

    @property
    def empty(self) -> bool:
        """Tell whether there is nothing to tell."""
        return not (self.strangers or self.waiting or self.answers)

    def values(self) -> dict[str, object]:
        """Return it as a notice carries it: numbers only."""
        return {
            "since": unix(self.since),
            "strangers": self.strangers,
            "latest": list(self.latest),
            "waiting": self.waiting,
            "waits": list(self.waits),
            "answers": self.answers,
            "answered": [[one.helper, one.stranger, one.answer] for one in self.answered],
            "besides": None if self.besides is None else unix(self.besides),
        }


def read_digest(values: Mapping[str, Any]) -> Digest:
    """Read what ``Digest.values`` wrote; what is missing reads as nothing, so that no notice is lost."""
    besides = values.get("besides")
    return Digest(
        since=from_unix(int(values.get("since", 0))),
        strangers=int(values.get("strangers", 0)),
        latest=tuple(PersonId(int(one)) for one in values.get("latest", ())),
        waiting=int(values.get("waiting", 0)),
        waits=tuple(PersonId(int(one)) for one in values.get("waits", ())),
        answers=int(values.get("answers", 0)),
        answered=tuple(
            Told(PersonId(int(helper)), PersonId(int(stranger)), str(answer))
            for helper, stranger, answer in values.get("answered", ())
        ),
        besides=None if besides is None else from_unix(int(besides)),
    )


@dataclass(frozen=True, slots=True)
class Times:
    """When a person's digests come, and the next one, if any does."""

    schedule: Schedule
    due_at: datetime | None


class Digests:
    """People's schedules, and what is due of them."""

    def __init__(
        self, session: Session, *, now: datetime, people: People, gate: Gate, asks: Asks, notices: Notices
    ) -> None:
        """Work in ``session``, at ``now``."""
        self._session = session
        self._now = now
        self._people = people
        self._gate = gate
        self._asks = asks
        self._notices = notices

    # -------------------------------------------------------------------------------------------- schedules

    def show(self, person: PersonId) -> Times:
        """Return when a person's digests come; whoever said nothing and has no door gets none."""
        row = self._row(person)
        if row is not None:
            return Times(_schedule(row), row.due_at)
        has_door = self._session.get(DoorRow, person) is not None
        return Times(USUAL, self._next(person, USUAL, None) if has_door else None)

    def set(self, person: PersonId, schedule: Schedule) -> Times:
        """Give a person this schedule; what they have yet to hear stays."""
        row = self._row(person)
        due = self._next(person, schedule, None if row is None else row.told_at)
        self._keep(person, schedule, due)
        return Times(schedule, due)

    def zone_changed(self, person: PersonId) -> None:
        """Follow a person who says that they live by another clock now."""
        row = self._row(person)
        if row is not None:
            row.due_at = self._next(person, _schedule(row), row.told_at)

    # -------------------------------------------------------------------------------------------- what is told

    def content(self, person: PersonId) -> Digest:
        """Return what a person has yet to hear."""
        row = self._row(person)
        since = self._begin(person) if row is None else row.since
        flood = self._session.scalar(select(FloodRow.told_at).where(FloodRow.person == person))
        besides = flood if flood is not None and flood > since else None
        knocked = _knocked(person, since, besides)
        given = and_(
            HelperAnswerRow.owner == person, HelperAnswerRow.given_at > since, HelperAnswerRow.undone_at.is_(None)
        )
        staked = [one.stranger for one in self._gate.waiting(person)]
        waits = list(dict.fromkeys([*staked, *(one.stranger for one in self._asks.queue(person))]))
        latest = select(KnockRow.stranger).where(knocked).order_by(KnockRow.last_at.desc(), KnockRow.stranger)
        answered = select(HelperAnswerRow).where(given).order_by(HelperAnswerRow.id.desc()).limit(MOST_NAMED)
        return Digest(
            since=since,
            strangers=self._count(KnockRow, knocked),
            latest=tuple(PersonId(one) for one in self._session.scalars(latest.limit(MOST_NAMED))),
            waiting=len(waits),
            waits=tuple(waits[:MOST_NAMED]),
            answers=self._count(HelperAnswerRow, given),
            answered=tuple(
                Told(PersonId(one.helper), PersonId(one.stranger), one.answer)
                for one in self._session.scalars(answered)
            ),
            besides=besides,
        )

    def owed(self) -> bool:
        """Tell whether a round has something to do: only reads."""
        due = select(DigestRow.person).where(DigestRow.due_at <= self._now).limit(1)
        return self._session.scalar(due) is not None or bool(self._without(1))

    def enrol(self, *, limit: int) -> int:
        """Give those who have a door the usual schedule, as far as they have none; return how many that were."""
        found = self._without(limit)
        for person in found:
            self._keep(person, USUAL, self._next(person, USUAL, None))
        return len(found)

    def tell(self, *, limit: int) -> int:
        """Tell those whose digest is due, each once however long it was; return how many were due.

        Where nothing happened nothing is written, and whoever said stop is left alone; both keep their hour.
        """
        query = (
            select(DigestRow)
            .where(DigestRow.due_at <= self._now)
            .order_by(DigestRow.due_at, DigestRow.person)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        rows = self._session.scalars(query.execution_options(populate_existing=True)).all()
        for row in rows:
            self._tell(row)
        self._session.flush()
        return len(rows)

    def _tell(self, row: DigestRow) -> None:
        person = PersonId(row.person)
        digest = self.content(person)
        if not digest.empty and self._notices.digest(person, digest.values(), due=row.due_at or self._now):
            row.since = row.told_at = self._now
            Courtesy(self._session, self._now).flood_told_of(person)
        row.due_at = self._next(person, _schedule(row), row.told_at)

    def forget(self, person: PersonId) -> None:
        """Take out a person's schedule."""
        self._session.execute(
            delete(DigestRow).where(DigestRow.person == person).execution_options(synchronize_session=False)
        )

    # -------------------------------------------------------------------------------------------- within

    def _row(self, person: PersonId) -> DigestRow | None:
        return self._session.get(DigestRow, person, populate_existing=True)

    def _next(self, person: PersonId, schedule: Schedule, told: datetime | None) -> datetime | None:
        return next_due(schedule, zone_of(self._people.time_zone(person)), now=self._now, told=told)

    def _begin(self, person: PersonId) -> datetime:
        """Return from when on the first digest tells: a week at most, not from before there was a door."""
        set_at = self._session.scalar(select(DoorRow.changed_at).where(DoorRow.person == person))
        return max(self._now - _FIRST, set_at or self._now - _FIRST)

    def _without(self, limit: int) -> list[PersonId]:
        query = select(DoorRow.person).outerjoin(DigestRow, DigestRow.person == DoorRow.person)
        rows = self._session.scalars(query.where(DigestRow.person.is_(None)).order_by(DoorRow.person).limit(limit))
        return [PersonId(person) for person in rows]

    def _keep(self, person: PersonId, schedule: Schedule, due: datetime | None) -> None:
        values = {
            "every": schedule.every.value,
            "weekday": schedule.weekday,
            "hour": schedule.hour,
            "due_at": due,
        }
        insert = postgresql.insert if self._session.get_bind().dialect.name == "postgresql" else sqlite.insert
        statement = insert(DigestRow).values(person=person, since=self._begin(person), **values)
        self._session.execute(statement.on_conflict_do_update(index_elements=[DigestRow.person], set_=values))

    def _count(self, table: type[KnockRow | HelperAnswerRow], where: ColumnElement[bool]) -> int:
        return self._session.scalar(select(func.count()).select_from(table).where(where)) or 0


def _knocked(person: PersonId, since: datetime, besides: datetime | None) -> ColumnElement[bool]:
    """Who knocked in vain since then, without those of whom the message on a flood told already."""
    mine = and_(KnockRow.recipient == person, KnockRow.last_at > since)
    if besides is None:
        return mine
    return and_(mine, or_(KnockRow.last_at > besides, KnockRow.last_at <= besides - FLOOD_AGAIN))


def _schedule(row: DigestRow) -> Schedule:
    return Schedule(Every(row.every), row.weekday, row.hour)
