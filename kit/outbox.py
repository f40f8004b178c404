"""The outbox: effects on the world, written in the business transaction, done after commit, retried, done once.

Keys make appending idempotent: the same key is taken once for ever. A claimed effect is leased; when its worker dies,
the lease runs out and another takes it, with the same ``id``, from which the courier makes the homeserver's transaction
id.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import JSON, BigInteger, ColumnElement, Index, Integer, String, delete, func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, Session, mapped_column

from kit.changes import touch
from kit.database import Base, UtcDateTime

TOPIC = "outbox"
"""The change topic that wakes whoever delivers."""

_LEASE = timedelta(seconds=60)
_MAX_ATTEMPTS = 12
_FIRST_RETRY = timedelta(seconds=1)
_LONGEST_RETRY = timedelta(hours=1)
_ERROR_LENGTH = 300
_AT_ONCE = 200
"""Effects of one statement."""


class OutboxRow(Base):
    """One effect that the world is owed."""

    __tablename__ = "outbox"
    __table_args__ = (Index("ix_outbox_open", "done_at", "due_at"),)

    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True)
    kind: Mapped[str] = mapped_column(String(40))
    key: Mapped[str] = mapped_column(String(200), unique=True)
    payload: Mapped[dict[str, Any]] = mapped_column(JSON)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    due_at: Mapped[datetime] = mapped_column(UtcDateTime)
    leased_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    done_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    given_up: Mapped[bool] = mapped_column(default=False)
    last_error: Mapped[str | None] = mapped_column(String(_ERROR_LENGTH))


@dataclass(frozen=True, slots=True)
class Effect:
    """A claimed effect: ``id`` is stable over every attempt; ``attempt`` counts from 1."""

    id: int
    kind: str
    key: str
    payload: Mapping[str, Any]
    attempt: int


def append(
    session: Session, *, kind: str, key: str, payload: Mapping[str, Any], now: datetime, due_at: datetime | None = None
) -> bool:
    """Owe the world one effect; ``False`` where ``key`` was already taken (then nothing is added).

    ``due_at``: when whoever claims may take it; before that, it is for the one who owed it to do.
    """
    insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    statement = insert(OutboxRow).values(
        kind=kind,
        key=key,
        payload=dict(payload),
        created_at=now,
        due_at=due_at or now,
        attempts=0,
        given_up=False,
    )
    added = session.execute(statement.on_conflict_do_nothing(index_elements=[OutboxRow.key]).returning(OutboxRow.id))
    fresh = added.scalar_one_or_none() is not None
    if fresh:
        touch(session, TOPIC)
    return fresh


def append_all(session: Session, *, kind: str, owed: Mapping[str, Mapping[str, Any]], now: datetime) -> None:
    """Owe the world many effects of a kind, each a payload by its key; keys that were taken already add nothing."""
    insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    every = {"kind": kind, "created_at": now, "due_at": now, "attempts": 0, "given_up": False}
    rows = [{"key": key, "payload": dict(payload), **every} for key, payload in owed.items()]
    for start in range(0, len(rows), _AT_ONCE):
        added = insert(OutboxRow).values(rows[start : start + _AT_ONCE])
        added = added.on_conflict_do_nothing(index_elements=[OutboxRow.key])
        if session.scalars(added.returning(OutboxRow.id)).all():
            touch(session, TOPIC)


def owed_of(session: Session, keys: Collection[str]) -> set[str]:
    """Return those of these keys by which something is owed still."""
    every, found = sorted(keys), set[str]()
    for start in range(0, len(every), _AT_ONCE):
        some = every[start : start + _AT_ONCE]
        query = select(OutboxRow.key).where(OutboxRow.key.in_(some), OutboxRow.done_at.is_(None))
        found.update(session.scalars(query))
    return found


def once(session: Session, key: str, now: datetime) -> bool:
    """Take ``key`` for what is done in this transaction; ``False`` where it was done before, and is not to be again."""
    if not append(session, kind="once", key=key, payload={}, now=now):
        return False
    session.execute(update(OutboxRow).where(OutboxRow.key == key).values(done_at=now))
    return True


def holds(session: Session, key: str) -> bool:
    """Tell whether ``key`` was taken."""
    return session.scalar(select(OutboxRow.id).where(OutboxRow.key == key)) is not None


def find(session: Session, key: str) -> tuple[Effect, bool] | None:
    """Return the effect of a key, and whether it is done with; ``None`` where nobody took the key."""
    row = session.scalar(select(OutboxRow).where(OutboxRow.key == key))
    return None if row is None else (_effect(row), row.done_at is not None)


def claim(session: Session, *, kinds: Collection[str], now: datetime, limit: int = 20) -> list[Effect]:
    """Lease up to ``limit`` due effects of ``kinds`` for 60 s, oldest first; commit before acting on them."""
    query = (
        select(OutboxRow)
        .where(OutboxRow.done_at.is_(None), OutboxRow.kind.in_(kinds), OutboxRow.due_at <= now)
        .where((OutboxRow.leased_until.is_(None)) | (OutboxRow.leased_until <= now))
        .order_by(OutboxRow.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    effects = []
    for row in session.scalars(query):
        row.leased_until = now + _LEASE
        row.attempts += 1
        effects.append(_effect(row))
    return effects


def waits(session: Session, kind: str, now: datetime) -> bool:
    """Tell whether an effect of a kind is due; only reads."""
    due = select(OutboxRow.id).where(OutboxRow.done_at.is_(None), OutboxRow.kind == kind, OutboxRow.due_at <= now)
    return session.scalar(due.limit(1)) is not None


def waiting(session: Session, kind: str, limit: int = 1_000) -> list[Effect]:
    """Return what is still owed of a kind, oldest first, unclaimed: for whoever alone does all of that kind."""
    owed = select(OutboxRow).where(OutboxRow.done_at.is_(None), OutboxRow.kind == kind)
    return [_effect(row) for row in session.scalars(owed.order_by(OutboxRow.id).limit(limit))]


def rewrite(session: Session, effect: Effect, payload: Mapping[str, Any]) -> None:
    """Owe something else in the place of what is still owed, since the first part of it is done."""
    session.execute(update(OutboxRow).where(*_still_ours(effect)).values(payload=dict(payload)))


def mark_done(session: Session, effect: Effect, *, now: datetime) -> None:
    """Note that the world has got it."""
    session.execute(
        update(OutboxRow).where(OutboxRow.id == effect.id).values(done_at=now, leased_until=None, last_error=None)
    )


def wipe(session: Session, effect: Effect) -> None:
    """Take out what was to be said, once it is done with; the key stays taken."""
    session.execute(
        update(OutboxRow).where(OutboxRow.id == effect.id, OutboxRow.done_at.is_not(None)).values(payload={})
    )


def prune(session: Session, kind: str, *, before: datetime, limit: int) -> int:
    """Forget effects of a kind that are done with and older than that; return how many. Their keys may come again."""
    old = select(OutboxRow.id).where(
        OutboxRow.kind == kind, OutboxRow.done_at.is_not(None), OutboxRow.created_at < before
    )
    gone = delete(OutboxRow).where(OutboxRow.id.in_(old.limit(limit)))
    return session.execute(gone.execution_options(synchronize_session=False)).rowcount  # type: ignore[attr-defined, no-any-return]


def count_since(session: Session, kind: str, prefix: str, since: datetime) -> int:
    """Count effects of a kind whose keys begin so (ASCII) and that are owed since then or later."""
    query = select(func.count()).select_from(OutboxRow).where(OutboxRow.kind == kind, OutboxRow.created_at >= since)
    return session.scalar(query.where(OutboxRow.key >= prefix, OutboxRow.key < prefix + "\x7f")) or 0


def mark_failed(session: Session, effect: Effect, *, error: str, now: datetime, for_good: bool = False) -> None:
    """Put it back with a doubling pause (1 s up to 1 h); after 12 attempts, or ``for_good``, give up and keep the row.

    ``error`` is for operators: no secrets, no text of strangers.
    """
    give_up = for_good or effect.attempt >= _MAX_ATTEMPTS
    pause = min(_FIRST_RETRY * 2 ** (effect.attempt - 1), _LONGEST_RETRY)
    session.execute(
        update(OutboxRow)
        .where(*_still_ours(effect))
        .values(
            leased_until=None,
            due_at=now + pause,
            last_error=error[:_ERROR_LENGTH],
            given_up=give_up,
            done_at=now if give_up else None,
        )
    )


def release(session: Session, effect: Effect, *, pause: timedelta, now: datetime) -> None:
    """Put it back untried, due after ``pause``: it could not be attempted, so the attempt does not count."""
    session.execute(
        update(OutboxRow)
        .where(*_still_ours(effect))
        .values(leased_until=None, due_at=now + pause, attempts=effect.attempt - 1)
    )


def _effect(row: OutboxRow) -> Effect:
    return Effect(row.id, row.kind, row.key, row.payload, row.attempts)


def _still_ours(effect: Effect) -> tuple[ColumnElement[bool], ...]:
    """Only while nobody else has claimed it since: a worker whose lease ran out has nothing to say of it any more."""
    return OutboxRow.id == effect.id, OutboxRow.attempts == effect.attempt, OutboxRow.done_at.is_(None)


def backlog(session: Session) -> int:
    """Count effects that are still owed."""
    return session.scalar(select(func.count()).select_from(OutboxRow).where(OutboxRow.done_at.is_(None))) or 0


def ever_owed(session: Session) -> int:
    """Return how many effects were ever appended."""
    return session.scalar(select(func.count()).select_from(OutboxRow)) or 0
