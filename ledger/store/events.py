"""Queries on events; and their numbers, which are given last of all, so that they have the order of the commits."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Subquery, delete, event, func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from kit.changes import Change
from kit.identifiers import Hash32, PersonId
from ledger.model import Level
from ledger.tables import BlockRow, EventCounterRow, EventRow, HolderRow, PersonRow
from ledger.telling import REVERSED, Event, Fact, Mode, Telling

BEGINS = "event numbers"
"""The change topic whose counter is the number that new people's events follow; a restore sets it, and nothing else."""

_NEW = "earnest_events"
_GONE = "earnest_events_gone"
_CHUNK = 500
_BEGIN = select(Change.counter).where(Change.topic == BEGINS).scalar_subquery()


@dataclass(frozen=True, slots=True)
class Counter:
    """How far a person's events go: the last number given, and the last one that was taken away."""

    last: int = 0
    pruned: int = 0


def add(session: Session, tellings: Collection[Telling], now: datetime) -> None:
    """Keep new events; they have no number before the commit."""
    _keep(session, [_row(*telling, now) for telling in tellings])


def _keep(session: Session, rows: Sequence[EventRow]) -> None:
    session.add_all(rows)
    # Written now and not at the end: what checks their keys may have to wait for others, and whoever waits while they
    # hold a counter would stop everybody, or wait for ever.
    session.flush()
    session.info.setdefault(_NEW, []).extend(rows)


@event.listens_for(Session, "before_commit")
def _number(session: Session) -> None:
    """Give the new events their numbers: a person's counter stays locked until the commit."""
    rows: list[EventRow] = [row for row in session.info.pop(_NEW, []) if row in session]
    gone: set[int] = session.info.pop(_GONE, set())
    if not rows and not gone:
        return
    of: defaultdict[int, list[EventRow]] = defaultdict(list)
    for row in rows:
        of[row.person].append(row)
    upsert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    for person in sorted(of.keys() | gone):
        if person in gone:
            forgotten = delete(EventCounterRow).where(EventCounterRow.person == person)
            session.execute(forgotten.execution_options(synchronize_session=False))
            continue
        its = of[person]
        count = len(its)
        statement = upsert(EventCounterRow).values(person=person, last=func.coalesce(_BEGIN, 0) + count, pruned=0)
        last: int = session.scalars(
            statement.on_conflict_do_update(
                index_elements=[EventCounterRow.person], set_={"last": EventCounterRow.last + count}
            ).returning(EventCounterRow.last)
        ).one()
        for number, row in enumerate(its, start=last - count + 1):
            row.number = number
    session.flush()


@event.listens_for(Session, "after_rollback")
def _forget(session: Session) -> None:
    session.info.pop(_NEW, None)
    session.info.pop(_GONE, None)


def counter(session: Session, person: PersonId) -> Counter:
    """Return how far a person's events go."""
    query = select(EventCounterRow.last, EventCounterRow.pruned).where(EventCounterRow.person == person)
    found = session.execute(query).one_or_none()
    return Counter(session.scalar(select(_BEGIN)) or 0) if found is None else Counter(found[0], found[1])


def counted() -> Subquery:
    """Return the part of a query that gives each ``person`` who was told anything, and their ``last`` number."""
    return select(EventCounterRow.person, EventCounterRow.last).subquery("counted")


def last_numbers(session: Session, people: Collection[PersonId]) -> dict[PersonId, int]:
    """Return the last number given to each of these people; whoever never had an event is absent."""
    query = select(EventCounterRow.person, EventCounterRow.last).where(EventCounterRow.person.in_(people))
    return {PersonId(person): last for person, last in session.execute(query)}


def after(
    session: Session, person: PersonId, number: int, *, mode: Mode, types: Collection[str], limit: int
) -> list[Event]:
    """Return a person's events with numbers above this one, ascending."""
    query = select(EventRow).where(EventRow.person == person, EventRow.number > number)
    if mode is Mode.INSTANT:
        query = query.where(EventRow.confirms.is_(None))
    elif mode is Mode.FINALIZED:
        query = query.where(EventRow.level == Level.FINALIZED.value)
    if types:
        query = query.where(EventRow.type.in_([*types, *(f"{one}{REVERSED}" for one in types)]))
    return [_event(row) for row in session.scalars(query.order_by(EventRow.number).limit(limit))]


def has_subject(session: Session, person: PersonId, subject: str) -> bool:
    """Tell whether a person has an event of this subject."""
    query = select(EventRow.id).where(EventRow.person == person, EventRow.subject == subject)
    return session.scalar(query.limit(1)) is not None


def count_latest(session: Session, person: PersonId, kind: str, since: datetime, *, limit: int) -> int:
    """Count a person's events of one type since then, up to ``limit``."""
    some = (
        select(EventRow.id)
        .where(EventRow.person == person, EventRow.type == kind, EventRow.at > since)
        .limit(limit)
        .subquery()
    )
    return session.scalar(select(func.count()).select_from(some)) or 0


