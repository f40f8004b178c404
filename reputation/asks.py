"""Asks, in one transaction: strangers' sentences in people's silent queues, made, withdrawn and answered."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, and_, delete, func, or_, select, tuple_
from sqlalchemy.orm import Session

from kit.changes import touch
from kit.clock import unix
from kit.errors import Conflict, NotFound
from kit.identifiers import PersonId, UserId, server_of
from ledger.people import People
from payments.stakes.model import Answer
from reputation.asking import (
    DAY,
    LASTS,
    MOST_QUEUED,
    Ask,
    AskState,
    Crowd,
    check_crowd,
    check_queue,
    may_ask,
    read_sentence,
)
from reputation.model import ContactWhy
from reputation.notices import Notices
from reputation.pricing import origin_of
from reputation.store import GateStore
from reputation.tables import AskRow
from reputation.tenants import TOPIC
from reputation.verdict import Verdict

_DECLINED = frozenset({AskState.DECLINED, AskState.SPAM})
_ANSWERABLE = {
    Answer.ACCEPT: frozenset({AskState.WAITING, AskState.DECLINED, AskState.ACCEPTED}),
    Answer.RETURN: frozenset({AskState.WAITING, AskState.DECLINED}),
    Answer.SPAM: frozenset({AskState.WAITING, AskState.DECLINED}),
}
"""By answer, where an ask may stand that is given it: a no can become a yes, and what is said twice is said once."""
_BECOMES = {Answer.ACCEPT: AskState.ACCEPTED, Answer.RETURN: AskState.DECLINED, Answer.SPAM: AskState.SPAM}


class Asks:
    """What strangers ask. Nobody is written to because of one, but the stranger once they are accepted."""

    def __init__(self, session: Session, *, now: datetime, people: People) -> None:
        """Work in ``session``, at ``now``."""
        self._session = session
        self._now = now
        self._people = people
        self._store = GateStore(session)
        self._notices = Notices(session, now=now, people=people)

    # -------------------------------------------------------------------------------------------- the stranger

    def ask(self, stranger: UserId, recipient: PersonId | None, sentence: str, verdict: Verdict | None) -> Ask:
        """Put one sentence into somebody's queue.

        ``verdict`` is what a knock of the stranger's would meet now, ``None`` where there is nobody of ours to knock
        at. Whoever cannot be asked is the same as nobody. What is looked at before that tells only of the stranger.
        Raises ``Invalid`` for what is no sentence, ``Conflict`` for too many, ``NotFound``.
        """
        kept, origin = read_sentence(sentence), origin_of(server_of(stranger))
        own = self._people.number(stranger)
        # Whoever counts what is there waits for whoever else does: two at once would both be the last that may. People
        # in the order of their numbers, so that two who ask each other do not wait for ever.
        for person in sorted({own, recipient} - {None}, key=int):  # type: ignore[arg-type]
            self._people.lock(PersonId(person))  # type: ignore[arg-type]
        self._lock(origin)
        row = None if recipient is None else self._row(own, recipient)
        if row is not None:
            _check_again(row)
        check_crowd(self._crowd(own, origin))
        if recipient is None or verdict is None or not may_ask(verdict):
            raise NotFound("ask_nobody", "There is nobody of that name whom you could ask here.")
        check_queue(
            waiting=self._count(AskRow.recipient == recipient, self._waits()),
            of_server=self._count(AskRow.recipient == recipient, AskRow.origin == origin, self._waits()),
        )
        self._session.execute(delete(AskRow).where(_pair(own, recipient)))
        made = AskRow(
            stranger=own,
            recipient=recipient,
            origin=origin,
            sentence=kept,
            state=AskState.WAITING.value,
            asked_at=self._now,
            until=self._now + LASTS,
        )
        self._session.add(made)
        self._session.flush()
        return _ask(made)

    def made(self, stranger: PersonId) -> list[Ask]:
        """Return what a person asked and what became of it, newest first; not what they took back."""
        shown = AskRow.stranger == stranger, AskRow.state != AskState.WITHDRAWN.value, AskRow.until > self._now
        return [
            _ask(row) for row in self._session.scalars(select(AskRow).where(*shown).order_by(AskRow.asked_at.desc()))
        ]

    def withdraw(self, stranger: PersonId, recipient: PersonId) -> None:
        """Take an ask back that waits; it still counts as made. Raises ``NotFound`` where none does."""
        row = self._row(stranger, recipient)
        if row is None or row.state != AskState.WAITING:
            raise NotFound("ask_unknown", "No sentence of yours waits for anybody of that name.")
        row.state, row.sentence, row.until = AskState.WITHDRAWN.value, "", max(row.asked_at + DAY, self._now)
        self._session.flush()

    # -------------------------------------------------------------------------------------------- the recipient

    def queue(self, recipient: PersonId) -> list[Ask]:
        """Return what waits for a person, oldest first."""
        mine = AskRow.recipient == recipient, self._waits()
        rows = self._session.scalars(select(AskRow).where(*mine).order_by(AskRow.asked_at).limit(MOST_QUEUED))
        return [_ask(row) for row in rows]

    def takes(self, recipient: PersonId, stranger: PersonId, answer: Answer) -> bool:
        """Tell whether an ask of this stranger's may be given this answer; only reads."""
        row = self._session.get(AskRow, (stranger, recipient), populate_existing=True)
        return row is not None and row.until > self._now and AskState(row.state) in _ANSWERABLE[answer]

    def answer(self, recipient: PersonId, stranger: PersonId, answer: Answer) -> bool:
        """Answer an ask: accepted, they come in free from now on and are told so; else nothing is said to them.

        ``False`` where there is none that takes this answer.
        """
        row = self._row(stranger, recipient)
        if row is None or AskState(row.state) not in _ANSWERABLE[answer]:
            return False
        if row.state != _BECOMES[answer]:
            row.state, row.until = _BECOMES[answer].value, self._now + LASTS
        if answer is Answer.ACCEPT:
            row.sentence = ""
            self._store.learn_contact(recipient, stranger, ContactWhy.ACCEPTED, self._now)
            self._notices.ask_accepted(stranger, recipient, row.asked_at)
            touch(self._session, TOPIC, recipient)
        self._session.flush()
        return True

    def undo(self, recipient: PersonId, stranger: PersonId) -> None:
        """Let an ask that was called spam wait again, as long as it would have."""
        row = self._row(stranger, recipient)
        if row is not None and row.state == AskState.SPAM:
            row.state, row.until = AskState.WAITING.value, row.asked_at + LASTS
            self._session.flush()

    # -------------------------------------------------------------------------------------------- keeping house

    def forget(self, person: PersonId) -> None:
        """Take out what a person asked and what they were asked."""
        theirs = or_(AskRow.stranger == person, AskRow.recipient == person)
        self._session.execute(delete(AskRow).where(theirs).execution_options(synchronize_session=False))

    def prune(self, *, limit: int) -> list[PersonId]:
        """Take out some of those that are over; return who asked. Call it until it returns none."""
        over = select(AskRow.stranger, AskRow.recipient).where(AskRow.until <= self._now)
        some = over.order_by(AskRow.until).limit(limit)
        gone = delete(AskRow).where(tuple_(AskRow.stranger, AskRow.recipient).in_(some)).returning(AskRow.stranger)
        return [PersonId(each) for each in self._session.scalars(gone.execution_options(synchronize_session=False))]

    # -------------------------------------------------------------------------------------------- within

    def _row(self, stranger: PersonId, recipient: PersonId) -> AskRow | None:
        """Return a pair's ask that is not over, and keep it from others until the commit."""
        query = select(AskRow).where(_pair(stranger, recipient)).with_for_update()
        row = self._session.scalar(query.execution_options(populate_existing=True))
        return None if row is None or row.until <= self._now else row

    def _waits(self) -> ColumnElement[bool]:
        return and_(AskRow.state == AskState.WAITING.value, AskRow.until > self._now)

    def _crowd(self, stranger: PersonId, origin: str) -> Crowd:
        lately = AskRow.asked_at > self._now - DAY
        return Crowd(
            own_waiting=self._count(AskRow.stranger == stranger, self._waits()),
            own_today=self._count(AskRow.stranger == stranger, lately),
            server_today=self._count(AskRow.origin == origin, lately),
        )

    def _count(self, *where: ColumnElement[bool]) -> int:
        return self._session.scalar(select(func.count()).select_from(AskRow).where(*where)) or 0

    def _lock(self, origin: str) -> None:
        """Let nobody else of this homeserver ask before the commit; on SQLite nobody else writes anyway."""
        if self._session.get_bind().dialect.name == "postgresql":
            self._session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"asks:{origin}", 0))))


def _check_again(row: AskRow) -> None:
    """Raise ``Conflict`` where a pair's ask waits or was declined, which the stranger may know."""
    if row.state == AskState.WAITING:
        raise Conflict("ask_waiting", "A sentence of yours waits for them already.")
    if AskState(row.state) in _DECLINED:
        raise Conflict("ask_declined", "They declined; you can ask them again later.", until=unix(row.until))


def _pair(stranger: PersonId, recipient: PersonId) -> ColumnElement[bool]:
    return and_(AskRow.stranger == stranger, AskRow.recipient == recipient)


def _ask(row: AskRow) -> Ask:
    return Ask(
        stranger=PersonId(row.stranger),
        recipient=PersonId(row.recipient),
        sentence=row.sentence,
        state=AskState(row.state),
        asked_at=row.asked_at,
        until=row.until,
    )
