"""Tables of the supporters' rooms: which there are, who was asked into them, what people wish and were told."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, ForeignKey, Integer, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from kit.database import Base, UtcDateTime

_NUMBER = BigInteger().with_variant(Integer, "sqlite")


class SupportRoomRow(Base):
    """A room of a cause's supporters, the space among them; ``title`` is what it was named last by us."""

    __tablename__ = "support_rooms"
    __table_args__ = (UniqueConstraint("cause", "key"),)

    id: Mapped[int] = mapped_column(_NUMBER, primary_key=True, autoincrement=True)
    cause: Mapped[str] = mapped_column(String(42))
    key: Mapped[str] = mapped_column(String(64))
    room: Mapped[str | None] = mapped_column(String(255), unique=True)
    title: Mapped[str] = mapped_column(String(255))
    error: Mapped[str | None] = mapped_column(String(200))
    made_at: Mapped[datetime] = mapped_column(UtcDateTime)


class SupportGuestRow(Base):
    """Somebody who was asked into a room, and for which time."""

    __tablename__ = "support_guests"

    room: Mapped[int] = mapped_column(ForeignKey("support_rooms.id"), primary_key=True)
    person: Mapped[int] = mapped_column(ForeignKey("people.id"), primary_key=True, index=True)
    since: Mapped[datetime] = mapped_column(UtcDateTime)
    refused_until: Mapped[datetime | None] = mapped_column(UtcDateTime)


class SupportWishRow(Base):
    """What a supporter wishes: to be asked in, and to have their profile show their flair; ``written`` is that."""

    __tablename__ = "support_wishes"

    person: Mapped[int] = mapped_column(ForeignKey("people.id"), primary_key=True)
    joins: Mapped[bool]
    profile: Mapped[bool]
    written: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    said_at: Mapped[datetime] = mapped_column(UtcDateTime)


class SupportToldRow(Base):
    """What a supporter was told last of a tier of theirs."""

    __tablename__ = "support_told"

    person: Mapped[int] = mapped_column(ForeignKey("people.id"), primary_key=True)
    tier: Mapped[str] = mapped_column(String(64), primary_key=True)
    phase: Mapped[str] = mapped_column(String(12))
    until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    told_at: Mapped[datetime] = mapped_column(UtcDateTime)
