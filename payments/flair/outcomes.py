"""Reading and writing what the facts come to: entitlements, the tier document that holds, and what is shown of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, delete, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from kit.database import Base, write_many
from kit.identifiers import PersonId
from payments.flair.model import NOTHING, Entitlement, Giver, Showing, Source
from payments.flair.store import forgotten_name, parts_of
from payments.flair.tables import EntitlementRow, FoldingRow, GiftRow, GiverRow, ShownRow, TierDocumentRow

_ONE: Final = 1
_FRESH: Final = {"populate_existing": True}
_AS_THEY_ARE: Final = ("person", "tier", "since", "until", "grace_until", "renews", "thanks_only", "sure_from")
_SHOWN: Final = ("flair", "wall", "name", "amount")


class OutcomeStore:
    """What gifts come to, in one transaction."""

    def __init__(self, session: Session) -> None:
        """Read and write in ``session``."""
        self._session = session

    def put_entitlements(
        self,
        people: Collection[PersonId],
        givers: Mapping[int, Giver],
        found: Sequence[Entitlement],
        *,
        fresh: Collection[int] = (),
    ) -> None:
        """Let these be all entitlements of these people and givers; of the ``fresh`` ones of them none are kept yet."""
        for some in parts_of(people):
            self._session.execute(delete(EntitlementRow).where(EntitlementRow.person.in_(some)))
        for numbers in parts_of(givers.keys() - fresh):
            self._session.execute(delete(EntitlementRow).where(EntitlementRow.giver.in_(numbers)))
        numbered = {giver: number for number, giver in givers.items()}
        columns: dict[str, list[Any]] = {name: [getattr(one, name) for one in found] for name in _AS_THEY_ARE}
        columns["giver"] = [None if one.giver is None else numbered[one.giver] for one in found]
        columns["source"] = [one.source.value for one in found]
        write_many(self._session, EntitlementRow, columns)

    def owners_of(self, giver: int) -> set[PersonId]:
        """Return whose the gifts of a giver are."""
        query = select(GiftRow.owner).where(GiftRow.giver == giver, GiftRow.owner.is_not(None)).distinct()
        return {PersonId(owner) for owner in self._session.scalars(query) if owner is not None}

    def entitlements(self, *which: ColumnElement[bool]) -> list[Entitlement]:
        """Return kept entitlements, those of people first, each supporter's together."""
        query = select(EntitlementRow, GiverRow).outerjoin(GiverRow, GiverRow.id == EntitlementRow.giver)
        query = query.where(*which).order_by(EntitlementRow.person.is_(None), EntitlementRow.person, EntitlementRow.id)
        return [_entitlement(row, giver) for row, giver in self._session.execute(query, execution_options=_FRESH)]

    # ------------------------------------------------------------------------------------------ tiers

    def document(self) -> str | None:
        """Return the tier document that holds."""
        query = select(TierDocumentRow.document).order_by(TierDocumentRow.number.desc())
        return self._session.scalars(query.limit(1)).first()

    def add_document(self, document: str, now: datetime) -> int:
        """Keep a new version; return its number."""
        number = (self._session.scalar(select(func.max(TierDocumentRow.number))) or 0) + 1
        self._session.add(TierDocumentRow(number=number, document=document, since=now))
        self._session.flush()
        return number

    # ------------------------------------------------------------------------------------------ folding anew

    def begin_folding(self) -> None:
        """Note that everything is to be folded anew, from the first giver on."""
        begun = self._insert(FoldingRow).values(id=_ONE, reached=0)
        self._session.execute(begun.on_conflict_do_update(index_elements=["id"], set_={"reached": 0}))

    def folding(self) -> int | None:
        """Return up to which giver everything is folded anew; ``None`` where nothing is to be."""
        return self._session.scalar(select(FoldingRow.reached).where(FoldingRow.id == _ONE))

    def folded(self, reached: int | None) -> None:
        """Note up to which giver everything is folded anew; ``None``: all of it is."""
        if reached is None:
            self._session.execute(delete(FoldingRow))
        else:
            self._session.execute(update(FoldingRow).values(reached=reached))

    # ------------------------------------------------------------------------------------------ showing

    def shown(self, person: PersonId) -> Showing:
        """Return what somebody chose to show."""
        row = self._session.get(ShownRow, person, populate_existing=True)
        return NOTHING if row is None else _showing(row)

    def all_shown(self) -> dict[PersonId, Showing]:
        """Return what everybody shows who shows anything."""
        query = select(ShownRow).where(or_(ShownRow.flair.is_(True), ShownRow.wall.is_(True)))
        return {PersonId(row.person): _showing(row) for row in self._session.scalars(query.order_by(ShownRow.person))}

    def show(self, person: PersonId, showing: Showing, now: datetime) -> None:
        """Keep what somebody chose to show."""
        values = {**{name: getattr(showing, name) for name in _SHOWN}, "decided_at": now}
        kept = self._insert(ShownRow).values(person=person, **values)
        self._session.execute(kept.on_conflict_do_update(index_elements=["person"], set_=values))

    def _insert(self, table: type[Base]) -> Any:  # noqa: ANN401 - of either dialect
        insert = postgresql.insert if self._session.get_bind().dialect.name == "postgresql" else sqlite.insert
        return insert(table)


def holding_at(now: datetime) -> ColumnElement[bool]:
    """Return the condition that an entitlement counts at ``now``, grace included."""
    lasts = or_(EntitlementRow.grace_until.is_(None), EntitlementRow.grace_until > now)
    return and_(EntitlementRow.since <= now, lasts)


def _showing(row: ShownRow) -> Showing:
    return Showing(**{name: getattr(row, name) for name in _SHOWN})


def _entitlement(row: EntitlementRow, giver: GiverRow | None) -> Entitlement:
    return Entitlement(
        person=None if row.person is None else PersonId(row.person),
        giver=None if giver is None else Giver(Source(giver.source), giver.name or forgotten_name(giver.id)),
        tier=row.tier,
        since=row.since,
        until=row.until,
        grace_until=row.grace_until,
        source=Source(row.source),
        renews=row.renews,
        thanks_only=row.thanks_only,
        sure_from=row.sure_from,
    )
