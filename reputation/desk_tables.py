"""Tables of what management rooms are told and asked: how far each was told, and which message asks about what."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import JSON, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from kit.database import Base, UtcDateTime


class ToldRow(Base):
    """Up to when a management room was told what became of consequences."""

    __tablename__ = "management_told"

    management: Mapped[int] = mapped_column(ForeignKey("management_rooms.id"), primary_key=True)
    until: Mapped[datetime] = mapped_column(UtcDateTime)


class QuestionRow(Base):
    """A message of ours in a management room that asks about some consequences: their numbers."""

    __tablename__ = "management_questions"
    __table_args__ = (Index("ix_management_questions_management", "management", "asked_at"),)

    event: Mapped[str] = mapped_column(String(255), primary_key=True)
    management: Mapped[int] = mapped_column(ForeignKey("management_rooms.id"))
    consequences: Mapped[list[int]] = mapped_column(JSON)
    asked_at: Mapped[datetime] = mapped_column(UtcDateTime)
