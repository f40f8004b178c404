"""Beforehand: which servers lists deny though nobody of them is in a room yet, so that its ACL keeps them out."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from kit.identifiers import UserId
from reputation.enforcement.model import Consequence, Mode, Rules, host, host_of
from reputation.list_tables import ListEntryRow
from reputation.lists.model import Recommendation, Subject

MOST: Final = 5_000
"""Denials beforehand in all rooms of a management room together: each is a row that every plan goes by."""
MOST_IN_ROOM: Final = 500
LEAST_IN_ROOM: Final = 20
_ASKED: Final = 2_000
"""Servers that are looked up; those come first of whom most lists speak."""
_MOST_SPARED: Final = 2_000


def servers_said(session: Session, rules: Rules, rooms: int) -> dict[str, str]:
    """Return servers (without their ports) that lists deny whoever is there, as many as ``rooms`` rooms hold.

    Each with how the lists write it.

    Not one that a list lets somebody of be, or of which somebody is vetoed: their people are acted on as they come. A
    list that only tells tells of those who are there, and so does what is published for another bot.
    """
    if rooms == 0 or rules.rehearsing or rules.beside:
        return {}
    lists = {
        one.list: frozenset(said.value for said, found in one.servers.items() if Consequence.DENY in found)
        for one in rules.subscriptions
        if one.mode is not Mode.NOTIFY and one.list > 0
    }
    lists = {number: said for number, said in lists.items() if said}
    if not lists:
        return {}
    banned = frozenset().union(*lists.values())
    entity = ListEntryRow.entity
    plain = ~entity.contains("*"), ~entity.contains("?"), ~entity.startswith("sha256:")
    query = select(entity).where(
        ListEntryRow.list.in_(lists),
        ListEntryRow.subject == Subject.SERVER.value,
        ListEntryRow.recommendation.in_(sorted(banned)),
        *plain,
    )
    most = query.group_by(entity).order_by(func.count().desc(), entity).limit(_ASKED)
    spared = _spared(session, lists, rules)
    few = max(LEAST_IN_ROOM, min(MOST_IN_ROOM, MOST // rooms))
    found: dict[str, str] = {}
    for one in session.scalars(most):
        name = host(one)
        if len(found) < few and name not in spared:
            found.setdefault(name, one)
    return found


def _spared(session: Session, lists: Collection[int], rules: Rules) -> frozenset[str]:
    """Return the servers of people whom a list lets be, or somebody vetoed."""
    allowed = select(ListEntryRow.entity).where(
        ListEntryRow.list.in_(list(lists)),
        ListEntryRow.subject == Subject.USER.value,
        ListEntryRow.recommendation == Recommendation.ALLOW.value,
    )
    people = [*session.scalars(allowed.limit(_MOST_SPARED)), *(veto.user for veto in rules.vetoes if veto.user)]
    return frozenset(host_of(UserId(one)) for one in people if ":" in one)
