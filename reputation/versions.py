"""Versions of documents, in one transaction: what their owners set, newest first, so that each change can be undone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Final, Generic, TypeVar

import structlog
from pydantic import ValidationError
from sqlalchemy import ColumnElement, Select, and_, delete, select
from sqlalchemy.orm import Session

from kit.errors import Conflict, Invalid, NotFound
from kit.identifiers import PersonId
from reputation.model import Door
from reputation.policy import DoorDocument, FilterDocument, ProtectionsDocument, ShopDocument
from reputation.policy_doors import door_of
from reputation.shop_tables import ShopVersionRow
from reputation.tables import DocumentVersionRow, ProtectionsVersionRow

MOST_KEPT: Final = 50
"""Versions of one document that are kept; beyond it the oldest go."""
_READ_ONCE: Final = 64
LOG = structlog.get_logger(__name__)

_Document = TypeVar("_Document", DoorDocument, FilterDocument, ProtectionsDocument, ShopDocument)
_Owner = TypeVar("_Owner", bound=int)


@dataclass(frozen=True, slots=True)
class Shelf(Generic[_Owner]):
    """Where versions lie: the table, its column that says whose they are, and whether several kinds lie there."""

    row: type[DocumentVersionRow | ProtectionsVersionRow | ShopVersionRow]
    owner: str
    kinds: bool


OF_PEOPLE: Final[Shelf[PersonId]] = Shelf(DocumentVersionRow, "person", kinds=True)
OF_ROOMS: Final[Shelf[int]] = Shelf(ProtectionsVersionRow, "management", kinds=False)
"""Those of management rooms, by their numbers."""
OF_SHOP: Final[Shelf[int]] = Shelf(ShopVersionRow, "shop", kinds=False)
"""Those of the one shop, 1."""


@dataclass(frozen=True, slots=True)
class _Said:
    """What is said where a document of one kind is not as somebody thinks."""

    changed: str
    never: str
    unknown: str


_SAID: Final[dict[str, _Said]] = {
    "door": _Said(
        "Your door was changed meanwhile: read it again, and change that.",
        "You never changed your door: there is nothing to undo.",
        "There is no version of your door with that number.",
    ),
    "filter": _Said(
        "Your filter was changed meanwhile: read it again, and change that.",
        "You never changed your filter: there is nothing to undo.",
        "There is no version of your filter with that number.",
    ),
    "protections": _Said(
        "The protections were changed meanwhile: read them again, and change that.",
        "The protections were never changed: there is nothing to undo.",
        "There is no version of the protections with that number.",
    ),
    "shop": _Said(
        "The shop's rules were changed meanwhile: read them again, and change that.",
        "The shop's rules were never changed: there is nothing to undo.",
        "There is no version of the shop's rules with that number.",
    ),
}


@dataclass(frozen=True, slots=True)
class Version(Generic[_Document]):
    """A document as it was set, and when; numbers rise, and those of one owner are never reused."""

    number: int
    since: datetime
    document: _Document


class Versions(Generic[_Owner, _Document]):
    """Documents of one kind, each with its versions."""

    def __init__(self, session: Session, now: datetime, model: type[_Document], shelf: Shelf[_Owner]) -> None:
        """Work in ``session``, at ``now``, with documents of this model that lie on this shelf."""
        self._session = session
        self._now = now
        self._model: type[_Document] = model
        self._kind: str = model.model_fields["kind"].default
        self._shelf = shelf
        self._row = shelf.row

    def add(self, owner: _Owner, document: _Document) -> None:
        """Keep what an owner set now; what says the same as the newest is no new version. Lock the owner first."""
        text, newest = document.model_dump_json(), self.newest(owner)
        if newest is not None and newest[1] == text:
            return
        number = 1 if newest is None else newest[0] + 1
        self._session.add(self._row(**self._key(owner), number=number, document=text, since=self._now))
        self._session.flush()
        self._delete(and_(self._of(owner), self._row.number <= number - MOST_KEPT))

    def number(self, owner: _Owner) -> int:
        """Return the number of the newest version; 0 where there is none."""
        query = select(self._row.number).where(self._of(owner))
        return self._session.scalar(query.order_by(self._row.number.desc()).limit(1)) or 0

    def newest(self, owner: _Owner) -> tuple[int, str] | None:
        """Return the newest version's number and its document as it is kept; ``None`` where there is none."""
        query = select(self._row.number, self._row.document).where(self._of(owner))
        found = self._session.execute(query.order_by(self._row.number.desc()).limit(1)).one_or_none()
        return None if found is None else (found[0], found[1])

    def all(self, owner: _Owner) -> list[Version[_Document]]:
        """Return what is kept and can be read, newest first."""
        rows = self._session.execute(self._whole(owner).order_by(self._row.number.desc()))
        return [version for row in rows if (version := self._version(*row)) is not None]

    def find(self, owner: _Owner, number: int) -> Version[_Document] | None:
        """Return the version of that number; ``None`` where none is kept, or it cannot be read any more."""
        row = self._session.execute(self._whole(owner).where(self._row.number == number)).one_or_none()
        return None if row is None else self._version(*row)

    def check(self, owner: _Owner, based_on: int | None) -> None:
        """Raise ``Conflict`` where a change is ``based_on`` another version than stands now. Lock the owner first."""
        if based_on is not None and based_on != (number := self.number(owner)):
            raise Conflict(f"{self._kind}_changed", _SAID[self._kind].changed, number=number)

    def earlier(self, owner: _Owner, number: int | None, *, first: _Document) -> _Document:
        """Return the document of that version, else what stood before the last change; before the first, ``first``.

        Raises ``NotFound`` where there is none of that number, or nothing was ever changed.
        """
        newest = self.number(owner)
        if number is None:
            if not newest:
                raise NotFound(f"{self._kind}_never_changed", _SAID[self._kind].never)
            if newest == 1:
                return first
            number = newest - 1
        version = self.find(owner, number)  # and no other: all of them are large
        if version is None:
            raise NotFound(f"{self._kind}_version_unknown", _SAID[self._kind].unknown, number=number)
        return version.document

    def forget(self, owner: _Owner) -> None:
        """Take all of them out."""
        self._delete(self._of(owner))

    def _whole(self, owner: _Owner) -> Select[int, datetime, str]:
        return select(self._row.number, self._row.since, self._row.document).where(self._of(owner))

    def _key(self, owner: _Owner) -> dict[str, int | str]:
        """Return what is the same in all rows of an owner's documents of this kind."""
        key: dict[str, int | str] = {self._shelf.owner: owner}
        return key | {"kind": self._kind} if self._shelf.kinds else key

    def _of(self, owner: _Owner) -> ColumnElement[bool]:
        return and_(*(getattr(self._row, column) == value for column, value in self._key(owner).items()))

    def _delete(self, which: ColumnElement[bool]) -> None:
        self._session.execute(delete(self._row).where(which).execution_options(synchronize_session=False))

    def _version(self, number: int, since: datetime, document: str) -> Version[_Document] | None:
        try:
            return Version(number, since, self._model.model_validate_json(document))
        except ValidationError:
            return None


def door_in_force(session: Session, now: datetime, person: PersonId) -> Door | None:
    """Return a person's newest version as a door; ``None`` where there is none, or none that can be read any more."""
    newest = Versions(session, now, DoorDocument, OF_PEOPLE).newest(person)
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
