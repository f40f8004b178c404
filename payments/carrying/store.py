"""Reading and writing what we carry for people without ether, and whom we carry for no more; nothing is decided."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from kit.identifiers import Address, Hash32, PersonId
from payments.carrying.model import Bar, Cargo, Carried, Outcome
from payments.carrying.tables import CarriedRow, CarryingBarRow

_LOCK = 0x6F70656E
"""Any number will do, as long as nobody else takes it."""


class CarryingStore:
    """What is carried to one chain."""

    def __init__(self, session: Session, *, chain_id: int) -> None:
        """Read and write in ``session``."""
        self._session = session
        self._chain_id = chain_id

    def lock(self) -> None:
        """Let nobody else add anything until this transaction ends: limits are read, then added to."""
        if self._session.get_bind().dialect.name == "postgresql":  # SQLite lets one write at a time anyway
            self._session.execute(select(func.pg_advisory_xact_lock(_LOCK, self._chain_id % 2**31)))

    # ------------------------------------------------------------------------------------------ what is carried

    def add(self, carried: Carried) -> bool:
        """Keep something to carry; ``False`` where it is under way or settled for good.

        One that failed before it cost anything is made anew.
        """
        insert = postgresql.insert if self._session.get_bind().dialect.name == "postgresql" else sqlite.insert
        values = {
            "cargo": carried.cargo.value,
            "about": carried.about,
            "person": carried.person,
            "payer": carried.payer,
            "target": carried.target,
            "due": carried.due,
            "gwei": carried.gwei,
            "outcome": None,
            "created_at": carried.created_at,
            "settled_at": None,
            "asset": carried.asset,
        }
        again = [outcome.value for outcome in Outcome if outcome.may_be_tried(carried.cargo)]
        kept = self._session.execute(
            insert(CarriedRow)
            .values(chain_id=self._chain_id, id=carried.id, **values)
            .on_conflict_do_update(index_elements=["chain_id", "id"], set_=values, where=CarriedRow.outcome.in_(again))
            .returning(CarriedRow.id)
        )
        return kept.first() is not None

    def find(self, carried_id: Hash32) -> Carried | None:
        """Return what is carried under an id."""
        row = self._session.get(CarriedRow, (self._chain_id, bytes(carried_id)), populate_existing=True)
        return None if row is None else _carried(row)

    def latest_about(self, about: str) -> Carried | None:
        """Return the latest that is carried about something."""
        query = select(CarriedRow).where(CarriedRow.about == about)
        row = self._session.scalars(query.order_by(CarriedRow.created_at.desc(), CarriedRow.id)).first()
        return None if row is None else _carried(row)

    def unsettled(self) -> list[Carried]:
        """Return what is under way, oldest first."""
        query = select(CarriedRow).where(CarriedRow.chain_id == self._chain_id, CarriedRow.settled_at.is_(None))
        rows = self._session.scalars(query.order_by(CarriedRow.created_at).execution_options(populate_existing=True))
        return [_carried(row) for row in rows]

    def settle(self, carried: Carried, outcome: Outcome, *, gwei: int, now: datetime) -> bool:
        """Note what became of something; ``False`` where that was noted before."""
        done = self._session.execute(
            update(CarriedRow)
            .where(CarriedRow.chain_id == self._chain_id, CarriedRow.id == carried.id)
            .where(CarriedRow.settled_at.is_(None))
            .values(outcome=outcome.value, gwei=gwei, settled_at=now)
            .returning(CarriedRow.id)
            .execution_options(synchronize_session=False)
        )
        return done.first() is not None

    def spent(self, since: datetime, cargoes: Sequence[Cargo]) -> int:
        """Return the gwei of all of some cargoes that was taken on since then, and of what is still under way."""
        query = select(func.coalesce(func.sum(CarriedRow.gwei), 0)).where(
            CarriedRow.chain_id == self._chain_id,
            CarriedRow.cargo.in_(cargoes),
            or_(CarriedRow.created_at > since, CarriedRow.settled_at.is_(None)),
        )
        return int(self._session.scalar(query) or 0)

    def set_aside(self) -> int:
        """Return the gwei that are set aside for what is under way."""
        query = select(func.coalesce(func.sum(CarriedRow.gwei), 0))
        query = query.where(CarriedRow.chain_id == self._chain_id, CarriedRow.settled_at.is_(None))
        return int(self._session.scalar(query) or 0)

    def made(
        self,
        since: datetime,
        cargoes: Sequence[Cargo],
        *,
        person: PersonId | None = None,
        payer: Address | None = None,
    ) -> int:
        """Count what was taken on of some cargoes for a person, or from a wallet, since then."""
        query = select(func.count()).where(CarriedRow.chain_id == self._chain_id, CarriedRow.created_at > since)
        query = query.where(CarriedRow.cargo.in_(cargoes))
        if person is not None:
            query = query.where(CarriedRow.person == person)
        if payer is not None:
            query = query.where(CarriedRow.payer == payer)
        return self._session.scalar(query) or 0

    def under_way_from(self, payer: Address) -> list[Carried]:
        """Return what is under way from a wallet."""
        query = select(CarriedRow).where(
            CarriedRow.chain_id == self._chain_id, CarriedRow.payer == payer, CarriedRow.settled_at.is_(None)
        )
        return [_carried(row) for row in self._session.scalars(query.execution_options(populate_existing=True))]

    def others_from(self, carried: Carried, since: datetime) -> list[Carried]:
        """Return what else of a kind is under way from a wallet, or was settled since then."""
        query = select(CarriedRow).where(
            CarriedRow.chain_id == self._chain_id,
            CarriedRow.payer == carried.payer,
            CarriedRow.cargo == carried.cargo.value,
            CarriedRow.id != carried.id,
            or_(CarriedRow.settled_at.is_(None), CarriedRow.settled_at >= since),
        )
        return [_carried(row) for row in self._session.scalars(query.execution_options(populate_existing=True))]

    def counts(self, cargoes: Sequence[Cargo]) -> dict[Outcome | None, int]:
        """Count what is kept of some cargoes by what became of it; ``None``: under way."""
        query = select(CarriedRow.outcome, func.count()).where(CarriedRow.chain_id == self._chain_id)
        query = query.where(CarriedRow.cargo.in_(cargoes))
        rows = self._session.execute(query.group_by(CarriedRow.outcome))
        return {None if outcome is None else Outcome(outcome): count for outcome, count in rows}

    def prune(self, before: datetime) -> int:
        """Take out what was settled before that time; return how many."""
        dropped = self._session.execute(
            delete(CarriedRow)
            .where(CarriedRow.chain_id == self._chain_id, CarriedRow.settled_at < before)
            .returning(CarriedRow.id)
            .execution_options(synchronize_session=False)
        )
        return len(dropped.all())

    # ------------------------------------------------------------------------------------------ bars

    def bar(self, carried: Carried, *, gwei: int, now: datetime) -> None:
        """Carry nothing more for somebody and their wallet."""
        insert = postgresql.insert if self._session.get_bind().dialect.name == "postgresql" else sqlite.insert
        values = {"payer": carried.payer, "person": carried.person, "gwei": gwei, "barred_at": now}
        self._session.execute(insert(CarryingBarRow).values(id=carried.id, **values).on_conflict_do_nothing())

    def barred(self, person: PersonId | None, payer: Address | None) -> bool:
        """Tell whether somebody, or their wallet, is barred."""
        who = [CarryingBarRow.person == person] if person is not None else []
        who += [CarryingBarRow.payer == payer] if payer is not None else []
        if not who:
            return False
        query = select(CarryingBarRow.id).where(CarryingBarRow.lifted_at.is_(None), or_(*who))
        return self._session.scalars(query.limit(1)).first() is not None

    def bars(self) -> list[Bar]:
        """Return all bars that stand, latest first."""
        query = select(CarryingBarRow).where(CarryingBarRow.lifted_at.is_(None))
        rows: Sequence[CarryingBarRow] = self._session.scalars(query.order_by(CarryingBarRow.barred_at.desc())).all()
        return [Bar(Hash32(row.id), Address(row.payer), _person(row.person), row.gwei, row.barred_at) for row in rows]

    def lift(self, *, person: PersonId | None, payer: Address | None, now: datetime) -> int:
        """Lift the bars on somebody or on a wallet; return how many those were."""
        query = update(CarryingBarRow).where(CarryingBarRow.lifted_at.is_(None))
        if person is not None:
            query = query.where(CarryingBarRow.person == person)
        if payer is not None:
            query = query.where(CarryingBarRow.payer == payer)
        lifted = self._session.execute(query.values(lifted_at=now).returning(CarryingBarRow.id))
        return len(lifted.all())


def _carried(row: CarriedRow) -> Carried:
    return Carried(
        id=Hash32(row.id),
        cargo=Cargo(row.cargo),
        about=row.about,
        person=_person(row.person),
        payer=Address(row.payer),
        target=Address(row.target),
        due=row.due,
        gwei=row.gwei,
        outcome=None if row.outcome is None else Outcome(row.outcome),
        created_at=row.created_at,
        asset=None if row.asset is None else Address(row.asset),
    )


def _person(number: int | None) -> PersonId | None:
    return None if number is None else PersonId(number)
