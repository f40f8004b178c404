"""Tables of doors, filters and protections: tenants, contacts, grants, knocks, words, asks, helpers, sightings."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, Integer, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from kit.database import Base, Bytes20, Bytes32, ExactInteger, UtcDateTime


class TenantRow(Base):
    """A homeserver that calls our gate; its bearer is kept as a hash only."""

    __tablename__ = "tenants"

    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True)
    server_name: Mapped[str] = mapped_column(String(255), unique=True)
    bearer_sha256: Mapped[bytes] = mapped_column(Bytes32, unique=True)
    on_deadline: Mapped[str] = mapped_column(String(6))
    leaving: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    heard_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class BudgetRow(Base):
    """How far a party has used up the messages that it may make the bot write: a bucket, as one moment."""

    __tablename__ = "message_budgets"

    scope: Mapped[str] = mapped_column(String(10), primary_key=True)
    subject: Mapped[str] = mapped_column(String(255), primary_key=True)
    spent_until: Mapped[int] = mapped_column(BigInteger)
    """Unix microseconds; the bucket is full again from then on."""


class ServerRow(Base):
    """What we know of a homeserver's manners: stakes of its people that were answered, and how it takes our chats."""

    __tablename__ = "servers"

    name: Mapped[str] = mapped_column(String(255), primary_key=True)
    answered: Mapped[int] = mapped_column(Integer, default=0)
    refusals: Mapped[int] = mapped_column(Integer, default=0)
    quiet_since: Mapped[datetime | None] = mapped_column(UtcDateTime)
    quiet_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime)


class FloodRow(Base):
    """A person at whose door more strangers knock than are written to; when it began and when they were last told."""

    __tablename__ = "floods"

    person: Mapped[int] = mapped_column(ForeignKey("people.id"), primary_key=True)
    began_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    told_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class DoorRow(Base):
    """What a person asks of strangers; whoever has no row keeps an open door."""

    __tablename__ = "doors"

    person: Mapped[int] = mapped_column(ForeignKey("people.id"), primary_key=True)
    mode: Mapped[str] = mapped_column(String(6))
    stake: Mapped[int] = mapped_column(ExactInteger)
    fee: Mapped[int] = mapped_column(ExactInteger)
    fee_payee: Mapped[bytes | None] = mapped_column(Bytes20)
    most_open: Mapped[int | None] = mapped_column(Integer)
    most_a_day: Mapped[int | None] = mapped_column(Integer)
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime)


class DocumentVersionRow(Base):
    """A door or a filter (``kind``) as its owner once set it; the newest of a kind is the one that stands."""

    __tablename__ = "document_versions"

    person: Mapped[int] = mapped_column(ForeignKey("people.id"), primary_key=True)
    kind: Mapped[str] = mapped_column(String(6), primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True)
    document: Mapped[str] = mapped_column(Text)
    since: Mapped[datetime] = mapped_column(UtcDateTime)


class ProtectionsRow(Base):
    """Which version of its protections stands in the rooms of a management room; without rules there is no row."""

    __tablename__ = "protections"

    management: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    number: Mapped[int] = mapped_column(Integer)
    since: Mapped[datetime] = mapped_column(UtcDateTime)


class ProtectionsVersionRow(Base):
    """The protections of a management room's rooms as its moderators once set them; the newest is what stands."""

    __tablename__ = "protections_versions"

    management: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    number: Mapped[int] = mapped_column(Integer, primary_key=True)
    document: Mapped[str] = mapped_column(Text)
    since: Mapped[datetime] = mapped_column(UtcDateTime)


class ExemptionRow(Base):
    """``person`` lets ``other`` pass free, for as long as they like."""

    __tablename__ = "exemptions"
    __table_args__ = (Index("ix_exemptions_other", "other"),)

    person: Mapped[int] = mapped_column(ForeignKey("people.id"), primary_key=True)
    other: Mapped[int] = mapped_column(ForeignKey("people.id"), primary_key=True)
    since: Mapped[datetime] = mapped_column(UtcDateTime)


