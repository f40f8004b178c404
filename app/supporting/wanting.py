"""Wanting (pure): which rooms a tier document asks for, and whom each is to have, by who holds which tier now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote

from app.supporting.planning import CHILD, SPACE, Guest, Place, Wanted, children, parent
from kit.identifiers import PersonId, RoomId, UserId, server_of
from payments.flair.model import Entitlement, Showing, Tier, Tiers
from payments.flair.statement import day_of
from reputation.enforcement.rooms import MODERATOR

ALWAYS: Final = datetime(2026, 1, 1, tzinfo=UTC)
"""Since when stewards are to be there: they are asked in once."""


@dataclass(frozen=True, slots=True)
class Supporter:
    """Somebody who supports the cause: what they hold, whether they wish to be asked in, and what they let be seen."""

    person: PersonId
    user: UserId
    entitlements: tuple[Entitlement, ...]
    joins: bool
    showing: Showing


@dataclass(frozen=True, slots=True)
class Described:
    """A room of the document: the key by which we know it, what it is called, and whether supporters only read there.

    ``open``: each tier that gives the space gives it too, so that whoever is there may enter; into others people are
    asked.
    """

    key: str
    title: str
    topic: str
    posts: bool
    open: bool


def described(tiers: Tiers) -> list[Described]:
    """Return the rooms that a document asks for: the space first, then the others in its order."""
    inside = [tier for tier in tiers.tiers if tier.gives.space]
    found: list[Described] = []
    if tiers.space is not None or inside:
        title, topic = ("Supporters", "") if tiers.space is None else (tiers.space.title, tiers.space.topic)
        found.append(Described(SPACE, title, topic, posts=False, open=False))
    for room in tiers.rooms:
        lists = [tier for tier in inside if room.id in tier.gives.rooms]
        found.append(
            Described(key_of(room.id), room.title, room.topic, room.posts, open=bool(inside) and lists == inside)
        )
    return found


def key_of(room: str) -> str:
    """Return the key by which we know a room of the document."""
    return f"room:{room}"


def wanted(
    tiers: Tiers,
    supporters: Sequence[Supporter],
    stewards: Mapping[UserId, PersonId],
    rooms: Mapping[str, RoomId],
    *,
    me: UserId,
    now: datetime,
    url: str,
) -> dict[str, Wanted]:
    """Return each room as it is to be, those too that the document asks for no more: from them people only go."""
    server = server_of(me)
    seats = {user: Guest(person, user, ALWAYS, MODERATOR) for user, person in stewards.items()}
    found: dict[str, Wanted] = {}
    names = described(tiers)
    space = rooms.get(SPACE)
    up = {} if space is None else parent(space, server)
    for one in names:
        guests = {guest.user: guest for guest in _guests(tiers, supporters, one.key, now)} | seats
        if one.key == SPACE:
            flairs = dict(_flairs(tiers, supporters, now, url))
            found[SPACE] = Wanted(asks=True, guests=guests, states=_below(names, rooms, me), flairs=flairs)
        else:
            within = space if one.open else None
            found[one.key] = Wanted(asks=not one.open, guests=guests, within=within, states=up)
    everybody = {guest.user: guest for guest in _guests(tiers, supporters, SPACE, now)} | seats
    for key in rooms:
        if key not in found:
            found[key] = Wanted(asks=False, guests={u: replace(g, level=None) for u, g in everybody.items()})
    return found


def _below(names: Sequence[Described], rooms: Mapping[str, RoomId], me: UserId) -> dict[Place, Mapping[str, Any]]:
    """Return what the space says of its rooms: of those that the document asks for no more, nothing."""
    named = {one.key for one in names}
    gone: dict[Place, Mapping[str, Any]] = {(CHILD, room): {} for key, room in rooms.items() if key not in named}
    return gone | children([rooms[one.key] for one in names if one.key in rooms and one.key != SPACE], server_of(me))


def _guests(tiers: Tiers, supporters: Iterable[Supporter], key: str, now: datetime) -> Iterable[Guest]:
    for one in supporters:
        held = [(entitlement, tier) for entitlement, tier in _held(tiers, one, now) if not entitlement.thanks_only]
        since = [entitlement.since for entitlement, tier in held if _opens(tier, key)]
        if since and one.joins:
            levels = [tier.gives.level for _, tier in held if tier.gives.level is not None]
            yield Guest(one.person, one.user, min(since), max(levels, default=None))


def _opens(tier: Tier, key: str) -> bool:
    return tier.gives.space if key == SPACE else any(key_of(room) == key for room in tier.gives.rooms)


def _held(tiers: Tiers, one: Supporter, now: datetime) -> list[tuple[Entitlement, Tier]]:
    """Return what somebody holds now, with the tier that it is of; of tiers that are there no more, nothing."""
    found = [(entitlement, tiers.find(entitlement.tier)) for entitlement in one.entitlements if entitlement.holds(now)]
    return [(entitlement, tier) for entitlement, tier in found if tier is not None]


def flair(tiers: Tiers, one: Supporter, now: datetime, url: str) -> dict[str, Any] | None:
    """Return what is shown of somebody who holds a tier that gives flair: whoever sees it can ask whether it is true.

    It is of their highest. Whether they let it be seen is not asked here.
    """
    held = [(entitlement, tier) for entitlement, tier in _held(tiers, one, now) if tier.gives.flair]
    if not held:
        return None
    entitlement, tier = max(held, key=lambda each: tiers.rank(each[1].id))
    verify = f"{url}/v1/flair/{quote(one.user, safe='')}"
    return {"tier": tier.id, "title": tier.title, "since": day_of(entitlement.since), "verify": verify}


def _flairs(
    tiers: Tiers, supporters: Iterable[Supporter], now: datetime, url: str
) -> Iterable[tuple[UserId, Mapping[str, Any]]]:
    for one in supporters:
        shown = flair(tiers, one, now, url) if one.showing.flair else None
        if shown is not None:
            yield one.user, shown
