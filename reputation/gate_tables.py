"""Tables of lists at the gate: what plans left behind of rooms, who looks after them, and who was not let in."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Boolean, ForeignKey, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from kit.database import Base, UtcDateTime

_Number = BigInteger().with_variant(Integer, "sqlite")


class GroundRow(Base):
    """What the last plan for a management room left behind: ``people`` in its rooms, and servers never denied there."""

    __tablename__ = "gate_grounds"

    management: Mapped[int] = mapped_column(ForeignKey("management_rooms.id"), primary_key=True)
    people: Mapped[int] = mapped_column(Integer)
    servers: Mapped[list[str]] = mapped_column(JSON)
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime)


class KeeperRow(Base):
    """Somebody who looks after one of the rooms of a management room: no list acts on them."""

    __tablename__ = "room_keepers"
    __table_args__ = (Index("ix_room_keepers_person", "person"),)

    management: Mapped[int] = mapped_column(ForeignKey("management_rooms.id"), primary_key=True)
    person: Mapped[int] = mapped_column(ForeignKey("people.id"), primary_key=True)


class TurnedRow(Base):
    """A person, or anybody of a ``server``, who was not let into a room: by which entries, how often, and when last.

    ``counts``: towards the shares of the lists that said so; what stood in the room anyway does not.
    """

    __tablename__ = "turned_away"
    __table_args__ = (
        Index("ix_turned_away_of_person", "management", "room", "person", unique=True),
        Index("ix_turned_away_of_server", "management", "room", "server", unique=True),
        Index("ix_turned_away_last", "management", "last_at"),
        Index("ix_turned_away_person", "person"),
    )

    id: Mapped[int] = mapped_column(_Number, primary_key=True, autoincrement=True)
    management: Mapped[int] = mapped_column(ForeignKey("management_rooms.id"))
    room: Mapped[str] = mapped_column(String(255))
    person: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    server: Mapped[str | None] = mapped_column(String(255))
    causes: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
    counts: Mapped[bool] = mapped_column(Boolean)
    times: Mapped[int] = mapped_column(Integer)
    first_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_at: Mapped[datetime] = mapped_column(UtcDateTime)
