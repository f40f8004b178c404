"""The tables of tips: who takes them, links by which they are paid, the terms of each, and what was paid."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from kit.database import Base, Bytes20, Bytes32, ExactInteger, UtcDateTime

_NUMBER = BigInteger().with_variant(Integer, "sqlite")
_TOKEN = 22
_LONGEST_ASSET = 100
_SEALED = 1_400
"""A salt and 300 characters of four bytes, sealed."""


class TipReceiverRow(Base):
    """Somebody who takes tips, by their own word, at the wallet that they were told of then, and at no other."""

    __tablename__ = "tip_receivers"

    person: Mapped[int] = mapped_column(ForeignKey("people.id"), primary_key=True)
    wallet: Mapped[bytes] = mapped_column(Bytes20)
    since: Mapped[datetime] = mapped_column(UtcDateTime)


class TipReceiverTokenRow(Base):
    """Another token than our own in which somebody takes tips, by their own word; they take them at that wallet."""

    __tablename__ = "tip_receiver_tokens"

    person: Mapped[int] = mapped_column(ForeignKey("people.id"), primary_key=True)
    asset: Mapped[str] = mapped_column(String(_LONGEST_ASSET), primary_key=True)
    since: Mapped[datetime] = mapped_column(UtcDateTime)


class TipLinkRow(Base):
    """A link by which somebody may tip; ``sealed`` is the note that they have in mind.

    ``asset``: what ``amount`` is in, where that is not our own token.
    """

    __tablename__ = "tip_links"
    __table_args__ = (
        Index("ix_tip_links_giver", "giver", "created_at"),
        Index("ix_tip_links_receiver", "receiver", "created_at"),
        Index("ix_tip_links_created", "created_at"),
    )

    id: Mapped[int] = mapped_column(_NUMBER, primary_key=True, autoincrement=True)
    token: Mapped[str] = mapped_column(String(_TOKEN), unique=True)
    chain_hash: Mapped[bytes] = mapped_column(Bytes32, unique=True)
    """What stands for it on the chain."""
    giver: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    receiver: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    room: Mapped[str | None] = mapped_column(String(255))
    event: Mapped[str | None] = mapped_column(String(255))
    amount: Mapped[int | None] = mapped_column(ExactInteger)
    asset: Mapped[str | None] = mapped_column(String(_LONGEST_ASSET))
    public: Mapped[bool]
    anonymous: Mapped[bool]
    sealed: Mapped[bytes | None] = mapped_column(LargeBinary(_SEALED))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class TipTermsRow(Base):
    """One way in which a link may be paid; ``sealed`` is a salt and the note, until nobody needs it."""

    __tablename__ = "tip_terms"
    __table_args__ = (Index("ix_tip_terms_link", "link"),)

    id: Mapped[int] = mapped_column(_NUMBER, primary_key=True, autoincrement=True)
    link: Mapped[int] = mapped_column(ForeignKey("tip_links.id"))
    terms: Mapped[bytes] = mapped_column(Bytes32, unique=True)
    """Their hash, as the chain tells it."""
    public: Mapped[bool]
    anonymous: Mapped[bool]
    sealed: Mapped[bytes | None] = mapped_column(LargeBinary(_SEALED))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class TipRow(Base):
    """A tip that was paid, under the key of its purchase, and what was tried to be told of it in this round."""

    __tablename__ = "tips"
    __table_args__ = (
        Index("ix_tips_giver", "giver", "id"),
        Index("ix_tips_receiver", "receiver", "id"),
        Index("ix_tips_link", "link"),
        Index("ix_tips_terms", "terms"),
        Index("ix_tips_level", "level", "block"),
        Index("ix_tips_block", "block"),
    )

    id: Mapped[int] = mapped_column(_NUMBER, primary_key=True, autoincrement=True)
    token: Mapped[str] = mapped_column(String(_TOKEN), unique=True)
    key: Mapped[bytes] = mapped_column(Bytes32, unique=True)
    link: Mapped[int] = mapped_column(ForeignKey("tip_links.id"))
    terms: Mapped[int] = mapped_column(ForeignKey("tip_terms.id"))
    giver: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    receiver: Mapped[int] = mapped_column(ForeignKey("people.id"))
    payer: Mapped[bytes] = mapped_column(Bytes20)
    asset: Mapped[str] = mapped_column(String(_LONGEST_ASSET))
    amount: Mapped[int] = mapped_column(ExactInteger)
    level: Mapped[str] = mapped_column(String(10))
    state: Mapped[str] = mapped_column(String(10))
    quiet: Mapped[bool]
    round: Mapped[int] = mapped_column(Integer)
    block: Mapped[bytes] = mapped_column(Bytes32)
    paid_at: Mapped[datetime] = mapped_column(UtcDateTime)
    giver_told: Mapped[bool]
    receiver_told: Mapped[bool]
    line_tried: Mapped[bool]
    line: Mapped[str | None] = mapped_column(String(255))
    """The event of the line in the room."""
