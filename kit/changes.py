"""Change counters: how one process learns that another has changed what it keeps in memory."""

from __future__ import annotations

from sqlalchemy import BigInteger, String, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, Session, mapped_column

from kit.database import Base


class Change(Base):
    """One topic and how often it has changed."""

    __tablename__ = "changes"

    topic: Mapped[str] = mapped_column(String(40), primary_key=True)
    counter: Mapped[int] = mapped_column(BigInteger)


def touch(session: Session, topic: str) -> None:
    """Count one more change of ``topic``, in the transaction that changes it."""
    insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    statement = insert(Change).values(topic=topic, counter=1)
    session.execute(
        statement.on_conflict_do_update(index_elements=[Change.topic], set_={"counter": Change.counter + 1}),
    )


def counters(session: Session) -> dict[str, int]:
    """Return every topic's counter; a topic that never changed is absent."""
    return {topic: counter for topic, counter in session.execute(select(Change.topic, Change.counter))}
