"""Arriving (pure): what the plan would be for somebody who is about to come to a room, and whether they are let in.

It is the one plan of ``planning``, made as if they were there: no second place decides what lists come to.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from kit.identifiers import RoomId, UserId
from reputation.enforcement import planning
from reputation.enforcement.model import (
    PUBLISHED,
    Cause,
    Consequence,
    Does,
    Done,
    Ground,
    Plan,
    Rules,
    Why,
    Words,
    host_of,
)
from reputation.enforcement.rooms import Member, Membership, Powers, RoomSeen
from reputation.enforcement.shares import Counted
from reputation.enforcement.wanting import STANDS

_ALL_POWER: Final = 100
_LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)
"""When the room was looked at, so to speak: nothing that was done there is taken for undone by others."""
_TAKEN_BACK: Final = frozenset({Does.UNDO, Does.DROP, Does.LIFT, Does.ASK, Does.NOTE})


@dataclass(frozen=True, slots=True)
class TurnedAway:
    """Who is not let in: themselves (``ban``), or with all of their server (``deny``), and what lists say of them.

    ``standing``: it stands in the room already, and counts towards no share once more.
    """

    what: Consequence
    target: str
    causes: tuple[Cause, ...]
    standing: bool = False


def turned_away(
    user: UserId,
    room: RoomId,
    words: Words,
    rules: Rules,
    done: Iterable[Done],
    ground: Ground,
    *,
    now: datetime,
    spent: Mapping[int, Counted],
) -> TurnedAway | None:
    """Return why somebody is not let into a room, or ``None``.

    ``done`` is what stands in that room of them and of their server; ``spent`` whom each list acted on in seven days.
    The bot's power in the room does not matter: it is their homeserver that keeps them out.
    """
    rows = [row for row in done if row.room == room and row.what in PUBLISHED]
    arrives = Member(Membership.KNOCK, user)
    seen = RoomSeen(room, {user: arrives}, Powers({rules.me: _ALL_POWER}))
    plan = planning.plan(
        [seen], words, replace(rules, ground=ground), rows, now=now, spent=spent, looked={room: _LONG_AGO}
    )
    keys = [(Consequence.BAN, str(user)), (Consequence.DENY, host_of(user))]
    found = [one for key in keys if (one := _of(plan, rows, *key)) is not None]
    return next((one for one in found if one.standing), next(iter(found), None))


def _of(plan: Plan, rows: Collection[Done], what: Consequence, target: str) -> TurnedAway | None:
    """Return what one consequence comes to: it would be done now, or stands and is not to be taken back."""
    steps = [step for step in plan.steps if step.what is what and step.target == target]
    for step in steps:
        if step.does is Does.DO:
            return TurnedAway(what, target, step.causes)
    row = next((row for row in rows if row.what is what and row.target == target and row.state in STANDS), None)
    left = any(step.does is Does.LEAVE and step.why is not Why.FAILED for step in steps)
    if row is None or left or any(step.does in _TAKEN_BACK for step in steps):
        return None
    return TurnedAway(what, target, row.causes, standing=True)
