"""Tables of management rooms beside another policy bot, and of rooms in which we are not, or no more."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Boolean, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from kit.database import Base, UtcDateTime


class BesideRow(Base):
    """A management room whose rooms another bot looks after, too.

    ``acting``: we ban and deny there ourselves, and not only by what is published in ``room`` for the other bot;
    ``over``: what is published is to be taken back, and then the row goes; ``compared_at``: when what both would do
    was told last.
    """

    __tablename__ = "beside"
    __table_args__ = (Index("ix_beside_bot", "bot"),)

    management: Mapped[int] = mapped_column(ForeignKey("management_rooms.id"), primary_key=True)
    bot: Mapped[int] = mapped_column(ForeignKey("people.id"))
    acting: Mapped[bool] = mapped_column(Boolean)
    over: Mapped[bool] = mapped_column(Boolean)
    room: Mapped[str | None] = mapped_column(String(255), unique=True)
    since: Mapped[datetime] = mapped_column(UtcDateTime)
    compared_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class OutsideRow(Base):
    """A room in which we are not, and that a management room is to look after once somebody asks us in.

    ``put_out``: we were, and somebody there did not want us.
    """

    __tablename__ = "rooms_outside"

    management: Mapped[int] = mapped_column(ForeignKey("management_rooms.id"), primary_key=True)
    room: Mapped[str] = mapped_column(String(255), primary_key=True)
    put_out: Mapped[bool] = mapped_column(Boolean)
    since: Mapped[datetime] = mapped_column(UtcDateTime)
