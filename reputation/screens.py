"""Filters: people's own, set by themselves and enforced nowhere; the rooms read for them, and what they saw there."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from functools import lru_cache
from typing import Final

import structlog
from pydantic import ValidationError
from sqlalchemy import delete, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from kit.errors import Invalid
from kit.identifiers import PersonId
from ledger.people import People
from reputation.filter_presets import NOTHING
from reputation.policy import FilterDocument
from reputation.policy_rules import Screen, screen_of
from reputation.sightings import Sightings
from reputation.tables import FilterRow
from reputation.versions import OF_PEOPLE, Versions
from reputation.watched import WatchedRooms

LOG = structlog.get_logger(__name__)
_READ_ONCE: Final = 64


class Filters:
    """The filters, in one transaction."""

    def __init__(self, session: Session, *, now: datetime, people: People) -> None:
        """Work in ``session``, at ``now``."""
        self._session = session
        self._now = now
        self._people = people
        self.versions = Versions(session, now, FilterDocument, OF_PEOPLE)
        self.rooms = WatchedRooms(session, now)
        self.sightings = Sightings(session, now, people)

    def show(self, person: PersonId) -> FilterDocument:
        """Return a person's filter; whoever never said anything has one without rules."""
        newest = self.versions.newest(person)
        screen = None if newest is None else self._read(person, *newest)
        return NOTHING if screen is None else screen.document

    def write(self, person: PersonId, document: FilterDocument, *, based_on: int | None = None) -> FilterDocument:
        """Let a person's filter be this document; without rules it is off, and the bot leaves their rooms.

        Raises ``Invalid`` for a document that cannot be read, ``Conflict`` where it is ``based_on`` another version
        than stands now.
        """
        read_screen(document.model_dump_json())
        self._people.lock(person)
        self.versions.check(person, based_on)
        self.versions.add(person, document)
        if document.rules:
            self._in_force(person)
        else:
            self._off(person)
        return document

    def off(self, person: PersonId) -> FilterDocument:
        """Let a person have no filter; what it was stays among the versions, and what it saw until its time."""
        return self.write(person, NOTHING)

    def back(self, person: PersonId, number: int | None = None) -> FilterDocument:
        """Let a person's filter be again what it was: in that version, else before the last change.

        It is a new version, so that this can be undone as well. Raises ``NotFound``.
        """
        return self.write(person, self.versions.earlier(person, number, first=NOTHING))

    def standing(self, people: Collection[PersonId]) -> dict[PersonId, int]:
        """Return who of these has a filter with rules, and the number of its version."""
        query = select(FilterRow.person, FilterRow.number).where(FilterRow.person.in_(people))
        return {PersonId(person): number for person, number in self._session.execute(query)}

    def screen(self, person: PersonId, number: int) -> Screen | None:
        """Return that version of a person's filter, read; ``None`` where it is not kept, or cannot be read any more."""
        newest = self.versions.newest(person)
        return None if newest is None or newest[0] != number else self._read(person, *newest)

    def forget(self, person: PersonId) -> None:
        """Take out a person's filter, what it saw, and what others' saw of them; the bot leaves their rooms."""
        self._off(person)
        self.versions.forget(person)
        self.sightings.forget(person)

    def _read(self, person: PersonId, number: int, document: str) -> Screen | None:
        try:
            return read_screen(document)
        except (ValidationError, Invalid):  # of a release that knew more, say
            LOG.exception("filter_unreadable", person=person, number=number)
            return None

    def _in_force(self, person: PersonId) -> None:
        values = {"number": self.versions.number(person), "since": self._now}
        insert = postgresql.insert if self._session.get_bind().dialect.name == "postgresql" else sqlite.insert
        statement = insert(FilterRow).values(person=person, **values)
        self._session.execute(statement.on_conflict_do_update(index_elements=[FilterRow.person], set_=values))

    def _off(self, person: PersonId) -> None:
        gone = delete(FilterRow).where(FilterRow.person == person)
        self._session.execute(gone.execution_options(synchronize_session=False))
        self.rooms.end_all(person)


@lru_cache(maxsize=_READ_ONCE)
def read_screen(document: str) -> Screen:
    """Return the filter of a document that was kept; one that is asked often is read once. Raises ``Invalid``."""
    return screen_of(FilterDocument.model_validate_json(document))
