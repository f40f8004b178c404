"""Tables beside what is sold: what the operator's rules hold, the hashes of terms, and refunds that came too early."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, String, text
from sqlalchemy.orm import Mapped, mapped_column

from kit.database import Base, Bytes20, Bytes32, ExactInteger, UtcDateTime

_NUMBER = BigInteger().with_variant(Integer, "sqlite")
_OPEN = text("ended_at IS NULL")


class HoldRow(Base):
    """What a rule of the operator's objected to in a version of a listing; one of a listing at most has no end."""

    __tablename__ = "listing_holds"
    __table_args__ = (
        Index("ix_listing_holds_open", "listing", unique=True, sqlite_where=_OPEN, postgresql_where=_OPEN),
        Index("ix_listing_holds_listing", "listing"),
        Index("ix_listing_holds_since", "since"),
        Index("ix_listing_holds_ended", "ended_at"),
    )

    id: Mapped[int] = mapped_column(_NUMBER, primary_key=True, autoincrement=True)
    listing: Mapped[int] = mapped_column(ForeignKey("listings.id"))
    version: Mapped[int] = mapped_column(Integer)
    outcome: Mapped[str] = mapped_column(String(10))
    rule: Mapped[str] = mapped_column(String(60))
    told: Mapped[str] = mapped_column(String(300))
    answer: Mapped[str | None] = mapped_column(String(10))
    swept: Mapped[bool]
    since: Mapped[datetime] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class SaleTermsRow(Base):
    """Which version of a listing a hash of terms on the chain is of: one for each token that it is sold for."""

    __tablename__ = "listing_sale_terms"
    __table_args__ = (Index("ix_listing_sale_terms_listing", "listing"),)

    terms: Mapped[bytes] = mapped_column(Bytes32, primary_key=True)
    listing: Mapped[int] = mapped_column(ForeignKey("listings.id"))
    number: Mapped[int] = mapped_column(Integer)


class WaitingRefundRow(Base):
    """A refund that the chain told of before the sale that it names: that one may be in a block which is read later."""

    __tablename__ = "content_refunds_waiting"
    __table_args__ = (
        Index("ix_content_refunds_waiting_purchase", "purchase"),
        Index("ix_content_refunds_waiting_block", "block"),
        Index("ix_content_refunds_waiting_kept", "kept_at"),
    )

    id: Mapped[int] = mapped_column(_NUMBER, primary_key=True, autoincrement=True)
    purchase: Mapped[bytes] = mapped_column(Bytes32)
    asset: Mapped[str] = mapped_column(String(100))
    amount: Mapped[int] = mapped_column(ExactInteger)
    sender: Mapped[bytes] = mapped_column(Bytes20)
    recipient: Mapped[bytes] = mapped_column(Bytes20)
    transaction: Mapped[bytes] = mapped_column(Bytes32)
    block: Mapped[bytes] = mapped_column(Bytes32)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    """The block's time."""
    kept_at: Mapped[datetime] = mapped_column(UtcDateTime)
