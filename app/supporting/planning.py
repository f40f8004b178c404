"""Planning (pure): what it takes for a room to hold whom it should, and for a supporters' room to show what they wish.

Matrix specification, client-server API: "Spaces", "Restricted rooms", ``m.room.join_rules``, ``m.room.power_levels``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from kit.identifiers import PersonId, RoomId, ServerName, UserId
from reputation.enforcement.rooms import MODERATOR, Membership, RoomSeen

FLAIR: Final = "org.earnest.flair"
"""Type of the state in which the space shows a supporter's flair; the field of a profile is called the same."""
JOIN_RULES: Final = "m.room.join_rules"
CHILD: Final = "m.space.child"
PARENT: Final = "m.space.parent"
KINDS: Final = frozenset({FLAIR, JOIN_RULES, CHILD, PARENT})
"""Types of state that are compared, beside who is there and who may do what."""
SPACE: Final = "space"
"""What the space itself is called among the rooms."""
_LONGEST_KEY: Final = 255

Place = tuple[str, str]
"""Where a state event stands in a room: its type and its key."""


@dataclass(frozen=True, slots=True)
class Guest:
    """Somebody whom a room is to have: since when (they are asked in once for each time), with what level, if any."""

    person: PersonId
    user: UserId
    since: datetime
    level: int | None = None
    waits: bool = False
    """Whether they are not asked in for now."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A room as it is to be.

    ``asks``: whether its guests are asked in; whoever is in ``within`` comes by themselves. ``states`` is what else it
    is to say of itself, by place; what it says there beyond that is left as it is. ``flairs`` are what it is to show of
    supporters, and of nobody else.
    """

    asks: bool
    guests: Mapping[UserId, Guest]
    within: RoomId | None = None
    states: Mapping[Place, Mapping[str, Any]] = field(default_factory=dict)
    flairs: Mapping[UserId, Mapping[str, Any]] = field(default_factory=dict)
    ours: frozenset[UserId] | None = None
    """In a room of somebody else's, those who are there by us: they alone go, and nothing else is changed.

    ``None``: the room is ours, and so is who enters, who has which level, and that all others go.
    """


@dataclass(frozen=True, slots=True)
class Asked:
    """For which time somebody was asked in, and until when they are not asked again where that was refused.

    ``refused_until`` is past where it is not known whether they were: they are asked.
    """

    since: datetime
    refused_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Kept:
    """A room as we know it, as it is to be, and who was asked in there; ``room`` is ``None`` until it is made."""

    key: str
    room: RoomId | None
    wanted: Wanted
    asked: Mapping[PersonId, Asked]


@dataclass(frozen=True, slots=True)
class PutOut:
    """Somebody is to leave, or is asked in no more."""

    user: UserId


@dataclass(frozen=True, slots=True)
class Ask:
    """Somebody is to be asked in."""

    guest: Guest


@dataclass(frozen=True, slots=True)
class Grade:
    """People are to have these levels."""

    levels: Mapping[UserId, int]


@dataclass(frozen=True, slots=True)
class Write:
    """The room is to say this of itself."""

    kind: str
    key: str
    content: Mapping[str, Any]


Step = PutOut | Ask | Grade | Write


def plan(
    seen: RoomSeen,
    states: Mapping[Place, Mapping[str, Any]],
    wanted: Wanted,
    asked: Mapping[PersonId, Asked],
    *,
    me: UserId,
    now: datetime,
) -> tuple[Step, ...]:
    """Return what is to be done in a room, in order: who may enter first, then who goes, then who comes and shows.

    Nothing is done to whoever looks after the room: a level of 50 or more that somebody has there is somebody's word.
    """
    goings, askings = _goings(seen, wanted, me), _askings(seen, wanted, asked, me=me, now=now)
    if wanted.ours is not None:
        return (*goings, *askings)
    return (*_rules(states, wanted), *goings, *_grades(seen, wanted, me), *askings, *_flairs(states, wanted))


