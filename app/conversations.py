"""Conversations: the one direct chat that each person has with the bot, and what an answer to a message in it means."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, String, and_, delete, or_, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from kit.database import Base, Bytes20, UtcDateTime
from kit.identifiers import Address, PersonId, RoomId

PROMPT_LIFETIME = timedelta(days=75)
"""How long a message can be answered by a reaction: longer than any stake can stay open (60 days)."""
CONFIRMATION_LIFETIME = timedelta(minutes=15)
"""How long a question "are you sure?" waits for its answer."""
UNREADABLE_PAUSE = timedelta(hours=12)
"""How long we say nothing more about messages that we cannot decrypt."""


class Standing(StrEnum):
    """How things are between a person and the bot's direct chat."""

    OPEN = "open"
    LEFT = "left"
    """They left the chat or declined it: they are not invited again, but may come by themselves."""
    UNREACHABLE = "unreachable"
    """Their homeserver or their settings refused our invite."""


class Meaning(StrEnum):
    """What an answer to a message does."""

    ANSWER = "answer"
    """It says what becomes of a stranger's stake: accept, return or spam."""
    CONFIRM_SPAM = "confirm_spam"
    """It confirms that a stranger is a spammer."""
    UNDO = "undo"
    """It takes a spam verdict back."""
    CONFIRM_FORGET = "confirm_forget"
    """It confirms that the person wants to be forgotten."""
    CONFIRM_UNLINK = "confirm_unlink"
    """It confirms that a wallet is to be unlinked."""
    SHOW_FLAIR = "show_flair"
    """It confirms that one's flair as a supporter is to be shown; the next three, that more is, or a nameless line."""
    SHOW_NAME = "show_name"
    SHOW_AMOUNT = "show_amount"
    SHOW_NAMELESS = "show_nameless"
    JOIN_SUPPORTERS = "join_supporters"
    """It says whether one is to be asked into the supporters' rooms."""
    CONFIRM_SALE = "confirm_sale"
    """It confirms that a draft of a listing is to be for sale."""
    ASK_REFUND = "ask_refund"
    """It asks for the money for a listing that was taken down."""


CONFIRMATIONS = frozenset(
    {
        Meaning.CONFIRM_SPAM,
        Meaning.CONFIRM_FORGET,
        Meaning.CONFIRM_UNLINK,
        Meaning.SHOW_FLAIR,
        Meaning.SHOW_NAME,
        Meaning.SHOW_AMOUNT,
        Meaning.SHOW_NAMELESS,
        Meaning.CONFIRM_SALE,
        Meaning.ASK_REFUND,
    }
)


class ConversationRow(Base):
    """A person's direct chat with the bot."""

    __tablename__ = "conversations"

    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"), primary_key=True)
    room: Mapped[str | None] = mapped_column(String(255), unique=True)
    standing: Mapped[str] = mapped_column(String(12))
    since: Mapped[datetime] = mapped_column(UtcDateTime)
    unreadable_said_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class PromptRow(Base):
    """A message of ours that waits for an answer."""

    __tablename__ = "prompts"
    __table_args__ = (Index("ix_prompts_person", "person_id", "closed_at"), Index("ix_prompts_behalf", "behalf"))

    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"))
    event: Mapped[str] = mapped_column(String(255), unique=True)
    meaning: Mapped[str] = mapped_column(String(20))
    about: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    wallet: Mapped[bytes | None] = mapped_column(Bytes20)
    behalf: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    """In whose name a helper is asked."""
    listing: Mapped[str | None] = mapped_column(String(22))
    """Which listing it is about."""
    asked_at: Mapped[datetime] = mapped_column(UtcDateTime)
    closed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


@dataclass(frozen=True, slots=True)
class Prompt:
    """A question that waits: only ``person`` can answer it."""

    id: int
    person: PersonId
    meaning: Meaning
    about: PersonId | None
    wallet: Address | None = None
    behalf: PersonId | None = None
    listing: str | None = None


