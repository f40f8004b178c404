"""Complaints, in one transaction: messages that members of looked-after rooms report to whoever looks after them.

What was reported is known by its ids; what it says is kept nowhere. Several who report the same make one complaint.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Select, delete, func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from kit.identifiers import PersonId, RoomId, UserId, on_one_line
from ledger.people import People
from reputation.complaint_tables import ComplaintRow, VoiceRow
from reputation.outcomes import Outcomes
from reputation.protections.model import Do, Outcome
from reputation.room_tables import ProtectedRoomRow

KEPT_FOR: Final = timedelta(days=90)
"""How long it is known who reported what."""
LONGEST_REASON: Final = 200
WITHIN: Final = timedelta(hours=1)
MOST_BY_ONE: Final = 10
"""Messages that somebody may report in an hour."""
MOST_IN_ROOM: Final = 100
"""The same of all who are in one room."""
MOST_TOLD: Final = 20
"""Of those who report the same, how many are named."""
RULE: Final = "report {number}"
"""What the cause of a consequence is called that follows from one."""
_LONGEST_EVENT: Final = 255


class Button(StrEnum):
    """What whoever looks after rooms may do about a reported message."""

    REDACT = "redact"
    MUTE = "mute"
    KICK = "kick"
    BAN = "ban"
    IGNORE = "ignore"


_DO: Final[Mapping[Button, Do]] = {
    Button.REDACT: "redact",
    Button.MUTE: "mute",
    Button.KICK: "kick",
    Button.BAN: "ban",
}


@dataclass(frozen=True, slots=True)
class Voice:
    """Somebody who reports; ``said`` is what they wrote in the room to do so, ``None`` where it was elsewhere."""

    person: PersonId
    user: UserId
    reason: str
    said: str | None
    heard: bool


@dataclass(frozen=True, slots=True)
class Complaint:
    """A reported message with those who report it, first the first."""

    id: int
    management: int
    room: RoomId
    event: str
    about: UserId | None
    told: str | None
    done: str | None
    made_at: datetime
    voices: tuple[Voice, ...]


class Complaints:
    """What was reported."""

    def __init__(self, session: Session, now: datetime, people: People, outcomes: Outcomes) -> None:
        """Work in ``session``, at ``now``; what is decided goes to ``outcomes``."""
        self._session = session
        self._now = now
        self._people = people
        self._outcomes = outcomes

    # ---------------------------------------------------------------------------------------- taking

    def note(self, room: RoomId, event: str, by: PersonId, reason: str, *, said: str | None = None) -> bool:
        """Note that somebody reports a message; whether they may is found out later.

        ``False`` for a room that nobody looks after, for one who reported ten messages within an hour, and in a room in
        which a hundred were: whoever reports is told the same in any case.
        """
        looked_after = self._session.get(ProtectedRoomRow, room, populate_existing=True)
        if looked_after is None or not event or len(event) > _LONGEST_EVENT or self._too_many(room, by):
            return False
        others = ComplaintRow.management != looked_after.management
        self._take_out(self._session.scalars(select(ComplaintRow.id).where(*_of_message(room, event), others)).all())
        self._insert(
            ComplaintRow,
            {"management": looked_after.management, "room": room, "event": event, "made_at": self._now},
        )
        number = self._session.scalar(select(ComplaintRow.id).where(*_of_message(room, event)))
        line = " ".join(on_one_line(reason).split())[:LONGEST_REASON]
        voice = {"complaint": number, "person": by, "reason": line, "said": said, "heard": False, "at": self._now}
        self._insert(VoiceRow, voice)
        return True

    def _too_many(self, room: RoomId, by: PersonId) -> bool:
        recent = select(func.count()).select_from(VoiceRow).where(VoiceRow.at > self._now - WITHIN)
        if (self._session.scalar(recent.where(VoiceRow.person == by)) or 0) >= MOST_BY_ONE:
            return True
        here = recent.join(ComplaintRow, ComplaintRow.id == VoiceRow.complaint).where(ComplaintRow.room == room)
        return (self._session.scalar(here) or 0) >= MOST_IN_ROOM

    def _insert(self, table: Any, values: Mapping[str, Any]) -> None:  # noqa: ANN401 - a table
        on_postgresql = self._session.get_bind().dialect.name == "postgresql"
        insert: Any = (postgresql.insert if on_postgresql else sqlite.insert)(table)
        self._session.execute(insert.values(dict(values)).on_conflict_do_nothing())

    def stands(self, one: Complaint) -> bool:
        """Tell whether its room is still looked after from where it was when somebody reported it."""
        looked_after = self._session.get(ProtectedRoomRow, one.room, populate_existing=True)
        return looked_after is not None and looked_after.management == one.management

    def unheard(self, limit: int = 20) -> list[Complaint]:
        """Return some of which it is to be looked at who reports them."""
        fresh = select(VoiceRow.complaint).where(VoiceRow.heard.is_(False)).distinct()
        return self._found(
            select(ComplaintRow).where(ComplaintRow.id.in_(fresh)).order_by(ComplaintRow.id).limit(limit)
        )

    def heard(self, number: int, members: Collection[PersonId], about: PersonId | None) -> bool:
        """Note who of those who report is in the room, and who wrote it; ``False`` where nobody is: it is nothing."""
        mine = VoiceRow.complaint == number
        others = delete(VoiceRow).where(mine, VoiceRow.heard.is_(False), VoiceRow.person.not_in(list(members)))
        self._session.execute(others.execution_options(synchronize_session=False))
        here = update(VoiceRow).where(mine, VoiceRow.person.in_(list(members))).values(heard=True)
        self._session.execute(here.execution_options(synchronize_session=False))
        if self._session.scalar(select(VoiceRow.person).where(mine).limit(1)) is None:
            self.drop(number)
            return False
        self._session.execute(update(ComplaintRow).where(ComplaintRow.id == number).values(about=about))
        return True

    def told(self, number: int, event: str, about: PersonId) -> None:
        """Note by which message those who look after the room are asked, and who wrote what it is about."""
        self._session.execute(update(ComplaintRow).where(ComplaintRow.id == number).values(told=event, about=about))

    def drop(self, number: int) -> None:
        """Take one out that is nothing."""
        self._session.execute(delete(VoiceRow).where(VoiceRow.complaint == number))
        self._session.execute(delete(ComplaintRow).where(ComplaintRow.id == number))

    # ---------------------------------------------------------------------------------------- deciding

    def by_message(self, management: int, told: str) -> Complaint | None:
        """Return the one that a message in a management room asks about."""
        found = self._found(
            select(ComplaintRow).where(ComplaintRow.management == management, ComplaintRow.told == told)
        )
        return found[0] if found else None

    def find(self, management: int, number: int) -> Complaint | None:
        """Return one that a management room was told of."""
        mine = ComplaintRow.management == management, ComplaintRow.id == number, ComplaintRow.told.is_not(None)
        found = self._found(select(ComplaintRow).where(*mine))
        return found[0] if found else None

    def open(self, management: int, most: int = 20) -> list[Complaint]:
        """Return those about which nobody decided yet, newest first."""
        mine = ComplaintRow.management == management, ComplaintRow.told.is_not(None), ComplaintRow.done.is_(None)
        return self._found(select(ComplaintRow).where(*mine).order_by(ComplaintRow.id.desc()).limit(most))

    def decide(self, one: Complaint, button: Button) -> bool:
        """Have done what somebody chose who looks after the room; the next plan does it, and asks nobody again.

        ``False`` where whoever wrote it has left us.
        """
        if button is not Button.IGNORE:
            if one.about is None:
                return False
            rule = RULE.format(number=one.id)
            events = (one.event,) if button is Button.REDACT else ()
            outcome = Outcome(one.room, one.about, _DO[button], rule, one.id, self._now, None, events)
            self._outcomes.note(one.management, [outcome], decided=True)
        self._session.execute(update(ComplaintRow).where(ComplaintRow.id == one.id).values(done=button.value))
        return True

    # ---------------------------------------------------------------------------------------- keeping house

    def end(self, management: int) -> None:
        """Take out all of a management room."""
        self._take_out(select(ComplaintRow.id).where(ComplaintRow.management == management))

    def forget(self, person: PersonId) -> None:
        """Take out what somebody reported, and what was reported of them; what others reported alone stays theirs."""
        self._session.execute(delete(VoiceRow).where(VoiceRow.person == person))
        self._take_out(select(ComplaintRow.id).where(ComplaintRow.about == person))
        voiced = select(VoiceRow.complaint)
        self._take_out(select(ComplaintRow.id).where(ComplaintRow.id.not_in(voiced)))

    def prune(self, *, limit: int) -> tuple[int, set[PersonId]]:
        """Take out some that are old; return how many, and whom they named. Call it until it is none."""
        old = select(ComplaintRow.id).where(ComplaintRow.made_at < self._now - KEPT_FOR)
        ids = self._session.scalars(old.order_by(ComplaintRow.made_at).limit(limit)).all()
        named = set(self._session.scalars(select(VoiceRow.person).where(VoiceRow.complaint.in_(ids))))
        about = select(ComplaintRow.about).where(ComplaintRow.id.in_(ids), ComplaintRow.about.is_not(None))
        named |= {one for one in self._session.scalars(about) if one is not None}
        self._take_out(ids)
        return len(ids), {PersonId(one) for one in named}

    def _take_out(self, which: Any) -> None:  # noqa: ANN401 - numbers, or a query of them
        for row, number in ((VoiceRow, VoiceRow.complaint), (ComplaintRow, ComplaintRow.id)):
            gone = delete(row).where(number.in_(which))
            self._session.execute(gone.execution_options(synchronize_session=False))

    def _found(self, query: Select[Any]) -> list[Complaint]:
        rows: Sequence[ComplaintRow] = self._session.scalars(query.execution_options(populate_existing=True)).all()
        of = select(VoiceRow).where(VoiceRow.complaint.in_([row.id for row in rows]))
        voices: list[VoiceRow] = list(self._session.scalars(of.order_by(VoiceRow.at, VoiceRow.person)))
        numbers = {one.person for one in voices} | {row.about for row in rows if row.about is not None}
        names = self._people.mxids({PersonId(number) for number in numbers})
        return [_complaint(row, [one for one in voices if one.complaint == row.id], names) for row in rows]


def _complaint(row: ComplaintRow, voices: Iterable[VoiceRow], names: Mapping[PersonId, UserId]) -> Complaint:
    told = tuple(
        Voice(PersonId(one.person), names[PersonId(one.person)], one.reason, one.said, one.heard)
        for one in voices
        if PersonId(one.person) in names
    )
    about = None if row.about is None else names.get(PersonId(row.about))
    return Complaint(row.id, row.management, RoomId(row.room), row.event, about, row.told, row.done, row.made_at, told)


def _of_message(room: RoomId, event: str) -> tuple[Any, Any]:
    return ComplaintRow.room == room, ComplaintRow.event == event
