"""Tables of rewards: challenges that servers' keys sign, who takes part, how they report and look; epochs, claims."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Date, ForeignKey, Index, Integer, LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from kit.database import Base, Bytes20, Bytes32, ExactInteger, UtcDateTime


class ChallengeRow(Base):
    """A challenge that was given out; it is good once, until ``expires_at``."""

    __tablename__ = "reward_challenges"
    __table_args__ = (Index("ix_reward_challenges_server", "server", "expires_at"),)

    nonce: Mapped[str] = mapped_column(String(43), primary_key=True)
    server: Mapped[str] = mapped_column(String(255))
    kind: Mapped[str] = mapped_column(String(20))
    payout: Mapped[bytes] = mapped_column(Bytes20)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    code: Mapped[str | None] = mapped_column(String(43))
    """Of a challenge that is answered over federation: the second word, and what follows once it was said."""
    report_sha256: Mapped[bytes | None] = mapped_column(Bytes32)
    forwards: Mapped[bool] = mapped_column(default=False)


class RewardServerRow(Base):
    """A server that takes part, by the key that speaks for it; the address of its reports is kept as a hash only."""

    __tablename__ = "reward_servers"
    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True)
    server: Mapped[str] = mapped_column(String(255), unique=True)
    kind: Mapped[str] = mapped_column(String(20))
    key: Mapped[bytes] = mapped_column(Bytes32)
    beside: Mapped[bytes] = mapped_column(LargeBinary(256), default=b"")
    """Keys that it signed with together with this one: any of them may take its place."""
    payout: Mapped[bytes] = mapped_column(Bytes20)
    payout_next: Mapped[bytes | None] = mapped_column(Bytes20)
    payout_from: Mapped[datetime | None] = mapped_column(UtcDateTime)
    trouble: Mapped[str | None] = mapped_column(String(20))
    claims_from: Mapped[datetime | None] = mapped_column(UtcDateTime)
    report_sha256: Mapped[bytes] = mapped_column(Bytes32, unique=True)
    enrolled_at: Mapped[datetime] = mapped_column(UtcDateTime)
    seen_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    left_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    forwards: Mapped[bool] = mapped_column(default=False)


class ReportRow(Base):
    """What a server reported of itself on one day (UTC): the highest of each count."""

    __tablename__ = "reward_reports"
    __table_args__ = (Index("ix_reward_reports_day", "day"),)

    server: Mapped[int] = mapped_column(ForeignKey("reward_servers.id"), primary_key=True)
    day: Mapped[date] = mapped_column(Date, primary_key=True)
    monthly_users: Mapped[int] = mapped_column(BigInteger)
    daily_users: Mapped[int] = mapped_column(BigInteger)
    users: Mapped[int] = mapped_column(BigInteger)
    rooms: Mapped[int] = mapped_column(BigInteger)
    daily_messages: Mapped[int] = mapped_column(BigInteger)


class LookRow(Base):
    """The looks at a server from one place on one day (UTC): a bit an hour, of those taken and of those answered.

    The rest is of the last look that was answered.
    """

    __tablename__ = "reward_looks"
    __table_args__ = (Index("ix_reward_looks_day", "day"),)

    server: Mapped[int] = mapped_column(ForeignKey("reward_servers.id"), primary_key=True)
    day: Mapped[date] = mapped_column(Date, primary_key=True)
    vantage: Mapped[str] = mapped_column(String(40), primary_key=True)
    looked: Mapped[int] = mapped_column(Integer)
    answered: Mapped[int] = mapped_column(Integer)
    milliseconds: Mapped[int | None] = mapped_column(Integer)
    certificate_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    software: Mapped[str | None] = mapped_column(String(205))
    network: Mapped[str | None] = mapped_column(String(50))


class EpochRow(Base):
    """A closed epoch: ``parts`` pieces hold its file."""

    __tablename__ = "reward_epochs"

    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    begins: Mapped[datetime] = mapped_column(UtcDateTime)
    ends: Mapped[datetime] = mapped_column(UtcDateTime)
    servers: Mapped[int] = mapped_column(Integer)
    budget: Mapped[int] = mapped_column(ExactInteger)
    paid: Mapped[int] = mapped_column(ExactInteger)
    forfeited: Mapped[int] = mapped_column(ExactInteger)
    root: Mapped[bytes | None] = mapped_column(Bytes32)
    parts: Mapped[int] = mapped_column(Integer)
    closed_at: Mapped[datetime] = mapped_column(UtcDateTime)


class EpochPartRow(Base):
    """A piece of an epoch's file, which is compressed (zlib)."""

    __tablename__ = "reward_epoch_parts"

    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    part: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    content: Mapped[bytes] = mapped_column(LargeBinary)


class EpochIndexRow(Base):
    """Some of what an epoch's file says, by where it is looked for (``payments.rewards.finding``)."""

    __tablename__ = "reward_epoch_index"

    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    place: Mapped[str] = mapped_column(String(12), primary_key=True)
    content: Mapped[bytes] = mapped_column(LargeBinary)


class RewardEventRow(Base):
    """What the distributor told in a block that is in the chain; a block that leaves takes its rows with it."""

    __tablename__ = "reward_events"
    __table_args__ = (
        UniqueConstraint("chain_id", "block_hash", "log_index"),
        Index("ix_reward_events_kind", "distributor", "kind", "block_number"),
        Index("ix_reward_events_payee", "distributor", "payee", "block_number"),
    )

    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True)
    chain_id: Mapped[int] = mapped_column(BigInteger)
    distributor: Mapped[bytes] = mapped_column(Bytes20)
    block_hash: Mapped[bytes] = mapped_column(Bytes32)
    block_number: Mapped[int] = mapped_column(BigInteger)
    block_time: Mapped[int] = mapped_column(BigInteger)
    log_index: Mapped[int] = mapped_column(Integer)
    transaction: Mapped[bytes] = mapped_column(Bytes32)
    kind: Mapped[str] = mapped_column(String(10))
    root: Mapped[bytes] = mapped_column(Bytes32)
    epoch: Mapped[int | None] = mapped_column(ExactInteger)
    amount: Mapped[int] = mapped_column(ExactInteger)
    payee: Mapped[bytes | None] = mapped_column(Bytes20)
    cumulative: Mapped[int | None] = mapped_column(ExactInteger)
    counts_from: Mapped[int | None] = mapped_column(BigInteger)
    replaces: Mapped[bool | None]


class TotalsRow(Base):
    """What is said in public of one day (UTC): made once, so that whoever comes or goes later changes nothing in it."""

    __tablename__ = "reward_totals"

    day: Mapped[date] = mapped_column(Date, primary_key=True)
    said: Mapped[dict[str, Any]] = mapped_column(JSON)
