"""Change counters: how one process learns that another has changed what it keeps in memory."""

from __future__ import annotations

from sqlalchemy import BigInteger, String, event, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, Session, mapped_column

from kit.database import Base


class Change(Base):
    """One topic and how often it has changed."""

    __tablename__ = "changes"

    topic: Mapped[str] = mapped_column(String(40), primary_key=True)
    counter: Mapped[int] = mapped_column(BigInteger)


_TOUCHED = "earnest_touched"


def touch(session: Session, topic: str) -> None:
    """Count one more change of ``topic`` with the transaction that changes it; more touches of one topic count once.

    Everybody writes the same few counters, so they are written last, in one order, right before the commit: whoever
    held one while still waiting for other rows would stop everybody, or each other for ever.
    """
    session.info.setdefault(_TOUCHED, set()).add(topic)


@event.listens_for(Session, "before_commit")
def _count(session: Session) -> None:
    insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    for topic in sorted(session.info.pop(_TOUCHED, ())):
        statement = insert(Change).values(topic=topic, counter=1)
        session.execute(
            statement.on_conflict_do_update(index_elements=[Change.topic], set_={"counter": Change.counter + 1}),
        )


@event.listens_for(Session, "after_rollback")
def _forget(session: Session) -> None:
    session.info.pop(_TOUCHED, None)


def counters(session: Session) -> dict[str, int]:
    """Return every topic's counter; a topic that never changed is absent."""
    return {row.topic: row.counter for row in session.execute(select(Change.topic, Change.counter))}
