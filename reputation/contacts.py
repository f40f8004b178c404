"""Contacts, in one transaction: whom a person knows and by what way, and what they imported of it, as one thing.

Importing is saying "I knew them before": they pass freely from then on, and nobody else hears of it. An import has a
moment, by which it can be undone as a whole; how somebody came to be known first stays, so that undoing it takes away
nothing that was known before.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import and_, delete, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from kit.changes import touch
from kit.errors import Conflict, Invalid, NotFound
from kit.identifiers import PersonId, ServerName, UserId, server_of
from ledger.people import People
from ledger.store import people as names
from reputation.asking import AskState
from reputation.model import MOST_IMPORTED, ContactWhy, GrantState
from reputation.tables import AskRow, ContactRow, GrantRow, SpamVerdictRow
from reputation.tenants import TOPIC

MOST_AT_ONCE: Final = 200
"""People who are imported in one transaction; a longer import is several of them, of one moment."""
IMPORT_LASTS: Final = timedelta(hours=1)
"""How far from now the moment of an import may lie that is still going on."""
MOST_PAGE: Final = 500
_MOST_IMPORTS_SHOWN: Final = 50


@dataclass(frozen=True, slots=True)
class Contact:
    """Somebody whom a person knows, by what way, and since when."""

    other: UserId
    why: ContactWhy
    since: datetime


@dataclass(frozen=True, slots=True)
class Import:
    """An import: its moment, to the second, and how many people stand by it."""

    moment: datetime
    people: int


@dataclass(frozen=True, slots=True)
class Taken:
    """What an import did: how many it added, how many were known before, and how many are nobody to be known.

    Those are whom the person called spam, and themselves.
    """

    moment: datetime
    added: int
    known: int
    left_out: int


class Contacts:
    """Whom people know."""

    def __init__(self, session: Session, *, now: datetime, people: People) -> None:
        """Work in ``session``, at ``now``."""
        self._session = session
        self._now = now
        self._people = people

    def take(self, person: PersonId, others: Collection[UserId], *, moment: datetime | None = None) -> Taken:
        """Remember people whom a person knew before; doing it twice is doing it once.

        ``moment``: of an import that is going on, else a new one begins now. Raises ``Invalid`` for too many at once
        or a moment long gone, ``Conflict`` for more people than one can know.
        """
        if len(others) > MOST_AT_ONCE:
            raise Invalid("contacts_at_once", f"At most {MOST_AT_ONCE} people at once.", most=MOST_AT_ONCE)
        moment = (moment or self._now).replace(microsecond=0)
        if abs(self._now - moment) > IMPORT_LASTS:
            raise Invalid("import_over", "That import was longer ago: begin a new one.")
        self._people.lock(person)  # two imports at once would both be counted as the last
        wanted = set(others)
        numbers = self._people.find_all(wanted)
        known = self._known(person, numbers.values())
        left_out = {person, *self._called_spam(person, numbers.values())}.intersection(numbers.values()) - known
        new = {mxid for mxid in wanted if numbers.get(mxid) not in known | left_out}
        if new and self._count(person, ContactWhy.IMPORTED) + len(new) > MOST_IMPORTED:
            raise Conflict("contacts_full", f"You imported {MOST_IMPORTED} people, which is all one can.")
        self._add(person, self._people.numbers(new).values(), moment)
        if new:
            touch(self._session, TOPIC, person)
        return Taken(moment, added=len(new), known=len(known), left_out=len(left_out))

    def imports(self, person: PersonId) -> list[Import]:
        """Return a person's imports of which somebody is left, newest first, at most 50."""
        query = (
            select(ContactRow.since, func.count())
            .where(_imported(person))
            .group_by(ContactRow.since)
            .order_by(ContactRow.since.desc())
            .limit(_MOST_IMPORTS_SHOWN)
        )
        return [Import(since, count) for since, count in self._session.execute(query)]

    def undo(self, person: PersonId, moment: datetime, *, limit: int) -> int:
        """Forget some of whom an import added; return how many. Call it until it returns less than ``limit``.

        Whom the person accepted in the meantime stays, as accepted.
        """
        of_it = and_(_imported(person), ContactRow.since == moment)
        others = list(self._session.scalars(select(ContactRow.other).where(of_it).limit(limit)))
        theirs = and_(of_it, ContactRow.other.in_(others))
        staked = select(GrantRow.stranger).where(
            GrantRow.recipient == person, GrantRow.stranger.in_(others), GrantRow.state == GrantState.ACCEPTED.value
        )
        asked = select(AskRow.stranger).where(
            AskRow.recipient == person, AskRow.stranger.in_(others), AskRow.state == AskState.ACCEPTED.value
        )
        unsynchronized = {"synchronize_session": False}
        self._session.execute(
            update(ContactRow)
            .where(theirs, or_(ContactRow.other.in_(staked), ContactRow.other.in_(asked)))
            .values(why=ContactWhy.ACCEPTED.value)
            .execution_options(**unsynchronized)
        )
        gone = self._session.scalars(
            delete(ContactRow).where(theirs).returning(ContactRow.other).execution_options(**unsynchronized)
        )
        self._went(person, {PersonId(other) for other in gone})
        return len(others)

    # -------------------------------------------------------------------------------------------- showing

    def counts(self, person: PersonId) -> Mapping[ContactWhy, int]:
        """Tell how many a person knows by each way."""
        query = select(ContactRow.why, func.count()).where(ContactRow.person == person).group_by(ContactRow.why)
        return {ContactWhy(why): count for why, count in self._session.execute(query)}

    def page(self, person: PersonId, *, after: str | None = None, limit: int) -> list[Contact]:
        """Return some of whom a person knows, in the order of their names, ``after`` that name."""
        other = names.names("other")
        query = (
            select(other.c.mxid, ContactRow.why, ContactRow.since)
            .join(other, other.c.id == ContactRow.other)
            .where(ContactRow.person == person)
            .order_by(other.c.mxid)
            .limit(min(limit, MOST_PAGE))
        )
        if after is not None:
            query = query.where(other.c.mxid > after)
        return [Contact(UserId(mxid), ContactWhy(why), since) for mxid, why, since in self._session.execute(query)]

    # -------------------------------------------------------------------------------------------- forgetting

    def forget(self, person: PersonId, other: UserId) -> None:
        """Forget that a person knows another, whatever the way. Raises ``NotFound`` where they do not."""
        number = self._people.find(other)
        if number is None or number not in self._known(person, [number]):
            raise NotFound("contact_unknown", "You know nobody of that name here.")
        self._session.execute(
            delete(ContactRow)
            .where(ContactRow.person == person, ContactRow.other == number)
            .execution_options(synchronize_session=False)
        )
        self._went(person, {number})

    # -------------------------------------------------------------------------------------------- within

    def _known(self, person: PersonId, others: Collection[PersonId]) -> set[PersonId]:
        query = select(ContactRow.other).where(ContactRow.person == person, ContactRow.other.in_(others))
        return {PersonId(other) for other in self._session.scalars(query)}

    def _called_spam(self, person: PersonId, others: Collection[PersonId]) -> set[PersonId]:
        verdict = SpamVerdictRow
        query = select(verdict.stranger).where(verdict.recipient == person, verdict.stranger.in_(others))
        return {PersonId(stranger) for stranger in self._session.scalars(query)}

    def known_of(self, servers: Collection[ServerName]) -> Counter[ServerName]:
        """Count, for each of these homeservers, its people whom somebody here invited or accepted.

        Whom people say that they know of (imports) does not count: that costs nothing.
        """
        other = names.names("other")
        query = select(other.c.mxid).join(ContactRow, ContactRow.other == other.c.id)
        query = query.where(ContactRow.why != ContactWhy.IMPORTED.value).distinct()
        found = Counter(
            server_of(UserId(mxid)) for (mxid,) in self._session.execute(query.execution_options(yield_per=10_000))
        )
        return Counter({server: found[server] for server in servers if server in found})

    def _count(self, person: PersonId, why: ContactWhy) -> int:
        return self.counts(person).get(why, 0)

    def _add(self, person: PersonId, others: Collection[PersonId], moment: datetime) -> None:
        rows = [
            {"person": person, "other": other, "why": ContactWhy.IMPORTED.value, "since": moment}
            for other in sorted(others)
        ]
        if rows:
            postgres = self._session.get_bind().dialect.name == "postgresql"
            insert: Any = postgresql.insert if postgres else sqlite.insert
            self._session.execute(insert(ContactRow).on_conflict_do_nothing(), rows)

    def _went(self, person: PersonId, others: set[PersonId]) -> None:
        """Have it heard that these are known no more, and take out of whom nothing else is known."""
        self._people.prune(others)
        touch(self._session, TOPIC, person)


def _imported(person: PersonId) -> Any:  # noqa: ANN401 - a condition
    return and_(ContactRow.person == person, ContactRow.why == ContactWhy.IMPORTED.value)
