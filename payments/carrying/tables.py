"""The tables of what is carried for people without ether: what it was, and for whom nothing is carried any more."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from kit.database import Base, Bytes20, Bytes32, ExactInteger, UtcDateTime


class CarriedRow(Base):
    """Something that somebody signed and that we carry; how far it is stands with its outgoing call.

    ``gwei`` counts against the day's budget: what is set aside for gas, and once it is settled what gas it cost, each
    rounded up. ``asset``: in which token ``due`` is, where that is not our own.
    """

    __tablename__ = "carried"
    __table_args__ = (
        Index("ix_carried_about", "about"),
        Index("ix_carried_made", "chain_id", "created_at"),
        Index("ix_carried_settled", "chain_id", "settled_at"),
        Index("ix_carried_person", "person", "created_at"),
        Index("ix_carried_payer", "payer", "created_at"),
    )

    chain_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    id: Mapped[bytes] = mapped_column(Bytes32, primary_key=True)
    cargo: Mapped[str] = mapped_column(String(10))
    about: Mapped[str | None] = mapped_column(String(22))
    person: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    payer: Mapped[bytes] = mapped_column(Bytes20)
    target: Mapped[bytes] = mapped_column(Bytes20)
    due: Mapped[int] = mapped_column(ExactInteger)
    gwei: Mapped[int] = mapped_column(BigInteger)
    outcome: Mapped[str | None] = mapped_column(String(20))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    settled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    asset: Mapped[bytes | None] = mapped_column(Bytes20)


class CarryingBarRow(Base):
    """Somebody, and a wallet, for whom nothing is carried any more: their signature was good no longer once it cost."""

    __tablename__ = "carrying_bars"
    __table_args__ = (Index("ix_carrying_bars_payer", "payer"), Index("ix_carrying_bars_person", "person"))

    id: Mapped[bytes] = mapped_column(Bytes32, primary_key=True)
    payer: Mapped[bytes] = mapped_column(Bytes20)
    person: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    gwei: Mapped[int] = mapped_column(BigInteger)
    barred_at: Mapped[datetime] = mapped_column(UtcDateTime)
    lifted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
