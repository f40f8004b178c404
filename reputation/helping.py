"""Helping: whom a person asked to answer their queue with them, who accepted that, and what was answered by whom."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, func, or_, select, update
from sqlalchemy.orm import Session

from kit.errors import Conflict, Invalid, NotFound
from kit.identifiers import PersonId, UserId
from ledger.people import People
from payments.stakes.model import Answer
from reputation.asks import Asks
from reputation.gate import Gate
from reputation.notices import Notices
from reputation.tables import HelperAnswerRow, HelperRow

MOST_HELPERS = 5
"""Helpers of one person, those included who have yet to accept."""
MOST_HELPED = 20
"""People whom one helps."""
ASK_LASTS = timedelta(days=30)
"""How long a person waits for the helper they asked."""
ANSWERS_KEPT = timedelta(days=90)
"""How long it is remembered who gave an answer: longer than a stake can be open."""
_MOST_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Help:
    """``owner`` asked ``helper``; it counts from ``accepted_at`` on, if that is not ``None``."""

    owner: PersonId
    helper: PersonId
    asked_at: datetime
    accepted_at: datetime | None


@dataclass(frozen=True, slots=True)
class Given:
    """An answer that a helper gave, and when its owner took it back, if they did."""

    helper: PersonId
    stranger: PersonId
    answer: str
    given_at: datetime
    undone_at: datetime | None


class Helping:
    """Helpers in one transaction: they see and answer the queue of whoever named them, and nothing else."""

    def __init__(
        self,
        session: Session,
        *,
        now: datetime,
        people: People,
        gate: Gate,
        asks: Asks,
        notices: Notices,
        bot_id: UserId | None,
    ) -> None:
        """Work in ``session``, at ``now``."""
        self._session = session
        self._now = now
        self._people = people
        self._gate = gate
        self._asks = asks
        self._notices = notices
        self._bot_id = bot_id

    # -------------------------------------------------------------------------------------------- who helps whom

    def ask(self, owner: PersonId, helper: UserId) -> Help:
        """Ask somebody to help; it means nothing before they accept. To ask twice is to ask once.

        Raises ``Invalid`` for oneself or the bot, ``Conflict`` for more than five.
        """
        own = self._people.mxid(owner)
        if own is None or helper in (own, self._bot_id):
            raise Invalid("helper_self", "A helper is somebody else.")
        self._people.lock(owner)  # two who are asked at once would both be the last
        number = self._people.number(helper)
        known = self.helpers(owner)
        found = next((one for one in known if one.helper == number), None)
        if found is not None:
            return found
        if len(known) >= MOST_HELPERS:
            raise Conflict("helpers_full", f"You have {MOST_HELPERS} helpers already.", most=MOST_HELPERS)
        self._drop(owner, number)  # if they were asked too long ago
        self._session.add(HelperRow(owner=owner, helper=number, asked_at=self._now))
        self._session.flush()
        self._notices.helper_asked(owner, number, owner_name=own, helper_name=helper)
        return Help(owner, number, self._now, None)

    def accept(self, helper: PersonId, owner: UserId) -> PersonId:
        """Accept to help somebody who asked. Raises ``NotFound`` where they did not, ``Conflict`` for more than 20."""
        self._people.lock(helper)
        number = self._people.find(owner)
        row = None if number is None else self._row(number, helper)
        if number is None or row is None or self._over(row):
            raise not_asked()
        if row.accepted_at is None:
            helped = select(func.count()).select_from(HelperRow)
            mine = HelperRow.helper == helper, HelperRow.accepted_at.is_not(None)
            if (self._session.scalar(helped.where(*mine)) or 0) >= MOST_HELPED:
                raise Conflict("helps_many", f"You help {MOST_HELPED} people already.", most=MOST_HELPED)
            if not self._say_yes(number, helper):  # taken back at this moment
                raise not_asked()
            self._notices.helper_said(number, helper, accepted=True)
        return number

    def leave(self, helper: PersonId, owner: UserId) -> None:
        """Help somebody no more, or decline to. Raises ``NotFound`` where they never asked."""
        number = self._people.find(owner)
        if number is None or not self._drop(number, helper):
            raise not_helping()
        self._notices.helper_said(number, helper, accepted=False)

    def remove(self, owner: PersonId, helper: UserId) -> None:
        """Take a helper back, from now on and for whatever they were asked before. Raises ``NotFound``."""
        number = self._people.find(helper)
        if number is None or not self._drop(owner, number):
            raise NotFound("helper_unknown", "You have no helper of that name.")

    def helpers(self, owner: PersonId) -> list[Help]:
        """Return whom a person asked, oldest first; whoever did not accept in 30 days is no longer asked."""
        rows = self._session.scalars(
            select(HelperRow).where(HelperRow.owner == owner).order_by(HelperRow.asked_at, HelperRow.helper)
        )
        return [_help(row) for row in rows if not self._over(row)]

    def helped(self, helper: PersonId) -> list[Help]:
        """Return who asked a person, those first whom they help; at most 100 are shown."""
        rows = self._session.scalars(
            select(HelperRow)
            .where(HelperRow.helper == helper)
            .order_by(HelperRow.accepted_at.is_(None), HelperRow.asked_at, HelperRow.owner)
            .limit(100)
        )
        return [_help(row) for row in rows if not self._over(row)]

    def owner(self, helper: PersonId, owner: UserId) -> PersonId:
        """Return the person of that name, if this one helps them.

        Raises ``NotFound``, the same whether there is no such person or they named somebody else.
        """
        number = self._people.find(owner)
        row = None if number is None else self._row(number, helper)
        if number is None or row is None or row.accepted_at is None:
            raise not_helping()
        return number

    # -------------------------------------------------------------------------------------------- answers

    def hold(self, owner: PersonId) -> None:
        """Let nobody else answer for a person before the commit, nor a helper of theirs be removed."""
        mine = select(HelperRow.helper).where(HelperRow.owner == owner).order_by(HelperRow.helper)
        self._session.execute(mine.with_for_update()).all()

    def check(self, helper: PersonId, owner: PersonId, stranger: UserId, answer: Answer) -> None:
        """Raise ``NotFound`` unless this helper may give this answer now; call ``hold`` before.

        They answer the queue: who waits; and of who merely knocked they may say that it is spam, unless the owner knows
        them. So no helper takes a contact from their owner.
        """
        row = self._row(owner, helper)
        if row is None or row.accepted_at is None:
            raise not_helping()
        other = self._people.find(stranger)
        waiting = {one.stranger for one in self._gate.waiting(owner)} | {
            one.stranger for one in self._asks.queue(owner)
        }
        waits = other in waiting
        if other is None or not (waits or (answer is Answer.SPAM and self._merely_knocked(owner, other))):
            raise NotFound("nothing_waiting", "Nobody of that name waits for an answer.")

    def _merely_knocked(self, owner: PersonId, other: PersonId) -> bool:
        knocked = any(one.stranger == other for one in self._gate.knocks(owner))
        return knocked and other not in self._gate.known(owner)

    def note(self, helper: PersonId, owner: PersonId, stranger: PersonId, answer: Answer) -> None:
        """Remember who gave an answer."""
        row = HelperAnswerRow(owner=owner, stranger=stranger, helper=helper, answer=answer.value, given_at=self._now)
        self._session.add(row)
        self._session.flush()

    def undone(self, owner: PersonId, stranger: PersonId) -> None:
        """Remember that an owner took back what helpers of theirs said of a stranger."""
        self._session.execute(
            update(HelperAnswerRow)
            .where(HelperAnswerRow.owner == owner, HelperAnswerRow.stranger == stranger)
            .where(HelperAnswerRow.answer == Answer.SPAM.value, HelperAnswerRow.undone_at.is_(None))
            .values(undone_at=self._now)
            .execution_options(synchronize_session=False)
        )

    def answers(self, owner: PersonId, stranger: PersonId | None = None) -> list[Given]:
        """Return what helpers answered for a person, newest first, of one stranger or the last 20 of all."""
        query = select(HelperAnswerRow).where(HelperAnswerRow.owner == owner)
        if stranger is not None:
            query = query.where(HelperAnswerRow.stranger == stranger)
        rows = self._session.scalars(query.order_by(HelperAnswerRow.id.desc()).limit(_MOST_SHOWN))
        return [
            Given(PersonId(row.helper), PersonId(row.stranger), row.answer, row.given_at, row.undone_at) for row in rows
        ]

    # -------------------------------------------------------------------------------------------- keeping

    def forget(self, person: PersonId) -> None:
        """Take out whom a person asked and helped, and what was answered for them or of them.

        What they answered for others stays with those, by a helper who has no name any more. Call it before what locks
        stakes, as whoever answers does. The person is locked first, as by whoever asks or accepts, and then the rows in
        the order in which whoever answers locks them.
        """
        self._people.lock(person)
        named = or_(HelperRow.owner == person, HelperRow.helper == person)
        in_order = select(HelperRow.owner).where(named).order_by(HelperRow.owner, HelperRow.helper)
        self._session.execute(in_order.with_for_update()).all()
        answers = delete(HelperAnswerRow).where(
            or_(HelperAnswerRow.owner == person, HelperAnswerRow.stranger == person)
        )
        helpers = delete(HelperRow).where(named)
        for statement in (helpers, answers):
            self._session.execute(statement.execution_options(synchronize_session=False))

    def prune(self, *, limit: int) -> list[PersonId]:
        """Take out some answers of long ago, and some who never accepted; return whom they named, until none is."""
        old = select(HelperAnswerRow.id).where(HelperAnswerRow.given_at < self._now - ANSWERS_KEPT)
        answers = delete(HelperAnswerRow).where(HelperAnswerRow.id.in_(old.order_by(HelperAnswerRow.id).limit(limit)))
        unanswered = HelperRow.accepted_at.is_(None), HelperRow.asked_at < self._now - ASK_LASTS
        asked = delete(HelperRow).where(*unanswered).returning(HelperRow.helper)
        gone: list[int] = []
        for statement in (answers.returning(HelperAnswerRow.stranger), asked):
            gone.extend(self._session.scalars(statement.execution_options(synchronize_session=False)))
        return [PersonId(each) for each in gone]

    # -------------------------------------------------------------------------------------------- within

    def _row(self, owner: PersonId, helper: PersonId) -> HelperRow | None:
        return self._session.get(HelperRow, (owner, helper), populate_existing=True)

    def _say_yes(self, owner: PersonId, helper: PersonId) -> bool:
        accepting = update(HelperRow).where(HelperRow.owner == owner, HelperRow.helper == helper)
        found = self._session.execute(
            accepting.values(accepted_at=self._now)
            .returning(HelperRow.helper)
            .execution_options(synchronize_session=False)
        ).first()
        return found is not None

    def _over(self, row: HelperRow) -> bool:
        return row.accepted_at is None and self._now - row.asked_at > ASK_LASTS

    def _drop(self, owner: PersonId, helper: PersonId) -> bool:
        gone = delete(HelperRow).where(HelperRow.owner == owner, HelperRow.helper == helper)
        found = self._session.execute(
            gone.returning(HelperRow.helper).execution_options(synchronize_session=False)
        ).first()
        return found is not None


def not_asked() -> NotFound:
    """Return the answer to whoever accepts what nobody asked of them."""
    return NotFound("helper_not_asked", "Nobody of that name asked you to help them.")


def not_helping() -> NotFound:
    """Return the one answer to whoever asks for somebody's queue that is none of theirs."""
    return NotFound("not_helping", "You help nobody of that name.")


def _help(row: HelperRow) -> Help:
    return Help(PersonId(row.owner), PersonId(row.helper), row.asked_at, row.accepted_at)
