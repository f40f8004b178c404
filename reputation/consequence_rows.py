"""Consequences as rows: how causes, and what was there before, are kept and read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from kit.identifiers import PersonId, RoomId, UserId
from ledger.people import People
from reputation.enforcement.model import Before, Cause, Consequence, Done, State, Why
from reputation.gate_tables import TurnedRow
from reputation.lists.model import Recommendation, Subject
from reputation.room_tables import ConsequenceRow

LONGEST_REASON: Final = 200


@dataclass(frozen=True, slots=True)
class Remembered:
    """A consequence as it is shown: ``target`` is ``None`` for somebody who has left us."""

    id: int
    management: int
    room: RoomId
    what: Consequence
    target: str | None
    state: State
    why: Why | None
    causes: tuple[Cause, ...]
    approved: bool
    decided_by: UserId | None
    overruled: bool
    planned_at: datetime
    changed_at: datetime
    error: str | None
    published: bool = False
    denied: bool = False
    """The homeserver said no to undoing it."""


def names_of(people: People, rows: Iterable[ConsequenceRow], *, deciders: bool = False) -> Mapping[PersonId, UserId]:
    """Return the names of those whom rows are for, and of those who decided about them."""
    numbers = set[PersonId]()
    for row in rows:
        numbers |= {PersonId(one) for one in (row.person, row.decided_by if deciders else None) if one is not None}
    found: dict[PersonId, UserId] = {}
    ordered = sorted(numbers)
    for begin in range(0, len(ordered), 5_000):
        found |= people.mxids(ordered[begin : begin + 5_000])
    return found


def target_of(row: ConsequenceRow | TurnedRow, names: Mapping[PersonId, UserId]) -> str | None:
    """Return whom a row is for; ``None`` for somebody who has left us."""
    return row.server if row.person is None else names.get(PersonId(row.person))


def kept_cause(cause: Cause, target: str) -> dict[str, Any]:
    """Return a cause as it is kept: a name that stands in the table of people stands in no other."""
    entity = None if cause.entity.lower() == target.lower() else cause.entity
    return {
        "list": cause.list,
        "name": cause.name,
        "subject": cause.subject.value,
        "entity": entity,
        "recommendation": cause.recommendation.value,
        "reason": cause.reason[:LONGEST_REASON],
    }


def causes_of(row: ConsequenceRow | TurnedRow, target: str | None) -> tuple[Cause, ...]:
    """Return why it was wanted; an entry that was somebody's name is told as that."""
    return tuple(
        Cause(
            cause["list"],
            cause["name"],
            Subject(cause["subject"]),
            cause["entity"] if cause["entity"] is not None else target or "",
            Recommendation(cause["recommendation"]),
            cause["reason"],
        )
        for cause in row.causes
    )


def kept_before(before: Before) -> dict[str, Any]:
    """Return what was there before, as it is kept."""
    return {"membership": before.membership, "level": before.level, "set_to": before.set_to}


def before_of(row: ConsequenceRow) -> Before:
    """Return what was there before."""
    return Before(row.before.get("membership"), row.before.get("level"), row.before.get("set_to"))


def done_of(row: ConsequenceRow, target: str) -> Done:
    """Return a row as the planner takes it."""
    why = None if row.why is None else Why(row.why)
    what, state = Consequence(row.what), State(row.state)
    room, causes, before = RoomId(row.room), causes_of(row, target), before_of(row)
    return Done(row.id, room, what, target, state, row.changed_at, causes, row.approved, why, before, row.published)


def remembered_of(row: ConsequenceRow, names: Mapping[PersonId, UserId]) -> Remembered:
    """Return a row as it is shown."""
    target = target_of(row, names)
    return Remembered(
        row.id,
        row.management,
        RoomId(row.room),
        Consequence(row.what),
        target,
        State(row.state),
        None if row.why is None else Why(row.why),
        causes_of(row, target),
        row.approved,
        None if row.decided_by is None else names.get(PersonId(row.decided_by)),
        row.overruled,
        row.planned_at,
        row.changed_at,
        row.error,
        row.published,
        row.denials > 0,
    )
