"""Consequences, in one transaction: what is written down before it is done, what became of it, and why it was wanted.

A row is applied by whoever claims it, as often as needed to be true once, as effects of the outbox are.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, and_, delete, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from kit.changes import touch
from kit.identifiers import PersonId, RoomId, UserId
from ledger.people import People
from reputation.beside_tables import BesideRow
from reputation.consequence_rows import (
    Remembered,
    before_of,
    causes_of,
    done_of,
    kept_before,
    kept_cause,
    names_of,
    remembered_of,
    target_of,
)
from reputation.enforcement.acting import Owed
from reputation.enforcement.model import (
    CLOSED,
    PUBLISHED,
    WINDOW,
    Consequence,
    Does,
    Done,
    State,
    Step,
    Why,
)
from reputation.enforcement.own import HERE, only_own
from reputation.enforcement.shares import Counted
from reputation.room_tables import ConsequenceRow
from reputation.subscribing import TOPIC
from reputation.undoing import denied

LEASE: Final = timedelta(seconds=60)
MOST_ATTEMPTS: Final = 12
KEPT_FOR: Final = timedelta(days=180)
"""How long the history is kept of what is undone or over."""
KEPT_UNBEGUN: Final = timedelta(days=7)
"""The same of what nobody ever began."""
_FIRST_RETRY: Final = timedelta(seconds=1)
_LONGEST_RETRY: Final = timedelta(hours=1)
_STATES: Final = {Does.ASK: State.ASKED, Does.NOTE: State.NOTED, Does.LIFT: State.LIFTED, Does.DROP: State.DROPPED}


class Consequences:
    """What was done in rooms, is to be done, or waits for a yes."""

    def __init__(self, session: Session, now: datetime, people: People) -> None:
        """Work in ``session``, at ``now``."""
        self._session = session
        self._now = now
        self._people = people

    # ---------------------------------------------------------------------------------------- planning

    def standing(self, management: int, room: RoomId | None = None) -> list[Done]:
        """Return what is not over, in one room or in all, for the planner; who has left us is not among them."""
        here = () if room is None else (ConsequenceRow.room == room, ConsequenceRow.what.in_(sorted(PUBLISHED)))
        rows = self._rows(ConsequenceRow.management == management, ConsequenceRow.closed.is_(False), *here)
        names = names_of(self._people, rows)
        return [done_of(row, target) for row in rows if (target := target_of(row, names)) is not None]

    def spent(self, management: int) -> dict[int, Counted]:
        """Return of each list on whom it acted unasked in the last seven days, and of how many people each counts."""
        since = ConsequenceRow.owed_at > self._now - WINDOW
        rows = self._rows(ConsequenceRow.management == management, since, ConsequenceRow.approved.is_(False))
        names = names_of(self._people, rows)
        found: dict[int, dict[str, int]] = defaultdict(dict)
        for row in rows:
            target = target_of(row, names) or f"#{row.person}"
            for cause in row.causes:
                if cause["list"] < 0:  # a rule of the room's own has no share
                    continue
                counted = found[int(cause["list"])]
                counted[target] = max(counted.get(target, 0), row.people)
        return dict(found)

    def write(self, management: int, steps: Sequence[Step]) -> int:
        """Write some steps of a plan down; return how many. What was decided otherwise meanwhile is passed over."""
        fresh = [step for step in steps if step.does is not Does.LEAVE and step.row is None]
        published = self._is_beside(management)
        written = self._insert(management, fresh, published=published) if fresh else 0
        for step in steps:
            if step.does is not Does.LEAVE and step.row is not None:
                where = ConsequenceRow.id == step.row, ConsequenceRow.state == (step.was or State.OWED).value
                written += len(self._update(self._values(step, published=published), *where))
        if written:
            touch(self._session, TOPIC, management)
        return written

    def _insert(self, management: int, steps: Sequence[Step], *, published: bool) -> int:
        users = {UserId(step.target) for step in steps if step.what is not Consequence.DENY}
        numbers = self._people.numbers(users)
        rows = [self._new(management, step, numbers, published=published) for step in steps]
        on_postgresql = self._session.get_bind().dialect.name == "postgresql"
        insert: Any = (postgresql.insert if on_postgresql else sqlite.insert)(ConsequenceRow)
        added = insert.values(rows).on_conflict_do_nothing().returning(ConsequenceRow.id)
        return len(self._session.execute(added).all())

    def _new(
        self, management: int, step: Step, numbers: Mapping[UserId, PersonId], *, published: bool
    ) -> dict[str, Any]:
        person = numbers.get(UserId(step.target)) if step.what is not Consequence.DENY else None
        first = {
            "management": management,
            "room": step.room,
            "what": step.what.value,
            "person": person,
            "server": step.target if person is None else None,
            "approved": False,
            "planned_at": self._now,
            "attempts": 0,
            "overruled": False,
            "closed": False,
            "published": False,
            "denials": 0,
            "people": step.people,
            "owed_at": None,
            "leased_until": None,
            "due_at": None,
        }
        return {**first, **self._values(step, published=published)}

    def _values(self, step: Step, *, published: bool) -> dict[str, Any]:
        values: dict[str, Any] = {"causes": [kept_cause(cause, step.target) for cause in step.causes]}
        if step.does is Does.KEEP:
            return values
        values |= {"changed_at": self._now, "why": None if step.why is None else step.why.value, "error": None}
        if step.does is Does.DO:
            values |= {"state": State.OWED.value, "owed_at": self._now, "people": step.people}
            if step.was is not State.UNDOING:  # of that, some may be ours in the room still
                values["published"] = published and step.what in PUBLISHED
        elif step.does is Does.UNDO:
            values |= {"state": State.UNDOING.value}
        else:
            values |= {"state": _STATES[step.does].value, "closed": step.does is Does.DROP, "due_at": None}
        if step.does in (Does.DO, Does.UNDO):
            values |= {"due_at": self._now, "attempts": 0, "denials": 0, "leased_until": None}
        if step.does in (Does.DO, Does.ASK, Does.NOTE):
            values["before"] = kept_before(step.before)
        if step.does is Does.LIFT or step.why is Why.VETOED:
            values["overruled"] = True
        return values

    # ---------------------------------------------------------------------------------------- applying

    def claim(self, limit: int = 50) -> list[Owed]:
        """Lease what is due for 60 s, oldest first; commit before acting on it.

        Of a room's denials all that are due come together, for they make one event.
        """
        free = or_(ConsequenceRow.leased_until.is_(None), ConsequenceRow.leased_until <= self._now)
        due = ConsequenceRow.due_at <= self._now, free
        locked = select(ConsequenceRow).with_for_update(skip_locked=True).order_by(ConsequenceRow.id)
        rows = {row.id: row for row in self._session.scalars(locked.where(*due).limit(limit))}
        rooms = {row.room for row in rows.values() if row.what == Consequence.DENY}
        for room in sorted(rooms):
            denials = locked.where(*due, ConsequenceRow.room == room, ConsequenceRow.what == Consequence.DENY.value)
            rows |= {row.id: row for row in self._session.scalars(denials)}
        names = names_of(self._people, rows.values())
        beside = set(self._session.scalars(_beside()))
        claimed = []
        for row in rows.values():
            target = target_of(row, names)
            if target is None:
                self._close(row)
                continue
            row.leased_until, row.attempts = self._now + LEASE, row.attempts + 1
            undo = row.state == State.UNDOING
            causes, before = causes_of(row, target), before_of(row)
            what, room = Consequence(row.what), RoomId(row.room)
            owed = Owed(row.id, row.management, room, what, target, undo, causes, before, row.attempts)
            beside_it = row.management in beside
            claimed.append(replace(owed, published=row.published, beside=beside_it, denials=row.denials))
        self._session.flush()
        return claimed

    def waits(self, management: int | None = None) -> bool:
        """Tell whether anything is still to be done or undone, due or not."""
        query = select(ConsequenceRow.id).where(ConsequenceRow.due_at.is_not(None))
        if management is not None:
            query = query.where(ConsequenceRow.management == management)
        return self._session.scalar(query.limit(1)) is not None

    def waits_in(self, room: RoomId) -> bool:
        """Tell whether anything is still to be done or undone in a room."""
        query = select(ConsequenceRow.id).where(ConsequenceRow.due_at.is_not(None), ConsequenceRow.room == room)
        return self._session.scalar(query.limit(1)) is not None

    def done(self, some: Iterable[Owed]) -> None:
        """Note that the homeserver did what was owed, or that nothing was left to do."""
        for one in some:
            state = State.UNDONE if one.undo else State.APPLIED
            over = state in CLOSED or (one.what in HERE and only_own(one.causes))
            values: dict[str, Any] = {} if one.undo else {"published": one.leaves}
            values |= {"closed": over, "due_at": None, "leased_until": None, "error": None, "denials": 0}
            self._settle(one, state=state.value, **values)

    def failed(self, one: Owed, error: str, *, for_good: bool = False) -> None:
        """Put one back with a doubling pause (1 s up to 1 h); after 12 attempts, or ``for_good``, give it up.

        What could not be done is tried again by a plan after six hours; what could not be undone, as ``undoing`` says.
        ``error`` is for operators: no text of strangers.
        """
        values: dict[str, Any] = {"leased_until": None, "error": error[:200]}
        if for_good or one.attempt >= MOST_ATTEMPTS:
            undoes = one.undo or one.leaves
            values |= denied(one, self._now) if undoes else {"state": State.FAILED.value, "due_at": None}
        else:
            values["due_at"] = self._now + min(_FIRST_RETRY * 2 ** (one.attempt - 1), _LONGEST_RETRY)
        self._settle(one, **values)

    def release(self, some: Iterable[Owed], pause: timedelta) -> None:
        """Put some back untried, due after ``pause``: the homeserver asked to be left alone for so long."""
        for one in some:
            self._settle(one, leased_until=None, due_at=self._now + pause, attempts=one.attempt - 1)

    def _settle(self, one: Owed, **values: Any) -> None:  # noqa: ANN401 - columns
        state = State.UNDOING if one.undo else State.OWED
        mine = ConsequenceRow.state == state.value, ConsequenceRow.attempts == one.attempt
        self._update({"changed_at": self._now, **values}, ConsequenceRow.id == one.id, *mine)

    # ---------------------------------------------------------------------------------------- asking

    def answer(self, management: int, *, yes: bool, by: PersonId | None, only: Collection[int] | None = None) -> int:
        """Say yes or no to what waits (to ``only`` these, or to all); return how many it was about."""
        which = [ConsequenceRow.management == management, ConsequenceRow.state == State.ASKED.value]
        if only is not None:
            which.append(ConsequenceRow.id.in_(only))
        values: dict[str, Any] = {"decided_by": by, "changed_at": self._now}
        if yes:
            due = {"due_at": self._now, "owed_at": self._now, "attempts": 0, "leased_until": None}
            values |= {"state": State.OWED.value, "approved": True, **due}
            which_published = ConsequenceRow.what.in_([what.value for what in PUBLISHED])
            values["published"] = which_published if self._is_beside(management) else False
        else:
            values |= {"state": State.REFUSED.value, "overruled": True}
        found = self._update(values, *which)
        if found:
            touch(self._session, TOPIC, management)
        return len(found)

    def begin_anew(self, management: int, person: PersonId, what: Consequence) -> None:
        """Let what was refused, or taken back by others, of a rule's doing be history: they did something again."""
        settled = ConsequenceRow.state.in_([State.REFUSED.value, State.LIFTED.value])
        mine = ConsequenceRow.management == management, ConsequenceRow.person == person
        for row in self._rows(*mine, ConsequenceRow.what == what.value, settled, ConsequenceRow.closed.is_(False)):
            if only_own(causes_of(row, None)):
                row.closed = True
        self._session.flush()

    def refused_for_good(self, management: int) -> list[tuple[RoomId, PersonId, Consequence]]:
        """Let what was refused of rules, that is done once in one room, be history; return what that was."""
        refused = ConsequenceRow.state == State.REFUSED.value, ConsequenceRow.closed.is_(False)
        once = ConsequenceRow.what.in_([what.value for what in HERE])
        found = []
        for row in self._rows(ConsequenceRow.management == management, *refused, once):
            if row.person is not None and only_own(causes_of(row, None)):
                row.closed = True
                found.append((RoomId(row.room), PersonId(row.person), Consequence(row.what)))
        self._session.flush()
        return found

    # ---------------------------------------------------------------------------------------- telling

    def history(
        self,
        management: int,
        *,
        states: Collection[State] | None = None,
        room: RoomId | None = None,
        target: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        denied_once: bool = False,
        most: int = 50,
    ) -> list[Remembered]:
        """Return what was done, waits or is over, newest first; ``target`` is somebody's Matrix id or a server.

        What changed at ``since`` or before, or after ``until``, is left out. ``denied_once``: with what has one of the
        ``states``, also what was to be undone and was refused for the first time.
        """
        query = select(ConsequenceRow).where(ConsequenceRow.management == management)
        if since is not None:
            query = query.where(ConsequenceRow.changed_at > since)
        if until is not None:
            query = query.where(ConsequenceRow.changed_at <= until)
        if states is not None:
            told = ConsequenceRow.state.in_([state.value for state in states])
            first = and_(ConsequenceRow.state == State.UNDOING.value, ConsequenceRow.denials == 1)
            query = query.where(or_(told, first) if denied_once else told)
        if room is not None:
            query = query.where(ConsequenceRow.room == room)
        if target is not None and target.startswith("@"):
            person = self._people.find(UserId(target))
            if person is None:
                return []
            query = query.where(ConsequenceRow.person == person)
        elif target is not None:
            query = query.where(ConsequenceRow.server == target)
        newest = query.order_by(ConsequenceRow.changed_at.desc(), ConsequenceRow.id.desc()).limit(most)
        rows = self._session.scalars(newest.execution_options(populate_existing=True)).all()
        names = names_of(self._people, rows, deciders=True)
        return [remembered_of(row, names) for row in rows]

    def counts(self, management: int) -> dict[State, int]:
        """Return how many there are of each state."""
        query = select(ConsequenceRow.state, func.count()).where(ConsequenceRow.management == management)
        return {State(state): count for state, count in self._session.execute(query.group_by(ConsequenceRow.state))}

    def overrides(self, number: int) -> tuple[int, int, frozenset[int]]:
        """Return of a list: how often it acted or asked, how often that was overruled, in which management rooms."""
        query = select(ConsequenceRow.management, ConsequenceRow.overruled, ConsequenceRow.causes)
        query = query.where(ConsequenceRow.state != State.NOTED.value, ConsequenceRow.state != State.ASKED.value)
        acted = overruled = 0
        rooms = set[int]()
        for management, against, causes in self._session.execute(query.execution_options(yield_per=1_000)):
            if any(cause["list"] == number for cause in causes):
                acted += 1
                overruled += against
                rooms.add(management)
        return acted, overruled, frozenset(rooms)

    # ---------------------------------------------------------------------------------------- keeping house

    def forget(self, person: PersonId) -> None:
        """Close what was for a person, and take out what was said of them; that it was done stays in the books."""
        for row in self._rows(ConsequenceRow.person == person):
            row.causes = [{**cause, "entity": None, "reason": ""} for cause in row.causes]
            if not row.closed:
                self._close(row)
        self._session.flush()

    def prune(self, *, limit: int) -> tuple[int, set[PersonId]]:
        """Take out some of what is over for long; return how much, and whom it named. Call it until it is none."""
        past = ConsequenceRow.closed, ConsequenceRow.changed_at < self._now - KEPT_UNBEGUN
        over = or_(ConsequenceRow.owed_at.is_(None), ConsequenceRow.changed_at < self._now - KEPT_FOR)
        old = select(ConsequenceRow.id).where(*past, over)
        ids = self._session.scalars(old.order_by(ConsequenceRow.changed_at).limit(limit)).all()
        gone = delete(ConsequenceRow).where(ConsequenceRow.id.in_(ids)).returning(ConsequenceRow.person)
        people = self._session.scalars(gone.execution_options(synchronize_session=False)).all()
        return len(people), {PersonId(one) for one in people if one is not None}

    def _close(self, row: ConsequenceRow) -> None:
        row.closed, row.due_at, row.leased_until = True, None, None
        row.changed_at = self._now
        if row.state not in CLOSED:
            row.state = State.DROPPED.value

    def _is_beside(self, management: int) -> bool:
        return self._session.scalar(_beside().where(BesideRow.management == management)) is not None

    def _rows(self, *which: ColumnElement[bool]) -> Sequence[ConsequenceRow]:
        query = select(ConsequenceRow).where(*which).order_by(ConsequenceRow.id)
        return self._session.scalars(query.execution_options(populate_existing=True)).all()

    def _update(self, values: Mapping[str, Any], *which: ColumnElement[bool]) -> Sequence[int]:
        changed = update(ConsequenceRow).where(*which).values(**values).returning(ConsequenceRow.id)
        return self._session.scalars(changed.execution_options(synchronize_session=False)).all()


def _beside() -> Select[int]:
    """Select the management rooms in which another bot bans and denies."""
    return select(BesideRow.management).where(BesideRow.acting.is_(False), BesideRow.over.is_(False))
