"""The ledger's tables: people, blocks, entries, postings, reconciliations, holders, events, what we owe the chain."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, cast

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    ColumnElement,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    String,
    literal_column,
    select,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from kit.database import Base, Bytes20, Bytes32, ExactInteger, UtcDateTime
from kit.leases import Leased

HELD_AT_ONCE: dict[Any, Any] = {"held_at_once": True}
"""Marks a reference that PostgreSQL holds by a trigger for all rows of a statement (ADR 32), not by a foreign key."""

Number = BigInteger().with_variant(Integer, "sqlite")
"""A row's number: 64 bits on PostgreSQL; SQLite counts only plain INTEGER keys up by itself."""


class PersonRow(Base):
    """One person. The only table in which a Matrix id stands; erasing takes it out and leaves the number."""

    __tablename__ = "people"

    id: Mapped[int] = mapped_column(Number, primary_key=True, autoincrement=True)
    mxid: Mapped[str | None] = mapped_column(String(255), unique=True)
    locale: Mapped[str | None] = mapped_column(String(35))
    time_zone: Mapped[str | None] = mapped_column(String(64))
    notices_stopped_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    erased_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class BlockRow(Base):
    """One block that we have read, ours or not; it stays when it leaves the chain, and may come back."""

    __tablename__ = "chain_blocks"
    __table_args__ = (Index("ix_chain_blocks_level", "chain_id", "level", "number"),)

    chain_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    hash: Mapped[bytes] = mapped_column(Bytes32, primary_key=True)
    number: Mapped[int] = mapped_column(BigInteger)
    parent_hash: Mapped[bytes] = mapped_column(Bytes32)
    timestamp: Mapped[int] = mapped_column(BigInteger)
    level: Mapped[str] = mapped_column(String(10))
    turn: Mapped[int] = mapped_column(Integer)
    """How often the block has been booked: 1, and one more each time it came back after leaving the chain."""


class CursorRow(Leased, Base):
    """How far a chain is booked, and who reads it now."""

    __tablename__ = "chain_cursor"
    __table_args__ = (ForeignKeyConstraint(["chain_id", "head_hash"], ["chain_blocks.chain_id", "chain_blocks.hash"]),)

    chain_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    head_hash: Mapped[bytes | None] = mapped_column(Bytes32)
    quiet_until: Mapped[int | None] = mapped_column(BigInteger)
    """After a restore: nothing new is signed before this block is final (0: which one it is has yet to be seen)."""


class ContractReadRow(Base):
    """From which block on the logs of a contract have been read, where it came later than the others."""

    __tablename__ = "contract_reads"

    chain_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    contract: Mapped[bytes] = mapped_column(Bytes20, primary_key=True)
    since: Mapped[int] = mapped_column(BigInteger)


class EntryRow(Base):
    """One booked log, or the entry that takes a booked one back. Never changed, never deleted."""

    __tablename__ = "entries"
    __table_args__ = (
        ForeignKeyConstraint(
            ["chain_id", "block_hash"], ["chain_blocks.chain_id", "chain_blocks.hash"], info=HELD_AT_ONCE
        ),
        Index("ix_entries_log", "chain_id", "block_hash", "log_index", "turn", "reversal", unique=True),
        # Hardly any entry takes another back; the others need no place in it.
        Index(
            "ix_entries_reverses",
            "reverses",
            unique=True,
            sqlite_where=text("reverses IS NOT NULL"),
            postgresql_where=text("reverses IS NOT NULL"),
        ),
        CheckConstraint("reversal = (reverses IS NOT NULL)", name="reversal_names_its_entry"),
    )

    id: Mapped[int] = mapped_column(Number, primary_key=True, autoincrement=True)
    chain_id: Mapped[int] = mapped_column(BigInteger)
    block_hash: Mapped[bytes] = mapped_column(Bytes32)
    log_index: Mapped[int] = mapped_column(Integer)
    turn: Mapped[int] = mapped_column(Integer)
    transaction: Mapped[bytes] = mapped_column(Bytes32)
    kind: Mapped[str] = mapped_column(String(20))
    reversal: Mapped[bool] = mapped_column(default=False)
    reverses: Mapped[int | None] = mapped_column(ForeignKey("entries.id"))


class AssetRow(Base):
    """Something in which accounts hold money. Never changed; so long a name stands once."""

    __tablename__ = "assets"

    id: Mapped[int] = mapped_column(Number, primary_key=True, autoincrement=True)
    asset: Mapped[str] = mapped_column(String(80), unique=True)


