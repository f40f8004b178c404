"""Reading and writing the stakes' tables; rows become values here, and nothing is decided."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import fields
from itertools import groupby

from sqlalchemy import and_, delete, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from contracts.events import ForfeitAnnounced, Opened, Returned, StakeEvent, Terms
from kit.amounts import Amount
from kit.identifiers import Address, Hash32, PersonId
from payments.stakes.folding import KINDS, Logged
from payments.stakes.model import Price, Quote, Stake, StakeState, Wish
from payments.stakes.tables import QuoteRow, StakeEventRow, StakeRow

_UNANSWERED = (StakeState.OPEN.value, StakeState.FORFEIT_ANNOUNCED.value)
_NO_SALT = bytes(32)
_STREAMED = 5_000


def quote_of(row: QuoteRow) -> Quote:
    """Return a quote as a value."""
    return Quote(
        id=row.id,
        stranger=PersonId(row.stranger),
        recipient=PersonId(row.recipient),
        price=_price_of(row),
        fee_payee=Address(row.fee_payee),
        relay_fee=Amount(row.relay_fee),
        relay_receiver=Address(row.relay_receiver),
        resolver=Address(row.resolver),
        guardian=Address(row.guardian),
        answer_by=row.answer_by,
        quote_expiry=row.quote_expiry,
        salt=Hash32(row.salt),
        commitment=Hash32(row.commitment),
        check_code=row.check_code,
        created_at=row.created_at,
        superseded_at=row.superseded_at,
    )


def _price_of(row: QuoteRow) -> Price:
    base = None if row.base_stake is None else Amount(row.base_stake)
    return Price(Amount(row.stake), Amount(row.fee), base, tuple(filter(None, row.dearer.split(","))))


def terms_of_row(row: StakeRow) -> Terms:
    """Return the terms a stake was opened with."""
    return Terms(**{field.name: getattr(row, field.name) for field in fields(Terms)})


def stake_of(row: StakeRow) -> Stake:
    """Return a stake as a value."""
    return Stake(
        id=Hash32(row.id),
        terms=terms_of_row(row),
        state=StakeState(row.state),
        quote_id=row.quote_id,
        stranger=None if row.stranger is None else PersonId(row.stranger),
        recipient=None if row.recipient is None else PersonId(row.recipient),
        opened_block=row.opened_block,
        opened_transaction=Hash32(row.opened_transaction),
        executable_at=row.executable_at,
        opened_hash=Hash32(row.opened_hash),
        opened_at=row.opened_at,
        surplus=row.surplus,
        answered=row.answered,
        wish=None if row.wish is None else Wish(row.wish),
        last_hash=Hash32(row.last_hash),
        last_transaction=Hash32(row.last_transaction),
    )


def _logged(row: StakeEventRow) -> Logged:
    return Logged(
        kind=row.kind,
        block_number=row.block_number,
        block_hash=Hash32(row.block_hash),
        log_index=row.log_index,
        time=row.block_time,
        transaction=Hash32(row.transaction),
        answered=row.answered,
        executable_at=row.executable_at,
    )


def amounts_in(session: Session, stakes: Collection[Hash32]) -> dict[Hash32, int]:
    """Return what lies in each of these, fees aside, in base units."""
    query = select(StakeRow.id, StakeRow.amount).where(StakeRow.id.in_([bytes(stake) for stake in stakes]))
    return {Hash32(stake): amount for stake, amount in session.execute(query)}


class StakeStore:
    """Quotes, stakes and their events on one chain and escrow."""

    def __init__(self, session: Session, *, chain_id: int, escrow: Address) -> None:
        """Read and write in ``session``."""
        self._session = session
        self._chain_id = chain_id
        self._escrow = escrow

    # -------------------------------------------------------------------------------------------- quotes

    def add_quote(self, quote: Quote) -> None:
        """Keep a new quote."""
        self._session.add(
            QuoteRow(
                id=quote.id,
                chain_id=self._chain_id,
                escrow=self._escrow,
                stranger=quote.stranger,
                recipient=quote.recipient,
                stake=quote.price.stake.base_units,
                fee=quote.price.fee.base_units,
                base_stake=None if quote.price.base is None else quote.price.base.base_units,
                dearer=",".join(quote.price.dearer),
                fee_payee=quote.fee_payee,
                relay_fee=quote.relay_fee.base_units,
                relay_receiver=quote.relay_receiver,
                resolver=quote.resolver,
                guardian=quote.guardian,
                answer_by=quote.answer_by,
                quote_expiry=quote.quote_expiry,
                salt=quote.salt,
                commitment=quote.commitment,
                check_code=quote.check_code,
                created_at=quote.created_at,
                superseded_at=quote.superseded_at,
            )
        )
        self._session.flush()

    def quote(self, quote_id: str) -> QuoteRow | None:
        """Return a quote's row."""
        return self._session.get(QuoteRow, quote_id)

    def quote_by_commitment(self, commitment: Hash32) -> QuoteRow | None:
        """Return the one quote that made this commitment."""
        return self._session.scalar(
            select(QuoteRow).where(
                QuoteRow.chain_id == self._chain_id,
                QuoteRow.commitment == commitment,
                QuoteRow.escrow == self._escrow,
            )
        )

    def unpaid_quotes(
        self, *, recipient: PersonId | None = None, stranger: PersonId | None = None, at: int
    ) -> Sequence[QuoteRow]:
        """Return the quotes of a recipient, a stranger or a pair that could still be paid at ``at``, newest first.

        One whose stake left the chain is unpaid again, unless that stake was answered: then it is settled for good.
        """
        query = select(QuoteRow).where(
            QuoteRow.chain_id == self._chain_id,
            QuoteRow.escrow == self._escrow,
            QuoteRow.superseded_at.is_(None),
            QuoteRow.quote_expiry > at,
            ~select(StakeRow.id)
            .where(StakeRow.quote_id == QuoteRow.id)
            .where(or_(StakeRow.state != StakeState.ORPHANED.value, StakeRow.wish.is_not(None)))
            .exists(),
        )
        if recipient is not None:
            query = query.where(QuoteRow.recipient == recipient)
        if stranger is not None:
            query = query.where(QuoteRow.stranger == stranger)
        return self._session.scalars(query.order_by(QuoteRow.quote_expiry.desc(), QuoteRow.id)).all()

    def wipe_salts(self, person: PersonId) -> None:
        """Forget what could prove to whom a commitment of this person's was made."""
        self._session.execute(
            update(QuoteRow)
            .where(or_(QuoteRow.stranger == person, QuoteRow.recipient == person))
            .values(salt=_NO_SALT)
            .execution_options(synchronize_session="fetch")
        )

    def drop_unpaid(self, *, before: int, limit: int) -> list[PersonId]:
        """Take out quotes that ended before that time and on which nothing was ever opened; return whose they were."""
        opened = select(StakeRow.id).where(StakeRow.quote_id == QuoteRow.id).exists()
        old = select(QuoteRow.id).where(QuoteRow.quote_expiry < before, ~opened).limit(limit)
        dropped = self._session.scalars(
            delete(QuoteRow)
            .where(QuoteRow.id.in_(old))
            .returning(QuoteRow.stranger)
            .execution_options(synchronize_session=False)
        )
        return [PersonId(stranger) for stranger in dropped]

    # -------------------------------------------------------------------------------------------- events

    def log(self, event: StakeEvent) -> bool:
        """Keep one log of a stake; ``False`` where it stands here already."""
        place = event.at
        insert = postgresql.insert if self._session.get_bind().dialect.name == "postgresql" else sqlite.insert
        statement = insert(StakeEventRow).values(
            chain_id=place.block.chain_id,
            block_hash=place.block.hash,
            log_index=place.log_index,
            block_number=place.block.number,
            block_time=place.block.timestamp,
            stake_id=event.stake_id,
            kind=KINDS[type(event)],
            transaction=place.transaction,
            answered=event.answered if isinstance(event, Returned) else None,
            executable_at=event.executable_at if isinstance(event, ForfeitAnnounced) else None,
            orphaned=False,
        )
        kept = self._session.execute(
            statement.on_conflict_do_update(
                index_elements=[StakeEventRow.chain_id, StakeEventRow.block_hash, StakeEventRow.log_index],
                set_={"orphaned": False},
                where=StakeEventRow.orphaned.is_(True),
            ).returning(StakeEventRow.stake_id)
        )
        return kept.first() is not None

    def orphan(self, block_hash: Hash32) -> set[Hash32]:
        """Let the logs of a block count no longer; return the stakes that had any."""
        changed = self._session.execute(
            update(StakeEventRow)
            .where(
                StakeEventRow.chain_id == self._chain_id,
                StakeEventRow.block_hash == block_hash,
                StakeEventRow.orphaned.is_(False),
            )
            .values(orphaned=True)
            .returning(StakeEventRow.stake_id)
            .execution_options(synchronize_session=False)
        )
        return {Hash32(stake_id) for (stake_id,) in changed}

    def logs(self, stake_id: Hash32) -> list[Logged]:
        """Return the logs of a stake that stand on the chain."""
        query = select(StakeEventRow).where(StakeEventRow.stake_id == stake_id, StakeEventRow.orphaned.is_(False))
        rows = self._session.scalars(query.execution_options(populate_existing=True))
        return [_logged(row) for row in rows]

    def history(self, until: int) -> Iterator[tuple[Hash32, Terms, list[Logged]]]:
        """Return every stake in the order of its id, with its terms and its logs up to a block of this number."""
        query = (
            select(StakeRow, StakeEventRow)
            .join(StakeEventRow, StakeEventRow.stake_id == StakeRow.id)
            .where(StakeEventRow.chain_id == self._chain_id, StakeEventRow.orphaned.is_(False))
            .where(StakeEventRow.block_number <= until)
            .order_by(StakeRow.id)
        )
        rows = self._session.execute(query.execution_options(yield_per=_STREAMED))
        for stake_id, group in groupby(rows, key=lambda row: Hash32(row[0].id)):
            (stake, first), *more = group
            yield stake_id, terms_of_row(stake), [_logged(first), *(_logged(event) for _, event in more)]

    # -------------------------------------------------------------------------------------------- stakes

    def add_stake(self, event: Opened, quote: QuoteRow | None) -> None:
        """Keep a stake that was never seen before; its state is folded afterwards."""
        terms = {field.name: getattr(event.terms, field.name) for field in fields(Terms)}
        self._session.add(
            StakeRow(
                id=event.stake_id,
                chain_id=self._chain_id,
                **terms,
                quote_id=quote.id if quote else None,
                stranger=quote.stranger if quote else None,
                recipient=quote.recipient if quote else None,
                state=StakeState.ORPHANED.value,
                surplus=False,
                opened_block=event.at.block.number,
                opened_hash=event.at.block.hash,
                opened_at=event.at.block.timestamp,
                opened_transaction=event.at.transaction,
                last_hash=event.at.block.hash,
                last_transaction=event.at.transaction,
            )
        )
        self._session.flush()

    def stake(self, stake_id: Hash32, *, lock: bool = False) -> StakeRow | None:
        """Return a stake's row, locked against other writers where ``lock``."""
        return self._session.get(StakeRow, bytes(stake_id), with_for_update=lock or None, populate_existing=lock)

    def stakes_on(self, quote_id: str, *, lock: bool = False) -> Sequence[StakeRow]:
        """Return all stakes that were opened on a quote, first opened first."""
        query = select(StakeRow).where(StakeRow.quote_id == quote_id).order_by(StakeRow.opened_block, StakeRow.id)
        if lock:
            query = query.with_for_update().execution_options(populate_existing=True)
        return self._session.scalars(query).all()

    def between(self, stranger: PersonId, recipient: PersonId) -> Sequence[StakeRow]:
        """Return all stakes of a pair, first opened first."""
        query = select(StakeRow).where(StakeRow.stranger == stranger, StakeRow.recipient == recipient)
        return self._session.scalars(query.order_by(StakeRow.opened_block, StakeRow.id)).all()

    def unresolved(self, chain_time: int) -> Iterable[StakeRow]:
        """Return the stakes on our quotes for which something is due: a wish, a forfeit's execution, an expiry."""
        due = or_(
            StakeRow.wish.is_not(None),
            StakeRow.surplus.is_(True),
            and_(StakeRow.state == StakeState.OPEN.value, StakeRow.answer_by <= chain_time),
            and_(StakeRow.state == StakeState.FORFEIT_ANNOUNCED.value, StakeRow.executable_at <= chain_time),
        )
        query = select(StakeRow).where(StakeRow.state.in_(_UNANSWERED), StakeRow.quote_id.is_not(None), due)
        return self._session.scalars(query.order_by(StakeRow.answer_by, StakeRow.id)).all()

    def naming(self, resolver: Address, *, chain_time: int) -> tuple[int, int]:
        """Count a resolver's stakes on our quotes that nothing became of yet, and its quotes that can still be paid."""
        stakes = select(func.count()).where(StakeRow.chain_id == self._chain_id, StakeRow.resolver == resolver)
        stakes = stakes.where(StakeRow.state.in_(_UNANSWERED), StakeRow.quote_id.is_not(None))
        quotes = select(func.count()).where(QuoteRow.chain_id == self._chain_id, QuoteRow.resolver == resolver)
        quotes = quotes.where(QuoteRow.quote_expiry > chain_time)
        return self._session.scalar(stakes) or 0, self._session.scalar(quotes) or 0

    def paid_by(self, payers: Collection[Address]) -> set[Hash32]:
        """Return the stakes that these addresses put down."""
        query = select(StakeRow.id).where(StakeRow.chain_id == self._chain_id, StakeRow.payer.in_(list(payers)))
        return {Hash32(stake) for stake in self._session.scalars(query)}

    def held(self) -> dict[Hash32, int]:
        """Return what every stake that nothing became of yet holds by its terms, fee included."""
        query = select(StakeRow.id, StakeRow.amount, StakeRow.fee).where(
            StakeRow.chain_id == self._chain_id, StakeRow.state.in_(_UNANSWERED)
        )
        return {Hash32(stake): amount + fee for stake, amount, fee in self._session.execute(query)}

    def counts(self, recipient: PersonId) -> dict[tuple[StakeState, bool | None], int]:
        """Count a recipient's stakes by state and, of the returned ones, by whether they were answered."""
        query = (
            select(StakeRow.state, StakeRow.answered, func.count())
            .where(StakeRow.recipient == recipient, StakeRow.surplus.is_(False))
            .group_by(StakeRow.state, StakeRow.answered)
        )
        return {(StakeState(state), answered): count for state, answered, count in self._session.execute(query)}

    def locked(self, stakes: Collection[Hash32]) -> list[StakeRow]:
        """Return the rows of these stakes and of all others on their quotes, locked in one order."""
        quotes = select(StakeRow.quote_id).where(StakeRow.id.in_([bytes(stake) for stake in stakes]))
        wanted = or_(StakeRow.id.in_([bytes(stake) for stake in stakes]), StakeRow.quote_id.in_(quotes))
        query = select(StakeRow).where(wanted).order_by(StakeRow.id).with_for_update()
        return list(self._session.scalars(query.execution_options(populate_existing=True)))
