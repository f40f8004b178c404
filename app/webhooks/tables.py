"""The webhooks' tables: where events go, how far each has got, and how the last attempts ended."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from kit.database import Base, UtcDateTime

Number = BigInteger().with_variant(Integer, "sqlite")


class WebhookRow(Base):
    """An endpoint of a person's: it is owed every event of theirs above ``cursor``, one after the other.

    ``claims`` counts who took it up to deliver: whoever lost it in between has nothing to say of it any more.
    """

    __tablename__ = "webhooks"
    __table_args__ = (Index("ix_webhooks_person", "person"), Index("ix_webhooks_due", "state", "due_at"))

    id: Mapped[int] = mapped_column(Number, primary_key=True, autoincrement=True)
    name: Mapped[str] = mapped_column(String(22), unique=True)
    person: Mapped[int] = mapped_column(ForeignKey("people.id"))
    url: Mapped[str] = mapped_column(String(2000))
    mode: Mapped[str] = mapped_column(String(10))
    types: Mapped[str] = mapped_column(String(400))
    secret: Mapped[bytes] = mapped_column(LargeBinary(200))
    old_secret: Mapped[bytes | None] = mapped_column(LargeBinary(200))
    old_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    state: Mapped[str] = mapped_column(String(8))
    why: Mapped[str | None] = mapped_column(String(20))
    cursor: Mapped[int] = mapped_column(BigInteger)
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    due_at: Mapped[datetime] = mapped_column(UtcDateTime)
    leased_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    claims: Mapped[int] = mapped_column(BigInteger, default=0)
    slow: Mapped[bool] = mapped_column(default=False)
    failing_since: Mapped[datetime | None] = mapped_column(UtcDateTime)
    delivered_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class WebhookAttemptRow(Base):
    """How one attempt to deliver one event ended; nothing of what either side said."""

    __tablename__ = "webhook_attempts"
    __table_args__ = (Index("ix_webhook_attempts_webhook", "webhook", "id"), Index("ix_webhook_attempts_at", "at"))

    id: Mapped[int] = mapped_column(Number, primary_key=True, autoincrement=True)
    webhook: Mapped[int] = mapped_column(ForeignKey("webhooks.id"))
    event: Mapped[int] = mapped_column(BigInteger)
    attempt: Mapped[int] = mapped_column(Integer)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    milliseconds: Mapped[int] = mapped_column(Integer)
    status: Mapped[int | None] = mapped_column(Integer)
    error: Mapped[str | None] = mapped_column(String(40))
    outcome: Mapped[str] = mapped_column(String(10))
