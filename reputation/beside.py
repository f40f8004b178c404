"""Beside another policy bot, in one transaction: who acts in the rooms, what is published, and where we are not yet.

The other bot bans and denies by the rules of a policy room, which is all that lists come to here: after vetoes, after
a yes, after so many agree. Until somebody takes over, we ban nobody and deny no server in the rooms ourselves.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import ColumnElement, delete, func, select, update
from sqlalchemy.orm import Session

from kit.changes import touch
from kit.errors import Conflict, NotFound
from kit.identifiers import PersonId, RoomId, UserId
from ledger.people import People
from reputation.beside_tables import BesideRow, OutsideRow
from reputation.consequence_rows import causes_of, target_of
from reputation.enforcement.model import PUBLISHED, Cause, Consequence, State
from reputation.enforcement.wanting import STANDS
from reputation.leaving import leave
from reputation.room_tables import ConsequenceRow, ManagementRoomRow
from reputation.subscribing import TOPIC, living

MOST_OUTSIDE: Final = 1_000
"""Rooms that one management room waits to be asked into."""
MOST_RULES: Final = 20_000
EVERY: Final = timedelta(days=1)
"""How often what both would do is told."""


@dataclass(frozen=True, slots=True)
class Beside:
    """How a management room stands to the other bot; ``bot`` is ``None`` for one that has left us."""

    management: int
    bot: UserId | None
    acting: bool
    over: bool
    room: RoomId | None
    since: datetime
    compared_at: datetime | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What lists come to for somebody or for a server, anywhere in the rooms of a management room."""

    what: Consequence
    target: str
    causes: tuple[Cause, ...]


Stamp = tuple[int, datetime | None]
"""Changes whenever what is to be published may have."""


