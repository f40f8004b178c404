"""Comparing: what another bot did in rooms beside what our lists would do there, for whoever thinks of changing."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from app.container import Container
from app.protecting import planned_afresh
from kit.identifiers import RoomId, UserId
from reputation.enforcement.model import Consequence, Does
from reputation.enforcement.rooms import Member, Membership, RoomSeen

_WOULD: Final = (Does.DO, Does.ASK, Does.NOTE)
Banned = tuple[RoomId, UserId]


@dataclass(frozen=True, slots=True)
class Compared:
    """Bans that both want, that stand by the other bot alone, and that only our lists want; each in one order."""

    same: tuple[Banned, ...]
    theirs: tuple[Banned, ...]
    ours: tuple[Banned, ...]


def compare(container: Container, management: int, seen: Sequence[RoomSeen], at: datetime, *, bot: UserId) -> Compared:
    """Compare the bans by ``bot`` that stand in the rooms with those that our lists want; nothing is written down.

    Whoever it banned is taken to be there still: what lists would do to them is the question. Raises ``NotFound``.
    """
    theirs = {
        (room.room, user)
        for room in seen
        for user, member in room.members.items()
        if member.membership is Membership.BAN and member.by == bot
    }
    found = planned_afresh(container, management, [_as_before(room, theirs) for room in seen], at)
    ours = {
        (step.room, UserId(step.target)) for step in found.steps if step.what is Consequence.BAN and step.does in _WOULD
    }
    return Compared(tuple(sorted(ours & theirs)), tuple(sorted(theirs - ours)), tuple(sorted(ours - theirs)))


def _as_before(room: RoomSeen, banned: Collection[Banned]) -> RoomSeen:
    back = {user: Member(Membership.JOIN, user) for user in room.members if (room.room, user) in banned}
    return replace(room, members={**room.members, **back}) if back else room
