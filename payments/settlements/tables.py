"""The table of settlements: payments that programs signed, each once for a payer and nonce."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, Index, Integer, LargeBinary, String, text
from sqlalchemy.orm import Mapped, mapped_column

from kit.database import Base, Bytes20, Bytes32, ExactInteger, UtcDateTime

_OPEN = text("due_at IS NOT NULL")


class SettlementRow(Base):
    """A payment that is settled; what it costs and how far it is stands with what is carried, under its ``id``.

    Another facilitator's has its ``signature``, and is carried by none of ours; ``due_at`` until all is known of it.
    """

    __tablename__ = "settlements"
    __table_args__ = (
        Index("ix_settlements_id", "chain_id", "id", unique=True),
        Index("ix_settlements_made", "chain_id", "created_at"),
        Index("ix_settlements_identifier", "chain_id", "payer", "identifier", unique=True),
        Index("ix_settlements_due", "chain_id", "due_at", sqlite_where=_OPEN, postgresql_where=_OPEN),
    )

    chain_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    asset: Mapped[bytes] = mapped_column(Bytes20, primary_key=True)
    payer: Mapped[bytes] = mapped_column(Bytes20, primary_key=True)
    nonce: Mapped[bytes] = mapped_column(Bytes32, primary_key=True)
    id: Mapped[bytes] = mapped_column(Bytes32)
    pay_to: Mapped[bytes] = mapped_column(Bytes20)
    amount: Mapped[int] = mapped_column(ExactInteger)
    valid_after: Mapped[int] = mapped_column(BigInteger)
    valid_before: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    since_block: Mapped[int] = mapped_column(BigInteger)
    use: Mapped[str | None] = mapped_column(String(10))
    transaction: Mapped[bytes | None] = mapped_column(Bytes32)
    listing: Mapped[str | None] = mapped_column(String(22))
    claim: Mapped[bytes | None] = mapped_column(Bytes32)
    tip: Mapped[bool | None]
    identifier: Mapped[bytes | None] = mapped_column(Bytes32)
    signature: Mapped[bytes | None] = mapped_column(LargeBinary(65))
    tries: Mapped[int | None] = mapped_column(Integer)
    due_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
