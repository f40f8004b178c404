"""Tables of complaints: which message of a room was reported to its moderators, by whom, and what followed."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, Boolean, ForeignKey, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from kit.database import Base, UtcDateTime

_Number = BigInteger().with_variant(Integer, "sqlite")


class ComplaintRow(Base):
    """A reported message; ``about`` wrote it, which is known once it was looked at.

    ``id``: is never given again, for people write it, and read it in what they were told. ``told``: the message in the
    management room that asks what to do; ``done``: what was done last, or ``ignore``.
    """

    __tablename__ = "complaints"
    __table_args__ = (
        Index("ix_complaints_message", "room", "event", unique=True),
        Index("ix_complaints_management", "management", "made_at"),
        Index("ix_complaints_told", "told"),
        Index("ix_complaints_about", "about"),
        Index("ix_complaints_made", "made_at"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(_Number, primary_key=True, autoincrement=True)
    management: Mapped[int] = mapped_column(ForeignKey("management_rooms.id"))
    room: Mapped[str] = mapped_column(String(255))
    event: Mapped[str] = mapped_column(String(255))
    about: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    told: Mapped[str | None] = mapped_column(String(255))
    done: Mapped[str | None] = mapped_column(String(6))
    made_at: Mapped[datetime] = mapped_column(UtcDateTime)


class VoiceRow(Base):
    """Somebody who reported a message, and why; ``said``: the message or reaction in the room by which they did.

    ``heard``: it was looked at whether they are in the room.
    """

    __tablename__ = "complaint_voices"
    __table_args__ = (
        Index("ix_complaint_voices_person", "person", "at"),
        Index("ix_complaint_voices_heard", "heard"),
    )

    complaint: Mapped[int] = mapped_column(ForeignKey("complaints.id"), primary_key=True)
    person: Mapped[int] = mapped_column(ForeignKey("people.id"), primary_key=True)
    reason: Mapped[str] = mapped_column(String(200))
    said: Mapped[str | None] = mapped_column(String(255))
    heard: Mapped[bool] = mapped_column(Boolean)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
