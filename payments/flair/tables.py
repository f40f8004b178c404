"""The supporters' tables: givers, gifts, imports, claims, entitlements, what is shown. People are numbers here."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from kit.database import Base, Bytes32, ExactInteger, UtcDateTime

_NUMBER = BigInteger().with_variant(Integer, "sqlite")


def _where_there(name: str, column: str, *more: str) -> Index:
    """Make an index of the rows that have something in ``column``: of what files tell most rows have nothing there."""
    there = text(f"{column} IS NOT NULL")
    return Index(name, column, *more, sqlite_where=there, postgresql_where=there)


class GiverRow(Base):
    """Somebody who gave, by the source's own name, and who claimed to be them. A row stays; its name may be wiped."""

    __tablename__ = "givers"
    __table_args__ = (
        Index("ix_givers_name", "source", "name", unique=True),
        Index("ix_givers_person", "person"),
    )

    id: Mapped[int] = mapped_column(_NUMBER, primary_key=True, autoincrement=True)
    source: Mapped[str] = mapped_column(String(10))
    name: Mapped[str | None] = mapped_column(String(120))
    person: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    claimed_by: Mapped[str | None] = mapped_column(String(10))
    claimed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    corporate: Mapped[bool] = mapped_column(default=False)
    title: Mapped[str | None] = mapped_column(String(60))
    """What the operator calls a company; of nobody else is there a name here."""


class GiftRow(Base):
    """What one import (0: none) told of a gift; what is true of it is all of that together."""

    __tablename__ = "gifts"
    __table_args__ = (
        Index("ix_gifts_giver", "giver"),
        _where_there("ix_gifts_owner", "owner"),
        Index("ix_gifts_told", "told"),
        _where_there("ix_gifts_block", "block_hash", "chain_id"),
        _where_there("ix_gifts_level", "chain_id", "level"),
        _where_there("ix_gifts_memo", "memo"),
    )

    key: Mapped[str] = mapped_column(String(200), primary_key=True)
    told: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    cause: Mapped[str] = mapped_column(String(42))
    giver: Mapped[int] = mapped_column(ForeignKey("givers.id"))
    owner: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    """Whose gift it is: who claimed it, or its giver, or holds the wallet that gave it."""
    asset: Mapped[str] = mapped_column(String(80))
    amount: Mapped[int] = mapped_column(ExactInteger)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    months: Mapped[int] = mapped_column(Integer)
    recurring: Mapped[str | None] = mapped_column(String(5))
    until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    since: Mapped[datetime | None] = mapped_column(UtcDateTime)
    total: Mapped[int | None] = mapped_column(ExactInteger)
    level: Mapped[str] = mapped_column(String(10))
    chain_id: Mapped[int | None] = mapped_column(BigInteger)
    block_hash: Mapped[bytes | None] = mapped_column(Bytes32)
    taken_back: Mapped[datetime | None] = mapped_column(UtcDateTime)
    memo: Mapped[bytes | None] = mapped_column(Bytes32)


class MemoRow(Base):
    """A memo that is somebody's: gifts that carry it are theirs, whoever sent them."""

    __tablename__ = "gift_memos"
    __table_args__ = (Index("ix_gift_memos_person", "person"),)

    memo: Mapped[bytes] = mapped_column(Bytes32, primary_key=True)
    person: Mapped[int] = mapped_column(ForeignKey("people.id"))
    claimed_at: Mapped[datetime] = mapped_column(UtcDateTime)


