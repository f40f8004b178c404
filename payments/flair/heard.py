"""Deliveries of webhooks that were read: each comes as often as its sender likes, and is read once."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from kit.identifiers import Hash32
from payments.flair.tables import PatreonToldRow


def hear(session: Session, delivery: Hash32, now: datetime) -> bool:
    """Note that a delivery was read; ``False`` where it was read before."""
    insert: Any = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    heard = insert(PatreonToldRow).values(sha256=delivery, at=now).on_conflict_do_nothing()
    return session.execute(heard.returning(PatreonToldRow.sha256)).first() is not None


def prune(session: Session, before: datetime, *, limit: int) -> int:
    """Take out some deliveries that were read before that time; return how many."""
    old = select(PatreonToldRow.sha256).where(PatreonToldRow.at < before).limit(limit)
    gone = delete(PatreonToldRow).where(PatreonToldRow.sha256.in_(old)).returning(PatreonToldRow.at)
    return len(session.execute(gone.execution_options(synchronize_session=False)).all())
