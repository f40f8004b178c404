"""Courtesy: how much the bot may write to people who never asked for it, and to whose homeservers it does not write."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, case, delete, or_, select, tuple_, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from kit.clock import unix
from kit.identifiers import PersonId, ServerName, TenantId
from reputation.tables import BudgetRow, FloodRow, ServerRow

MOST_REFUSALS = 5
"""Chats in a row that a homeserver may refuse before it is left alone: one or two are its people's own settings."""
LEFT_ALONE = timedelta(days=30)
"""How long a homeserver that refuses our chats is left alone."""
MOST_GROWTH = 90
"""Messages an hour that answered stakes may earn a homeserver. Whoever stakes with themselves and answers themselves
gets no more than that."""
FORGOTTEN = timedelta(days=30)
"""How long a homeserver is remembered of which nothing is known that matters, and a flood that is over."""

_MICROSECONDS = 1_000_000


@dataclass(frozen=True, slots=True)
class Budget:
    """A bucket: ``burst`` messages at once, then one every ``every``."""

    burst: int
    every: timedelta


PER_STRANGER = Budget(5, timedelta(days=1) / 5)
"""Nobody earnest knocks at more new doors in a day; the refusal in their app carries the link anyway."""
PER_SERVER = Budget(5, timedelta(hours=1) / 10)
"""Of a server that nobody knows: 10,000 accounts cost nothing there, so they get what a small one needs."""
PER_OWN_SERVER = Budget(25, timedelta(hours=1) / 50)
"""Of the tenant's own server: its operator answers for who may register there."""
PER_RECIPIENT = Budget(50, timedelta(days=1) / 50)
"""Because of one door: a popular person's in a day; beyond it somebody only wants us to write in their name."""
PER_TENANT = Budget(200, timedelta(hours=1) / 200)
"""Because of one homeserver's callbacks: Synapse lets a bot invite about 200 people an hour before it slows it down."""


PER_ASKER = Budget(5, timedelta(days=1) / 5)
"""In somebody's name, to those whom they ask to help them."""


@dataclass(frozen=True, slots=True)
class Spending:
    """One message drawn from one budget: whose (``scope`` and ``subject``), and how large it is."""

    scope: str
    subject: str
    budget: Budget


@dataclass(frozen=True, slots=True)
class Quiet:
    """A homeserver whose people we do not write to unasked; ``until`` is ``None`` where an operator said so."""

    server: ServerName
    since: datetime
    until: datetime | None