class AccountRow(Base):
    """An account in one asset. Never changed."""

    __tablename__ = "accounts"
    __table_args__ = (
        ForeignKeyConstraint(["asset_id"], ["assets.id"], info=HELD_AT_ONCE),
        Index("ix_accounts_name", "asset_id", "account", unique=True),
    )

    id: Mapped[int] = mapped_column(Number, primary_key=True, autoincrement=True)
    asset_id: Mapped[int] = mapped_column(Number)
    account: Mapped[str] = mapped_column(String(80))


def is_in(asset: str) -> ColumnElement[bool]:
    """Return the condition that an account is in an asset."""
    return AccountRow.asset_id == select(AssetRow.id).where(AssetRow.asset == asset).scalar_subquery()


class BalanceRow(Base):
    """What an account holds: the sum of its postings, kept in step with them.

    Apart from its name, so that many have room in a page: a transaction that books much changes balances anywhere.
    """

    __tablename__ = "balances"
    __table_args__ = (ForeignKeyConstraint(["account_id"], ["accounts.id"], info=HELD_AT_ONCE),)

    account_id: Mapped[int] = mapped_column(Number, primary_key=True, autoincrement=False)
    amount: Mapped[int] = mapped_column(ExactInteger)


class PostingRow(Base):
    """One line of an entry; the lines of an entry sum to zero per asset."""

    __tablename__ = "postings"
    __table_args__ = (
        ForeignKeyConstraint(["entry_id"], ["entries.id"], info=HELD_AT_ONCE),
        # On SQLite each line is looked up by itself, and its balance was just changed; PostgreSQL asks for the account.
        ForeignKeyConstraint(["account_id"], ["balances.account_id"], info=HELD_AT_ONCE),
        # An account's lines are looked for era by era (``eras``): by account alone, each new line would have a place
        # anywhere in an index that grows for ever, and booking one would cost the more the more there are.
        Index("ix_postings_account", text("(entry_id >> 14)"), "account_id"),
        # The key is all that names a line, so on SQLite the table is its own index.
        {"sqlite_with_rowid": False},
    )

    entry_id: Mapped[int] = mapped_column(Number, primary_key=True, autoincrement=False)
    line: Mapped[int] = mapped_column(Integer, primary_key=True)
    account_id: Mapped[int] = mapped_column(Number)
    amount: Mapped[int] = mapped_column(ExactInteger)


ERA: Final = cast("ColumnElement[int]", PostingRow.entry_id.bitwise_rshift(literal_column("14")))
"""The era of a line: 16,384 entries are one. As the index has it, letter by letter, else it is not used."""


def eras(last: int) -> range:
    """Return all eras there are, where ``last`` is the newest entry's number."""
    return range((last >> 14) + 1)


class ReconciliationRow(Base):
    """How the last reconciliation of a book ended: all lines but those of wallets that agree."""

    __tablename__ = "reconciliations"

    chain_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    asset: Mapped[str] = mapped_column(String(80), primary_key=True)
    block_hash: Mapped[bytes] = mapped_column(Bytes32)
    block_number: Mapped[int] = mapped_column(BigInteger)
    parent_hash: Mapped[bytes] = mapped_column(Bytes32)
    block_time: Mapped[int] = mapped_column(BigInteger)
    level: Mapped[str] = mapped_column(String(10))
    checked_at: Mapped[datetime] = mapped_column(UtcDateTime)
    full_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    differs_since: Mapped[datetime | None] = mapped_column(UtcDateTime)
    wallets: Mapped[int] = mapped_column(Integer)
    asked: Mapped[int] = mapped_column(Integer)
    asked_to: Mapped[bytes | None] = mapped_column(Bytes20)
    lines: Mapped[list[dict[str, Any]]] = mapped_column(JSON)


