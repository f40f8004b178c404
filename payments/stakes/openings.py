"""Reading and writing the openings that we carry for strangers, and whom we carry for no more; nothing is decided."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from kit.identifiers import Address, Hash32, PersonId
from payments.stakes.model import Bar, Opening, OpeningOutcome
from payments.stakes.tables import GaslessBarRow, OpeningRow, StakeRow

_LOCK = 0x6F70656E
"""Any number will do, as long as nobody else takes it."""


class OpeningStore:
    """Openings on one chain."""

    def __init__(self, session: Session, *, chain_id: int) -> None:
        """Read and write in ``session``."""
        self._session = session
        self._chain_id = chain_id

    def lock(self) -> None:
        """Let nobody else add an opening until this transaction ends: limits are read, then added to."""
        if self._session.get_bind().dialect.name == "postgresql":  # SQLite lets one write at a time anyway
            self._session.execute(select(func.pg_advisory_xact_lock(_LOCK, self._chain_id % 2**31)))

    # ------------------------------------------------------------------------------------------ openings

    def add(self, opening: Opening) -> bool:
        """Keep an opening; ``False`` where one of this stake is under way or settled for good.

        One that failed before it cost anything is made anew.
        """
        insert = postgresql.insert if self._session.get_bind().dialect.name == "postgresql" else sqlite.insert
        values = {
            "quote_id": opening.quote_id,
            "stranger": opening.stranger,
            "payer": opening.payer,
            "return_to": opening.return_to,
            "due": opening.due,
            "gwei": opening.gwei,
            "outcome": None,
            "created_at": opening.created_at,
            "settled_at": None,
        }
        again = [outcome.value for outcome in OpeningOutcome if outcome.may_try_again]
        kept = self._session.execute(
            insert(OpeningRow)
            .values(chain_id=self._chain_id, stake_id=opening.stake_id, **values)
            .on_conflict_do_update(
                index_elements=["chain_id", "stake_id"], set_=values, where=OpeningRow.outcome.in_(again)
            )
            .returning(OpeningRow.stake_id)
        )
        return kept.first() is not None

    def find(self, stake_id: Hash32) -> Opening | None:
        """Return the opening of a stake."""
        row = self._session.get(OpeningRow, (self._chain_id, bytes(stake_id)), populate_existing=True)
        return None if row is None else _opening(row)

    def of_quote(self, quote_id: str) -> Opening | None:
        """Return the latest opening on a quote."""
        query = select(OpeningRow).where(OpeningRow.quote_id == quote_id)
        row = self._session.scalars(query.order_by(OpeningRow.created_at.desc(), OpeningRow.stake_id)).first()
        return None if row is None else _opening(row)

    def unsettled(self) -> list[Opening]:
        """Return the openings that are under way, oldest first."""
        query = select(OpeningRow).where(OpeningRow.chain_id == self._chain_id, OpeningRow.settled_at.is_(None))
        rows = self._session.scalars(query.order_by(OpeningRow.created_at).execution_options(populate_existing=True))
        return [_opening(row) for row in rows]

    def settle(self, opening: Opening, outcome: OpeningOutcome, *, gwei: int, now: datetime) -> bool:
        """Note what became of an opening; ``False`` where that was noted before."""
        done = self._session.execute(
            update(OpeningRow)
            .where(OpeningRow.chain_id == self._chain_id, OpeningRow.stake_id == opening.stake_id)
            .where(OpeningRow.settled_at.is_(None))
            .values(outcome=outcome.value, gwei=gwei, settled_at=now)
            .returning(OpeningRow.stake_id)
            .execution_options(synchronize_session=False)
        )
        return done.first() is not None

    def spent(self, since: datetime) -> int:
        """Return the gwei of all openings made since then, and of those still under way."""
        query = select(func.coalesce(func.sum(OpeningRow.gwei), 0)).where(
            OpeningRow.chain_id == self._chain_id,
            or_(OpeningRow.created_at > since, OpeningRow.settled_at.is_(None)),
        )
        return int(self._session.scalar(query) or 0)

    def set_aside(self) -> int:
        """Return the gwei that are set aside for openings under way."""
        query = select(func.coalesce(func.sum(OpeningRow.gwei), 0))
        query = query.where(OpeningRow.chain_id == self._chain_id, OpeningRow.settled_at.is_(None))
        return int(self._session.scalar(query) or 0)

    def made(self, since: datetime, *, stranger: PersonId | None = None, payer: Address | None = None) -> int:
        """Count the openings made for a stranger, or from a wallet, since then."""
        query = select(func.count()).where(OpeningRow.chain_id == self._chain_id, OpeningRow.created_at > since)
        if stranger is not None:
            query = query.where(OpeningRow.stranger == stranger)
        if payer is not None:
            query = query.where(OpeningRow.payer == payer)
        return self._session.scalar(query) or 0

    def promised(self, payer: Address) -> int:
        """Return what openings under way will take from a wallet: those that are on the chain took it already."""
        on_chain = select(StakeRow.id).where(StakeRow.id == OpeningRow.stake_id, StakeRow.state != "orphaned").exists()
        query = select(OpeningRow.due).where(
            OpeningRow.chain_id == self._chain_id,
            OpeningRow.payer == payer,
            OpeningRow.settled_at.is_(None),
            ~on_chain,
        )
        return sum(self._session.scalars(query))

    def counts(self) -> dict[OpeningOutcome | None, int]:
        """Count the openings that are kept by what became of them; ``None``: under way."""
        query = select(OpeningRow.outcome, func.count()).where(OpeningRow.chain_id == self._chain_id)
        rows = self._session.execute(query.group_by(OpeningRow.outcome))
        return {None if outcome is None else OpeningOutcome(outcome): count for outcome, count in rows}

    def prune(self, before: datetime) -> int:
        """Take out what was settled before that time; return how many."""
        dropped = self._session.execute(
            delete(OpeningRow)
            .where(OpeningRow.chain_id == self._chain_id, OpeningRow.settled_at < before)
            .returning(OpeningRow.stake_id)
            .execution_options(synchronize_session=False)
        )
        return len(dropped.all())

    # ------------------------------------------------------------------------------------------ bars

    def bar(self, opening: Opening, *, gwei: int, now: datetime) -> None:
        """Carry nothing more for an opening's stranger and wallet."""
        insert = postgresql.insert if self._session.get_bind().dialect.name == "postgresql" else sqlite.insert
        values = {"payer": opening.payer, "stranger": opening.stranger, "gwei": gwei, "barred_at": now}
        self._session.execute(
            insert(GaslessBarRow).values(stake_id=opening.stake_id, **values).on_conflict_do_nothing()
        )

    def barred(self, stranger: PersonId, payer: Address | None) -> bool:
        """Tell whether somebody, or their wallet, is barred."""
        who = GaslessBarRow.stranger == stranger
        query = select(GaslessBarRow.stake_id).where(GaslessBarRow.lifted_at.is_(None))
        query = query.where(who if payer is None else or_(who, GaslessBarRow.payer == payer))
        return self._session.scalars(query.limit(1)).first() is not None

    def bars(self) -> list[Bar]:
        """Return all bars that stand, latest first."""
        query = select(GaslessBarRow).where(GaslessBarRow.lifted_at.is_(None))
        rows: Sequence[GaslessBarRow] = self._session.scalars(query.order_by(GaslessBarRow.barred_at.desc())).all()
        return [
            Bar(Hash32(row.stake_id), Address(row.payer), PersonId(row.stranger), row.gwei, row.barred_at)
            for row in rows
        ]

    def lift(self, *, stranger: PersonId | None, payer: Address | None, now: datetime) -> int:
        """Lift the bars on somebody or on a wallet; return how many those were."""
        query = update(GaslessBarRow).where(GaslessBarRow.lifted_at.is_(None))
        if stranger is not None:
            query = query.where(GaslessBarRow.stranger == stranger)
        if payer is not None:
            query = query.where(GaslessBarRow.payer == payer)
        lifted = self._session.execute(query.values(lifted_at=now).returning(GaslessBarRow.stake_id))
        return len(lifted.all())


def _opening(row: OpeningRow) -> Opening:
    return Opening(
        stake_id=Hash32(row.stake_id),
        quote_id=row.quote_id,
        stranger=PersonId(row.stranger),
        payer=Address(row.payer),
        return_to=Address(row.return_to),
        due=row.due,
        gwei=row.gwei,
        outcome=None if row.outcome is None else OpeningOutcome(row.outcome),
        created_at=row.created_at,
    )
