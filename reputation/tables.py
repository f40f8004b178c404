"""The gate's tables: tenants, doors, exemptions, contacts, grants, spam verdicts, knocks. People are numbers here."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, String, text
from sqlalchemy.orm import Mapped, mapped_column

from kit.database import Base, Bytes20, Bytes32, ExactInteger, UtcDateTime


class TenantRow(Base):
    """A homeserver that calls our gate; its bearer is kept as a hash only."""

    __tablename__ = "tenants"

    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True)
    server_name: Mapped[str] = mapped_column(String(255), unique=True)
    bearer_sha256: Mapped[bytes] = mapped_column(Bytes32, unique=True)
    on_deadline: Mapped[str] = mapped_column(String(6))
    leaving: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    heard_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class DoorRow(Base):
    """What a person asks of strangers; whoever has no row keeps an open door."""

    __tablename__ = "doors"

    person: Mapped[int] = mapped_column(ForeignKey("people.id"), primary_key=True)
    mode: Mapped[str] = mapped_column(String(6))
    stake: Mapped[int] = mapped_column(ExactInteger)
    fee: Mapped[int] = mapped_column(ExactInteger)
    fee_payee: Mapped[bytes | None] = mapped_column(Bytes20)
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime)


class ExemptionRow(Base):
    """``person`` lets ``other`` pass free, for as long as they like."""

    __tablename__ = "exemptions"
    __table_args__ = (Index("ix_exemptions_other", "other"),)

    person: Mapped[int] = mapped_column(ForeignKey("people.id"), primary_key=True)
    other: Mapped[int] = mapped_column(ForeignKey("people.id"), primary_key=True)
    since: Mapped[datetime] = mapped_column(UtcDateTime)


class ContactRow(Base):
    """``person`` knows ``other``: invited them first, or accepted them (``why``)."""

    __tablename__ = "contacts"
    __table_args__ = (Index("ix_contacts_other", "other"),)

    person: Mapped[int] = mapped_column(ForeignKey("people.id"), primary_key=True)
    other: Mapped[int] = mapped_column(ForeignKey("people.id"), primary_key=True)
    why: Mapped[str] = mapped_column(String(10))
    since: Mapped[datetime] = mapped_column(UtcDateTime)


_UNCONFIRMED = text("state = 'unconfirmed'")


class GrantRow(Base):
    """What one stake opened for its pair: open, then accepted or ended. Holds at most one pending invite's room."""

    __tablename__ = "grants"
    __table_args__ = (
        Index("ix_grants_pair", "stranger", "recipient"),
        Index("ix_grants_recipient", "recipient"),
        Index("ix_grants_unconfirmed", "stake_id", sqlite_where=_UNCONFIRMED, postgresql_where=_UNCONFIRMED),
    )

    stake_id: Mapped[bytes] = mapped_column(ForeignKey("stakes.id"), primary_key=True)
    stranger: Mapped[int] = mapped_column(ForeignKey("people.id"))
    recipient: Mapped[int] = mapped_column(ForeignKey("people.id"))
    state: Mapped[str] = mapped_column(String(12))
    closes_at: Mapped[int] = mapped_column(BigInteger)
    pending_room: Mapped[str | None] = mapped_column(String(255))
    pending_since: Mapped[datetime | None] = mapped_column(UtcDateTime)
    answer: Mapped[str | None] = mapped_column(String(8))
    answered_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class SpamVerdictRow(Base):
    """``recipient`` called ``stranger`` spam: refused from then on, until it is taken back."""

    __tablename__ = "spam_verdicts"
    __table_args__ = (Index("ix_spam_verdicts_stranger", "stranger"),)

    recipient: Mapped[int] = mapped_column(ForeignKey("people.id"), primary_key=True)
    stranger: Mapped[int] = mapped_column(ForeignKey("people.id"), primary_key=True)
    since: Mapped[datetime] = mapped_column(UtcDateTime)


class KnockRow(Base):
    """All knocks of one stranger at one door that were not let through: a count, not a list."""

    __tablename__ = "knocks"
    __table_args__ = (Index("ix_knocks_recipient", "recipient", "last_at"), Index("ix_knocks_last_at", "last_at"))

    stranger: Mapped[int] = mapped_column(ForeignKey("people.id"), primary_key=True)
    recipient: Mapped[int] = mapped_column(ForeignKey("people.id"), primary_key=True)
    count: Mapped[int] = mapped_column(Integer)
    first_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_room: Mapped[str] = mapped_column(String(255))
    last_codes: Mapped[str] = mapped_column(String(100))
