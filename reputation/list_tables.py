"""Tables of the lists of others that this service follows, and of their entries."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, Boolean, ForeignKey, Index, Integer, String, text
from sqlalchemy.orm import Mapped, mapped_column

from kit.database import Base, UtcDateTime


class FollowedListRow(Base):
    """A list of others that this service follows: where it stands, and what became of it when it was read last.

    ``left_out`` counts its entries that are dangerous and not kept, ``failures`` how often in a row it was not read.
    """

    __tablename__ = "followed_lists"
    __table_args__ = (Index("ix_followed_lists_due", "due_at"),)

    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True)
    name: Mapped[str] = mapped_column(String(60), unique=True)
    source: Mapped[str] = mapped_column(String(2000))
    form: Mapped[str] = mapped_column(String(10))
    entries: Mapped[int] = mapped_column(Integer)
    left_out: Mapped[int] = mapped_column(Integer)
    followed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    read_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    due_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    error: Mapped[str | None] = mapped_column(String(200))
    failures: Mapped[int] = mapped_column(Integer, server_default=text("0"))


class ListEntryRow(Base):
    """An entry of a followed list; ``entity`` is a pattern, or ``sha256:`` and the hash of a name."""

    __tablename__ = "list_entries"

    list: Mapped[int] = mapped_column(ForeignKey("followed_lists.id"), primary_key=True)
    subject: Mapped[str] = mapped_column(String(6), primary_key=True)
    entity: Mapped[str] = mapped_column(String(255), primary_key=True)
    recommendation: Mapped[str] = mapped_column(String(8))
    below: Mapped[bool] = mapped_column(Boolean)
    reason: Mapped[str] = mapped_column(String(500))


class FollowedRoomRow(Base):
    """Of a followed list that stands in a Matrix room: which room that is now, and how the bot stands to it.

    ``room`` is unknown until an alias is resolved; ``successor`` is the room for which it was closed, until the bot is
    there. ``via`` are servers with spaces between them.
    """

    __tablename__ = "followed_rooms"

    list: Mapped[int] = mapped_column(ForeignKey("followed_lists.id"), primary_key=True)
    room: Mapped[str | None] = mapped_column(String(255))
    via: Mapped[str] = mapped_column(String(3000))
    standing: Mapped[str] = mapped_column(String(7))
    successor: Mapped[str | None] = mapped_column(String(255))
    moved_from: Mapped[str | None] = mapped_column(String(255))
    moved_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