class Besides:
    """Management rooms beside another bot."""

    def __init__(self, session: Session, now: datetime, people: People) -> None:
        """Work in ``session``, at ``now``."""
        self._session = session
        self._now = now
        self._people = people

    # ---------------------------------------------------------------------------------------- the other bot

    def set(self, management: int, bot: UserId) -> Beside:
        """Let another bot act in the rooms: what we did there is undone, and published instead.

        Raises ``NotFound``, ``Conflict`` while what was published for another one is still being taken back.
        """
        living(self._session, management)
        row = self._row(management)
        if row is not None and row.over:
            raise Conflict("beside_ends", "What was published before is still being taken back; try again in a moment.")
        number = self._people.number(bot)
        if row is None:
            row = BesideRow(management=management, bot=number, acting=False, over=False, since=self._now)
            self._session.add(row)
        row.bot, row.acting = number, False
        self._session.flush()
        self._give_back(management)
        self._session.flush()
        return self._shown(row)

    def take_over(self, management: int) -> int:
        """Act ourselves from now on; what is published stays. Return how much that is. Raises ``NotFound``."""
        row = self._living(management)
        row.acting = True
        return self._take_over(management)

    def give_back(self, management: int) -> int:
        """Act no more ourselves: what we did is undone, and stays published. Return how much. Raises ``NotFound``."""
        row = self._living(management)
        row.acting = False
        return self._give_back(management)

    def end(self, management: int) -> bool:
        """Be beside nobody any more: we act, and what is published is taken back. ``False`` where it is so."""
        row = self._row(management)
        if row is None or row.over:
            return False
        row.over, row.acting = True, True
        self._take_over(management)
        return True

    def _take_over(self, management: int) -> int:
        return self._again(management, published=True)

    def _give_back(self, management: int) -> int:
        return self._again(management, published=False)

    def _again(self, management: int, *, published: bool) -> int:
        """Have whatever stands be done anew, as it is to be done from now on; whoever is at it begins anew, too."""
        values = {"state": State.OWED.value, "due_at": self._now, "changed_at": self._now}
        values |= {"attempts": 0, "leased_until": None, **({"published": False} if published else {})}
        stood = (ConsequenceRow.state == State.APPLIED.value) & ConsequenceRow.published.is_(published)
        anew = update(ConsequenceRow).where(*_open(management), stood | (ConsequenceRow.state == State.OWED.value))
        found = self._session.scalars(
            anew.values(values).returning(ConsequenceRow.id).execution_options(synchronize_session=False)
        ).all()
        touch(self._session, TOPIC, management)
        return len(found)

    # ---------------------------------------------------------------------------------------- what there is

    def of(self, management: int) -> Beside | None:
        """Return how one stands to another bot; ``None`` where there is none, or none any more."""
        row = self._row(management)
        return None if row is None or row.over else self._shown(row)

    def all(self) -> list[Beside]:
        """Return all, those with them that are over and still to be taken back."""
        query = select(BesideRow).order_by(BesideRow.management).execution_options(populate_existing=True)
        return [self._shown(row) for row in self._session.scalars(query)]

    def rooms(self) -> frozenset[RoomId]:
        """Return the policy rooms that we keep."""
        found = self._session.scalars(select(BesideRow.room).where(BesideRow.room.is_not(None)))
        return frozenset(RoomId(room) for room in found if room is not None)

    def stamp(self, management: int) -> Stamp:
        """Return what is another whenever the outcome may be."""
        query = select(func.count(), func.max(ConsequenceRow.changed_at))
        count, newest = self._session.execute(query.where(ConsequenceRow.management == management)).one()
        return count, newest

    def outcome(self, management: int) -> list[Outcome]:
        """Return what lists come to now, each target once; nothing for one that is over, and 20,000 at most."""
        row = self._row(management)
        if row is None or row.over:
            return []
        which = *_open(management), ConsequenceRow.state.in_([state.value for state in STANDS])
        query = select(ConsequenceRow).where(*which).order_by(ConsequenceRow.id).limit(MOST_RULES)
        rows = self._session.scalars(query.execution_options(populate_existing=True)).all()
        numbers = [PersonId(one.person) for one in rows if one.person is not None]
        names: dict[PersonId, UserId] = {}
        for begin in range(0, len(numbers), 5_000):
            names |= self._people.mxids(numbers[begin : begin + 5_000])
        found: dict[tuple[str, str], Outcome] = {}
        for one in rows:
            target = target_of(one, names)
            if target is not None:
                outcome = Outcome(Consequence(one.what), target, causes_of(one, target))
                found.setdefault((one.what, target), outcome)
        return list(found.values())

    def counts(self, management: int) -> tuple[int, int]:
        """Return how many consequences of what is published stand by us in the rooms, and how many only published."""
        which = *_open(management), ConsequenceRow.state.in_([state.value for state in STANDS])
        query = select(ConsequenceRow.published, func.count()).where(*which).group_by(ConsequenceRow.published)
        found = {bool(published): count for published, count in self._session.execute(query)}
        return found.get(False, 0), found.get(True, 0)

    # ---------------------------------------------------------------------------------------- what the bot did

    def housed(self, management: int, room: RoomId | None) -> None:
        """Note in which room it is published, or that there is none any more."""
        row = self._row(management)
        if row is not None:
            row.room = room
            self._session.flush()

    def taken_back(self, management: int) -> None:
        """Note that nothing is published any more: the bot leaves the room."""
        row = self._row(management)
        if row is None or not row.over:
            return
        if row.room is not None:
            leave(self._session, RoomId(row.room), whose=f"beside {management}", since=row.since, now=self._now)
        self._session.delete(row)
        self._session.flush()

    def compared(self, management: int) -> None:
        """Note that what both would do was told."""
        row = self._row(management)
        if row is not None:
            row.compared_at = self._now

    def to_compare(self) -> list[Beside]:
        """Return those of which what both would do is to be told: once a day while a management room rehearses."""
        due = BesideRow.compared_at.is_(None) | (BesideRow.compared_at <= self._now - EVERY)
        rehearses = ManagementRoomRow.rehearse_until > self._now, ManagementRoomRow.ended_at.is_(None)
        query = select(BesideRow).join(ManagementRoomRow, ManagementRoomRow.id == BesideRow.management)
        rows = self._session.scalars(query.where(due, BesideRow.over.is_(False), *rehearses))
        return [self._shown(row) for row in rows]

    # ---------------------------------------------------------------------------------------- where we are not

    def wait_for(self, management: int, rooms: Collection[RoomId], *, put_out: bool = False) -> None:
        """Note rooms that are to be looked after once somebody asks us in, a thousand at most.

        ``put_out``: we were there, and a space that holds them is no reason to enter again.
        """
        known = {one.room: one for one in self._outside(management)}
        for room in rooms:
            if room in known:
                known[room].put_out = put_out
            elif len(known) < MOST_OUTSIDE:
                row = OutsideRow(management=management, room=room, put_out=put_out, since=self._now)
                known[room] = row
                self._session.add(row)
        self._session.flush()

    def outside(self, management: int) -> dict[RoomId, bool]:
        """Return the rooms in which we are not; ``True`` where we were put out."""
        return {RoomId(one.room): one.put_out for one in self._outside(management)}

    def entered(self, management: int, room: RoomId) -> None:
        """Note that we are in a room."""
        mine = OutsideRow.management == management, OutsideRow.room == room
        self._session.execute(delete(OutsideRow).where(*mine).execution_options(synchronize_session="fetch"))

    def gone(self, management: int) -> None:
        """Wait for no room any more."""
        gone = delete(OutsideRow).where(OutsideRow.management == management)
        self._session.execute(gone.execution_options(synchronize_session="fetch"))

    def _outside(self, management: int) -> list[OutsideRow]:
        query = select(OutsideRow).where(OutsideRow.management == management).order_by(OutsideRow.room)
        return list(self._session.scalars(query.execution_options(populate_existing=True)))

    # ---------------------------------------------------------------------------------------- keeping house

    def forget(self, person: PersonId) -> None:
        """Be beside a bot no more that leaves us."""
        for row in self._session.scalars(select(BesideRow).where(BesideRow.bot == person)).all():
            self.end(row.management)

    def _row(self, management: int) -> BesideRow | None:
        return self._session.get(BesideRow, management, populate_existing=True)

    def _living(self, management: int) -> BesideRow:
        living(self._session, management)
        row = self._row(management)
        if row is None or row.over:
            raise NotFound("beside_nobody", "No other bot is said to look after these rooms.")
        return row

    def _shown(self, row: BesideRow) -> Beside:
        bot, room = self._people.mxid(PersonId(row.bot)), None if row.room is None else RoomId(row.room)
        return Beside(row.management, bot, row.acting, row.over, room, row.since, row.compared_at)


def _open(management: int) -> tuple[ColumnElement[bool], ...]:
    what = ConsequenceRow.what.in_([what.value for what in PUBLISHED])
    return ConsequenceRow.management == management, ConsequenceRow.closed.is_(False), what
