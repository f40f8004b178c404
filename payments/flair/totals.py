"""Totals, in one transaction: what all gifts come to, and which companies give; no other names."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import groupby

from sqlalchemy import and_, exists, or_, select
from sqlalchemy.orm import Session

from ledger.model import Asset, Level
from payments.flair.model import Source, Spans
from payments.flair.summing import Given, Part, summed
from payments.flair.tables import EntitlementRow, GiftRow, GiverRow

_AT_ONCE = 5_000
_SURER = (Level.ORPHANED, Level.SEEN, Level.SAFE, Level.FINALIZED)


class Totals:
    """Sums of everything, for everybody to see."""

    def __init__(self, session: Session, now: datetime) -> None:
        """Read in ``session``, at ``now``."""
        self._session = session
        self._now = now

    def given(self, spans: Spans) -> list[Given]:
        """Return what all gifts come to, those of who is forgotten too; 100,000 take about half a second."""
        return summed(self._parts(), spans, self._now)  # by ourselves: SQLite keeps such numbers as texts

    def sponsors(self) -> list[tuple[str, str, datetime]]:
        """Return companies by what the operator calls them, with a tier that they have now, and since when."""
        theirs = exists().where(GiftRow.giver == GiverRow.id, GiftRow.owner == EntitlementRow.person)
        whose = or_(EntitlementRow.giver == GiverRow.id, theirs)
        holds = or_(EntitlementRow.grace_until.is_(None), EntitlementRow.grace_until > self._now)
        named = and_(GiverRow.corporate.is_(True), GiverRow.title.is_not(None), EntitlementRow.since <= self._now)
        query = select(GiverRow.title, EntitlementRow.tier, EntitlementRow.since).join(EntitlementRow, whose)
        rows = self._session.execute(query.where(named, holds).order_by(EntitlementRow.since, GiverRow.id))
        return [(title, tier, since) for title, tier, since in rows if title is not None]

    def _parts(self) -> Iterator[Part]:
        columns = (GiftRow.key, GiverRow.source, GiftRow.asset, GiftRow.level, GiftRow.amount, GiftRow.at)
        adds = or_(GiftRow.months > 0, GiftRow.recurring.is_(None))
        query = select(*columns, GiftRow.taken_back).join(GiverRow, GiverRow.id == GiftRow.giver).where(adds)
        rows = self._session.execute(query.order_by(GiftRow.key), execution_options={"yield_per": _AT_ONCE})
        for _, told in groupby(rows, key=lambda row: row.key):
            one, *others = told
            if one.taken_back is not None or any(row.taken_back is not None for row in others):
                continue
            amount, at = max((row.amount for row in others), default=0), one.at
            level = max((Level(row.level) for row in (one, *others)), key=_SURER.index)
            yield Part(Source(one.source), Asset(one.asset), level, max(one.amount, amount), at)
