"""Imports: files that were read in, each known by what is in it: read once, and undone as a whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import delete, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from kit.database import make_room, plan_anew
from kit.errors import Conflict, NotFound
from kit.identifiers import Hash32, PersonId
from payments.flair.model import Gift, Source
from payments.flair.service import Supporters
from payments.flair.tables import GiftRow, ImportRow

AT_ONCE: Final = 250
"""Gifts that are written in one transaction."""


@dataclass(frozen=True, slots=True)
class Imported:
    """One file that was read in, or is being read in (``ended_at`` is ``None``), or was undone."""

    id: int
    source: Source
    shape: str
    as_of: datetime
    whole: bool
    rows: int
    bad: int
    begun_at: datetime
    ended_at: datetime | None
    undone_at: datetime | None


class Imports:
    """Files that were read in, in one transaction."""

    def __init__(self, session: Session, now: datetime, supporters: Supporters) -> None:
        """Work in ``session``, at ``now``."""
        self._session = session
        self._now = now
        self._supporters = supporters

    def begin(self, source: Source, shape: str, sha256: Hash32, as_of: datetime, *, whole: bool) -> int:
        """Begin to read a file in, or go on where that was broken off; return the import's number.

        ``whole``: whom the file does not name gives no more. Raises ``Conflict`` for a file that was read in.
        """
        insert = postgresql.insert if self._session.get_bind().dialect.name == "postgresql" else sqlite.insert
        values = {"shape": shape, "whole": whole, "rows": 0, "bad": 0, "begun_at": self._now}
        begun = insert(ImportRow).values(source=source.value, sha256=sha256, as_of=as_of, **values)
        self._session.execute(begun.on_conflict_do_nothing(index_elements=["source", "sha256", "as_of"]))
        query = select(ImportRow).where(
            ImportRow.source == source.value, ImportRow.sha256 == sha256, ImportRow.as_of == as_of
        )
        row = self._session.scalars(query.with_for_update()).one()
        if row.ended_at is not None and row.undone_at is None:
            raise Conflict("imported_already", f"This file was read in already (import {row.id}).", number=row.id)
        row.undone_at = row.ended_at = None
        return row.id

    def put(self, number: int, gifts: Sequence[Gift]) -> int:
        """Take in some of the gifts that a file tells; return of how many something was new."""
        make_room(self._session)
        plan_anew(self._session)
        return len(self._supporters.told(gifts, number))

    def end(self, number: int, *, rows: int, bad: int) -> None:
        """Note that a file was read to its end; where it was a whole listing, everything is folded anew.

        One with bad lines is none: whom those name may give as before.
        """
        row = self._row(number)
        row.whole = row.whole and not bad
        row.rows, row.bad, row.ended_at = rows, bad, self._now
        self._session.flush()
        if row.whole:
            self._supporters.fold_all()

    def undo(self, number: int, *, limit: int = AT_ONCE) -> bool:
        """Take out some of what a file told; ``False`` once all of it is out. Raises ``NotFound``."""
        row = self._row(number)
        self._supporters.lock()
        if row.undone_at is None:
            row.undone_at = self._now
            if row.whole:
                self._supporters.fold_all()
        some = select(GiftRow.key).where(GiftRow.told == number).order_by(GiftRow.key).limit(limit)
        gone = self._session.execute(
            delete(GiftRow)
            .where(GiftRow.told == number, GiftRow.key.in_(list(self._session.scalars(some))))
            .returning(GiftRow.owner, GiftRow.giver)
            .execution_options(synchronize_session=False)
        )
        return self._supporters.fold(
            {(None if owner is None else PersonId(owner), giver) for owner, giver in gone.all()}
        )

    def all(self) -> list[Imported]:
        """Return all files that were read in, newest first."""
        rows = self._session.scalars(select(ImportRow).order_by(ImportRow.id.desc()))
        return [_imported(row) for row in rows]

    def _row(self, number: int) -> ImportRow:
        row = self._session.get(ImportRow, number, with_for_update=True, populate_existing=True)
        if row is None:
            raise NotFound("import_unknown", f"There is no import {number}.")
        return row


def _imported(row: ImportRow) -> Imported:
    return Imported(
        id=row.id,
        source=Source(row.source),
        shape=row.shape,
        as_of=row.as_of,
        whole=row.whole,
        rows=row.rows,
        bad=row.bad,
        begun_at=row.begun_at,
        ended_at=row.ended_at,
        undone_at=row.undone_at,
    )
