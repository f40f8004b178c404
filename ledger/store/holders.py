"""Queries on the addresses that people proved to hold, and on the nonces they signed for it."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, delete, select, text, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from kit.identifiers import Address, PersonId
from ledger.tables import HolderRow, NonceRow, PersonRow

_KEPT = timedelta(days=1)


def add_nonce(session: Session, nonce: str, person: PersonId | None, *, now: datetime, ttl: timedelta) -> None:
    """Remember a nonce that we give out; those that ran out a day ago are dropped, so that they never pile up."""
    session.execute(delete(NonceRow).where(NonceRow.expires_at < now - _KEPT))
    session.add(NonceRow(nonce=nonce, person_id=person, expires_at=now + ttl))
    session.flush()


def nonce_is_good(session: Session, nonce: str, person: PersonId, now: datetime) -> bool:
    """Tell whether ``use_nonce`` would use it up now."""
    query = select(NonceRow.nonce).where(*_good(nonce, person, now))
    return session.scalar(query) is not None


def use_nonce(session: Session, nonce: str, person: PersonId, now: datetime) -> bool:
    """Use a nonce up, if it was given out (to this person or to nobody in particular), is unused and still good."""
    statement = update(NonceRow).where(*_good(nonce, person, now)).values(used_at=now).returning(NonceRow.nonce)
    return session.execute(statement).one_or_none() is not None


def _good(nonce: str, person: PersonId, now: datetime) -> tuple[ColumnElement[bool], ...]:
    known = (NonceRow.nonce == nonce, NonceRow.used_at.is_(None), NonceRow.expires_at > now)
    return (*known, NonceRow.person_id.is_(None) | (NonceRow.person_id == person))


def hold(session: Session, person: PersonId) -> None:
    """Let nobody else change this person's wallets until the transaction ends: one of them is the primary one."""
    session.execute(select(PersonRow.id).where(PersonRow.id == person).with_for_update())


def person_of(session: Session, address: Address) -> PersonId | None:
    """Return whose linked address this is."""
    query = select(HolderRow.person_id).where(HolderRow.address == address, HolderRow.unlinked_at.is_(None))
    number = session.scalar(query)
    return None if number is None else PersonId(number)


def owners(
    session: Session, *, addresses: Collection[Address] | None = None, people: Collection[PersonId] | None = None
) -> dict[Address, PersonId]:
    """Return linked addresses, of these or of these people, and whose each is."""
    query = select(HolderRow.address, HolderRow.person_id).where(HolderRow.unlinked_at.is_(None))
    if addresses is not None:
        query = query.where(HolderRow.address.in_([bytes(address) for address in addresses]))
    if people is not None:
        query = query.where(HolderRow.person_id.in_(people))
    return {Address(address): PersonId(person) for address, person in session.execute(query)}


def addresses(session: Session, person: PersonId) -> list[Address]:
    """Return a person's linked addresses, the primary one first, then in the order they were linked."""
    return [address for address, _, _ in wallets(session, person)]


def wallets(session: Session, person: PersonId) -> list[tuple[Address, bool, datetime]]:
    """Return a person's linked addresses in that order, with whether each is the primary one, and since when."""
    query = (
        select(HolderRow.address, HolderRow.is_primary, HolderRow.linked_at)
        .where(HolderRow.person_id == person, HolderRow.unlinked_at.is_(None))
        .order_by(HolderRow.is_primary.desc(), HolderRow.id)
    )
    return [(Address(address), primary, linked_at) for address, primary, linked_at in session.execute(query)]


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
