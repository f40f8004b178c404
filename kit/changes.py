"""Change counters: how one process learns that another has changed what it keeps in memory, and of whom.

A counter rises by one with every transaction that changes something of its topic. Where the change is about a few
subjects alone, the log says which, under the number that the counter then had; a number without a line in the log says
that it may have been about anything. So whoever follows a topic either learns of every subject or learns that it must
begin anew, however long it did not look.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import BigInteger, String, and_, bindparam, delete, event, insert, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, Session, mapped_column

from kit.database import Base


class Change(Base):
    """One topic and how often it has changed."""

    __tablename__ = "changes"

    topic: Mapped[str] = mapped_column(String(40), primary_key=True)
    counter: Mapped[int] = mapped_column(BigInteger)


class ChangedSubject(Base):
    """One subject of one change of a topic; the last changes alone have lines."""

    __tablename__ = "changed_subjects"

    topic: Mapped[str] = mapped_column(String(40), primary_key=True)
    counter: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    subject: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)


@dataclass(frozen=True, slots=True)
class News:
    """What a topic's counter is now, and of whom it has risen: ``subjects`` is ``None`` where that could be anybody."""

    counter: int
    subjects: frozenset[int] | None


MOST_SUBJECTS = 100
"""A change of more subjects than this is one of anybody."""
KEPT = 5_000
"""Changes of a topic whose subjects are kept, and lines read at once: whoever is further behind begins anew."""

_TOUCHED = "earnest_touched"
_ANYBODY: frozenset[int] = frozenset()


def touch(session: Session, topic: str, *subjects: int) -> None:
    """Count one more change of ``topic`` with the transaction that changes it; more touches of one topic count once.

    ``subjects`` are the numbers of those whom alone it concerns; without any, it may concern anybody.

    Everybody writes the same few counters, so they are written last, in one order, right before the commit: whoever
    held one while still waiting for other rows would stop everybody, or each other for ever.
    """
    touched: dict[str, frozenset[int]] = session.info.setdefault(_TOUCHED, {})
    before = touched.get(topic)
    if not subjects or before == _ANYBODY:
        touched[topic] = _ANYBODY
    else:
        every = frozenset(subjects) | (before or frozenset())
        touched[topic] = every if len(every) <= MOST_SUBJECTS else _ANYBODY


@event.listens_for(Session, "before_commit")
def _count(session: Session) -> None:
    touched: dict[str, frozenset[int]] = session.info.pop(_TOUCHED, {})
    upsert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    for topic, subjects in sorted(touched.items()):
        statement = upsert(Change).values(topic=topic, counter=1)
        # The row stays locked until the commit, so the numbers have the order of the commits, whoever counts at once.
        counter: int = session.scalars(
            statement.on_conflict_do_update(
                index_elements=[Change.topic], set_={"counter": Change.counter + 1}
            ).returning(Change.counter)
        ).one()
        if subjects:
            lines = [{"topic": topic, "counter": counter, "subject": subject} for subject in sorted(subjects)]
            session.execute(insert(ChangedSubject), lines)
            old = and_(ChangedSubject.topic == topic, ChangedSubject.counter <= counter - KEPT)
            session.execute(delete(ChangedSubject).where(old).execution_options(synchronize_session=False))


@event.listens_for(Session, "after_rollback")
def _forget(session: Session) -> None:
    session.info.pop(_TOUCHED, None)


def counters(session: Session) -> dict[str, int]:
    """Return every topic's counter; a topic that never changed is absent."""
    return {row.topic: row.counter for row in session.execute(select(Change.topic, Change.counter))}


# One statement, so that counter and lines are of one moment on PostgreSQL too.
_SINCE = (
    select(Change.counter, ChangedSubject.counter, ChangedSubject.subject)
    .outerjoin(
        ChangedSubject,
        and_(ChangedSubject.topic == Change.topic, ChangedSubject.counter > bindparam("since")),
    )
    .where(Change.topic == bindparam("topic"))
    .limit(KEPT + 1)
)


def news_since(session: Session, topic: str, counter: int) -> News:
    """Return what became of ``topic`` since its counter was ``counter`` (0: since ever)."""
    rows = session.execute(_SINCE, {"topic": topic, "since": counter}).all()
    now: int = rows[0][0] if rows else 0
    lines: list[tuple[int | None, int | None]] = [(row[1], row[2]) for row in rows]  # none at all: one without numbers
    told = {number for number, _ in lines if number is not None}
    if len(told) != now - counter or len(rows) > KEPT:
        return News(now, None)
    return News(now, frozenset(subject for _, subject in lines if subject is not None))