class Courtesy:
    """Budgets, homeservers left alone, and floods that their recipients have yet to hear of; in one transaction."""

    def __init__(self, session: Session, now: datetime) -> None:
        """Work in ``session``."""
        self._session = session
        self._now = now

    # -------------------------------------------------------------------------------------------- budgets

    def may_write(
        self, *, stranger: PersonId, server: ServerName, recipient: PersonId, tenant: TenantId, own: bool
    ) -> bool:
        """Draw one unasked message to a stranger from every budget that it touches; ``False`` where one is used up.

        Then nothing was drawn. ``own``: the stranger is of the tenant's own server.
        """
        spendings = (
            Spending("recipient", str(recipient), PER_RECIPIENT),
            Spending("server", server, self._of_server(server, own=own)),
            Spending("stranger", str(stranger), PER_STRANGER),
            Spending("tenant", str(tenant), PER_TENANT),
        )
        return self._spend(spendings)

    def may_ask(self, *, asker: PersonId, asked: PersonId, server: ServerName, own: bool) -> bool:
        """Draw one message that asks somebody, in another's name, who never turned to us; ``False`` as above."""
        spendings = (
            Spending("asker", str(asker), PER_ASKER),
            Spending("server", server, self._of_server(server, own=own)),
            Spending("stranger", str(asked), PER_STRANGER),
        )
        return self._spend(spendings)

    def _of_server(self, server: ServerName, *, own: bool) -> Budget:
        row = self._server(server)
        earned = 0 if row is None else min(row.answered, MOST_GROWTH)
        base = PER_OWN_SERVER if own else PER_SERVER
        an_hour = timedelta(hours=1) / base.every + earned
        return Budget(base.burst + earned, timedelta(hours=1) / an_hour)

    def _spend(self, spendings: Sequence[Spending]) -> bool:
        """Draw from all of them, or (but for a lost race) from none; two who draw at once never get more than there is.

        In a flood most find a bucket empty, and the look before the first write keeps them from waiting for each other.
        """
        now = unix(self._now) * _MICROSECONDS + self._now.microsecond
        keys = [(one.scope, one.subject) for one in spendings]
        these = tuple_(BudgetRow.scope, BudgetRow.subject).in_(keys)
        query = select(BudgetRow.scope, BudgetRow.spent_until).where(these)
        spent = {row.scope: row.spent_until for row in self._session.execute(query)}
        if any(spent.get(one.scope, 0) > _latest(one, now) for one in spendings):
            return False
        # Always in this order, so that two never wait for each other. Where another was quicker at the last of them,
        # what was drawn from the others is lost: too little is written then, never too much.
        return all(self._draw(one, now) for one in spendings)

    def _draw(self, one: Spending, now: int) -> bool:
        cost = _cost(one)
        statement = self._insert(BudgetRow).values(scope=one.scope, subject=one.subject, spent_until=now + cost)
        begin = case((BudgetRow.spent_until > now, BudgetRow.spent_until), else_=now)
        drawn = self._session.execute(
            statement.on_conflict_do_update(
                index_elements=[BudgetRow.scope, BudgetRow.subject],
                set_={"spent_until": begin + cost},
                where=BudgetRow.spent_until <= _latest(one, now),
            ).returning(BudgetRow.scope)
        )
        return drawn.first() is not None

    # -------------------------------------------------------------------------------------------- homeservers

    def answered(self, server: ServerName) -> None:
        """Note that a stake of somebody of this homeserver was answered: more of its people may be written to."""
        self._change(server, answered=ServerRow.answered + 1)

    def chat_accepted(self, server: ServerName) -> None:
        """Note that a homeserver took a chat of ours: it does not refuse them."""
        row = self._server(server)
        if row is not None and (row.refusals or row.quiet_until is not None):
            self._change(server, refusals=0)
            if row.quiet_until is not None:
                self._change(server, quiet_since=None, quiet_until=None)

    def chat_refused(self, server: ServerName) -> None:
        """Note that a homeserver refused a chat of ours; after five in a row it is left alone for 30 days."""
        self._change(server, refusals=ServerRow.refusals + 1)
        row = self._server(server)
        if row is not None and row.refusals >= MOST_REFUSALS and not _quiet(row, self._now):
            self._change(server, refusals=0, quiet_since=self._now, quiet_until=self._now + LEFT_ALONE)

    def keep_quiet(self, server: ServerName) -> None:
        """Write to nobody of this homeserver unasked, until that is taken back."""
        self._change(server, quiet_since=self._now, quiet_until=None)

    def speak_again(self, server: ServerName) -> bool:
        """Write to people of this homeserver again; ``False`` where nothing kept us from it."""
        if not self.is_quiet(server):
            return False
        self._change(server, refusals=0, quiet_since=None, quiet_until=None)
        return True

    def is_quiet(self, server: ServerName) -> bool:
        """Tell whether a homeserver's people are not to be written to unasked."""
        row = self._server(server)
        return row is not None and _quiet(row, self._now)

    def quiet(self) -> list[Quiet]:
        """Return the homeservers that are left alone, by name."""
        rows = self._session.scalars(
            select(ServerRow).where(ServerRow.quiet_since.is_not(None)).order_by(ServerRow.name)
        )
        return [
            Quiet(ServerName(row.name), row.quiet_since, row.quiet_until)
            for row in rows
            if row.quiet_since is not None and _quiet(row, self._now)
        ]

    def _server(self, server: ServerName) -> ServerRow | None:
        return self._session.get(ServerRow, server, populate_existing=True)

    def _change(self, server: ServerName, **values: Any) -> None:  # noqa: ANN401 - values or expressions on the row
        fresh = {"answered": 0, "refusals": 0, "changed_at": self._now}
        added = self._insert(ServerRow).values(name=server, **fresh).on_conflict_do_nothing()
        self._session.execute(added)
        self._session.execute(
            update(ServerRow)
            .where(ServerRow.name == server)
            .values(changed_at=self._now, **values)
            .execution_options(synchronize_session=False)
        )

    # -------------------------------------------------------------------------------------------- floods

    def flooded(self, person: PersonId) -> None:
        """Note that more strangers knock at a person's door than can be written to."""
        row = self._session.get(FloodRow, person, populate_existing=True)
        if row is not None and row.began_at is not None:
            return
        statement = self._insert(FloodRow).values(person=person, began_at=self._now)
        since = case((FloodRow.began_at.is_(None), self._now), else_=FloodRow.began_at)
        self._session.execute(
            statement.on_conflict_do_update(index_elements=[FloodRow.person], set_={"began_at": since})
        )

    def floods(self, *, before: datetime, told_before: datetime, limit: int) -> list[tuple[PersonId, datetime | None]]:
        """Return whose floods began by then, and when they last heard of one, if that too is so long ago."""
        query = (
            select(FloodRow.person, FloodRow.told_at)
            .where(FloodRow.began_at <= before, or_(FloodRow.told_at.is_(None), FloodRow.told_at <= told_before))
            .order_by(FloodRow.began_at)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        return [(PersonId(person), told) for person, told in self._session.execute(query)]

    def flood_over(self, person: PersonId, *, told: bool) -> None:
        """Note that a flood was dealt with: its recipient heard of it, or there was nothing to tell."""
        values = {"began_at": None, "told_at": self._now} if told else {"began_at": None}
        self._session.execute(
            update(FloodRow)
            .where(FloodRow.person == person)
            .values(**values)
            .execution_options(synchronize_session=False)
        )

    def flood_told_of(self, person: PersonId) -> None:
        """Note that a digest told of a flood, where one goes on: its recipient hears of no other in a day."""
        self._session.execute(
            update(FloodRow)
            .where(FloodRow.person == person, FloodRow.began_at.is_not(None))
            .values(began_at=None, told_at=self._now)
            .execution_options(synchronize_session=False)
        )

    # -------------------------------------------------------------------------------------------- keeping

    def forget(self, person: PersonId) -> None:
        """Take out a person's floods and budgets."""
        self._drop(FloodRow, FloodRow.person == person)
        self._drop(
            BudgetRow, and_(BudgetRow.scope.in_(("asker", "recipient", "stranger")), BudgetRow.subject == str(person))
        )

    def prune(self) -> int:
        """Take out budgets that are full again, homeservers of no note, and floods long over; return how many went."""
        long_ago = self._now - FORGOTTEN
        loud = or_(ServerRow.quiet_since.is_(None), ServerRow.quiet_until <= self._now)
        idle = and_(ServerRow.answered == 0, loud, ServerRow.changed_at < long_ago)
        over = and_(FloodRow.began_at.is_(None), or_(FloodRow.told_at.is_(None), FloodRow.told_at < long_ago))
        full = BudgetRow.spent_until <= unix(self._now) * _MICROSECONDS
        return self._drop(BudgetRow, full) + self._drop(ServerRow, idle) + self._drop(FloodRow, over)

    def _drop(self, table: Any, where: Any) -> int:  # noqa: ANN401 - any of our tables, any condition
        columns = list(table.__table__.primary_key)
        statement = delete(table).where(where).returning(*columns).execution_options(synchronize_session=False)
        return len(self._session.execute(statement).all())

    def _insert(self, table: Any) -> Any:  # noqa: ANN401 - either dialect's own Insert
        postgres = self._session.get_bind().dialect.name == "postgresql"
        return postgresql.insert(table) if postgres else sqlite.insert(table)


def _cost(one: Spending) -> int:
    return one.budget.every // timedelta(microseconds=1)


def _latest(one: Spending, now: int) -> int:
    """Return up to where a bucket may be used so that there is one more in it."""
    return now + (one.budget.burst - 1) * _cost(one)


def _quiet(row: ServerRow, now: datetime) -> bool:
    return row.quiet_since is not None and (row.quiet_until is None or row.quiet_until > now)
