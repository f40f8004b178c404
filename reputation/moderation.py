"""Management rooms, in one transaction: which rooms each looks after, whose lists act there, and what is vetoed."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from kit.changes import touch
from kit.errors import Conflict, Invalid
from kit.identifiers import PersonId, RoomId, UserId
from ledger.people import People
from reputation.beside import Besides
from reputation.complaints import Complaints
from reputation.consequences import Consequences
from reputation.enforcement.acting import Owed
from reputation.enforcement.model import Consequence, Rules
from reputation.enforcement.overrides import FEWEST_ROOMS, Overrides, overrides
from reputation.enforcement.own import HERE, only_own
from reputation.guarding import Protections
from reputation.leaving import leave
from reputation.outcomes import Outcomes
from reputation.room_tables import ManagementRoomRow, ProtectedRoomRow
from reputation.subscribing import MOST_SUBSCRIBED, TOPIC, Subscribing, living, row_of
from reputation.turning import Turning
from reputation.undoing import Undoing

MOST_MANAGED: Final = 10
"""Management rooms of one person."""
MOST_PROTECTED: Final = 500
LONGEST_REHEARSAL: Final = timedelta(days=90)
LONGEST_NAME: Final = 60


@dataclass(frozen=True, slots=True)
class Management:
    """A management room: whose, its Matrix room once there is one, and how lists may act."""

    id: int
    owner: PersonId
    name: str
    room: RoomId | None
    threshold: int
    confirm: bool
    rehearse_until: datetime | None
    made_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class Protected:
    """A room that is looked after; ``lacks`` are the consequences for which the bot has not the power there."""

    room: RoomId
    management: int
    space: RoomId | None
    is_space: bool
    lacks: tuple[Consequence, ...]
    since: datetime


class Moderation:
    """Management rooms, and what each is told."""

    def __init__(self, session: Session, now: datetime, people: People) -> None:
        """Work in ``session``, at ``now``."""
        self._session = session
        self._now = now
        self._people = people
        self.lists = Subscribing(session, now, people)
        self.consequences = Consequences(session, now, people)
        self.undoing = Undoing(session, now)
        self.outcomes = Outcomes(session, now, people, self.consequences)
        self.beside = Besides(session, now, people)
        self.complaints = Complaints(session, now, people, self.outcomes)
        self.turning = Turning(session, now, people)

    # ---------------------------------------------------------------------------------------- management rooms

    def make(self, owner: PersonId, name: str) -> Management:
        """Make a management room, whose Matrix room the bot makes next. Raises ``Invalid``, ``Conflict``."""
        name = " ".join(name.split())
        if not 1 <= len(name) <= LONGEST_NAME or not name.isprintable():
            raise Invalid("management_name", f"A name has 1 to {LONGEST_NAME} characters.", most=LONGEST_NAME)
        self._people.lock(owner)
        living = select(func.count()).where(ManagementRoomRow.owner == owner, ManagementRoomRow.ended_at.is_(None))
        if (self._session.scalar(living) or 0) >= MOST_MANAGED:
            raise Conflict("management_enough", f"{MOST_MANAGED} management rooms are as many as I keep for you.")
        row = ManagementRoomRow(owner=owner, name=name, threshold=1, confirm=True, made_at=self._now)
        self._session.add(row)
        self._session.flush()
        self._touch(row.id)
        return _management(row)

    def housed(self, management: int, room: RoomId) -> None:
        """Note which Matrix room a management room has. Raises ``NotFound``."""
        living(self._session, management).room = room
        self._touch(management)

    def moved(self, management: int, room: RoomId) -> None:
        """Note that another Matrix room stands for one that was closed, which the bot leaves. Raises ``NotFound``."""
        row = living(self._session, management)
        if row.room is not None:
            self._leave(RoomId(row.room), management, self._now)
        row.room = room
        self._touch(management)

    def all_rooms(self) -> frozenset[RoomId]:
        """Return the rooms that are looked after or managed from, that we fill, or in which something is undone."""
        guarded = self._session.scalars(select(ProtectedRoomRow.room))
        managing = self._session.scalars(select(ManagementRoomRow.room).where(ManagementRoomRow.room.is_not(None)))
        found = frozenset(RoomId(room) for room in [*guarded, *managing] if room is not None)
        return found | self.beside.rooms() | self.undoing.rooms()

    def unhoused(self, management: int) -> None:
        """Note that a management room has no Matrix room any more: the bot makes another. Raises ``NotFound``."""
        row_of(self._session, management).room = None
        self._touch(management)

    def all(self, *, ended: bool = True) -> list[Management]:
        """Return all of them, those that are ended and not yet gone with them unless ``ended`` is false."""
        query = select(ManagementRoomRow).order_by(ManagementRoomRow.id).execution_options(populate_existing=True)
        found = map(_management, self._session.scalars(query))
        return [one for one in found if ended or one.ended_at is None]

    def get(self, management: int) -> Management:
        """Return one. Raises ``NotFound``."""
        return _management(row_of(self._session, management))

    def in_room(self, room: RoomId) -> Management | None:
        """Return the one of a Matrix room."""
        row = self._session.scalar(select(ManagementRoomRow).where(ManagementRoomRow.room == room))
        return None if row is None else _management(row)

    def of(self, owner: PersonId) -> list[Management]:
        """Return somebody's, that are not ended."""
        return [one for one in self.all(ended=False) if one.owner == owner]

    def tune(
        self,
        management: int,
        *,
        threshold: int | None = None,
        confirm: bool | None = None,
        rehearse_until: datetime | None = None,
        end_rehearsal: bool = False,
    ) -> Management:
        """Set how many lists must agree (1 to 20), whether redactions and kicks wait for a yes, how long to rehearse.

        Raises ``Invalid``, ``NotFound``.
        """
        row = living(self._session, management)
        if threshold is not None:
            if not 1 <= threshold <= MOST_SUBSCRIBED:
                raise Invalid("threshold", f"Between 1 and {MOST_SUBSCRIBED} lists can be asked to agree.")
            row.threshold = threshold
        if confirm is not None:
            row.confirm = confirm
        if rehearse_until is not None and rehearse_until > self._now + LONGEST_REHEARSAL:
            raise Invalid("rehearsal", f"A rehearsal is {LONGEST_REHEARSAL.days} days at most.")
        if rehearse_until is not None or end_rehearsal:
            row.rehearse_until = rehearse_until
        self._touch(management)
        return _management(row)

    def end(self, management: int) -> None:
        """End one: no list or rule acts any more, and what they did is undone; then the bot leaves (``gone``)."""
        row = row_of(self._session, management)
        row.ended_at = row.ended_at or self._now
        self.lists.end(management)
        self.beside.end(management)
        self.beside.gone(management)
        self.undoing.leave_all(management)
        self.outcomes.end(management)
        self.complaints.end(management)
        self.turning.end(management)
        Protections(self._session, self._now).forget(management)
        self._touch(management)

    def gone(self, management: int) -> None:
        """Let go of the rooms of one that is ended, and of its own: nothing is left to be undone there."""
        row = row_of(self._session, management)
        for one in self.rooms(management):
            self._leave(one.room, management, one.since)
        if row.room is not None:
            self._leave(RoomId(row.room), management, row.made_at)
        row.room = None
        self._session.execute(delete(ProtectedRoomRow).where(ProtectedRoomRow.management == management))
        self._touch(management)

    def again(self, management: int) -> bool:
        """Try again to undo what could not be, also from one that is ended; ``False`` where nothing was given up.

        Where the bot is not in a room any more, it comes once somebody invites it, and goes again. Raises ``NotFound``.
        """
        row_of(self._session, management)
        rooms = self.undoing.again(management)
        if rooms is None:
            return False
        for room in rooms - {one.room for one in self.rooms()}:
            self._leave(room, management, self._now)
        self._touch(management)
        return True

    # ---------------------------------------------------------------------------------------- protected rooms

    def protect(
        self, management: int, room: RoomId, *, space: RoomId | None = None, is_space: bool = False
    ) -> Protected:
        """Look after a room, or a space. Raises ``Conflict`` where another management room does, or for too many."""
        living(self._session, management)
        row = self._session.get(ProtectedRoomRow, room, populate_existing=True)
        if row is not None and row.management != management:
            raise Conflict("room_protected", "That room is looked after from another management room.")
        if row is None:
            mine = select(func.count()).where(ProtectedRoomRow.management == management)
            if (self._session.scalar(mine) or 0) >= MOST_PROTECTED:
                raise Conflict("rooms_full", f"{MOST_PROTECTED} rooms are as many as I look after from one.")
            row = ProtectedRoomRow(room=room, management=management, lacks="", since=self._now, is_space=is_space)
            self._session.add(row)
        row.space, row.is_space = space, is_space
        self._session.flush()
        self.beside.entered(management, room)
        self._touch(management)
        return _protected(row)

    def unprotect(self, room: RoomId) -> bool:
        """Look after a room no more, nor after what it brought where it is a space: what was done there is undone.

        ``False`` where it was not looked after.
        """
        row = self._session.get(ProtectedRoomRow, room, populate_existing=True)
        if row is None:
            return False
        going = [row]
        while going:
            row = going.pop()
            self.undoing.leave_room(RoomId(row.room))
            self.outcomes.end(row.management, RoomId(row.room))
            self._leave(RoomId(row.room), row.management, row.since)
            self._let_go(row)
            going += self._brought(row) if row.is_space else ()
        return True

    def _brought(self, space: ProtectedRoomRow) -> Sequence[ProtectedRoomRow]:
        of_it = ProtectedRoomRow.space == space.room, ProtectedRoomRow.management == space.management
        return self._session.scalars(select(ProtectedRoomRow).where(*of_it)).all()

    def follow(self, room: RoomId, successor: RoomId) -> bool:
        """Look after a closed room no more, in favour of the one for which it was closed; ``False`` where it was not.

        What was done there stands, for nothing is undone in a room that is closed. Raises what ``protect`` does.
        """
        row = self._session.get(ProtectedRoomRow, room, populate_existing=True)
        if row is None:
            return False
        self.protect(
            row.management, successor, space=None if row.space is None else RoomId(row.space), is_space=row.is_space
        )
        for one in self._brought(row) if row.is_space else ():
            one.space = successor
        self.undoing.abandon_room(room)
        self._leave(room, row.management, row.since)
        self._let_go(row)
        return True

    def abandon(self, room: RoomId) -> bool:
        """Look after a room no more from which we were put out; a space that holds it does not bring us back."""
        row = self._session.get(ProtectedRoomRow, room, populate_existing=True)
        if row is None:
            return False
        self.undoing.abandon_room(room)
        self.beside.wait_for(row.management, [room], put_out=True)
        self._let_go(row)
        return True

    def _leave(self, room: RoomId, management: int, since: datetime) -> None:
        leave(self._session, room, whose=f"management {management}", since=since, now=self._now)

    def _let_go(self, row: ProtectedRoomRow) -> None:
        self._touch(row.management)
        self._session.delete(row)
        self._session.flush()

    def lacking(self, room: RoomId, lacks: Sequence[Consequence]) -> bool:
        """Note for what the bot has not the power in a room; ``True`` where that is another than before."""
        row = self._session.get(ProtectedRoomRow, room, populate_existing=True)
        said = ",".join(sorted(lacks))
        if row is None or row.lacks == said:
            return False
        row.lacks = said
        return True

    def rooms(self, management: int | None = None) -> list[Protected]:
        """Return the rooms that one looks after, or all that any does."""
        query = select(ProtectedRoomRow).order_by(ProtectedRoomRow.since, ProtectedRoomRow.room)
        if management is not None:
            query = query.where(ProtectedRoomRow.management == management)
        return [_protected(row) for row in self._session.scalars(query.execution_options(populate_existing=True))]

    def protected(self, room: RoomId) -> Protected | None:
        """Return what is known of one room."""
        row = self._session.get(ProtectedRoomRow, room, populate_existing=True)
        return None if row is None else _protected(row)

    # ---------------------------------------------------------------------------------------- together

    def rules(self, management: int, me: UserId) -> Rules:
        """Return how lists may act now; from one that is ended, none may. Raises ``NotFound``."""
        one = self.get(management)
        if one.ended_at is not None:
            return Rules(me)
        owner, beside = self._people.mxid(one.owner), self.beside.of(management)
        return Rules(
            me,
            tuple(self.lists.subscriptions(management)),
            tuple(vetoed.says for vetoed in self.lists.vetoes(management)),
            one.threshold,
            one.confirm,
            one.rehearse_until is not None and one.rehearse_until > self._now,
            frozenset() if owner is None else frozenset({owner}),
            beside=beside is not None and not beside.acting,
        )

    def answer(self, management: int, *, yes: bool, by: PersonId | None, only: Collection[int] | None = None) -> int:
        """Say yes or no to what waits (to ``only`` these, or to all); return how many it was about."""
        count = self.consequences.answer(management, yes=yes, by=by, only=only)
        for room, person, what in [] if yes else self.consequences.refused_for_good(management):
            self.outcomes.settled(management, room, person, what, refused=True)
        return count

    def done(self, some: Sequence[Owed]) -> None:
        """Note that the homeserver did what was owed, or that nothing was left to do."""
        self.consequences.done(some)
        for one in some:
            person = self._people.find(UserId(one.target)) if one.what in HERE and only_own(one.causes) else None
            if person is not None and not one.undo:
                self.outcomes.settled(one.management, one.room, person, one.what, refused=False)

    def let_go(self, name: str, number: int, *, force: bool) -> int:
        """Let a list act nowhere any more; return from how many management rooms it did.

        Raises ``Conflict``, with their names, where it acts somewhere and is not to be forced.
        """
        acting = self.lists.subscribers(number)
        if acting and not force:
            names = ", ".join(sorted({self.get(one).name for one in acting}))
            message = f"{name} acts in the rooms of {names}: what it did there would be undone. --force does that."
            raise Conflict("list_subscribed", message, name=name, rooms=len(acting))
        return self.lists.left_by_all(number)

    def forget(self, person: PersonId) -> None:
        """End what a person looks after, take out vetoes about them, and close what was done to them."""
        for one in self.of(person):
            self.end(one.id)
        self.lists.forget(person)
        self.complaints.forget(person)
        self.outcomes.forget(person)
        self.beside.forget(person)
        self.consequences.forget(person)
        self.turning.forget(person)

    def overrides(self, number: int) -> Overrides:
        """Tell how often what a list caused, in rooms or at the gate, was overruled by those who look after rooms."""
        return self._overrides(number)[0]

    def overrides_for(self, author: PersonId, number: int) -> Overrides | None:
        """Tell a list's author the same, where five others look after rooms in which it acted: no one can be made out.

        ``None`` where they are fewer.
        """
        found, rooms = self._overrides(number)
        owners = {one.owner for one in self.all() if one.id in rooms} - {author}
        return found if len(owners) >= FEWEST_ROOMS else None

    def _overrides(self, number: int) -> tuple[Overrides, frozenset[int]]:
        acted, against, rooms = self.consequences.overrides(number)
        kept_out, vetoed, others = self.turning.overrides(number)
        return overrides(acted + kept_out, against + vetoed, len(rooms | others)), rooms | others

    def _touch(self, management: int) -> None:
        touch(self._session, TOPIC, management)


def _management(row: ManagementRoomRow) -> Management:
    room = None if row.room is None else RoomId(row.room)
    how = (row.threshold, row.confirm, row.rehearse_until)
    return Management(row.id, PersonId(row.owner), row.name, room, *how, row.made_at, row.ended_at)


def _protected(row: ProtectedRoomRow) -> Protected:
    lacks = tuple(Consequence(one) for one in row.lacks.split(",") if one)
    space = None if row.space is None else RoomId(row.space)
    return Protected(RoomId(row.room), row.management, space, row.is_space, lacks, row.since)
