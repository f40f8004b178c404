"""Outcomes, in one transaction: what rules of management rooms want done, from when it is heard until it is over.

What is done once stands until it was planned, and then for as long as it waits for a yes or to be done.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Select, delete, func, select
from sqlalchemy.orm import Session

from kit.changes import touch
from kit.identifiers import PersonId, RoomId, UserId
from ledger.people import People
from reputation.consequences import Consequences
from reputation.enforcement.model import Consequence, Done, State
from reputation.enforcement.own import HERE, Standing
from reputation.protections.model import Outcome
from reputation.room_tables import OutcomeRow
from reputation.subscribing import TOPIC

HOLDS: Final = timedelta(seconds=60)
"""How long what is done once is wanted: whoever was put out and comes again meanwhile is put out again."""
MOST_EVENTS: Final = 500
"""Messages of somebody in a room that are to be taken out; of more, the newest."""
_DECIDED: Final = "!"
"""Before the id of a message of which somebody decided that it is taken out; ids begin otherwise."""
_WAITS: Final = frozenset({State.ASKED, State.OWED, State.UNDOING})
_ONCE: Final = HERE | {Consequence.KICK}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What stands now; ``known``: numbers of new rows, and since when they are; ``over``: of those that are over."""

    standing: tuple[Standing, ...] = ()
    known: tuple[tuple[int, datetime], ...] = ()
    over: tuple[int, ...] = ()