class Conversations:
    """The bot's direct chats and open questions."""

    def __init__(self, session: Session, now: datetime) -> None:
        """Work in ``session``, at ``now``."""
        self._session = session
        self._now = now

    # ------------------------------------------------------------------ rooms

    def room_of(self, person: PersonId) -> RoomId | None:
        """Return the person's direct chat, if there is one that they have not left."""
        row = self._session.get(ConversationRow, person)
        return RoomId(row.room) if row is not None and row.room and row.standing == Standing.OPEN else None

    def standing(self, person: PersonId) -> Standing | None:
        """Return how things stand with the person; ``None`` where we never talked."""
        row = self._session.get(ConversationRow, person)
        return None if row is None else Standing(row.standing)

    def person_in(self, room: RoomId) -> PersonId | None:
        """Return whose direct chat ``room`` is."""
        found = self._session.scalar(select(ConversationRow.person_id).where(ConversationRow.room == room))
        return None if found is None else PersonId(found)

    def rooms(self) -> frozenset[RoomId]:
        """Return every room that is somebody's direct chat."""
        return frozenset(
            RoomId(room) for room in self._session.scalars(select(ConversationRow.room)) if room is not None
        )

    def remember(self, person: PersonId, room: RoomId) -> RoomId | None:
        """Take ``room`` for the person's direct chat; return the one it takes the place of, if another."""
        row = self._session.get(ConversationRow, person)
        self._session.execute(
            delete(ConversationRow).where(ConversationRow.room == room, ConversationRow.person_id != person)
        )
        if row is None:
            self._session.add(
                ConversationRow(person_id=person, room=room, standing=Standing.OPEN, since=self._now),
            )
            self._session.flush()
            return None
        before = row.room
        if before == room and row.standing == Standing.OPEN:
            return None
        row.room, row.standing, row.since = room, Standing.OPEN, self._now
        self._session.flush()
        return RoomId(before) if before is not None and before != room else None

    def left(self, room: RoomId) -> None:
        """Note that the person of this direct chat left it; they are not invited again."""
        self._session.execute(
            update(ConversationRow)
            .where(ConversationRow.room == room)
            .values(room=None, standing=Standing.LEFT, since=self._now)
        )

    def moved(self, room: RoomId) -> None:
        """Note that this direct chat was closed for another room; until we are there, the next word opens one."""
        self._session.execute(
            update(ConversationRow).where(ConversationRow.room == room).values(room=None, since=self._now)
        )

    def unreachable(self, person: PersonId) -> None:
        """Note that the person cannot be invited by us."""
        row = self._session.get(ConversationRow, person)
        if row is None:
            self._session.add(
                ConversationRow(person_id=person, room=None, standing=Standing.UNREACHABLE, since=self._now)
            )
        else:
            row.room, row.standing, row.since = None, Standing.UNREACHABLE, self._now
        self._session.flush()

    def may_say_unreadable(self, person: PersonId) -> bool:
        """Tell whether it is time to say that a message could not be decrypted; if so, it is not for 12 hours."""
        row = self._session.get(ConversationRow, person)
        if row is None:
            return False
        if row.unreadable_said_at is not None and self._now - row.unreadable_said_at < UNREADABLE_PAUSE:
            return False
        row.unreadable_said_at = self._now
        return True

    # ------------------------------------------------------------------ questions

    def ask(
        self,
        person: PersonId,
        event: str,
        meaning: Meaning,
        about: PersonId | None = None,
        wallet: Address | None = None,
        behalf: PersonId | None = None,
        listing: str | None = None,
    ) -> None:
        """Note that our message ``event`` waits for the person's answer; a newer confirmation ends older ones."""
        if self._session.scalar(select(PromptRow.id).where(PromptRow.event == event)) is not None:
            return  # asked already: to note it again must not end it
        if meaning in CONFIRMATIONS:
            for waiting in self.waiting(person, *CONFIRMATIONS):
                self.close(waiting)
        self._session.add(
            PromptRow(
                person_id=person,
                event=event,
                meaning=meaning,
                about=about,
                wallet=wallet,
                behalf=behalf,
                listing=listing,
                asked_at=self._now,
            )
        )
        self._session.flush()

    def prompt(self, person: PersonId, event: str) -> Prompt | None:
        """Return what an answer of ``person`` to our message ``event`` means, if it still waits for one."""
        row = self._session.scalar(
            select(PromptRow).where(
                PromptRow.event == event, PromptRow.person_id == person, PromptRow.closed_at.is_(None)
            )
        )
        return None if row is None or self._over(row) else _prompt(row)

    def waiting(self, person: PersonId, *meanings: Meaning) -> list[Prompt]:
        """Return the person's open questions of these kinds, newest first."""
        rows = self._session.scalars(
            select(PromptRow)
            .where(PromptRow.person_id == person, PromptRow.closed_at.is_(None), PromptRow.meaning.in_(meanings))
            .order_by(PromptRow.id.desc())
        )
        return [_prompt(row) for row in rows if not self._over(row)]

    def close(self, prompt: Prompt) -> None:
        """End a question: it has been answered, or another took its place."""
        self._session.execute(
            update(PromptRow).where(PromptRow.id == prompt.id).values(closed_at=self._now, wallet=None)
        )

    def settle(self, person: PersonId, about: PersonId) -> None:
        """End all questions about one other person that the person was asked, or anybody in their name."""
        theirs = and_(PromptRow.person_id == person, PromptRow.behalf.is_(None))
        self._session.execute(
            update(PromptRow)
            .where(or_(theirs, PromptRow.behalf == person), PromptRow.about == about, PromptRow.closed_at.is_(None))
            .values(closed_at=self._now)
        )

    def _over(self, row: PromptRow) -> bool:
        lifetime = CONFIRMATION_LIFETIME if Meaning(row.meaning) in CONFIRMATIONS else PROMPT_LIFETIME
        return self._now - row.asked_at > lifetime

    # ------------------------------------------------------------------ keeping

    def forget(self, person: PersonId) -> None:
        """Take away the person's chat and every question to or about them."""
        self._session.execute(
            delete(PromptRow).where(
                or_(PromptRow.person_id == person, PromptRow.about == person, PromptRow.behalf == person)
            )
        )
        self._session.execute(delete(ConversationRow).where(ConversationRow.person_id == person))

    def prune(self) -> int:
        """Take away questions that nobody can answer any more; return how many."""
        gone = self._session.execute(
            delete(PromptRow).where(PromptRow.asked_at < self._now - PROMPT_LIFETIME).returning(PromptRow.id)
        )
        return len(gone.all())


def _prompt(row: PromptRow) -> Prompt:
    about = None if row.about is None else PersonId(row.about)
    wallet = None if row.wallet is None else Address(row.wallet)
    behalf = None if row.behalf is None else PersonId(row.behalf)
    return Prompt(row.id, PersonId(row.person_id), Meaning(row.meaning), about, wallet, behalf, row.listing)
