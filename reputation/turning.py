"""Turning away, in one transaction: whom lists kept out at the gate, why, and the ground on which that is decided."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import and_, delete, exists, or_, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from kit.identifiers import PersonId, RoomId, UserId
from ledger.people import People
from reputation.consequence_rows import causes_of, kept_cause, target_of
from reputation.enforcement.arriving import TurnedAway
from reputation.enforcement.model import WINDOW, Cause, Consequence, Ground
from reputation.enforcement.shares import Counted
from reputation.gate_tables import GroundRow, KeeperRow, TurnedRow
from reputation.room_tables import VetoRow

MOST_KEEPERS: Final = 2_000
"""Of one management room; where there are more, nobody is kept out, for some of them would be forgotten."""
KEPT_FOR: Final = timedelta(days=180)
_STILL_TRUE: Final = 0.1
"""By how much of them people may be more or fewer before that is written down: it is only what shares are of."""
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Turned:
    """Who was not let into a room; ``target`` is a Matrix id, a server, or ``None`` for somebody who has left us."""

    room: RoomId
    target: str | None
    causes: tuple[Cause, ...]
    times: int
    first_at: datetime
    last_at: datetime


class Turning:
    """Whom lists kept out, and what has to be known of rooms to say so."""

    def __init__(self, session: Session, now: datetime, people: People) -> None:
        """Work in ``session``, at ``now``."""
        self._session = session
        self._now = now
        self._people = people

    # ---------------------------------------------------------------------------------------- the ground

    def ground(self, management: int) -> Ground | None:
        """Return what the last plan left behind; ``None`` before there was one."""
        row = self._session.get(GroundRow, management, populate_existing=True)
        if row is None:
            return None
        keepers = self._people.mxids(self._keepers(management)).values()
        return Ground(row.people, frozenset(keepers), frozenset(row.servers))

    def is_news(self, management: int, ground: Ground) -> bool:
        """Tell whether what is kept of the rooms is another ground than this, or a day old."""
        row = self._session.get(GroundRow, management, populate_existing=True)
        if len(ground.keepers) > MOST_KEEPERS:
            return row is not None
        if row is None or abs(row.people - ground.people) > _STILL_TRUE * row.people:
            return True
        same = frozenset(row.servers) == ground.servers and row.seen_at + _DAY > self._now
        known = self._people.find_all(ground.keepers)
        return not same or len(known) != len(ground.keepers) or set(known.values()) != self._keepers(management)

    def seen(self, management: int, ground: Ground) -> None:
        """Keep a ground instead of what was kept before."""
        self._forget_ground(management)
        if len(ground.keepers) > MOST_KEEPERS:
            return
        servers = sorted(ground.servers)
        self._session.add(GroundRow(management=management, people=ground.people, servers=servers, seen_at=self._now))
        numbers = self._people.numbers(ground.keepers).values()
        self._session.add_all(KeeperRow(management=management, person=number) for number in sorted(numbers))
        self._session.flush()

    def _keepers(self, management: int) -> set[PersonId]:
        query = select(KeeperRow.person).where(KeeperRow.management == management)
        return {PersonId(number) for number in self._session.scalars(query)}

    def _forget_ground(self, management: int) -> None:
        for table in (GroundRow, KeeperRow):
            gone: Any = delete(table).where(table.management == management)
            self._session.execute(gone.execution_options(synchronize_session="fetch"))

    # ---------------------------------------------------------------------------------------- who was turned away

    def note(self, management: int, room: RoomId, found: TurnedAway) -> None:
        """Remember that somebody was not let in, and why."""
        server = found.target if found.what is Consequence.DENY else None
        person = self._people.number(UserId(found.target)) if server is None else None
        causes = [kept_cause(cause, found.target) for cause in found.causes]
        on_postgresql = self._session.get_bind().dialect.name == "postgresql"
        insert: Any = (postgresql.insert if on_postgresql else sqlite.insert)(TurnedRow)
        key = [TurnedRow.management, TurnedRow.room, TurnedRow.server if person is None else TurnedRow.person]
        again = {"times": TurnedRow.times + 1, "last_at": self._now, "causes": causes}
        new = {"management": management, "room": room, "person": person, "server": server, "causes": causes}
        new |= {"counts": not found.standing, "times": 1, "first_at": self._now, "last_at": self._now}
        self._session.execute(insert.values(new).on_conflict_do_update(index_elements=key, set_=again))

    def spent(self, management: int) -> dict[int, Counted]:
        """Return whom each list kept out in the last seven days, as shares count them."""
        since = TurnedRow.last_at > self._now - WINDOW
        rows = self._rows(TurnedRow.management == management, since, TurnedRow.counts)
        found: dict[int, dict[str, int]] = defaultdict(dict)
        names = self._names(rows)
        for row in rows:
            target = target_of(row, names) or f"#{row.person}"
            for cause in row.causes:
                found[int(cause["list"])][target] = 1
        return dict(found)

    def history(self, management: int, *, target: str | None = None, most: int = 20) -> list[Turned]:
        """Return who was not let in, the last one first; ``target`` is somebody's Matrix id or a server."""
        which = [TurnedRow.management == management]
        if target is not None and target.startswith("@"):
            person = self._people.find(UserId(target))
            if person is None:
                return []
            which.append(TurnedRow.person == person)
        elif target is not None:
            which.append(TurnedRow.server == target.lower())
        rows = self._rows(*which, most=most)
        names = self._names(rows)
        return [_shown(row, target_of(row, names)) for row in rows]

    def overrides(self, number: int) -> tuple[int, int, frozenset[int]]:
        """Return of a list how many it kept out, for how many of them it was vetoed, and in which management rooms."""
        vetoed = exists().where(
            VetoRow.management == TurnedRow.management,
            or_(VetoRow.list.is_(None), VetoRow.list == number),
            or_(
                and_(VetoRow.person.is_not(None), VetoRow.person == TurnedRow.person),
                and_(VetoRow.server.is_not(None), VetoRow.server == TurnedRow.server),
            ),
        )
        query = select(TurnedRow.management, TurnedRow.causes, vetoed).where(TurnedRow.counts)
        found = [
            (management, bool(against))
            for management, causes, against in self._session.execute(query.execution_options(yield_per=1_000))
            if any(cause["list"] == number for cause in causes)
        ]
        return len(found), sum(against for _, against in found), frozenset(management for management, _ in found)

    # ---------------------------------------------------------------------------------------- keeping house

    def end(self, management: int) -> None:
        """Keep nobody out any more by what was seen of a management room's rooms."""
        self._forget_ground(management)

    def forget(self, person: PersonId) -> None:
        """Take out that a person was not let in, and that they look after rooms."""
        self._session.execute(delete(TurnedRow).where(TurnedRow.person == person))
        self._session.execute(delete(KeeperRow).where(KeeperRow.person == person))

    def prune(self, *, limit: int) -> tuple[int, set[PersonId]]:
        """Take out some of what is 180 days old; return how much, and whom it named. Call it until it is none."""
        old = select(TurnedRow.id).where(TurnedRow.last_at < self._now - KEPT_FOR).limit(limit)
        gone = delete(TurnedRow).where(TurnedRow.id.in_(self._session.scalars(old).all())).returning(TurnedRow.person)
        people = self._session.scalars(gone.execution_options(synchronize_session=False)).all()
        return len(people), {PersonId(one) for one in people if one is not None}

    def _rows(self, *which: Any, most: int | None = None) -> Sequence[TurnedRow]:  # noqa: ANN401 - conditions
        query = select(TurnedRow).where(*which).order_by(TurnedRow.last_at.desc(), TurnedRow.id.desc()).limit(most)
        return self._session.scalars(query.execution_options(populate_existing=True)).all()

    def _names(self, rows: Sequence[TurnedRow]) -> Mapping[PersonId, UserId]:
        numbers = sorted({PersonId(row.person) for row in rows if row.person is not None})
        found: dict[PersonId, UserId] = {}
        for begin in range(0, len(numbers), 5_000):
            found |= self._people.mxids(numbers[begin : begin + 5_000])
        return found


def _shown(row: TurnedRow, target: str | None) -> Turned:
    return Turned(RoomId(row.room), target, causes_of(row, target), row.times, row.first_at, row.last_at)
