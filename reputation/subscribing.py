"""Subscriptions and vetoes, in one transaction: whose lists act in the rooms of a management room, and in what not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from kit.changes import touch
from kit.errors import Conflict, Invalid, NotFound
from kit.identifiers import PersonId, UserId, parse_server_name
from ledger.people import People
from reputation.enforcement.model import Consequence, Follows, Mode, Subscription, Veto, host
from reputation.list_tables import FollowedListRow
from reputation.lists.model import LONGEST_ENTITY, Recommendation, Subject
from reputation.room_tables import ManagementRoomRow, SubscriptionRow, VetoRow

TOPIC: Final = "rooms"
"""What the change counter counts them under; the subjects are numbers of management rooms."""
MOST_SUBSCRIBED: Final = 20
MOST_VETOES: Final = 1_000
MOST_WEIGHT: Final = 10
_WHOLE: Final = 1_000
"""Trust is kept in thousandths."""


@dataclass(frozen=True, slots=True)
class Vetoed:
    """A veto as it is kept: its number, what it says, who said it, and when."""

    id: int
    says: Veto
    by: UserId | None
    since: datetime


class Subscribing:
    """Whose lists act, and what is vetoed."""

    def __init__(self, session: Session, now: datetime, people: People) -> None:
        """Work in ``session``, at ``now``."""
        self._session = session
        self._now = now
        self._people = people

    # ---------------------------------------------------------------------------------------- subscriptions

    def subscribe(self, management: int, wanted: Subscription) -> None:
        """Subscribe to a followed list, or change how. Raises ``Invalid``, ``Conflict``, ``NotFound``."""
        living(self._session, management)
        _check(wanted, self._now)
        if self._session.get(FollowedListRow, wanted.list) is None:
            raise NotFound("list_unknown", "That list is followed no more.")
        query = select(SubscriptionRow).where(
            SubscriptionRow.management == management, SubscriptionRow.list == wanted.list
        )
        row = self._session.scalar(query)
        if row is None:
            mine = select(func.count()).where(SubscriptionRow.management == management)
            if (self._session.scalar(mine) or 0) >= MOST_SUBSCRIBED:
                raise Conflict("subscriptions_full", f"{MOST_SUBSCRIBED} lists are as many as act in one's rooms.")
            row = SubscriptionRow(management=management, list=wanted.list, since=self._now)
            self._session.add(row)
        row.mode, row.weight, row.share, row.until = wanted.mode.value, wanted.weight, wanted.share, wanted.until
        row.people, row.servers = _written(wanted.people), _written(wanted.servers)
        row.trusted, row.trust = wanted.trusted, None if wanted.trusted is None else _thousandths(wanted.trust)
        self._session.flush()
        self._touch(management)

    def trust(self, management: int, number: int, trust: float) -> None:
        """Note how far the author of a list is trusted, for whoever plans next; it is no news for those who plan."""
        row = update(SubscriptionRow).where(SubscriptionRow.management == management, SubscriptionRow.list == number)
        self._session.execute(row.values(trust=_thousandths(trust)).execution_options(synchronize_session=False))

    def unsubscribe(self, management: int, number: int) -> bool:
        """Leave a list: what only it caused is undone by the next plan. ``False`` where it was not subscribed."""
        gone = self._delete(SubscriptionRow.management == management, SubscriptionRow.list == number)
        if gone:
            self._touch(management)
        return gone

    def subscriptions(self, management: int) -> list[Subscription]:
        """Return the lists that act, by name, those that are over among them."""
        query = (
            select(SubscriptionRow, FollowedListRow.name)
            .join(FollowedListRow, FollowedListRow.id == SubscriptionRow.list)
            .where(SubscriptionRow.management == management)
            .order_by(FollowedListRow.name)
        )
        return [_subscription(row, name) for row, name in self._session.execute(query)]

    def subscribers(self, number: int) -> list[int]:
        """Return the management rooms from which a list acts."""
        query = select(SubscriptionRow.management).where(SubscriptionRow.list == number)
        return list(self._session.scalars(query.order_by(SubscriptionRow.management)))

    def left_by_all(self, number: int) -> int:
        """End all subscriptions to a list, and vetoes of its entries; return in how many management rooms it acted."""
        found = self.subscribers(number)
        self._delete(SubscriptionRow.list == number)
        self._session.execute(delete(VetoRow).where(VetoRow.list == number))
        for one in found:
            self._touch(one)
        return len(found)

    # ---------------------------------------------------------------------------------------- vetoes

    def veto(self, management: int, what: Veto, by: PersonId | None = None) -> int:
        """Let nothing follow from what lists say of somebody, a server, or by one entry; return the veto's number.

        Raises ``Invalid`` for a veto of nothing, ``Conflict`` for one too many.
        """
        living(self._session, management)
        known = next((one.id for one in self.vetoes(management) if one.says == _plain(what)), None)
        if known is not None:
            return known
        mine = select(func.count()).where(VetoRow.management == management)
        if (self._session.scalar(mine) or 0) >= MOST_VETOES:
            raise Conflict("vetoes_full", f"{MOST_VETOES} vetoes are as many as I keep for one.")
        what = _plain(what)
        row = VetoRow(
            management=management,
            list=what.list,
            person=None if what.user is None else self._people.number(what.user),
            server=what.server,
            subject=None if what.subject is None else what.subject.value,
            entity=what.entity,
            by=by,
            since=self._now,
        )
        self._session.add(row)
        self._session.flush()
        self._touch(management)
        return row.id

    def unveto(self, management: int, number: int) -> bool:
        """Take a veto back; ``False`` where there is none of that number."""
        row = self._session.get(VetoRow, number)
        if row is None or row.management != management:
            return False
        self._session.delete(row)
        self._session.flush()
        self._touch(management)
        return True

    def vetoes(self, management: int) -> list[Vetoed]:
        """Return the vetoes, oldest first."""
        rows = self._session.scalars(select(VetoRow).where(VetoRow.management == management).order_by(VetoRow.id)).all()
        numbers = {PersonId(one) for row in rows for one in (row.person, row.by) if one is not None}
        names = self._people.mxids(numbers)
        found = []
        for row in rows:
            user = None if row.person is None else names.get(PersonId(row.person))
            subject = None if row.subject is None else Subject(row.subject)
            says = Veto(row.list, user, row.server, subject, row.entity)
            by = None if row.by is None else names.get(PersonId(row.by))
            found.append(Vetoed(row.id, says, by, row.since))
        return found

    def end(self, management: int) -> None:
        """Take out all subscriptions and vetoes of a management room."""
        self._delete(SubscriptionRow.management == management)
        self._session.execute(delete(VetoRow).where(VetoRow.management == management))

    def forget(self, person: PersonId) -> None:
        """Take out vetoes about a person, and that they said one."""
        self._session.execute(delete(VetoRow).where(VetoRow.person == person))
        for row in self._session.scalars(select(VetoRow).where(VetoRow.by == person)):
            row.by = None
        self._session.flush()

    def _delete(self, *which: Any) -> bool:  # noqa: ANN401 - conditions on subscriptions
        gone = delete(SubscriptionRow).where(*which).returning(SubscriptionRow.id)
        return bool(self._session.execute(gone.execution_options(synchronize_session=False)).all())

    def _touch(self, management: int) -> None:
        touch(self._session, TOPIC, management)


def row_of(session: Session, management: int) -> ManagementRoomRow:
    """Return the row of a management room. Raises ``NotFound``."""
    row = session.get(ManagementRoomRow, management, populate_existing=True)
    if row is None:
        raise NotFound("management_unknown", "There is no such management room.")
    return row


def living(session: Session, management: int) -> ManagementRoomRow:
    """Return the row of a management room that is not ended. Raises ``NotFound``."""
    row = row_of(session, management)
    if row.ended_at is not None:
        raise NotFound("management_ended", "That management room is ended.")
    return row


def _check(wanted: Subscription, now: datetime) -> None:
    if not 1 <= wanted.weight <= MOST_WEIGHT:
        raise Invalid("weight", f"A weight lies between 1 and {MOST_WEIGHT}.", most=MOST_WEIGHT)
    if not 0 <= wanted.share <= 100:  # noqa: PLR2004 - percent
        raise Invalid("share", "A share is 0 to 100 percent.")
    if wanted.until is not None and wanted.until <= now:
        raise Invalid("until_past", "That is past already.")
    if any(Consequence.DENY in found for found in wanted.people.values()):
        raise Invalid("deny_of_people", "Only a server can be denied.")


def _plain(what: Veto) -> Veto:
    """Return a veto as it is kept: an entry that is somebody's whole name is about them."""
    if what.user is None and what.server is None and (what.subject is None or not what.entity):
        raise Invalid("veto_of_nothing", "A veto is about somebody, a server, or an entry.")
    server = None if what.server is None else host(parse_server_name(what.server))
    entity = None if what.entity is None else what.entity[:LONGEST_ENTITY]
    if entity is not None and what.subject is Subject.USER and entity.startswith("@") and not set(entity) & set("*?"):
        return Veto(what.list, UserId(entity), server)
    return Veto(what.list, what.user, server, what.subject, entity)


def _written(follows: Follows) -> dict[str, list[str]]:
    return {said.value: sorted(one.value for one in found) for said, found in follows.items() if found}


def _read(follows: Mapping[str, Sequence[str]]) -> Follows:
    return {Recommendation(said): frozenset(map(Consequence, found)) for said, found in follows.items()}


def _thousandths(trust: float | None) -> int | None:
    return None if trust is None else round(trust * _WHOLE)


def _subscription(row: SubscriptionRow, name: str) -> Subscription:
    trusted = None if row.trusted is None else PersonId(row.trusted)
    trust = None if row.trust is None else row.trust / _WHOLE
    follows = _read(row.people), _read(row.servers)
    return Subscription(row.list, name, Mode(row.mode), row.weight, *follows, row.share, row.until, trusted, trust)
