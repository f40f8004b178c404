"""Arrivals, in one transaction: whom doors let in by themselves, counted, for trying a stricter door on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import and_, case, delete, or_, select, tuple_
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from kit.identifiers import PersonId, RoomId
from reputation.model import KNOCKS_KEPT, ONE_KNOCK
from reputation.tables import ArrivalRow
from reputation.verdict import Code

BY_DOOR: Final = frozenset({Code.DOOR_OPEN, Code.BY_RULE, Code.VOUCHED})
"""Why a stranger is let in whom the recipient does not know and who put nothing down."""
MOST_OF_ONE: Final = 1_000
"""Strangers of one door that are read at a time."""
_HIGHEST: Final = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Arrival:
    """How often one stranger was let in by the door itself, and why the last time."""

    stranger: PersonId
    count: int
    first_at: datetime
    last_at: datetime
    room: RoomId
    code: Code


class Arrivals:
    """Counts, not lists; kept as long as the knocks that were not let through."""

    def __init__(self, session: Session, now: datetime) -> None:
        """Work in ``session``, at ``now``."""
        self._session = session
        self._now = now

    def count(self, stranger: PersonId, recipient: PersonId, *, room: RoomId, at: datetime, code: Code) -> None:
        """Count an invite that was let in; calls about the same one are counted once."""
        postgres = self._session.get_bind().dialect.name == "postgresql"
        insert: Any = postgresql.insert if postgres else sqlite.insert
        statement = insert(ArrivalRow).values(
            stranger=stranger,
            recipient=recipient,
            count=1,
            first_at=at,
            last_at=at,
            last_room=room,
            last_code=code.value,
        )
        same = and_(ArrivalRow.last_room == room, ArrivalRow.last_at > at - ONE_KNOCK)
        full = ArrivalRow.count >= _HIGHEST
        self._session.execute(
            statement.on_conflict_do_update(
                index_elements=[ArrivalRow.stranger, ArrivalRow.recipient],
                set_={
                    "count": case((or_(same, full), ArrivalRow.count), else_=ArrivalRow.count + 1),
                    "last_at": case((ArrivalRow.last_at > at, ArrivalRow.last_at), else_=at),
                    "last_room": room,
                    "last_code": code.value,
                },
            )
        )

    def at(self, recipient: PersonId, *, since: datetime) -> Sequence[Arrival]:
        """Return whom a door let in after that, latest first, at most a thousand."""
        query = select(ArrivalRow).where(ArrivalRow.recipient == recipient, ArrivalRow.last_at > since)
        rows = self._session.scalars(query.order_by(ArrivalRow.last_at.desc(), ArrivalRow.stranger).limit(MOST_OF_ONE))
        return [
            Arrival(
                PersonId(row.stranger),
                row.count,
                row.first_at,
                row.last_at,
                RoomId(row.last_room),
                Code(row.last_code),
            )
            for row in rows
        ]

    def by_rule(self, stranger: PersonId, *, since: datetime, but: PersonId, limit: int) -> int:
        """Count at whose doors a stranger was first let in by a rule after that, ``but`` for one; ``limit`` at most."""
        query = select(ArrivalRow.recipient).where(
            ArrivalRow.stranger == stranger,
            ArrivalRow.recipient != but,
            ArrivalRow.first_at > since,
            ArrivalRow.last_code == Code.BY_RULE.value,
        )
        return len(self._session.scalars(query.limit(limit)).all())

    def forget(self, person: PersonId) -> None:
        """Take out what names a person, on either side."""
        gone = delete(ArrivalRow).where(or_(ArrivalRow.stranger == person, ArrivalRow.recipient == person))
        self._session.execute(gone.execution_options(synchronize_session=False))

    def prune(self, *, limit: int) -> list[PersonId]:
        """Take out some of those that are past their time; return their strangers. Call it until it returns none."""
        old = select(ArrivalRow.stranger, ArrivalRow.recipient).where(ArrivalRow.last_at < self._now - KNOCKS_KEPT)
        gone = (
            delete(ArrivalRow)
            .where(tuple_(ArrivalRow.stranger, ArrivalRow.recipient).in_(old.order_by(ArrivalRow.last_at).limit(limit)))
            .returning(ArrivalRow.stranger)
        )
        strangers = self._session.scalars(gone.execution_options(synchronize_session=False))
        return [PersonId(stranger) for stranger in strangers]
