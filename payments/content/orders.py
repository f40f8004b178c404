"""Orders, in one transaction: for whom on Matrix a payment on the chain will be, written down before anybody pays."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from eth_utils.crypto import keccak
from sqlalchemy import ColumnElement, delete, select
from sqlalchemy.orm import Session

from kit.errors import NotFound
from kit.identifiers import Hash32, PersonId
from ledger.people import People
from payments.content.store import random_id
from payments.content.tables import ListingRow, OrderRow

GOOD_FOR: Final = timedelta(days=7)
"""For how long an order's link is shown."""
KEPT_FOR: Final = timedelta(days=37)
"""For how long it is known whom an order is for: a wallet may sign the last moment, and its payment come late."""
MOST_OPEN: Final = 100
"""Orders of one person that are kept; the oldest make room."""
_MEMO: Final = b"earnest-order:"


@dataclass(frozen=True, slots=True)
class Order:
    """Somebody wants to buy a listing. ``token`` is public and random; whoever has it can pay for them, no more."""

    token: str
    listing: str
    person: PersonId
    created_at: datetime

    @property
    def memo(self) -> Hash32:
        """What a payment on the chain says of it; it tells nobody else for whom it is."""
        return memo_of(self.token)

    @property
    def expires_at(self) -> datetime:
        """Until when its link is shown."""
        return self.created_at + GOOD_FOR


def memo_of(token: str) -> Hash32:
    """Return what a payment for an order says on the chain."""
    return Hash32(keccak(_MEMO + token.encode()))


class Orders:
    """Who wants to buy what."""

    def __init__(self, session: Session, now: datetime) -> None:
        """Work in ``session``, at ``now``."""
        self._session = session
        self._now = now

    def order(self, person: PersonId, listing: str) -> Order:
        """Return a person's order of a listing: the newest one that is good for a day more, or else a new one.

        Raises ``NotFound`` where there is no such listing.
        """
        People(self._session, self._now).lock(person)
        place = self._session.scalar(select(ListingRow.id).where(ListingRow.token == listing))
        if place is None:
            raise NotFound("listing_unknown", "There is no such listing.")
        theirs = select(OrderRow).where(OrderRow.person == person).order_by(OrderRow.id.desc())
        rows = list(self._session.scalars(theirs))
        fresh = self._now - GOOD_FOR + timedelta(days=1)
        known = next((row for row in rows if row.listing == place and row.created_at > fresh), None)
        if known is None:
            for row in rows[MOST_OPEN - 1 :]:
                self._session.delete(row)
            token = random_id()
            memo = bytes(memo_of(token))
            known = OrderRow(token=token, memo=memo, listing=place, person=person, created_at=self._now)
            self._session.add(known)
            self._session.flush()
        return _order(known, listing)

    def find(self, token: str) -> Order | None:
        """Return an order whose link is still shown."""
        found = self._found(OrderRow.token == token)
        return found if found is not None and self._now < found.expires_at else None

    def of_memo(self, memo: Hash32) -> Order | None:
        """Return the order that a payment on the chain is for, as long as it is known."""
        return self._found(OrderRow.memo == bytes(memo))

    def forget(self, person: PersonId) -> None:
        """Let nothing be for somebody any more: what is paid for then is the wallet's."""
        self._session.execute(delete(OrderRow).where(OrderRow.person == person))

    def prune(self, *, limit: int) -> int:
        """Take away orders that are past their time; return how many went."""
        old = select(OrderRow.id).where(OrderRow.created_at < self._now - KEPT_FOR).order_by(OrderRow.id).limit(limit)
        gone = self._session.scalars(old).all()
        self._session.execute(delete(OrderRow).where(OrderRow.id.in_(gone)))
        return len(gone)

    def _found(self, which: ColumnElement[bool]) -> Order | None:
        query = select(OrderRow, ListingRow.token).join(ListingRow, ListingRow.id == OrderRow.listing).where(which)
        found = self._session.execute(query).one_or_none()
        return None if found is None else _order(found[0], found[1])


def _order(row: OrderRow, listing: str) -> Order:
    return Order(row.token, listing, PersonId(row.person), row.created_at)
