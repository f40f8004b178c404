"""Tables of rooms in which lists and rules act: who looks after which, whose lists, vetoes, what was done and why."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Boolean, ForeignKey, Index, Integer, String, false, text
from sqlalchemy.orm import Mapped, mapped_column

from kit.database import Base, UtcDateTime

_Number = BigInteger().with_variant(Integer, "sqlite")
_OPEN = text("NOT closed")


class ManagementRoomRow(Base):
    """A room from which rooms are looked after; ``room`` is its Matrix room once there is one.

    ``threshold`` is the sum of weights of lists that must agree; ``confirm``: redactions and kicks wait for a yes.
    """

    __tablename__ = "management_rooms"
    __table_args__ = (Index("ix_management_rooms_owner", "owner"),)

    id: Mapped[int] = mapped_column(_Number, primary_key=True, autoincrement=True)
    owner: Mapped[int] = mapped_column(ForeignKey("people.id"))
    name: Mapped[str] = mapped_column(String(60))
    room: Mapped[str | None] = mapped_column(String(255), unique=True)
    threshold: Mapped[int] = mapped_column(Integer)
    confirm: Mapped[bool] = mapped_column(Boolean)
    rehearse_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    made_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class ProtectedRoomRow(Base):
    """A room or space that a management room looks after, alone; ``space`` is the one that brought it.

    ``lacks``: the consequences for which the bot has not the power there, with commas between.
    """

    __tablename__ = "protected_rooms"
    __table_args__ = (Index("ix_protected_rooms_management", "management"),)

    room: Mapped[str] = mapped_column(String(255), primary_key=True)
    management: Mapped[int] = mapped_column(ForeignKey("management_rooms.id"))
    space: Mapped[str | None] = mapped_column(String(255))
    is_space: Mapped[bool] = mapped_column(Boolean)
    lacks: Mapped[str] = mapped_column(String(60))
    since: Mapped[datetime] = mapped_column(UtcDateTime)


class SubscriptionRow(Base):
    """A followed list that acts in the rooms of a management room: how far, and what follows from what it says.

    ``trusted``: its weight counts as far as its subscriber trusts them; ``trust`` is how far the last plan found that,
    in thousandths.
    """

    __tablename__ = "subscriptions"
    __table_args__ = (
        Index("ix_subscriptions_pair", "management", "list", unique=True),
        Index("ix_subscriptions_list", "list"),
        Index("ix_subscriptions_trusted", "trusted"),
    )

    id: Mapped[int] = mapped_column(_Number, primary_key=True, autoincrement=True)
    management: Mapped[int] = mapped_column(ForeignKey("management_rooms.id"))
    list: Mapped[int] = mapped_column(ForeignKey("followed_lists.id"))
    mode: Mapped[str] = mapped_column(String(7))
    weight: Mapped[int] = mapped_column(Integer)
    people: Mapped[dict[str, Any]] = mapped_column(JSON)
    servers: Mapped[dict[str, Any]] = mapped_column(JSON)
    share: Mapped[int] = mapped_column(Integer)
    until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    since: Mapped[datetime] = mapped_column(UtcDateTime)
    trusted: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    trust: Mapped[int | None] = mapped_column(Integer)


class VetoRow(Base):
    """What no list, or not ``list``, may act on: a person, a server, or whatever the entry of an ``entity`` hits."""

    __tablename__ = "vetoes"
    __table_args__ = (Index("ix_vetoes_management", "management"), Index("ix_vetoes_person", "person"))

    id: Mapped[int] = mapped_column(_Number, primary_key=True, autoincrement=True)
    management: Mapped[int] = mapped_column(ForeignKey("management_rooms.id"))
    list: Mapped[int | None] = mapped_column(ForeignKey("followed_lists.id"))
    person: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    server: Mapped[str | None] = mapped_column(String(255))
    subject: Mapped[str | None] = mapped_column(String(6))
    entity: Mapped[str | None] = mapped_column(String(255))
    by: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    since: Mapped[datetime] = mapped_column(UtcDateTime)


class ConsequenceRow(Base):
    """A consequence in a room, for a ``person`` or a ``server``: why, what became of it, and what was there before.

    ``people``: of how many it counts towards a share; ``owed_at``: when it last was to be done; ``overruled``: somebody
    who looks after the room said or did otherwise. One that is ``closed`` is history. What is ``published`` we did not
    do in the room: a policy room says it, for another bot. ``denials``: how often the homeserver said no to undoing it.
    """

    __tablename__ = "consequences"
    __table_args__ = (
        Index(
            "ix_consequences_of_person",
            "room",
            "what",
            "person",
            unique=True,
            sqlite_where=_OPEN,
            postgresql_where=_OPEN,
        ),
        Index(
            "ix_consequences_of_server",
            "room",
            "what",
            "server",
            unique=True,
            sqlite_where=_OPEN,
            postgresql_where=_OPEN,
        ),
        Index("ix_consequences_management", "management", "closed", "id"),
        Index("ix_consequences_owed", "management", "owed_at"),
        Index("ix_consequences_told", "management", "changed_at"),
        Index("ix_consequences_due", "due_at"),
        Index("ix_consequences_person", "person"),
        Index("ix_consequences_changed", "closed", "changed_at"),
    )

    id: Mapped[int] = mapped_column(_Number, primary_key=True, autoincrement=True)
    management: Mapped[int] = mapped_column(ForeignKey("management_rooms.id"))
    room: Mapped[str] = mapped_column(String(255))
    what: Mapped[str] = mapped_column(String(6))
    person: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    server: Mapped[str | None] = mapped_column(String(255))
    people: Mapped[int] = mapped_column(Integer)
    state: Mapped[str] = mapped_column(String(8))
    why: Mapped[str | None] = mapped_column(String(20))
    approved: Mapped[bool] = mapped_column(Boolean)
    decided_by: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    causes: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
    before: Mapped[dict[str, Any]] = mapped_column(JSON)
    planned_at: Mapped[datetime] = mapped_column(UtcDateTime)
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    owed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    due_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    leased_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    attempts: Mapped[int] = mapped_column(Integer)
    error: Mapped[str | None] = mapped_column(String(200))
    overruled: Mapped[bool] = mapped_column(Boolean)
    closed: Mapped[bool] = mapped_column(Boolean)
    published: Mapped[bool] = mapped_column(Boolean, server_default=false())
    denials: Mapped[int] = mapped_column(Integer, server_default=text("0"))


class OutcomeRow(Base):
    """What a management room's own rule wants done to a person who did something in a room.

    ``until``: when it is over; ``None``: never. ``planned``: a plan knew of it. ``events`` are to be taken out.
    ``decided``: not a rule wants it, but somebody who looks after the room, after a report.
    """

    __tablename__ = "outcomes"
    __table_args__ = (
        Index("ix_outcomes_whose", "management", "room", "person", "what", unique=True),
        Index("ix_outcomes_person", "person"),
    )

    id: Mapped[int] = mapped_column(_Number, primary_key=True, autoincrement=True)
    management: Mapped[int] = mapped_column(ForeignKey("management_rooms.id"))
    room: Mapped[str] = mapped_column(String(255))
    person: Mapped[int] = mapped_column(ForeignKey("people.id"))
    what: Mapped[str] = mapped_column(String(6))
    rule: Mapped[str] = mapped_column(String(60))
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    planned: Mapped[bool] = mapped_column(Boolean)
    events: Mapped[list[str]] = mapped_column(JSON)
    decided: Mapped[bool] = mapped_column(Boolean, server_default=false())
