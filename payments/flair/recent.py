"""Gifts of the last days that are somebody's and stand, in one transaction; it only reads."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from kit.identifiers import PersonId
from ledger.model import Level
from payments.flair.tables import GiftRow


def newest_gifts(session: Session, since: datetime, person: PersonId | None = None) -> dict[PersonId, datetime]:
    """Return when everybody's newest gift since then was given, of those that were not taken back; or one person's."""
    query = select(GiftRow.owner, GiftRow.key, GiftRow.at, GiftRow.level, GiftRow.taken_back)
    query = query.where(GiftRow.owner.is_not(None), GiftRow.at > since)
    rows = session.execute(query if person is None else query.where(GiftRow.owner == person)).all()
    gone = {row.key for row in rows if row.taken_back is not None or row.level == Level.ORPHANED.value}
    found: dict[PersonId, datetime] = {}
    for row in rows:
        if row.key not in gone:
            owner = PersonId(row.owner)
            found[owner] = max(row.at, found.get(owner, row.at))
    return found
