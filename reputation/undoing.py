"""Undoing, in one transaction: what was done in rooms is let go of, and what cannot be undone is given up, and said.

A homeserver that says no, since we lost our power there, is asked again a few times, and not for ever: what is ended
could not go. What is given up is remembered, and tried again where somebody asks for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.orm import Session

from kit.identifiers import RoomId
from reputation.enforcement.acting import Owed
from reputation.enforcement.model import UNDOABLE, State, Why
from reputation.room_tables import ConsequenceRow

PAUSES: Final = (timedelta(minutes=1), timedelta(hours=1), timedelta(hours=6), timedelta(hours=24))
"""How long what was refused waits after each no; after the last of them it is given up."""
PUT_OUT: Final = "put out"
"""The error of what is given up since we are not in its room any more."""
MOST_AGAIN: Final = 5_000
"""Consequences that are tried again at once, the newest."""


def denied(one: Owed, now: datetime) -> Mapping[str, Any]:
    """Return what becomes of something that could not be undone: it waits, or is given up.

    Where another bot does it now, and ours could not be taken back, ours stands on.
    """
    count = {"denials": one.denials + 1}
    if one.denials < len(PAUSES):
        return {**count, "due_at": now + PAUSES[one.denials], "attempts": 0}
    if one.undo:
        return {**count, "due_at": None, "state": State.STUCK.value, "closed": True}
    return {**count, "due_at": None, "state": State.APPLIED.value}


class Undoing:
    """What is let go of."""

    def __init__(self, session: Session, now: datetime) -> None:
        """Work in ``session``, at ``now``."""
        self._session = session
        self._now = now

    def leave_room(self, room: RoomId) -> int:
        """Undo what was done in a room that is looked after no more, and drop what was not; return how many."""
        return self._let_go(ConsequenceRow.room == room, ConsequenceRow.closed.is_(False))

    def leave_all(self, management: int) -> int:
        """Do the same in all rooms of a management room that ends."""
        return self._let_go(ConsequenceRow.management == management, ConsequenceRow.closed.is_(False))

    def abandon_room(self, room: RoomId) -> int:
        """Close what was done, or was to be, in a room where nothing can be undone any more; return how many.

        Of what somebody wanted undone it is remembered that it could not be.
        """
        here = ConsequenceRow.room == room, ConsequenceRow.closed.is_(False)
        over = {"closed": True, "due_at": None, "leased_until": None, "changed_at": self._now}
        undoing = ConsequenceRow.state == State.UNDOING.value, ConsequenceRow.published.is_(False)
        stuck = self._update({**over, "state": State.STUCK.value, "error": PUT_OUT}, *here, *undoing)
        return len(stuck) + len(self._update({**over, "state": State.DROPPED.value}, *here))

    def _let_go(self, *which: ColumnElement[bool]) -> int:
        undoable = [what.value for what in UNDOABLE]
        done = ConsequenceRow.state.in_([State.OWED.value, State.APPLIED.value]), ConsequenceRow.what.in_(undoable)
        undoing = {"state": State.UNDOING.value, "due_at": self._now, "attempts": 0, "denials": 0, "leased_until": None}
        why = {"why": Why.NO_CAUSE.value, "changed_at": self._now}
        undone = self._update({**undoing, **why}, *which, *done)
        over = {"state": State.DROPPED.value, "closed": True, "due_at": None}
        dropped = self._update({**over, **why}, *which, ConsequenceRow.state != State.UNDOING.value)
        return len(undone) + len(dropped)

    # ---------------------------------------------------------------------------------------- again

    def again(self, management: int) -> frozenset[RoomId] | None:
        """Try again to undo what was given up; return in which rooms, ``None`` where there was nothing.

        What was done anew since, in the place of what was given up, is none of it.
        """
        mine = ConsequenceRow.management == management
        stuck = select(ConsequenceRow).where(mine, ConsequenceRow.state == State.STUCK.value)
        rows = self._session.scalars(stuck.order_by(ConsequenceRow.id.desc()).limit(MOST_AGAIN)).all()
        rooms = {row.room for row in rows}
        taken = set(self._keys(ConsequenceRow.room.in_(rooms), ConsequenceRow.closed.is_(False)))
        chosen: dict[tuple[Any, ...], int] = {}
        for row in rows:
            key = (row.room, row.what, row.person, row.server)
            if key not in taken:
                chosen.setdefault(key, row.id)
        begun = {"state": State.UNDOING.value, "closed": False, "due_at": self._now, "changed_at": self._now}
        begun |= {"attempts": 0, "denials": 0, "leased_until": None, "error": None}
        self._update(begun, ConsequenceRow.id.in_(chosen.values()))
        return frozenset(RoomId(key[0]) for key in chosen) if chosen else None

    def rooms(self) -> frozenset[RoomId]:
        """Return the rooms in which something is still to be undone."""
        owed = ConsequenceRow.due_at.is_not(None), ConsequenceRow.state == State.UNDOING.value
        return frozenset(map(RoomId, self._session.scalars(select(ConsequenceRow.room).where(*owed).distinct())))

    def _keys(self, *which: ColumnElement[bool]) -> Sequence[tuple[Any, ...]]:
        row = ConsequenceRow
        return [
            tuple(key)
            for key in self._session.execute(select(row.room, row.what, row.person, row.server).where(*which))
        ]

    def _update(self, values: Mapping[str, Any], *which: ColumnElement[bool]) -> Sequence[int]:
        changed = update(ConsequenceRow).where(*which).values(**values).returning(ConsequenceRow.id)
        return self._session.scalars(changed.execution_options(synchronize_session=False)).all()
