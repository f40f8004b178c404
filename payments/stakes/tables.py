"""The stakes' tables: quotes, stakes, and the chain's events of them. People are numbers here, never names."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from kit.database import Base, Bytes20, Bytes32, ExactInteger, UtcDateTime


class QuoteRow(Base):
    """A price for one pair; times without a zone are Unix seconds of chain time."""

    __tablename__ = "quotes"
    __table_args__ = (
        Index("ix_quotes_pair", "stranger", "recipient"),
        Index("ix_quotes_recipient", "recipient"),
        Index("ix_quotes_commitment", "chain_id", "commitment", unique=True),
    )

    id: Mapped[str] = mapped_column(String(22), primary_key=True)
    chain_id: Mapped[int] = mapped_column(BigInteger)
    escrow: Mapped[bytes] = mapped_column(Bytes20)
    stranger: Mapped[int] = mapped_column(ForeignKey("people.id"))
    recipient: Mapped[int] = mapped_column(ForeignKey("people.id"))
    stake: Mapped[int] = mapped_column(ExactInteger)
    fee: Mapped[int] = mapped_column(ExactInteger)
    base_stake: Mapped[int | None] = mapped_column(ExactInteger)
    dearer: Mapped[str] = mapped_column(String(60), default="")
    fee_payee: Mapped[bytes] = mapped_column(Bytes20)
    relay_fee: Mapped[int] = mapped_column(ExactInteger)
    relay_receiver: Mapped[bytes] = mapped_column(Bytes20)
    resolver: Mapped[bytes] = mapped_column(Bytes20)
    guardian: Mapped[bytes] = mapped_column(Bytes20)
    answer_by: Mapped[int] = mapped_column(BigInteger)
    quote_expiry: Mapped[int] = mapped_column(BigInteger)
    salt: Mapped[bytes] = mapped_column(Bytes32)
    commitment: Mapped[bytes] = mapped_column(Bytes32)
    check_code: Mapped[str] = mapped_column(String(9))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    superseded_at: Mapped[int | None] = mapped_column(BigInteger)


class StakeRow(Base):
    """A stake on the chain: its terms, and what its events come to (``state`` and the like are folded from them)."""

    __tablename__ = "stakes"
    __table_args__ = (
        Index("ix_stakes_quote", "quote_id"),
        Index("ix_stakes_pair", "stranger", "recipient"),
        Index("ix_stakes_recipient", "recipient"),
        Index("ix_stakes_state", "state", "answer_by"),
    )

    id: Mapped[bytes] = mapped_column(Bytes32, primary_key=True)
    chain_id: Mapped[int] = mapped_column(BigInteger)
    payer: Mapped[bytes] = mapped_column(Bytes20)
    return_to: Mapped[bytes] = mapped_column(Bytes20)
    amount: Mapped[int] = mapped_column(ExactInteger)
    fee: Mapped[int] = mapped_column(ExactInteger)
    fee_payee: Mapped[bytes] = mapped_column(Bytes20)
    relay_fee: Mapped[int] = mapped_column(ExactInteger)
    relay_receiver: Mapped[bytes] = mapped_column(Bytes20)
    resolver: Mapped[bytes] = mapped_column(Bytes20)
    guardian: Mapped[bytes] = mapped_column(Bytes20)
    answer_by: Mapped[int] = mapped_column(BigInteger)
    quote_expiry: Mapped[int] = mapped_column(BigInteger)
    commitment: Mapped[bytes] = mapped_column(Bytes32)

    quote_id: Mapped[str | None] = mapped_column(ForeignKey("quotes.id"))
    stranger: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    recipient: Mapped[int | None] = mapped_column(ForeignKey("people.id"))

    state: Mapped[str] = mapped_column(String(20))
    surplus: Mapped[bool] = mapped_column(default=False)
    answered: Mapped[bool | None]
    executable_at: Mapped[int | None] = mapped_column(BigInteger)
    opened_block: Mapped[int] = mapped_column(BigInteger)
    opened_hash: Mapped[bytes] = mapped_column(Bytes32)
    opened_at: Mapped[int] = mapped_column(BigInteger)
    opened_transaction: Mapped[bytes] = mapped_column(Bytes32)
    last_hash: Mapped[bytes] = mapped_column(Bytes32)
    last_transaction: Mapped[bytes] = mapped_column(Bytes32)

    wish: Mapped[str | None] = mapped_column(String(20))


class StakeEventRow(Base):
    """One log of a stake; it stays when its block leaves the chain, and counts again when the block comes back."""

    __tablename__ = "stake_events"
    __table_args__ = (
        Index("ix_stake_events_stake", "stake_id"),
        Index("ix_stake_events_block", "chain_id", "block_hash"),
    )

    chain_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    block_hash: Mapped[bytes] = mapped_column(Bytes32, primary_key=True)
    log_index: Mapped[int] = mapped_column(Integer, primary_key=True)
    block_number: Mapped[int] = mapped_column(BigInteger)
    block_time: Mapped[int] = mapped_column(BigInteger)
    stake_id: Mapped[bytes] = mapped_column(Bytes32)
    kind: Mapped[str] = mapped_column(String(20))
    transaction: Mapped[bytes] = mapped_column(Bytes32)
    answered: Mapped[bool | None]
    executable_at: Mapped[int | None] = mapped_column(BigInteger)
    orphaned: Mapped[bool] = mapped_column(default=False)
