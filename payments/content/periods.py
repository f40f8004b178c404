"""Periods of admissions, in one transaction: what follows on one that ends early begins earlier, and back again."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from payments.content.model import STANDING
from payments.content.tables import PurchaseRow, VersionRow


class Periods:
    """The times that one buyer bought of one listing; each follows on the one before."""

    def __init__(self, session: Session) -> None:
        """Work in ``session``."""
        self._session = session

    def cut(self, row: PurchaseRow, at: datetime) -> None:
        """Let what follows on a purchase that ends at a moment begin then, and not before it was paid.

        What of it was used up is used up; a purchase that ended before by itself moves nothing.
        """
        period = self._period(row)
        if row.access_until is None or period is None:
            return
        before, now = row.access_until, max(at, row.access_until - period)
        for later, until, length in self._after(row, row.access_until):
            if now >= before or until - length > before:
                return
            before, now = until, min(until, max(now, later.paid_at) + length)
            later.access_until = now

    def resume(self, row: PurchaseRow) -> None:
        """Let what follows on a purchase that stands again begin at its end."""
        period = self._period(row)
        if row.access_until is None or period is None:
            return
        ends = row.access_until
        for later, until, length in self._after(row, row.access_until - period):
            ends = max(until, ends + length)
            later.access_until = ends

    def _after(self, row: PurchaseRow, moment: datetime) -> list[tuple[PurchaseRow, datetime, timedelta]]:
        """Return what the same buyer has of the same listing after a moment, in order: its end and its length."""
        same = PurchaseRow.person == row.person
        if row.person is None:
            same = PurchaseRow.person.is_(None) & (PurchaseRow.wallet == row.wallet)
        query = select(PurchaseRow).where(
            same,
            PurchaseRow.listing == row.listing,
            PurchaseRow.id != row.id,
            PurchaseRow.access_until > moment,
            PurchaseRow.state.in_([state.value for state in STANDING]),
        )
        rows = self._session.scalars(query.order_by(PurchaseRow.access_until, PurchaseRow.id).with_for_update()).all()
        found = [(one, one.access_until, self._period(one)) for one in rows]
        return [(one, until, length) for one, until, length in found if until is not None and length is not None]

    def _period(self, row: PurchaseRow) -> timedelta | None:
        of_it = VersionRow.listing == row.listing, VersionRow.number == row.version
        offer = self._session.scalar(select(VersionRow.offer).where(*of_it))
        admitted = None if offer is None else offer["admitted"]
        return None if admitted is None else timedelta(seconds=admitted)
