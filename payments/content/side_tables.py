"""Tables beside what is sold: what the operator's rules hold, the hashes of terms, and refunds that came too early."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, String, text
from sqlalchemy.orm import Mapped, mapped_column

from kit.database import Base, UtcDateTime

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