class HolderRow(Base):
    """An address that a person proved to hold, by a signature."""

    __tablename__ = "holders"
    __table_args__ = (
        Index(
            "ix_holders_address_linked",
            "address",
            unique=True,
            sqlite_where=text("unlinked_at IS NULL"),
            postgresql_where=text("unlinked_at IS NULL"),
        ),
        Index("ix_holders_person", "person_id"),
    )

    id: Mapped[int] = mapped_column(Number, primary_key=True, autoincrement=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"))
    address: Mapped[bytes] = mapped_column(Bytes20)
    is_primary: Mapped[bool] = mapped_column(default=False)
    linked_at: Mapped[datetime] = mapped_column(UtcDateTime)
    unlinked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class NonceRow(Base):
    """A nonce that we gave out for one wallet signature; good once, for a short time."""

    __tablename__ = "siwe_nonces"

    nonce: Mapped[str] = mapped_column(String(32), primary_key=True)
    person_id: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


_STANDING = text("standing")


class EventRow(Base):
    """What happened, as one person may know it. Its number is given at the commit, so numbers have the commits' order.

    ``standing``: it rests on a block that may still leave the chain, or become final.
    """

    __tablename__ = "events"
    __table_args__ = (
        Index("ix_events_number", "person", "number", unique=True),
        Index("ix_events_at", "at"),
        Index("ix_events_other", "other"),
        Index("ix_events_standing", "chain_id", "block_hash", sqlite_where=_STANDING, postgresql_where=_STANDING),
    )

    id: Mapped[int] = mapped_column(Number, primary_key=True, autoincrement=True)
    person: Mapped[int] = mapped_column(ForeignKey("people.id"))
    number: Mapped[int | None] = mapped_column(BigInteger)
    type: Mapped[str] = mapped_column(String(40))
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    subject: Mapped[str] = mapped_column(String(100))
    other: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    level: Mapped[str] = mapped_column(String(10))
    data: Mapped[dict[str, Any]] = mapped_column(JSON)
    chain_id: Mapped[int | None] = mapped_column(BigInteger)
    block_hash: Mapped[bytes | None] = mapped_column(Bytes32)
    confirms: Mapped[int | None] = mapped_column(BigInteger)
    takes_back: Mapped[int | None] = mapped_column(BigInteger)
    standing: Mapped[bool] = mapped_column(default=False)


class EventCounterRow(Base):
    """The last number that an event of a person's was given, and up to which theirs are gone."""

    __tablename__ = "event_counters"

    person: Mapped[int] = mapped_column(ForeignKey("people.id"), primary_key=True, autoincrement=False)
    last: Mapped[int] = mapped_column(BigInteger)
    pruned: Mapped[int] = mapped_column(BigInteger, default=0)


class OutgoingRow(Base):
    """One call that we owe the chain."""

    __tablename__ = "outgoing"
    __table_args__ = (
        Index("ix_outgoing_key", "chain_id", "key", unique=True),
        Index("ix_outgoing_nonce", "chain_id", "sender", "nonce", unique=True),
        Index("ix_outgoing_open", "chain_id", "state", "due_at"),
    )

    id: Mapped[int] = mapped_column(Number, primary_key=True, autoincrement=True)
    chain_id: Mapped[int] = mapped_column(BigInteger)
    key: Mapped[str] = mapped_column(String(200))
    role: Mapped[str] = mapped_column(String(20))
    to: Mapped[bytes] = mapped_column(Bytes20)
    data: Mapped[bytes] = mapped_column(LargeBinary)
    signer: Mapped[bytes | None] = mapped_column(Bytes20)
    after_block: Mapped[bytes | None] = mapped_column(Bytes32)
    state: Mapped[str] = mapped_column(String(12))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    due_at: Mapped[datetime] = mapped_column(UtcDateTime)
    tries: Mapped[int] = mapped_column(Integer, default=0)
    reverts: Mapped[int] = mapped_column(Integer, default=0)
    most_reverts: Mapped[int] = mapped_column(Integer, default=5)
    patient: Mapped[bool] = mapped_column(default=True)
    not_after: Mapped[datetime | None] = mapped_column(UtcDateTime)
    most_wei: Mapped[int | None] = mapped_column(ExactInteger)
    spent_wei: Mapped[int] = mapped_column(ExactInteger, default=0)
    final_block: Mapped[int | None] = mapped_column(BigInteger)
    final_time: Mapped[int | None] = mapped_column(BigInteger)
    last_error: Mapped[str | None] = mapped_column(String(300))
    sender: Mapped[bytes | None] = mapped_column(Bytes20)
    nonce: Mapped[int | None] = mapped_column(BigInteger)


class AttemptRow(Base):
    """One signed transaction for an outgoing call, stored before it is ever broadcast."""

    __tablename__ = "outgoing_attempts"
    __table_args__ = (
        Index("ix_outgoing_attempts_call", "outgoing_id", "nonce"),
        Index("ix_outgoing_attempts_made", "chain_id", "sender", "made_at"),
    )

    chain_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    hash: Mapped[bytes] = mapped_column(Bytes32, primary_key=True)
    outgoing_id: Mapped[int] = mapped_column(ForeignKey("outgoing.id"))
    sender: Mapped[bytes] = mapped_column(Bytes20)
    nonce: Mapped[int] = mapped_column(BigInteger)
    raw: Mapped[bytes] = mapped_column(LargeBinary)
    gas: Mapped[int] = mapped_column(BigInteger)
    max_fee: Mapped[int] = mapped_column(ExactInteger)
    priority_fee: Mapped[int] = mapped_column(ExactInteger)
    made_at: Mapped[datetime] = mapped_column(UtcDateTime)
    broadcast_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    cost_wei: Mapped[int | None] = mapped_column(ExactInteger)
