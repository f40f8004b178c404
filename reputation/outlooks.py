"""Outlooks, in one transaction: what people think of strangers, set by themselves, and what a stake does to that."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from kit.changes import touch
from kit.identifiers import PersonId
from ledger.people import People
from payments.stakes.service import Stakes
from reputation.doors import Doors
from reputation.outlook import USUAL, Outlook, Strangers, times_asked
from reputation.store import GateStore
from reputation.tables import OutlookRow
from reputation.tenants import TOPIC


class Outlooks:
    """What each viewer told us; whoever said nothing has the usual one."""

    def __init__(self, session: Session, *, now: datetime, people: People, doors: Doors, stakes: Stakes) -> None:
        """Work in ``session``, at ``now``."""
        self._session = session
        self._now = now
        self._people = people
        self._doors = doors
        self._stakes = stakes

    def show(self, person: PersonId) -> Outlook:
        """Return a person's outlook."""
        return outlooks(self._session, [person]).get(person, USUAL)

    def set(self, person: PersonId, *, strangers: Strangers | None = None, quorum: int | None = None) -> Outlook:
        """Set what a person thinks of strangers, or their quorum, or both; what is ``None`` stays as it was.

        Raises ``Invalid`` for a quorum that is none.
        """
        self._people.lock(person)
        before = self.show(person)
        outlook = Outlook(
            before.strangers if strangers is None else strangers, before.quorum if quorum is None else quorum
        )
        if outlook == before:
            return outlook
        row = self._session.get(OutlookRow, person)
        if row is None:
            row = OutlookRow(person=person)
            self._session.add(row)
        row.strangers, row.quorum, row.changed_at = outlook.strangers.value, outlook.quorum, self._now
        # The gate's topic, for what it remembers of this person's door may rest on it; standings follow that one too.
        touch(self._session, TOPIC, person)
        return outlook

    def staked(self, viewer: PersonId, subject: PersonId) -> float:
        """Return how many times a viewer's price somebody has at stake with them now."""
        prices = self._doors.show(viewer).prices
        live = GateStore(self._session).live_grants(subject, viewer) if prices else ()
        return times_asked((self._stakes.get(one.stake_id).terms.amount for one in live if one.confirmed), prices)

    def forget(self, person: PersonId) -> None:
        """Take out what a person thinks of strangers."""
        self._session.execute(delete(OutlookRow).where(OutlookRow.person == person))
        touch(self._session, TOPIC, person)


def outlooks(session: Session, people: Collection[PersonId] | None = None) -> dict[PersonId, Outlook]:
    """Return the outlooks of these (everybody, where ``None``) who ever set one."""
    query = select(OutlookRow.person, OutlookRow.strangers, OutlookRow.quorum)
    if people is not None:
        query = query.where(OutlookRow.person.in_(people))
    return {PersonId(row.person): Outlook(Strangers(row.strangers), row.quorum) for row in session.execute(query)}
