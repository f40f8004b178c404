"""Tables of the lists that people publish here, of the keys that sign them, and of those of other services."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Boolean, ForeignKey, Index, Integer, LargeBinary, String, text
from sqlalchemy.orm import Mapped, mapped_column

from kit.database import Base, Bytes32, UtcDateTime
from kit.kept_keys import KeptKeyRow

Number = BigInteger().with_variant(Integer, "sqlite")


class ListKeyRow(KeptKeyRow, Base):
    """A key that signs lists."""

    __tablename__ = "list_keys"


class PublishedListRow(Base):
    """A list that somebody publishes; ``version`` counts its changes.

    What was taken back up to version ``oldest`` is forgotten. ``before`` holds what the last change replaced.
    """

    __tablename__ = "published_lists"
    __table_args__ = (
        Index("ix_published_lists_person", "person", "name", unique=True),
        Index("ix_published_lists_public", "public", "id"),
    )

    id: Mapped[int] = mapped_column(Number, primary_key=True, autoincrement=True)
    public_id: Mapped[str] = mapped_column(String(22), unique=True)
    person: Mapped[int] = mapped_column(ForeignKey("people.id"))
    name: Mapped[str] = mapped_column(String(60))
    title: Mapped[str] = mapped_column(String(100))
    description: Mapped[str] = mapped_column(String(500))
    licence: Mapped[str] = mapped_column(String(60))
    language: Mapped[str] = mapped_column(String(35))
    definitions: Mapped[dict[str, Any]] = mapped_column(JSON)
    public: Mapped[bool] = mapped_column(Boolean)
    version: Mapped[int] = mapped_column(BigInteger)
    oldest: Mapped[int] = mapped_column(BigInteger)
    entries: Mapped[int] = mapped_column(Integer)
    sum: Mapped[bytes] = mapped_column(LargeBinary(2048))
    before: Mapped[list[Any]] = mapped_column(JSON)
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    retired_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class PublishedEntryRow(Base):
    """What a published list says last of a subject, or that it says nothing any more (``negated``).

    ``version`` is the list's when it said so: no two entries of a list have the same. ``digest`` is the label's hash.
    """

    __tablename__ = "published_entries"
    __table_args__ = (
        Index("ix_published_entries_version", "list", "version", unique=True),
        Index("ix_published_entries_until", "until"),
        Index("ix_published_entries_negated", "negated", "since"),
    )

    list: Mapped[int] = mapped_column(ForeignKey("published_lists.id"), primary_key=True)
    subject: Mapped[str] = mapped_column(String(6), primary_key=True)
    entity: Mapped[str] = mapped_column(String(255), primary_key=True)
    version: Mapped[int] = mapped_column(BigInteger)
    value: Mapped[str] = mapped_column(String(30))
    below: Mapped[bool] = mapped_column(Boolean)
    reason: Mapped[str] = mapped_column(String(500))
    negated: Mapped[bool] = mapped_column(Boolean)
    digest: Mapped[bytes] = mapped_column(Bytes32)
    since: Mapped[datetime] = mapped_column(UtcDateTime)
    until: Mapped[datetime | None] = mapped_column(UtcDateTime)


class ListRoomRow(Base):
    """A policy room that mirrors a published list: unknown until it is made; ``written`` is the version that it has.

    It is negative where the list had expired then, so that the room is empty. ``error`` says why the last attempt did
    not come to its end, ``failures`` how many in a row did not.
    """

    __tablename__ = "list_rooms"

    list: Mapped[int] = mapped_column(ForeignKey("published_lists.id"), primary_key=True)
    room: Mapped[str | None] = mapped_column(String(255), unique=True)
    alias: Mapped[str | None] = mapped_column(String(255))
    written: Mapped[int] = mapped_column(BigInteger)
    asked_at: Mapped[datetime] = mapped_column(UtcDateTime)
    due_at: Mapped[datetime] = mapped_column(UtcDateTime)
    error: Mapped[str | None] = mapped_column(String(200))
    failures: Mapped[int] = mapped_column(Integer, server_default=text("0"))


class FollowedServiceRow(Base):
    """What is known of a followed list that another service signs: the key that is believed, and how far it was read.

    ``author`` is whose list it was when it was first read; ``meaning`` is a hash of what its labels recommend.
    ``expired``: its entries were taken out when its time was over.
    """

    __tablename__ = "followed_services"

    list: Mapped[int] = mapped_column(ForeignKey("followed_lists.id"), primary_key=True)
    remote: Mapped[str] = mapped_column(String(64))
    key: Mapped[str] = mapped_column(String(60))
    author: Mapped[int] = mapped_column(ForeignKey("people.id"))
    title: Mapped[str] = mapped_column(String(100))
    version: Mapped[int] = mapped_column(BigInteger)
    entries: Mapped[int] = mapped_column(Integer)
    digest: Mapped[bytes] = mapped_column(Bytes32)
    meaning: Mapped[bytes] = mapped_column(Bytes32)
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    expired: Mapped[bool] = mapped_column(Boolean)


class FollowedLabelRow(Base):
    """A standing label of such a list, whether or not its entry is kept: its hash, and until when it counts."""

    __tablename__ = "followed_labels"
    __table_args__ = (Index("ix_followed_labels_until", "until"),)

    list: Mapped[int] = mapped_column(ForeignKey("followed_lists.id"), primary_key=True)
    subject: Mapped[str] = mapped_column(String(6), primary_key=True)
    entity: Mapped[str] = mapped_column(String(255), primary_key=True)
    digest: Mapped[bytes] = mapped_column(Bytes32)
    until: Mapped[datetime | None] = mapped_column(UtcDateTime)