def join_rules(within: RoomId | None) -> dict[str, Any]:
    """Return who may enter: whoever is in ``within``, and whoever is invited."""
    if within is None:
        return {"join_rule": "invite"}
    return {"join_rule": "restricted", "allow": [{"type": "m.room_membership", "room_id": within}]}


def flair_key(user: UserId) -> str:
    """Return the key of somebody's flair; one that is a Matrix id could be written by its owner alone."""
    return f"_{user}"


def children(rooms: Sequence[RoomId], server: ServerName) -> dict[Place, Mapping[str, Any]]:
    """Return what a space says of its rooms, in this order."""
    return {
        (CHILD, room): {"via": [server], "suggested": True, "order": f"{number:03}"}
        for number, room in enumerate(rooms)
    }


def parent(space: RoomId, server: ServerName) -> dict[Place, Mapping[str, Any]]:
    """Return what a room says of its space."""
    return {(PARENT, space): {"via": [server], "canonical": True}}


def _rules(states: Mapping[Place, Mapping[str, Any]], wanted: Wanted) -> Iterator[Step]:
    rules = {(JOIN_RULES, ""): join_rules(wanted.within)}
    for (kind, key), content in {**rules, **wanted.states}.items():
        if dict(states.get((kind, key), {})) != dict(content):
            yield Write(kind, key, content)


def _goings(seen: RoomSeen, wanted: Wanted, me: UserId) -> Iterator[Step]:
    for user, member in seen.members.items():
        here = member.membership in (Membership.JOIN, Membership.INVITE, Membership.KNOCK)
        ours = wanted.ours is None or user in wanted.ours
        if here and ours and user != me and user not in wanted.guests and seen.powers.of(user) < MODERATOR:
            yield PutOut(user)


def _grades(seen: RoomSeen, wanted: Wanted, me: UserId) -> Iterator[Step]:
    """Give the levels of tiers to those who are there. Whoever has less than all others was muted, and stays so."""
    default = seen.powers.users_default
    levels = {}
    for user in {*seen.powers.users, *wanted.guests} - {me}:
        guest, stands = wanted.guests.get(user), seen.powers.of(user)
        there = user in seen.members and seen.members[user].membership is Membership.JOIN
        level = default if guest is None or guest.level is None or not there else max(guest.level, default)
        if default <= stands < MODERATOR and stands != level:
            levels[user] = level
    if levels:
        yield Grade(levels)


def _askings(
    seen: RoomSeen, wanted: Wanted, asked: Mapping[PersonId, Asked], *, me: UserId, now: datetime
) -> Iterator[Step]:
    for user, guest in wanted.guests.items():
        member, before = seen.members.get(user), asked.get(guest.person)
        stands = None if member is None else member.membership
        if stands not in (None, Membership.LEAVE, Membership.KNOCK) or not (wanted.asks or _looks_after(guest)):
            continue
        if guest.waits:
            continue
        if before is not None and before.since == guest.since:
            by_others = member is not None and stands is Membership.LEAVE and member.by != me
            if by_others if before.refused_until is None else before.refused_until > now:
                continue  # they left, or whoever looks after the room put them out
        yield Ask(guest)


def _looks_after(guest: Guest) -> bool:
    return guest.level is not None and guest.level >= MODERATOR


def _flairs(states: Mapping[Place, Mapping[str, Any]], wanted: Wanted) -> Iterator[Step]:
    shown = {
        key: flair for user, flair in wanted.flairs.items() if len((key := flair_key(user)).encode()) <= _LONGEST_KEY
    }
    for (kind, key), content in states.items():
        if kind == FLAIR and content and key not in shown:
            yield Write(FLAIR, key, {})
    for key, flair in shown.items():
        if dict(states.get((FLAIR, key), {})) != dict(flair):
            yield Write(FLAIR, key, flair)
