"""Versions of doors, in one transaction: what their owners set, newest first, so that each change can be undone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Final

import structlog
from pydantic import ValidationError
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from kit.errors import Invalid
from kit.identifiers import PersonId
from reputation.model import Door
from reputation.policy import DoorDocument
from reputation.policy_doors import door_of
from reputation.tables import DoorVersionRow

MOST_KEPT: Final = 50
"""Versions of one door that are kept; beyond it the oldest go."""
_READ_ONCE: Final = 64
LOG = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Version:
    """A door as it was set, and when; numbers rise, and those of one door are never given twice."""

    number: int
    since: datetime
    document: DoorDocument


class Versions:
    """The documents of people's doors."""

    def __init__(self, session: Session, now: datetime) -> None:
        """Work in ``session``, at ``now``."""
        self._session = session
        self._now = now

    def add(self, person: PersonId, document: DoorDocument) -> None:
        """Keep what a person set now; what says the same as the newest is no new version. Lock the person first."""
        text, newest = document.model_dump_json(), self._newest(person)
        if newest is not None and newest.document == text:
            return
        number = 1 if newest is None else newest.number + 1
        self._session.add(DoorVersionRow(person=person, number=number, document=text, since=self._now))
        self._session.flush()
        mine = DoorVersionRow.person == person
        gone = delete(DoorVersionRow).where(mine, DoorVersionRow.number <= number - MOST_KEPT)
        self._session.execute(gone.execution_options(synchronize_session=False))

    def number(self, person: PersonId) -> int:
        """Return the number of the newest version; 0 where there is none."""
        newest = self._newest(person)
        return 0 if newest is None else newest.number

    def door(self, person: PersonId) -> Door | None:
        """Return the newest version as a door; ``None`` where there is none, or none that can be read any more."""
        newest = self._newest(person)
        if newest is None:
            return None
        try:
            return read_door(newest.document)
        except (ValidationError, Invalid):  # of a release that knew more, say: the gate has to answer all the same
            LOG.exception("door_unreadable", person=person, number=newest.number)
            return None

    def all(self, person: PersonId) -> list[Version]:
        """Return what is kept and can be read, newest first."""
        query = select(DoorVersionRow).where(DoorVersionRow.person == person)
        rows = self._session.scalars(query.order_by(DoorVersionRow.number.desc()))
        return [version for row in rows if (version := _version(row)) is not None]

    def find(self, person: PersonId, number: int) -> Version | None:
        """Return the version of that number; ``None`` where none is kept, or it cannot be read any more."""
        row = self._session.get(DoorVersionRow, (person, number), populate_existing=True)
        return None if row is None else _version(row)

    def forget(self, person: PersonId) -> None:
        """Take all of them out."""
        gone = delete(DoorVersionRow).where(DoorVersionRow.person == person)
        self._session.execute(gone.execution_options(synchronize_session=False))

    def _newest(self, person: PersonId) -> DoorVersionRow | None:
        query = select(DoorVersionRow).where(DoorVersionRow.person == person)
        return self._session.scalar(query.order_by(DoorVersionRow.number.desc()).limit(1))


def _version(row: DoorVersionRow) -> Version | None:
    try:
        return Version(row.number, row.since, DoorDocument.model_validate_json(row.document))
    except ValidationError:
        return None


@lru_cache(maxsize=_READ_ONCE)
def read_door(document: str) -> Door:
    """Return the door of a document that was kept; one that is asked often is read once."""
    return door_of(DoorDocument.model_validate_json(document))