class Outcomes:
    """What rules want done."""

    def __init__(self, session: Session, now: datetime, people: People, consequences: Consequences) -> None:
        """Work in ``session``, at ``now``."""
        self._session = session
        self._now = now
        self._people = people
        self._consequences = consequences

    def note(self, management: int, some: Sequence[Outcome], *, decided: bool = False) -> None:
        """Write down what rules want done to those who did something, or what somebody ``decided`` for them."""
        numbers = self._people.numbers({one.user for one in some})
        # In the order in which a plan takes them, too: neither then waits for what the other has.
        mine = OutcomeRow.management == management, OutcomeRow.person.in_(sorted(set(numbers.values())))
        self._session.scalars(select(OutcomeRow.id).where(*mine).order_by(OutcomeRow.id).with_for_update()).all()
        for one in some:
            self._note(management, one, numbers[one.user], decided=decided)
        if some:
            touch(self._session, TOPIC, management)

    def _note(self, management: int, one: Outcome, person: PersonId, *, decided: bool) -> None:
        what = Consequence(one.do)
        self._consequences.begin_anew(management, person, what)
        row = self._row(management, one.room, person, what)
        until = self._now + HOLDS if what in _ONCE else None if one.time is None else self._now + one.time
        if row is None:
            row = OutcomeRow(
                management=management, room=one.room, person=person, what=what.value, events=[], decided=decided
            )
            self._session.add(row)
        else:
            over = row.until is not None and row.until <= self._now
            row.decided = decided or (row.decided and (not over or bool(_chosen(row.events))))
            if row.until is None or (until is not None and row.until > until):
                until = row.until  # what holds longer goes on
        row.rule, row.at, row.until, row.planned = one.rule, self._now, until, False
        row.events = _with(row.events, one.events, decided=decided)
        self._session.flush()

    def _row(self, management: int, room: RoomId, person: PersonId, what: Consequence) -> OutcomeRow | None:
        """Return a row, that nobody else changes before the commit."""
        query = _whose(management, room, person, what).execution_options(populate_existing=True)
        return self._session.scalar(query.with_for_update())

    # ---------------------------------------------------------------------------------------- planning

    def wanted(self, management: int, done: Iterable[Done]) -> Wanted:
        """Return what stands now, beside what is ``done`` or waits."""
        query = select(OutcomeRow).where(OutcomeRow.management == management).order_by(OutcomeRow.id)
        rows = self._session.scalars(query.execution_options(populate_existing=True)).all()
        names = self._people.mxids({PersonId(row.person) for row in rows})
        waiting = {(one.what, one.target) for one in done if one.state in _WAITS}
        standing, known, over = list[Standing](), list[tuple[int, datetime]](), list[int]()
        for row in rows:
            what, user = Consequence(row.what), names.get(PersonId(row.person))
            holds = row.until is None or row.until > self._now
            once = what in _ONCE and (not row.planned or (what, user) in waiting)
            if user is not None and (holds or once):
                until = row.until if holds else None
                standing.append(Standing(RoomId(row.room), user, what, row.rule, row.at, until, row.decided))
                known += [] if row.planned else [(row.id, row.at)]
            else:
                over.append(row.id)
        return Wanted(tuple(standing), tuple(known), tuple(over))

    def planned(self, wanted: Wanted) -> None:
        """Note that a plan knew what was wanted, and take out what was over; what came since stays as it is."""
        at = dict(wanted.known)
        for row in self._rows(at):
            row.planned = row.at == at[row.id]
        gone = delete(OutcomeRow).where(OutcomeRow.id.in_(wanted.over))
        self._session.execute(gone.where(OutcomeRow.until <= self._now).execution_options(synchronize_session=False))
        self._session.flush()

    def next_end(self, management: int, after: datetime) -> datetime | None:
        """Return when the next of them is over."""
        query = select(func.min(OutcomeRow.until)).where(OutcomeRow.management == management)
        return self._session.scalar(query.where(OutcomeRow.until > after))

    def _rows(self, numbers: Collection[int]) -> Iterable[OutcomeRow]:
        query = select(OutcomeRow).where(OutcomeRow.id.in_(numbers)).order_by(OutcomeRow.id)
        return self._session.scalars(query.execution_options(populate_existing=True).with_for_update()).all()

    # ---------------------------------------------------------------------------------------- doing

    def events(self, management: int, room: RoomId, user: UserId) -> list[str]:
        """Return which of somebody's messages in a room are to be taken out, oldest first.

        Where somebody decided it of some, those alone: the others wait for their turn, and for a yes.
        """
        person = self._people.find(user)
        if person is None:
            return []
        row = self._session.scalar(_whose(management, room, person, Consequence.REDACT))
        return [] if row is None else _chosen(row.events) or list(row.events)

    def taken(self, management: int, room: RoomId, user: UserId, events: Collection[str]) -> None:
        """Note that messages were taken out."""
        person = self._people.find(user)
        row = None if person is None else self._row(management, room, person, Consequence.REDACT)
        if row is not None:
            gone = frozenset(events)
            row.events = [event for event in row.events if event.removeprefix(_DECIDED) not in gone]
            self._session.flush()

    def settled(self, management: int, room: RoomId, person: PersonId, what: Consequence, *, refused: bool) -> None:
        """Let go of what was done once, or refused; where messages came to it meanwhile, they are wanted by the next.

        A no is about all that was there, but for what somebody decided meanwhile.
        """
        row = self._row(management, room, person, what)
        if row is None:
            return
        if refused:
            row.events = [event for event in row.events if event.startswith(_DECIDED)]
        if row.events:
            row.planned, row.decided = False, bool(_chosen(row.events))
            touch(self._session, TOPIC, management)
        else:
            self._session.delete(row)
        self._session.flush()

    # ---------------------------------------------------------------------------------------- keeping house

    def end(self, management: int, room: RoomId | None = None) -> None:
        """Take out all of a management room, or all that was about one room."""
        gone = delete(OutcomeRow).where(OutcomeRow.management == management)
        if room is not None:
            gone = gone.where(OutcomeRow.room == room)
        self._session.execute(gone.execution_options(synchronize_session=False))

    def forget(self, person: PersonId) -> None:
        """Take out what was about a person."""
        gone = delete(OutcomeRow).where(OutcomeRow.person == person)
        self._session.execute(gone.execution_options(synchronize_session=False))


def _chosen(events: Iterable[str]) -> list[str]:
    """Return of which messages somebody decided that they are taken out."""
    return [event.removeprefix(_DECIDED) for event in events if event.startswith(_DECIDED)]


def _with(before: Sequence[str], more: Iterable[str], *, decided: bool) -> list[str]:
    """Return messages with others; those of which somebody decided come last, for of too many the first are let go."""
    chosen = list(dict.fromkeys([*_chosen(before), *(more if decided else ())]))
    others = dict.fromkeys([*before, *(() if decided else more)])
    plain = [event for event in others if not event.startswith(_DECIDED) and event not in chosen]
    return [*plain, *(_DECIDED + event for event in chosen)][-MOST_EVENTS:]


def _whose(management: int, room: RoomId, person: PersonId, what: Consequence) -> Select[OutcomeRow]:
    mine = OutcomeRow.management == management, OutcomeRow.room == room
    return select(OutcomeRow).where(*mine, OutcomeRow.person == person, OutcomeRow.what == what.value)
