"""Queries on the addresses that people proved to hold, and on the nonces they signed for it."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import delete, select, text, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from kit.identifiers import Address, PersonId
from ledger.tables import HolderRow, NonceRow

_KEPT = timedelta(days=1)


def add_nonce(session: Session, nonce: str, person: PersonId | None, *, now: datetime, ttl: timedelta) -> None:
    """Remember a nonce that we give out; those that ran out a day ago are dropped, so that they never pile up."""
    session.execute(delete(NonceRow).where(NonceRow.expires_at < now - _KEPT))
    session.add(NonceRow(nonce=nonce, person_id=person, expires_at=now + ttl))
    session.flush()


def use_nonce(session: Session, nonce: str, person: PersonId, now: datetime) -> bool:
    """Use a nonce up, if it was given out (to this person or to nobody in particular), is unused and still good."""
    statement = (
        update(NonceRow)
        .where(NonceRow.nonce == nonce, NonceRow.used_at.is_(None), NonceRow.expires_at > now)
        .where(NonceRow.person_id.is_(None) | (NonceRow.person_id == person))
        .values(used_at=now)
        .returning(NonceRow.nonce)
    )
    return session.execute(statement).one_or_none() is not None


def person_of(session: Session, address: Address) -> PersonId | None:
    """Return whose linked address this is."""
    query = select(HolderRow.person_id).where(HolderRow.address == address, HolderRow.unlinked_at.is_(None))
    number = session.scalar(query)
    return None if number is None else PersonId(number)


def addresses(session: Session, person: PersonId) -> list[Address]:
    """Return a person's linked addresses, the primary one first, then in the order they were linked."""
    query = (
        select(HolderRow.address)
        .where(HolderRow.person_id == person, HolderRow.unlinked_at.is_(None))
        .order_by(HolderRow.is_primary.desc(), HolderRow.id)
    )
    return [Address(address) for address in session.scalars(query)]


def link(session: Session, person: PersonId, address: Address, *, is_primary: bool, now: datetime) -> bool:
    """Link an address to a person; ``False`` where it is linked already."""
    insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    statement = (
        insert(HolderRow)
        .values(person_id=person, address=address, is_primary=is_primary, linked_at=now)
        .on_conflict_do_nothing(index_elements=["address"], index_where=text("unlinked_at IS NULL"))
        .returning(HolderRow.id)
    )
    return session.execute(statement).one_or_none() is not None


def unlink(session: Session, person: PersonId, address: Address, now: datetime) -> bool:
    """Unlink an address; ``False`` where it was not this person's."""
    statement = (
        update(HolderRow)
        .where(HolderRow.person_id == person, HolderRow.address == address, HolderRow.unlinked_at.is_(None))
        .values(unlinked_at=now, is_primary=False)
        .returning(HolderRow.id)
    )
    return session.execute(statement).one_or_none() is not None


def make_primary(session: Session, person: PersonId, address: Address) -> None:
    """Make one of a person's linked addresses the primary one, and no other."""
    mine = (HolderRow.person_id == person, HolderRow.unlinked_at.is_(None))
    session.execute(update(HolderRow).where(*mine).values(is_primary=HolderRow.address == address))


def forget(session: Session, person: PersonId) -> None:
    """Take out every trace of which addresses were a person's."""
    session.execute(delete(HolderRow).where(HolderRow.person_id == person))
    session.execute(delete(NonceRow).where(NonceRow.person_id == person))
