"""The tables of what is sold: contents, listings, their versions, orders, purchases, complaints, and admissions."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, Integer, LargeBinary, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from kit.database import Base, Bytes20, Bytes32, ExactInteger, UtcDateTime

_NUMBER = BigInteger().with_variant(Integer, "sqlite")
_TOKEN = 22
_LONGEST_ASSET = 100


def _where_there(name: str, column: str, *more: str) -> Index:
    there = text(f"{column} IS NOT NULL")
    return Index(name, column, *more, sqlite_where=there, postgresql_where=there)


class BlobRow(Base):
    """A content in the folder of contents (``kit.blobs``): whose it is, how large, and its key, sealed."""

    __tablename__ = "content_blobs"
    __table_args__ = (Index("ix_content_blobs_seller", "seller"),)

    id: Mapped[int] = mapped_column(_NUMBER, primary_key=True, autoincrement=True)
    name: Mapped[str] = mapped_column(String(32), unique=True)
    seller: Mapped[int] = mapped_column(ForeignKey("people.id"))
    size: Mapped[int] = mapped_column(BigInteger)
    digest: Mapped[bytes] = mapped_column(Bytes32)
    media_type: Mapped[str] = mapped_column(String(100))
    file_name: Mapped[str] = mapped_column(String(200))
    sealed: Mapped[bytes] = mapped_column(LargeBinary(200))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class ListingRow(Base):
    """A listing: what stays the same, or counts, over its versions. ``token`` is its public name."""

    __tablename__ = "listings"
    __table_args__ = (Index("ix_listings_seller", "seller"), Index("ix_listings_state", "state", "id"))

    id: Mapped[int] = mapped_column(_NUMBER, primary_key=True, autoincrement=True)
    token: Mapped[str] = mapped_column(String(_TOKEN), unique=True)
    chain_hash: Mapped[bytes] = mapped_column(Bytes32, unique=True)
    """What stands for it on the chain: the hash of ``token``."""
    seller: Mapped[int] = mapped_column(ForeignKey("people.id"))
    kind: Mapped[str] = mapped_column(String(10))
    state: Mapped[str] = mapped_column(String(10))
    reason: Mapped[str | None] = mapped_column(String(300))
    version: Mapped[int] = mapped_column(Integer)
    remaining: Mapped[int | None] = mapped_column(BigInteger)
    sold: Mapped[int] = mapped_column(Integer, default=0)
    complaints: Mapped[int] = mapped_column(Integer, default=0)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class VersionRow(Base):
    """A version of a listing, never changed: its offer is what the terms are the hash of."""

    __tablename__ = "listing_versions"
    __table_args__ = (UniqueConstraint("listing", "number"), Index("ix_listing_versions_blob", "blob"))

    id: Mapped[int] = mapped_column(_NUMBER, primary_key=True, autoincrement=True)
    listing: Mapped[int] = mapped_column(ForeignKey("listings.id"))
    number: Mapped[int] = mapped_column(Integer)
    offer: Mapped[dict[str, Any]] = mapped_column(JSON)
    title: Mapped[str] = mapped_column(String(120))
    terms: Mapped[bytes] = mapped_column(Bytes32)
    blob: Mapped[int | None] = mapped_column(ForeignKey("content_blobs.id"))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    replaced_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """Until when it was for sale, once another one is in its place; before it was made, where it never was."""
    hashed: Mapped[bool] = mapped_column(default=False)
    """Whether what stands for it on the chain is kept (``SaleTermsRow``)."""


class PurchaseRow(Base):
    """A payment for a listing, under the key of its rail, and what became of it."""

    __tablename__ = "purchases"
    __table_args__ = (
        _where_there("ix_purchases_person", "person", "id"),
        _where_there("ix_purchases_wallet", "wallet", "id"),
        Index("ix_purchases_seller", "seller", "id"),
        Index("ix_purchases_paid", "seller", "paid_at"),
        Index("ix_purchases_listing", "listing"),
        _where_there("ix_purchases_access", "access_until"),
        _where_there("ix_purchases_block", "block", "level"),
        _where_there("ix_purchases_refund_block", "refund_block"),
    )

    id: Mapped[int] = mapped_column(_NUMBER, primary_key=True, autoincrement=True)
    key: Mapped[bytes] = mapped_column(Bytes32, unique=True)
    token: Mapped[str] = mapped_column(String(_TOKEN), unique=True)
    listing: Mapped[int] = mapped_column(ForeignKey("listings.id"))
    version: Mapped[int] = mapped_column(Integer)
    seller: Mapped[int] = mapped_column(ForeignKey("people.id"))
    person: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    wallet: Mapped[bytes | None] = mapped_column(Bytes20)
    payer: Mapped[bytes | None] = mapped_column(Bytes20)
    asset: Mapped[str] = mapped_column(String(_LONGEST_ASSET))
    amount: Mapped[int] = mapped_column(ExactInteger)
    terms: Mapped[bytes] = mapped_column(Bytes32)
    level: Mapped[str] = mapped_column(String(10))
    finality: Mapped[str] = mapped_column(String(10))
    state: Mapped[str] = mapped_column(String(16))
    because: Mapped[str | None] = mapped_column(String(16))
    wash: Mapped[bool] = mapped_column(default=False)
    paid_at: Mapped[datetime] = mapped_column(UtcDateTime)
    delivered_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    access_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    refund: Mapped[bytes | None] = mapped_column(Bytes32)
    block: Mapped[bytes | None] = mapped_column(Bytes32)
    """The block that holds the payment, where the chain told of it."""
    refund_block: Mapped[bytes | None] = mapped_column(Bytes32)


class OrderRow(Base):
    """Who wants to buy what; ``memo`` is what a payment on the chain says of it."""

    __tablename__ = "content_orders"
    __table_args__ = (
        Index("ix_content_orders_person", "person", "id"),
        Index("ix_content_orders_listing", "listing"),
        Index("ix_content_orders_created", "created_at"),
    )

    id: Mapped[int] = mapped_column(_NUMBER, primary_key=True, autoincrement=True)
    token: Mapped[str] = mapped_column(String(_TOKEN), unique=True)
    memo: Mapped[bytes] = mapped_column(Bytes32, unique=True)
    listing: Mapped[int] = mapped_column(ForeignKey("listings.id"))
    person: Mapped[int] = mapped_column(ForeignKey("people.id"))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class ComplaintRow(Base):
    """What a buyer said of what they bought: one of each purchase."""

    __tablename__ = "content_complaints"
    __table_args__ = (Index("ix_content_complaints_listing", "listing"),)

    id: Mapped[int] = mapped_column(_NUMBER, primary_key=True, autoincrement=True)
    purchase: Mapped[int] = mapped_column(ForeignKey("purchases.id"), unique=True)
    listing: Mapped[int] = mapped_column(ForeignKey("listings.id"))
    text: Mapped[str] = mapped_column(String(1000))
    made_at: Mapped[datetime] = mapped_column(UtcDateTime)


class AdmissionPlaceRow(Base):
    """A room that a listing admits to, by its versions up to ``version``, and whether the bot can do that there.

    ``wanted``: the seller wants it to be for sale as soon as it is ``ready``. ``checked_at`` is ``None`` until the bot
    looked; ``since`` is when the seller asked for it.
    """

    __tablename__ = "admission_places"
    __table_args__ = (UniqueConstraint("listing", "room"), Index("ix_admission_places_room", "room"))

    id: Mapped[int] = mapped_column(_NUMBER, primary_key=True, autoincrement=True)
    listing: Mapped[int] = mapped_column(ForeignKey("listings.id"))
    room: Mapped[str] = mapped_column(String(255))
    version: Mapped[int] = mapped_column(Integer)
    wanted: Mapped[bool]
    ready: Mapped[bool]
    trouble: Mapped[str | None] = mapped_column(String(10))
    since: Mapped[datetime] = mapped_column(UtcDateTime)
    checked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class AdmissionGuestRow(Base):
    """Somebody who was asked into a room since they bought that, by which purchase; ``brought``: we have them go."""

    __tablename__ = "admission_guests"
    __table_args__ = (Index("ix_admission_guests_person", "person"),)

    room: Mapped[str] = mapped_column(String(255), primary_key=True)
    person: Mapped[int] = mapped_column(ForeignKey("people.id"), primary_key=True)
    purchase: Mapped[int] = mapped_column(ForeignKey("purchases.id"), index=True)
    since: Mapped[datetime] = mapped_column(UtcDateTime)
    refused_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    brought: Mapped[bool]
