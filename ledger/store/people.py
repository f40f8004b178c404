"""Queries on people: the table that turns a Matrix id into a number."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import Column, Subquery, bindparam, delete, func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from kit.database import Base
from kit.errors import NotFound
from kit.identifiers import PersonId, UserId
from ledger.tables import PersonRow


def find(session: Session, mxid: UserId) -> PersonId | None:
    """Return the number of a Matrix id, if it has one."""
    number = session.scalar(select(PersonRow.id).where(PersonRow.mxid == mxid))
    return None if number is None else PersonId(number)


def named(parameter: str) -> Subquery:
    """Return the part of a query that gives the ``id`` of the person whose Matrix id is its ``parameter``."""
    return select(PersonRow.id).where(PersonRow.mxid == bindparam(parameter)).subquery(parameter)


def names(alias: str) -> Subquery:
    """Return the part of a query that gives ``id`` and ``mxid`` of everybody who has a name."""
    return select(PersonRow.id, PersonRow.mxid).where(PersonRow.mxid.is_not(None)).subquery(alias)


def add(session: Session, mxid: UserId, now: datetime) -> PersonId:
    """Return the number of a Matrix id, given now if it had none; two who ask at once get the same."""
    insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    statement = insert(PersonRow).values(mxid=mxid, created_at=now).on_conflict_do_nothing(index_elements=["mxid"])
    session.execute(statement)
    return PersonId(session.scalars(select(PersonRow.id).where(PersonRow.mxid == mxid)).one())


def add_all(session: Session, mxids: Collection[UserId], now: datetime) -> dict[UserId, PersonId]:
    """Return the numbers of many Matrix ids, given now to those that had none."""
    insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    # Always in one order, so that two who add the same never wait for each other.
    rows = [{"mxid": mxid, "created_at": now} for mxid in sorted(set(mxids))]
    if rows:
        session.execute(insert(PersonRow).on_conflict_do_nothing(index_elements=["mxid"]), rows)
    return find_all(session, mxids)


def find_all(session: Session, mxids: Collection[UserId]) -> dict[UserId, PersonId]:
    """Return the numbers of those of these Matrix ids that have one."""
    query = select(PersonRow.mxid, PersonRow.id).where(PersonRow.mxid.in_(set(mxids)))
    return {UserId(mxid): PersonId(number) for mxid, number in session.execute(query) if mxid is not None}


def mxids(session: Session, people: Iterable[PersonId]) -> dict[PersonId, UserId]:
    """Return the Matrix ids of those who still have one."""
    query = select(PersonRow.id, PersonRow.mxid).where(PersonRow.id.in_(set(people)), PersonRow.mxid.is_not(None))
    return {PersonId(number): UserId(mxid) for number, mxid in session.execute(query) if mxid is not None}


def tongue(session: Session, person: PersonId) -> tuple[str | None, str | None]:
    """Return a person's locale and time zone."""
    found = session.execute(select(PersonRow.locale, PersonRow.time_zone).where(PersonRow.id == person)).one_or_none()
    return (None, None) if found is None else (found[0], found[1])


def created_at(session: Session, person: PersonId) -> datetime | None:
    """Return when a person was given their number."""
    return session.scalar(select(PersonRow.created_at).where(PersonRow.id == person))


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


def lock(session: Session, person: PersonId) -> None:
    """Wait until nobody else has a person locked, and keep them until the commit; what refers to them need not wait."""
    session.execute(select(PersonRow.id).where(PersonRow.id == person).with_for_update(key_share=True))


def drop_unreferred(session: Session, candidates: Collection[PersonId]) -> int:
    """Take out those of ``candidates`` whom no row of any table names and who told us nothing; return how many went.

    The newest person stays whatever happens: SQLite would give their number to the next one, and messages that wait
    for the old one would go to the new one.
    """
    left = {int(candidate) for candidate in candidates}
    for column in _columns_of_people():
        if left:
            left -= set(session.scalars(select(column).where(column.in_(left)).distinct()))
    if not left:
        return 0
    gone = session.execute(
        delete(PersonRow)
        .where(
            PersonRow.id.in_(left),
            PersonRow.id < select(func.max(PersonRow.id)).scalar_subquery(),
            PersonRow.erased_at.is_(None),
            PersonRow.notices_stopped_at.is_(None),
            PersonRow.locale.is_(None),
            PersonRow.time_zone.is_(None),
        )
        .returning(PersonRow.id)
        .execution_options(synchronize_session=False)
    )
    return len(gone.all())


def _columns_of_people() -> list[Column[Any]]:
    """Return every column of every table that names a person: whoever adds one need not think of this place."""
    return [
        key.parent
        for table in Base.metadata.sorted_tables
        for key in table.foreign_keys
        if key.column is PersonRow.__table__.c.id
    ]
