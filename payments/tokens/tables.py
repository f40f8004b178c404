"""The table of tokens that something was ever allowed to be sold for, as they were read from the chain."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from kit.database import Base, UtcDateTime

_LONGEST_ASSET = 100


class SaleTokenRow(Base):
    """A token: read once, and kept, for what was bought with it is shown for ever.

    A transfer in it is signed by ``transfer_name`` and ``transfer_version``, or cannot be, for the reason
    ``no_transfers``; where there is none of either, that was not asked yet.
    """

    __tablename__ = "sale_tokens"

    asset: Mapped[str] = mapped_column(String(_LONGEST_ASSET), primary_key=True)
    symbol: Mapped[str | None] = mapped_column(String(11))
    decimals: Mapped[int] = mapped_column(Integer)
    domain_name: Mapped[str | None] = mapped_column(String(64))
    domain_version: Mapped[str | None] = mapped_column(String(64))
    transfer_name: Mapped[str | None] = mapped_column(String(64))
    transfer_version: Mapped[str | None] = mapped_column(String(64))
    no_transfers: Mapped[str | None] = mapped_column(String(10))
    read_at: Mapped[datetime] = mapped_column(UtcDateTime)
    taken_away_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