def follow_block(session: Session, chain_id: int, block_hash: Hash32, level: Level, now: datetime) -> int:
    """Tell what becomes of the events that rest on one block; return how many those were."""
    query = select(EventRow).where(
        EventRow.standing, EventRow.chain_id == chain_id, EventRow.block_hash == bytes(block_hash)
    )
    return _follow(session, session.scalars(query.order_by(EventRow.id).with_for_update()).all(), level, now)


def follow_final(session: Session, chain_id: int, now: datetime) -> int:
    """Tell that events are final whose blocks have become so; return how many those were."""
    query = (
        select(EventRow)
        .join(BlockRow, (BlockRow.chain_id == EventRow.chain_id) & (BlockRow.hash == EventRow.block_hash))
        .where(EventRow.standing, EventRow.chain_id == chain_id, BlockRow.level == Level.FINALIZED.value)
    )
    rows = session.scalars(query.order_by(EventRow.id).with_for_update(of=EventRow)).all()
    return _follow(session, rows, Level.FINALIZED, now)


def _follow(session: Session, rows: Sequence[EventRow], level: Level, now: datetime) -> int:
    following = []
    for row in rows:
        row.standing = False
        taken_back = level is Level.ORPHANED
        if row.number is None:  # nobody has read it: it is told in this very transaction, or then not at all
            row.level = level.value
            if taken_back:
                session.delete(row)
            continue
        following.append(
            EventRow(
                person=row.person,
                type=f"{row.type}{REVERSED}" if taken_back else row.type,
                at=now,
                subject=row.subject,
                other=row.other,
                level=level.value,
                data=row.data,
                chain_id=row.chain_id,
                block_hash=row.block_hash,
                confirms=None if taken_back else row.number,
                takes_back=row.number if taken_back else None,
                standing=False,
            )
        )
    _keep(session, following)
    return len(rows)


def there(session: Session, people: Collection[PersonId]) -> set[PersonId]:
    """Return those of these people who exist and are not erased."""
    query = select(PersonRow.id).where(PersonRow.id.in_(people), PersonRow.erased_at.is_(None))
    return {PersonId(person) for person in session.scalars(query)}


def owners(session: Session, addresses: Collection[bytes]) -> dict[bytes, PersonId]:
    """Return whose these addresses are; those that nobody linked are absent."""
    if session.scalar(select(HolderRow.id).where(HolderRow.unlinked_at.is_(None)).limit(1)) is None:
        return {}
    wanted, found = list(addresses), dict[bytes, PersonId]()
    for start in range(0, len(wanted), _CHUNK):
        query = select(HolderRow.address, HolderRow.person_id).where(
            HolderRow.address.in_(wanted[start : start + _CHUNK]), HolderRow.unlinked_at.is_(None)
        )
        found.update({bytes(address): PersonId(person) for address, person in session.execute(query)})
    return found


def forget(session: Session, person: PersonId) -> None:
    """Take away a person's events, and with the commit their counter: like all counters it is touched last."""
    for row in list(session.info.get(_NEW, [])):
        if row.person == person:
            session.info[_NEW].remove(row)
    _delete(session, EventRow.person == person)
    session.info.setdefault(_GONE, set()).add(person)


def drop_older(session: Session, before: datetime, *, limit: int) -> tuple[set[PersonId], dict[PersonId, int]]:
    """Take away some events from before then; return who was in them, and whose they were, up to which number."""
    old = select(EventRow.id).where(EventRow.at < before).order_by(EventRow.at).limit(limit)
    named: set[PersonId] = set()
    highest: defaultdict[PersonId, int] = defaultdict(int)
    for person, other, number in _delete(session, EventRow.id.in_(old)):
        named |= {PersonId(one) for one in (person, other) if one is not None}
        highest[PersonId(person)] = max(highest[PersonId(person)], number or 0)
    return named, highest


def note_gone(session: Session, highest: Mapping[PersonId, int]) -> None:
    """Note up to which number each one's events are gone; like all counters these are touched last."""
    for person, number in sorted(highest.items()):
        session.execute(
            update(EventCounterRow)
            .where(EventCounterRow.person == person, EventCounterRow.pruned < number)
            .values(pruned=number)
            .execution_options(synchronize_session=False)
        )


def _delete(session: Session, where: ColumnElement[bool]) -> Sequence[Any]:
    statement = delete(EventRow).where(where).returning(EventRow.person, EventRow.other, EventRow.number)
    return session.execute(statement.execution_options(synchronize_session=False)).all()


def _row(person: PersonId, fact: Fact, other: PersonId | None, now: datetime) -> EventRow:
    return EventRow(
        person=person,
        type=fact.type,
        at=now,
        subject=fact.subject,
        other=other,
        level=fact.surest.value,
        data=dict(fact.data),
        chain_id=None if fact.block is None else fact.block[0],
        block_hash=None if fact.block is None else fact.block[1],
        standing=fact.surest is not Level.FINALIZED,
    )


def _event(row: EventRow) -> Event:
    if row.number is None:
        message = "what is read was committed, so it has a number"
        raise AssertionError(message)
    return Event(
        person=PersonId(row.person),
        number=row.number,
        type=row.type,
        at=row.at,
        subject=row.subject,
        level=Level(row.level),
        data=row.data,
        other=None if row.other is None else PersonId(row.other),
        confirms=row.confirms,
        takes_back=row.takes_back,
    )