class ContactRow(Base):
    """``person`` knows ``other``: invited them first, accepted them, or imported them (``why``)."""

    __tablename__ = "contacts"
    __table_args__ = (Index("ix_contacts_other", "other"), Index("ix_contacts_used", "why", "used_at"))

    person: Mapped[int] = mapped_column(ForeignKey("people.id"), primary_key=True)
    other: Mapped[int] = mapped_column(ForeignKey("people.id"), primary_key=True)
    why: Mapped[str] = mapped_column(String(10))
    since: Mapped[datetime] = mapped_column(UtcDateTime)
    used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When it last mattered, to a day; before it ever did, ``since`` counts."""


_UNCONFIRMED = text("state = 'unconfirmed'")


class GrantRow(Base):
    """What one stake opened for its pair: open, then accepted or ended. Holds at most one pending invite's room.

    ``opened_at`` is the chain time of the opening, 0 while that is not on the chain; ``origin`` is the domain that the
    stranger's homeserver counts under.
    """

    __tablename__ = "grants"
    __table_args__ = (
        Index("ix_grants_pair", "stranger", "recipient"),
        Index("ix_grants_recipient", "recipient", "opened_at"),
        Index("ix_grants_stranger", "stranger", "opened_at"),
        Index("ix_grants_origin", "origin", "opened_at"),
        Index("ix_grants_payer", "payer", "opened_at"),
        Index("ix_grants_return_to", "return_to", "opened_at"),
        Index("ix_grants_unconfirmed", "stake_id", sqlite_where=_UNCONFIRMED, postgresql_where=_UNCONFIRMED),
    )

    stake_id: Mapped[bytes] = mapped_column(ForeignKey("stakes.id"), primary_key=True)
    stranger: Mapped[int] = mapped_column(ForeignKey("people.id"))
    recipient: Mapped[int] = mapped_column(ForeignKey("people.id"))
    state: Mapped[str] = mapped_column(String(12))
    opened_at: Mapped[int] = mapped_column(BigInteger)
    closes_at: Mapped[int] = mapped_column(BigInteger)
    payer: Mapped[bytes] = mapped_column(Bytes20)
    return_to: Mapped[bytes] = mapped_column(Bytes20)
    origin: Mapped[str] = mapped_column(String(255))
    pending_room: Mapped[str | None] = mapped_column(String(255))
    pending_since: Mapped[datetime | None] = mapped_column(UtcDateTime)
    answer: Mapped[str | None] = mapped_column(String(8))
    answered_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class SpamVerdictRow(Base):
    """``recipient`` called ``stranger`` spam: refused from then on, until it is taken back."""

    __tablename__ = "spam_verdicts"
    __table_args__ = (Index("ix_spam_verdicts_stranger", "stranger"),)

    recipient: Mapped[int] = mapped_column(ForeignKey("people.id"), primary_key=True)
    stranger: Mapped[int] = mapped_column(ForeignKey("people.id"), primary_key=True)
    since: Mapped[datetime] = mapped_column(UtcDateTime)


class KnockRow(Base):
    """All knocks of one stranger at one door that were not let through: a count, not a list."""

    __tablename__ = "knocks"
    __table_args__ = (Index("ix_knocks_recipient", "recipient", "last_at"), Index("ix_knocks_last_at", "last_at"))

    stranger: Mapped[int] = mapped_column(ForeignKey("people.id"), primary_key=True)
    recipient: Mapped[int] = mapped_column(ForeignKey("people.id"), primary_key=True)
    count: Mapped[int] = mapped_column(Integer)
    first_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_room: Mapped[str] = mapped_column(String(255))
    last_codes: Mapped[str] = mapped_column(String(100))


class ArrivalRow(Base):
    """All invites of one stranger that a door let in by itself: a count, so that its owner can try a stricter one."""

    __tablename__ = "arrivals"
    __table_args__ = (
        Index("ix_arrivals_recipient", "recipient", "last_at"),
        Index("ix_arrivals_last_at", "last_at"),
    )

    stranger: Mapped[int] = mapped_column(ForeignKey("people.id"), primary_key=True)
    recipient: Mapped[int] = mapped_column(ForeignKey("people.id"), primary_key=True)
    count: Mapped[int] = mapped_column(Integer)
    first_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_room: Mapped[str] = mapped_column(String(255))
    last_code: Mapped[str] = mapped_column(String(30))


class DigestRow(Base):
    """When a person is told who knocked: their schedule, up to when they know, and when the next is due."""

    __tablename__ = "digests"
    __table_args__ = (Index("ix_digests_due", "due_at"),)

    person: Mapped[int] = mapped_column(ForeignKey("people.id"), primary_key=True)
    every: Mapped[str] = mapped_column(String(6))
    weekday: Mapped[int] = mapped_column(Integer)
    hour: Mapped[int] = mapped_column(Integer)
    due_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    since: Mapped[datetime] = mapped_column(UtcDateTime)
    """What came after this they have not been told."""
    told_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class HelperRow(Base):
    """``owner`` asked ``helper`` to answer their queue with them; it counts from ``accepted_at`` on."""

    __tablename__ = "helpers"
    __table_args__ = (Index("ix_helpers_helper", "helper"), Index("ix_helpers_asked", "accepted_at", "asked_at"))

    owner: Mapped[int] = mapped_column(ForeignKey("people.id"), primary_key=True)
    helper: Mapped[int] = mapped_column(ForeignKey("people.id"), primary_key=True)
    asked_at: Mapped[datetime] = mapped_column(UtcDateTime)
    accepted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class HelperAnswerRow(Base):
    """An answer that ``helper`` gave ``stranger`` in the name of ``owner``."""

    __tablename__ = "helper_answers"
    __table_args__ = (
        Index("ix_helper_answers_owner", "owner", "given_at"),
        Index("ix_helper_answers_stranger", "stranger"),
        Index("ix_helper_answers_helper", "helper"),
        Index("ix_helper_answers_given", "given_at"),
    )

    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True)
    owner: Mapped[int] = mapped_column(ForeignKey("people.id"))
    stranger: Mapped[int] = mapped_column(ForeignKey("people.id"))
    helper: Mapped[int] = mapped_column(ForeignKey("people.id"))
    answer: Mapped[str] = mapped_column(String(8))
    given_at: Mapped[datetime] = mapped_column(UtcDateTime)
    undone_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


_STANDS = text("withdrawn_at IS NULL")


class WordRow(Base):
    """``author``'s word of ``subject``: a vouch, or a report: that has a ``reason`` and a ``weight`` below zero.

    A changed one is a new row and the old one is withdrawn: that is its trail.
    """

    __tablename__ = "words"
    __table_args__ = (
        Index("ix_words_pair", "author", "subject", unique=True, sqlite_where=_STANDS, postgresql_where=_STANDS),
        Index("ix_words_author", "author", "since"),
        Index("ix_words_subject", "subject", "author"),
        Index("ix_words_until", "until"),
    )

    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True)
    author: Mapped[int] = mapped_column(ForeignKey("people.id"))
    subject: Mapped[int] = mapped_column(ForeignKey("people.id"))
    weight: Mapped[int] = mapped_column(Integer)
    reason: Mapped[str | None] = mapped_column(String(13))
    audience: Mapped[str] = mapped_column(String(10))
    since: Mapped[datetime] = mapped_column(UtcDateTime)
    until: Mapped[datetime] = mapped_column(UtcDateTime)
    withdrawn_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class OutlookRow(Base):
    """What ``person`` thinks of strangers of whom nothing is known, and how many must endorse whom they hear."""

    __tablename__ = "outlooks"

    person: Mapped[int] = mapped_column(ForeignKey("people.id"), primary_key=True)
    strangers: Mapped[str] = mapped_column(String(7))
    quorum: Mapped[int] = mapped_column(Integer)
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime)


class AskRow(Base):
    """``stranger``'s one sentence to ``recipient`` and what became of it; over at ``until``, whatever its state.

    ``origin`` is the domain that the stranger's homeserver counts under.
    """

    __tablename__ = "asks"
    __table_args__ = (
        Index("ix_asks_recipient", "recipient", "state"),
        Index("ix_asks_origin", "origin", "asked_at"),
        Index("ix_asks_until", "until"),
    )

    stranger: Mapped[int] = mapped_column(ForeignKey("people.id"), primary_key=True)
    recipient: Mapped[int] = mapped_column(ForeignKey("people.id"), primary_key=True)
    origin: Mapped[str] = mapped_column(String(255))
    sentence: Mapped[str] = mapped_column(String(200))
    state: Mapped[str] = mapped_column(String(10))
    asked_at: Mapped[datetime] = mapped_column(UtcDateTime)
    until: Mapped[datetime] = mapped_column(UtcDateTime)


class FilterRow(Base):
    """Whose filter has rules, and which of its versions stands; whoever has no row has none."""

    __tablename__ = "filters"

    person: Mapped[int] = mapped_column(ForeignKey("people.id"), primary_key=True)
    number: Mapped[int] = mapped_column(Integer)
    since: Mapped[datetime] = mapped_column(UtcDateTime)


class WatchedRoomRow(Base):
    """A room that the bot reads for those in it who have a filter, because ``person`` is one and asked it in."""

    __tablename__ = "watched_rooms"
    __table_args__ = (Index("ix_watched_rooms_person", "person"),)

    room: Mapped[str] = mapped_column(String(255), primary_key=True)
    person: Mapped[int] = mapped_column(ForeignKey("people.id"))
    since: Mapped[datetime] = mapped_column(UtcDateTime)


class SightingRow(Base):
    """A message that ``viewer``'s filter would hide or mark: which, by which rule, what decided; never what it said.

    The rule is the one that is meant most; ``details`` has the others, the facts of all, and those that were unknown.
    """

    __tablename__ = "sightings"
    __table_args__ = (
        Index("ix_sightings_viewer", "viewer", "at"),
        Index("ix_sightings_event", "event"),
        Index("ix_sightings_sender", "sender"),
        Index("ix_sightings_until", "until"),
    )

    viewer: Mapped[int] = mapped_column(ForeignKey("people.id"), primary_key=True)
    event: Mapped[str] = mapped_column(String(255), primary_key=True)
    room: Mapped[str] = mapped_column(String(255))
    sender: Mapped[int] = mapped_column(ForeignKey("people.id"))
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    until: Mapped[datetime] = mapped_column(UtcDateTime)
    version: Mapped[int] = mapped_column(Integer)
    rule: Mapped[str] = mapped_column(String(60))
    label: Mapped[str] = mapped_column(String(60))
    severity: Mapped[str] = mapped_column(String(4))
    details: Mapped[dict[str, Any]] = mapped_column(JSON)


class ScreenedRow(Base):
    """What of a room was put to ``viewer``'s filter on one day (UTC): counts alone.

    ``unread``: had no key; ``passed``: were too many at once; ``lacking``: of how many some rule lacked which fact.
    """

    __tablename__ = "screened"
    __table_args__ = (Index("ix_screened_day", "day"),)

    viewer: Mapped[int] = mapped_column(ForeignKey("people.id"), primary_key=True)
    room: Mapped[str] = mapped_column(String(255), primary_key=True)
    day: Mapped[datetime] = mapped_column(UtcDateTime, primary_key=True)
    messages: Mapped[int] = mapped_column(Integer)
    unread: Mapped[int] = mapped_column(Integer)
    passed: Mapped[int] = mapped_column(Integer)
    lacking: Mapped[dict[str, int]] = mapped_column(JSON)
