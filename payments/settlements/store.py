"""Reading and writing settlements; nothing is decided."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from contracts.authorizations import Authorization
from kit.identifiers import Address, Hash32
from payments.settlements.model import Order, Settlement, Use
from payments.settlements.tables import SettlementRow


class SettlementStore:
    """The settlements of one chain."""

    def __init__(self, session: Session, *, chain_id: int) -> None:
        """Read and write in ``session``."""
        self._session = session
        self._chain_id = chain_id

    def add(self, made: Settlement, *, due_at: datetime | None = None) -> bool:
        """Keep a settlement; ``False`` where its payer's nonce is taken. ``due_at``: when it is handed over again."""
        insert = postgresql.insert if self._session.get_bind().dialect.name == "postgresql" else sqlite.insert
        kept = self._session.execute(
            insert(SettlementRow)
            .values(
                chain_id=self._chain_id,
                asset=made.asset,
                payer=made.signed.payer,
                nonce=made.signed.nonce,
                id=made.id,
                pay_to=made.signed.recipient,
                amount=made.signed.amount,
                valid_after=made.signed.valid_after,
                valid_before=made.signed.valid_before,
                created_at=made.created_at,
                since_block=made.since_block,
                use=None,
                transaction=None,
                listing=None if made.order is None else made.order.listing,
                claim=None if made.order is None else made.order.claim,
                tip=None if made.order is None else made.order.tip,
                identifier=made.identifier,
                signature=made.signature,
                tries=made.tries if made.elsewhere else None,
                due_at=due_at,
            )
            .on_conflict_do_nothing()
            .returning(SettlementRow.id)
        )
        return kept.first() is not None

    def find(self, settlement_id: Hash32) -> Settlement | None:
        """Return a settlement by its id."""
        found = self.find_all([settlement_id])
        return found[0] if found else None

    def find_all(self, ids: Sequence[Hash32]) -> list[Settlement]:
        """Return those settlements of some ids that there are."""
        query = select(SettlementRow).where(SettlementRow.chain_id == self._chain_id, SettlementRow.id.in_(ids))
        return [_settlement(row) for row in self._session.scalars(query.execution_options(populate_existing=True))]

    def named(self, payer: Address, identifier: Hash32) -> Settlement | None:
        """Return the settlement that a payer named so."""
        query = select(SettlementRow).where(
            SettlementRow.chain_id == self._chain_id,
            SettlementRow.payer == payer,
            SettlementRow.identifier == identifier,
        )
        row = self._session.scalar(query)
        return None if row is None else _settlement(row)

    def handed(self, limit: int) -> list[Settlement]:
        """Return the settlements of others' facilitators of which not all is known, oldest first."""
        query = select(SettlementRow).where(SettlementRow.chain_id == self._chain_id, SettlementRow.due_at.is_not(None))
        return [
            _settlement(row) for row in self._session.scalars(query.order_by(SettlementRow.created_at).limit(limit))
        ]

    def handed_by(self, payer: Address, asset: Address, since: datetime) -> tuple[int, int]:
        """Return how many a payer's were handed over since then, and how much of a token of theirs is in no block."""
        theirs = select(SettlementRow).where(
            SettlementRow.chain_id == self._chain_id, SettlementRow.payer == payer, SettlementRow.signature.is_not(None)
        )
        rows = self._session.scalars(theirs.where(SettlementRow.created_at > since)).all()
        open_ = [row for row in rows if row.due_at is not None and row.use is None and row.transaction is None]
        return len(rows), sum(row.amount for row in open_ if row.asset == asset)

    def count_handed(self) -> int:
        """Count the settlements of others' facilitators of which not all is known."""
        query = select(func.count()).where(SettlementRow.chain_id == self._chain_id, SettlementRow.due_at.is_not(None))
        return self._session.scalar(query) or 0

    def take_due(self, settlement_id: Hash32, now: datetime, *, again_at: datetime, tries: int) -> bool:
        """Take it upon whoever asks to hand one over that is due, or was not yet; ``False`` where another does."""
        due = (SettlementRow.due_at <= now) | (SettlementRow.tries == 0)
        changed = self._session.execute(
            update(SettlementRow)
            .where(SettlementRow.chain_id == self._chain_id, SettlementRow.id == settlement_id)
            .where(due, SettlementRow.due_at.is_not(None), SettlementRow.tries == tries)
            .values(tries=tries + 1, due_at=again_at)
            .execution_options(synchronize_session=False)
            .returning(SettlementRow.id)
        )
        return changed.first() is not None

    def close(self, settlement_id: Hash32) -> None:
        """Note that all is known of one."""
        self._session.execute(
            update(SettlementRow)
            .where(SettlementRow.chain_id == self._chain_id, SettlementRow.id == settlement_id)
            .values(due_at=None)
            .execution_options(synchronize_session=False)
        )

    def note_use(self, settlement_id: Hash32, use: Use | None, transaction: Hash32 | None) -> None:
        """Note what the chain says of a settlement's authorization."""
        self._session.execute(
            update(SettlementRow)
            .where(SettlementRow.chain_id == self._chain_id, SettlementRow.id == settlement_id)
            .values(use=use.value if use else None, transaction=transaction)
            .execution_options(synchronize_session=False)
        )

    def old(self, before: datetime, limit: int) -> list[Hash32]:
        """Return some settlements that were taken on before that time."""
        query = select(SettlementRow.id).where(
            SettlementRow.chain_id == self._chain_id, SettlementRow.created_at < before
        )
        return [Hash32(found) for found in self._session.scalars(query.order_by(SettlementRow.created_at).limit(limit))]

    def drop(self, ids: Sequence[Hash32]) -> None:
        """Take settlements out."""
        self._session.execute(
            delete(SettlementRow)
            .where(SettlementRow.chain_id == self._chain_id, SettlementRow.id.in_(ids))
            .execution_options(synchronize_session=False)
        )


def _order(row: SettlementRow) -> Order | None:
    if row.listing is None or row.claim is None:
        return None
    return Order(row.listing, Hash32(row.claim), tip=bool(row.tip))


def _settlement(row: SettlementRow) -> Settlement:
    return Settlement(
        id=Hash32(row.id),
        asset=Address(row.asset),
        signed=Authorization(
            payer=Address(row.payer),
            recipient=Address(row.pay_to),
            amount=row.amount,
            valid_after=row.valid_after,
            valid_before=row.valid_before,
            nonce=Hash32(row.nonce),
        ),
        created_at=row.created_at,
        since_block=row.since_block,
        use=None if row.use is None else Use(row.use),
        transaction=None if row.transaction is None else Hash32(row.transaction),
        order=_order(row),
        identifier=None if row.identifier is None else Hash32(row.identifier),
        signature=row.signature,
        tries=row.tries or 0,
        open=row.due_at is not None,
    )
