"""Versions of documents, in one transaction: what their owners set, newest first, so that each change can be undone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Final, Generic, TypeVar

import structlog
from pydantic import ValidationError
from sqlalchemy import ColumnElement, and_, delete, select
from sqlalchemy.orm import Session

from kit.errors import Conflict, Invalid, NotFound
from kit.identifiers import PersonId
from reputation.model import Door
from reputation.policy import DoorDocument, FilterDocument
from reputation.policy_doors import door_of
from reputation.tables import DocumentVersionRow

MOST_KEPT: Final = 50
"""Versions of one document that are kept; beyond it the oldest go."""
_READ_ONCE: Final = 64
LOG = structlog.get_logger(__name__)

_Document = TypeVar("_Document", DoorDocument, FilterDocument)


@dataclass(frozen=True, slots=True)
class Version(Generic[_Document]):
    """A document as it was set, and when; numbers rise, and those of one person's door or filter are never reused."""

    number: int
    since: datetime
    document: _Document


class Versions(Generic[_Document]):
    """People's documents of one kind."""

    def __init__(self, session: Session, now: datetime, model: type[_Document]) -> None:
        """Work in ``session``, at ``now``, with documents of this model."""
        self._session = session
        self._now = now
        self._model: type[_Document] = model
        self._kind: str = model.model_fields["kind"].default

    def add(self, person: PersonId, document: _Document) -> None:
        """Keep what a person set now; what says the same as the newest is no new version. Lock the person first."""
        text, newest = document.model_dump_json(), self.newest(person)
        if newest is not None and newest[1] == text:
            return
        number = 1 if newest is None else newest[0] + 1
        row = DocumentVersionRow(person=person, kind=self._kind, number=number, document=text, since=self._now)
        self._session.add(row)
        self._session.flush()
        self._delete(and_(self._of(person), DocumentVersionRow.number <= number - MOST_KEPT))

    def number(self, person: PersonId) -> int:
        """Return the number of the newest version; 0 where there is none."""
        query = select(DocumentVersionRow.number).where(self._of(person))
        return self._session.scalar(query.order_by(DocumentVersionRow.number.desc()).limit(1)) or 0

    def newest(self, person: PersonId) -> tuple[int, str] | None:
        """Return the newest version's number and its document as it is kept; ``None`` where there is none."""
        query = select(DocumentVersionRow.number, DocumentVersionRow.document).where(self._of(person))
        found = self._session.execute(query.order_by(DocumentVersionRow.number.desc()).limit(1)).one_or_none()
        return None if found is None else (found[0], found[1])

    def all(self, person: PersonId) -> list[Version[_Document]]:
        """Return what is kept and can be read, newest first."""
        query = select(DocumentVersionRow).where(self._of(person))
        rows = self._session.scalars(query.order_by(DocumentVersionRow.number.desc()))
        return [version for row in rows if (version := self._version(row)) is not None]

    def find(self, person: PersonId, number: int) -> Version[_Document] | None:
        """Return the version of that number; ``None`` where none is kept, or it cannot be read any more."""
        row = self._session.get(DocumentVersionRow, (person, self._kind, number), populate_existing=True)
        return None if row is None else self._version(row)

    def check(self, person: PersonId, based_on: int | None) -> None:
        """Raise ``Conflict`` where a change is ``based_on`` another version than stands now. Lock the person first."""
        if based_on is not None and based_on != (number := self.number(person)):
            message = f"Your {self._kind} was changed meanwhile: read it again, and change that."
            raise Conflict(f"{self._kind}_changed", message, number=number)

    def earlier(self, person: PersonId, number: int | None, *, first: _Document) -> _Document:
        """Return the document of that version, else what stood before the last change; before the first, ``first``.

        Raises ``NotFound`` where there is none of that number, or nothing was ever changed.
        """
        newest = self.number(person)
        if number is None:
            if not newest:
                message = f"You never changed your {self._kind}: there is nothing to undo."
                raise NotFound(f"{self._kind}_never_changed", message)
            if newest == 1:
                return first
            number = newest - 1
        version = self.find(person, number)  # and no other: all of them are large
        if version is None:
            message = f"There is no version of your {self._kind} with that number."
            raise NotFound(f"{self._kind}_version_unknown", message, number=number)
        return version.document

    def forget(self, person: PersonId) -> None:
        """Take all of them out."""
        self._delete(self._of(person))

    def _of(self, person: PersonId) -> ColumnElement[bool]:
        return and_(DocumentVersionRow.person == person, DocumentVersionRow.kind == self._kind)

    def _delete(self, which: ColumnElement[bool]) -> None:
        self._session.execute(
            delete(DocumentVersionRow).where(which).execution_options(synchronize_session=False),
        )

    def _version(self, row: DocumentVersionRow) -> Version[_Document] | None:
        try:
            return Version(row.number, row.since, self._model.model_validate_json(row.document))
        except ValidationError:
            return None


def door_in_force(session: Session, now: datetime, person: PersonId) -> Door | None:
    """Return a person's newest version as a door; ``None`` where there is none, or none that can be read any more."""
    newest = Versions(session, now, DoorDocument).newest(person)
    if newest is None:
        return None
    try:
        return read_door(newest[1])
    except (ValidationError, Invalid):  # of a release that knew more, say: the gate has to answer all the same
        LOG.exception("door_unreadable", person=person, number=newest[0])
        return None


@lru_cache(maxsize=_READ_ONCE)
def read_door(document: str) -> Door:
    """Return the door of a document that was kept; one that is asked often is read once."""
    return door_of(DoorDocument.model_validate_json(document))
