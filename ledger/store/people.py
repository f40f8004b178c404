"""Queries on people: the table that turns a Matrix id into a number."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from kit.errors import NotFound
from kit.identifiers import PersonId, UserId
from ledger.tables import PersonRow


def find(session: Session, mxid: UserId) -> PersonId | None:
    """Return the number of a Matrix id, if it has one."""
    number = session.scalar(select(PersonRow.id).where(PersonRow.mxid == mxid))
    return None if number is None else PersonId(number)


def add(session: Session, mxid: UserId, now: datetime) -> PersonId:
    """Return the number of a Matrix id, given now if it had none; two who ask at once get the same."""
    insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    statement = insert(PersonRow).values(mxid=mxid, created_at=now).on_conflict_do_nothing(index_elements=["mxid"])
    session.execute(statement)
    return PersonId(session.scalars(select(PersonRow.id).where(PersonRow.mxid == mxid)).one())


def mxids(session: Session, people: Iterable[PersonId]) -> dict[PersonId, UserId]:
    """Return the Matrix ids of those who still have one."""
    query = select(PersonRow.id, PersonRow.mxid).where(PersonRow.id.in_(set(people)), PersonRow.mxid.is_not(None))
    return {PersonId(number): UserId(mxid) for number, mxid in session.execute(query) if mxid is not None}


def tongue(session: Session, person: PersonId) -> tuple[str | None, str | None]:
    """Return a person's locale and time zone."""
    found = session.execute(select(PersonRow.locale, PersonRow.time_zone).where(PersonRow.id == person)).one_or_none()
    return (None, None) if found is None else (found[0], found[1])


def stopped_at(session: Session, person: PersonId) -> datetime | None:
    """Return when a person asked for no more notices, if they did."""
    return session.scalar(select(PersonRow.notices_stopped_at).where(PersonRow.id == person))


def change(session: Session, person: PersonId, **values: str | datetime | None) -> None:
    """Set columns of a person who is not erased. Raises ``NotFound`` where there is none."""
    statement = update(PersonRow).where(PersonRow.id == person, PersonRow.erased_at.is_(None)).values(**values)
    if session.execute(statement.returning(PersonRow.id)).one_or_none() is None:
        raise NotFound("person_unknown", "There is no such person.")


def exists(session: Session, person: PersonId) -> bool:
    """Tell whether there is such a person who is not erased."""
    query = select(PersonRow.id).where(PersonRow.id == person, PersonRow.erased_at.is_(None))
    return session.scalar(query) is not None