class ImportRow(Base):
    """One file that was read in; what it told is taken out again where it is undone."""

    __tablename__ = "gift_imports"
    __table_args__ = (Index("ix_gift_imports_file", "source", "sha256", "as_of", unique=True),)

    id: Mapped[int] = mapped_column(_NUMBER, primary_key=True, autoincrement=True)
    source: Mapped[str] = mapped_column(String(10))
    shape: Mapped[str] = mapped_column(String(20))
    sha256: Mapped[bytes] = mapped_column(Bytes32)
    as_of: Mapped[datetime] = mapped_column(UtcDateTime)
    whole: Mapped[bool] = mapped_column(default=False)
    """Whether whom it does not name gives nothing any more."""
    rows: Mapped[int] = mapped_column(Integer, default=0)
    bad: Mapped[int] = mapped_column(Integer, default=0)
    begun_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    undone_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class ClaimCodeRow(Base):
    """A code that the operator gave out for a giver; of the code its hash alone is kept."""

    __tablename__ = "claim_codes"
    __table_args__ = (Index("ix_claim_codes_giver", "giver"),)

    sha256: Mapped[bytes] = mapped_column(Bytes32, primary_key=True)
    giver: Mapped[int] = mapped_column(ForeignKey("givers.id"))
    issued_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class ClaimTriesRow(Base):
    """How often somebody named a code that is none, since when, and until when they are not listened to."""

    __tablename__ = "claim_tries"

    person: Mapped[int] = mapped_column(ForeignKey("people.id"), primary_key=True)
    failed: Mapped[int] = mapped_column(Integer)
    since: Mapped[datetime] = mapped_column(UtcDateTime)
    locked_until: Mapped[datetime | None] = mapped_column(UtcDateTime)


class ClaimMessageRow(Base):
    """A message that somebody was given to sign with the address that gave, good once."""

    __tablename__ = "claim_messages"
    __table_args__ = (Index("ix_claim_messages_person", "person"),)

    nonce: Mapped[str] = mapped_column(String(32), primary_key=True)
    person: Mapped[int] = mapped_column(ForeignKey("people.id"))
    address: Mapped[str] = mapped_column(String(120))
    issued_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class ClaimAmountRow(Base):
    """An unusual weekly amount by which a secret donor lets themselves be known; nobody else is told the same."""

    __tablename__ = "claim_amounts"
    __table_args__ = (Index("ix_claim_amounts_person", "person"),)

    asset: Mapped[str] = mapped_column(String(80), primary_key=True)
    amount: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    person: Mapped[int] = mapped_column(ForeignKey("people.id"))
    proposed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)


class EntitlementRow(Base):
    """What the facts come to for a person, or for a giver who claimed nothing; folded anew whenever they change."""

    __tablename__ = "entitlements"
    __table_args__ = (
        _where_there("ix_entitlements_person", "person"),
        Index("ix_entitlements_giver", "giver"),
    )

    id: Mapped[int] = mapped_column(_NUMBER, primary_key=True, autoincrement=True)
    person: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    giver: Mapped[int | None] = mapped_column(ForeignKey("givers.id"))
    tier: Mapped[str] = mapped_column(String(40))
    since: Mapped[datetime] = mapped_column(UtcDateTime)
    until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    grace_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    source: Mapped[str] = mapped_column(String(10))
    renews: Mapped[bool] = mapped_column(default=False)
    thanks_only: Mapped[bool] = mapped_column(default=False)
    sure_from: Mapped[datetime | None] = mapped_column(UtcDateTime)


class ShownRow(Base):
    """What somebody lets be seen of their support."""

    __tablename__ = "supporters_shown"

    person: Mapped[int] = mapped_column(ForeignKey("people.id"), primary_key=True)
    flair: Mapped[bool] = mapped_column(default=False)
    wall: Mapped[bool] = mapped_column(default=False)
    name: Mapped[bool] = mapped_column(default=False)
    amount: Mapped[bool] = mapped_column(default=False)
    decided_at: Mapped[datetime] = mapped_column(UtcDateTime)


class TierDocumentRow(Base):
    """One version of the operator's tier document; the newest holds."""

    __tablename__ = "tier_documents"

    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    document: Mapped[str] = mapped_column(Text)
    since: Mapped[datetime] = mapped_column(UtcDateTime)


class FoldingRow(Base):
    """That all entitlements are being folded anew, and up to which giver that is done; at most one row."""

    __tablename__ = "supporters_folding"

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    reached: Mapped[int] = mapped_column(BigInteger)


class PatreonToldRow(Base):
    """That a webhook's body was read: it comes as often as its sender likes."""

    __tablename__ = "patreon_told"
    __table_args__ = (Index("ix_patreon_told_at", "at"),)

    sha256: Mapped[bytes] = mapped_column(Bytes32, primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
