"""Stakes: quoted to strangers, followed on the chain, and resolved as the recipient says."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterator
from dataclasses import replace
from datetime import datetime

from sqlalchemy.orm import Session

from contracts import codec
from contracts.events import Opened, StakeEvent, Terms
from kit.errors import Conflict, Invalid, NotFound
from kit.identifiers import ZERO_ADDRESS, Address, Hash32, PersonId, UserId
from ledger.book import Book
from ledger.model import Level
from ledger.outgoing import Outgoing
from payments.stakes import model
from payments.stakes.folding import Folded, fold, payer_of_quote
from payments.stakes.model import (
    EscrowTerms,
    Price,
    Quote,
    Stake,
    StakeChange,
    StakeState,
    TrackRecord,
    Wish,
)
from payments.stakes.settling import Errand, errands, possible_keys
from payments.stakes.store import StakeStore, amounts_in, quote_of, stake_of
from payments.stakes.tables import QuoteRow, StakeRow

_CODE_LETTERS = "ABCDEFGHJKMNPQRTUVWXY346789"
"""Letters and digits that nobody takes for one another, read aloud or by eye."""
_FINAL = (StakeState.RETURNED, StakeState.FORFEITED, StakeState.EXPIRED)


class Stakes:
    """All stakes on one escrow, in one transaction; ``chain_time`` is Unix seconds, ``now`` the wall clock."""

    def __init__(
        self, session: Session, *, now: datetime, chain_time: int, terms: EscrowTerms, outgoing: Outgoing, book: Book
    ) -> None:
        """Work in ``session``; what the escrow is to do is handed to ``outgoing``."""
        self._now = now
        self._terms = terms
        self._outgoing = outgoing
        self._book = book
        self._store = StakeStore(session, chain_id=terms.chain_id, escrow=terms.escrow)
        self.chain_time = chain_time

    @property
    def terms(self) -> EscrowTerms:
        """What all quotes of ours have in common."""
        return self._terms

    # -------------------------------------------------------------------------------------------- quotes

    def quote(
        self,
        stranger: PersonId,
        recipient: PersonId,
        price: Price,
        fee_payee: Address | None,
        *,
        stranger_id: UserId,
        recipient_id: UserId,
    ) -> Quote:
        """Return the pair's standing quote at this price, else a new one; any other that the pair had is superseded.

        Raises ``Invalid`` for a price the escrow could not hold, or a fee that nobody could be paid.
        """
        self._check(price, fee_payee)
        payee = fee_payee if price.fee and fee_payee is not None else ZERO_ADDRESS
        common = self._terms
        renew_at = self.chain_time + int(model.RENEW_BEFORE.total_seconds())
        wanted: Quote | None = None
        for row in self._store.unpaid_quotes(recipient=recipient, stranger=stranger, at=self.chain_time):
            standing = quote_of(row)
            same = replace(
                standing,
                price=price,
                fee_payee=payee,
                relay_fee=common.relay_fee,
                relay_receiver=common.relay_receiver,
                resolver=common.resolver,
                guardian=common.guardian,
            )
            if wanted is None and same == standing and standing.quote_expiry > renew_at:
                wanted = standing
            else:
                row.superseded_at = self.chain_time
        return wanted or self._new_quote(stranger, recipient, price, payee, (stranger_id, recipient_id))

    def quoted(self, stranger: PersonId, recipient: PersonId) -> Price | None:
        """Return the price that a pair was told and that can still be paid for a while."""
        renew_at = self.chain_time + int(model.RENEW_BEFORE.total_seconds())
        standing = self._store.unpaid_quotes(recipient=recipient, stranger=stranger, at=renew_at)
        return quote_of(standing[0]).price if standing else None

    def _check(self, price: Price, fee_payee: Address | None) -> None:
        model.check_price(price, relay_fee=self._terms.relay_fee)
        if price.fee and fee_payee in (None, ZERO_ADDRESS, self._terms.escrow):
            raise Invalid("fee_payee_missing", "A fee needs an address that it can be paid to.")

    def _new_quote(
        self, stranger: PersonId, recipient: PersonId, price: Price, payee: Address, pair: tuple[UserId, UserId]
    ) -> Quote:
        salt = Hash32(secrets.token_bytes(32))
        expiry = self.chain_time + int(model.QUOTE_TTL.total_seconds())
        letters = "".join(secrets.choice(_CODE_LETTERS) for _ in range(8))
        quote = Quote(
            id=secrets.token_urlsafe(16),
            stranger=stranger,
            recipient=recipient,
            price=price,
            fee_payee=payee,
            relay_fee=self._terms.relay_fee,
            relay_receiver=self._terms.relay_receiver,
            resolver=self._terms.resolver,
            guardian=self._terms.guardian,
            answer_by=expiry + int(model.ANSWER_WINDOW.total_seconds()),
            quote_expiry=expiry,
            salt=salt,
            commitment=codec.commitment(*pair, salt),
            check_code=f"{letters[:4]}-{letters[4:]}",
            created_at=self._now,
        )
        self._store.add_quote(quote)
        return quote

    def find_quote(self, quote_id: str) -> Quote:
        """Return a quote by its public id. Raises ``NotFound``."""
        row = self._store.quote(quote_id)
        if row is None:
            raise NotFound("quote_unknown", "There is no such quote.")
        return quote_of(row)

    def standing(self, quote: Quote) -> bool:
        """Tell whether a stake opened on it now would open the door."""
        return (
            quote.superseded_at is None
            and quote.quote_expiry > self.chain_time
            and all(row.state == StakeState.ORPHANED and row.wish is None for row in self._store.stakes_on(quote.id))
        )

    def void(self, recipient: PersonId, stranger: PersonId | None = None) -> None:
        """Let a recipient's unpaid quotes, for one stranger or for all, stand no longer; late payments go back."""
        for row in self._store.unpaid_quotes(recipient=recipient, stranger=stranger, at=self.chain_time):
            row.superseded_at = self.chain_time

    def forget(self, person: PersonId) -> None:
        """Let no quote of theirs stand, and wipe what could prove for whom a commitment on the chain was made.

        Stakes and their amounts stay: the books are kept, under a number that nobody can name any more.
        """
        self.void(person)
        for row in self._store.unpaid_quotes(stranger=person, at=self.chain_time):
            row.superseded_at = self.chain_time
        self._store.wipe_salts(person)

    def prune(self, *, limit: int) -> list[PersonId]:
        """Take out quotes that were never paid and can be no more, 30 days after their end; return whose they were."""
        return self._store.drop_unpaid(before=self.chain_time - int(model.UNPAID_KEPT.total_seconds()), limit=limit)

    # -------------------------------------------------------------------------------------------- the chain's events

    def apply(self, event: StakeEvent) -> list[StakeChange]:
        """Take in one log that stands on the chain; return the stakes that are not as they were.

        Order and repetitions do not matter; an event of another chain or escrow changes nothing.
        """
        if event.escrow != self._terms.escrow or event.at.block.chain_id != self._terms.chain_id:
            return []
        if not self._store.log(event):
            return []
        new = isinstance(event, Opened) and self._store.stake(event.stake_id) is None
        if isinstance(event, Opened) and new:
            self._store.add_stake(event, self._quote_matching(event))
        return self._refold({event.stake_id}, new=new)

    def rewind(self, block_hash: Hash32) -> list[StakeChange]:
        """Take back what a block said that left the chain; return the stakes that are not as they were."""
        return self._refold(self._store.orphan(block_hash))

    def _quote_matching(self, event: Opened) -> QuoteRow | None:
        row = self._store.quote_by_commitment(event.terms.commitment)
        return row if row is not None and model.matches(quote_of(row), event.terms) else None

    def _refold(self, stakes: Collection[Hash32], *, new: bool = False) -> list[StakeChange]:
        """Fold the stakes anew, and those on the same quotes with them: which of these pays may have changed."""
        if not stakes:
            return []
        rows = self._store.locked(stakes)
        folded = {Hash32(row.id): fold(self._store.logs(Hash32(row.id))) for row in rows}
        paying = self._paying(rows, folded)
        changes = []
        for row in rows:
            before = stake_of(row)
            _write(row, folded[before.id])
            if folded[before.id].opening is not None:
                row.surplus = row.quote_id is not None and before.id not in paying
            after = stake_of(row)
            if after != before:
                changes.append(StakeChange(after, None if new and before.id in stakes else before.state))
                self._settle(row)
        return changes

    def _paying(self, rows: Collection[StakeRow], folded: dict[Hash32, Folded]) -> set[Hash32]:
        paying = set()
        for quote_id in {row.quote_id for row in rows if row.quote_id is not None}:
            quote = self.find_quote(quote_id)
            on_it = {Hash32(row.id): folded[Hash32(row.id)].opening for row in rows if row.quote_id == quote_id}
            first = payer_of_quote({stake: log for stake, log in on_it.items() if log}, quote.superseded_at)
            if first is not None:
                paying.add(first)
        return paying

    # -------------------------------------------------------------------------------------------- reading

    def get(self, stake_id: Hash32) -> Stake:
        """Return a stake by its id. Raises ``NotFound``."""
        return stake_of(self._row(stake_id))

    def of_quote(self, quote_id: str) -> Stake | None:
        """Return the stake that pays a quote; where none does, the first that was opened on it, if any."""
        stakes = [stake_of(row) for row in self._store.stakes_on(quote_id)]
        standing = [stake for stake in stakes if stake.state is not StakeState.ORPHANED]
        return min(standing or stakes, key=lambda stake: stake.surplus, default=None)

    def between(self, stranger: PersonId, recipient: PersonId) -> list[Stake]:
        """Return all stakes of a pair, first opened first."""
        return [stake_of(row) for row in self._store.between(stranger, recipient)]

    def level(self, stake: Stake) -> Level:
        """Tell how final the opening of a stake is."""
        return self._book.level(stake.opened_hash)

    def answers_close(self, stake: Stake) -> int:
        """Return the chain time from which on the recipient can answer no more."""
        return model.answers_close(stake.terms, self._terms.finality)

    def undo_closes(self, stake: Stake) -> int | None:
        """Return the chain time from which on a forfeit can be taken back no more; ``None`` where there is none."""
        if stake.state is StakeState.FORFEIT_ANNOUNCED and stake.executable_at is not None:
            return model.undo_closes(stake.executable_at)
        if stake.state is StakeState.OPEN and stake.wish is Wish.FORFEIT:
            return model.undo_closes(self.chain_time + int(model.FORFEIT_DELAY.total_seconds()))
        return None

    def terms_of(self, stake_id: Hash32) -> Terms | None:
        """Return the terms of a stake, if it was ever seen."""
        row = self._store.stake(stake_id)
        return None if row is None else stake_of(row).terms

    def paid_by(self, payers: Collection[Address]) -> set[Hash32]:
        """Return the stakes that these addresses put down."""
        return self._store.paid_by(payers)

    def held(self) -> dict[Hash32, int]:
        """Return what every stake that nothing became of yet holds by its terms, in base units, fee included."""
        return self._store.held()

    def history(self, until: int) -> Iterator[tuple[Hash32, tuple[Terms, Folded]]]:
        """Return, in the order of ids, what every stake's logs up to a block of this number say of it."""
        for stake_id, terms, logs in self._store.history(until):
            yield stake_id, (terms, fold(logs))

    def track_record(self, recipient: PersonId) -> TrackRecord:
        """Count how a recipient's strangers have fared; surplus stakes, which nobody judged, do not count."""
        counts = self._store.counts(recipient)
        of = {state: sum(n for (s, _), n in counts.items() if s is state) for state in StakeState}
        return TrackRecord(
            returned=counts.get((StakeState.RETURNED, True), 0),
            forfeited=of[StakeState.FORFEITED],
            expired=of[StakeState.EXPIRED],
            open=of[StakeState.OPEN] + of[StakeState.FORFEIT_ANNOUNCED],
        )

    # -------------------------------------------------------------------------------------------- resolving

    def lock(self, stake_id: Hash32) -> Stake:
        """Return a stake that nobody else can change before this transaction ends. Raises ``NotFound``."""
        return stake_of(self._row(stake_id, lock=True))

    def request_return(self, stake_id: Hash32, *, answered: bool) -> None:
        """Have a stake returned, the fee paid where the recipient ``answered``; takes back an announced forfeit too.

        Asking twice is asking once. Raises ``NotFound``, and ``Conflict`` where it is resolved already or the answer
        comes too late to surely be in time.
        """
        row = self._row(stake_id, lock=True)
        stake = stake_of(row)
        if stake.state in _FINAL:
            raise Conflict("stake_resolved", f"The stake is {stake.state} already.", state=stake.state.value)
        if stake.wish in (Wish.RETURN_ANSWERED, Wish.RETURN_UNANSWERED):
            return
        if answered:
            self._in_time(stake)
        row.wish = Wish.RETURN_ANSWERED if answered else Wish.RETURN_UNANSWERED
        self._settle(row)

    def request_forfeit(self, stake_id: Hash32) -> None:
        """Have a stake's forfeit announced; it is burned 48 hours later unless it is taken back.

        Asking twice is asking once. Raises ``NotFound`` and ``Conflict`` as ``request_return`` does.
        """
        row = self._row(stake_id, lock=True)
        stake = stake_of(row)
        if stake.wish is Wish.FORFEIT or stake.state is StakeState.FORFEIT_ANNOUNCED:
            return
        if stake.state in _FINAL or stake.wish is not None:
            raise Conflict("stake_resolved", "The stake is going back already.", state=stake.state.value)
        self._in_time(stake)
        row.wish = Wish.FORFEIT
        self._settle(row)

    def naming(self, resolver: Address) -> tuple[int, int]:
        """Count the stakes on our quotes that nothing became of yet, and the quotes that can be paid, of a resolver."""
        return self._store.naming(resolver, chain_time=self.chain_time)

    def _in_time(self, stake: Stake) -> None:
        if stake.state is StakeState.FORFEIT_ANNOUNCED:
            closes = self.undo_closes(stake)
            if closes is not None and self.chain_time >= closes:
                raise Conflict("undo_too_late", "The forfeit can be taken back no more.", closed_at=closes)
        elif stake.wish is not Wish.FORFEIT and self.chain_time >= self.answers_close(stake):
            raise Conflict(
                "answers_closed",
                "It is too late to answer; the stake goes back by itself.",
                closed_at=self.answers_close(stake),
                answer_by=stake.terms.answer_by,
            )

    def sweep(self) -> int:
        """Queue whatever is due and not yet queued: wishes, executions, expiries; return how many calls that were."""
        return sum(self._settle(row) for row in self._store.unresolved(self.chain_time))

    def _settle(self, row: StakeRow) -> int:
        """Make the queue of calls hold exactly what this stake needs now; return how many were added."""
        stake = stake_of(row)
        due = errands(stake, chain_time=self.chain_time)
        kept = {errand.key for errand in due}
        for key in possible_keys(stake):
            if key not in kept:
                self._outgoing.withdraw(key)
        return sum(self._queue(errand) for errand in due)

    def _queue(self, errand: Errand) -> bool:
        return self._outgoing.queue(
            key=errand.key,
            role=errand.role,
            to=self._terms.escrow,
            data=errand.data,
            after_block=errand.after_block,
            signer=errand.signer,
        )

    def _row(self, stake_id: Hash32, *, lock: bool = False) -> StakeRow:
        row = self._store.stake(stake_id, lock=lock)
        if row is None:
            raise NotFound("stake_unknown", "There is no such stake.")
        return row


def amounts(session: Session, stakes: Collection[Hash32]) -> dict[Hash32, int]:
    """Return what was put down in each of these, fees aside, in base units."""
    return amounts_in(session, stakes)


def _write(row: StakeRow, folded: Folded) -> None:
    """Write down what a stake's logs come to; where its opening left the chain, what it was stays readable."""
    row.state = folded.state.value
    row.answered = folded.answered
    row.executable_at = folded.executable_at
    if folded.opening is not None and folded.last is not None:
        row.opened_block = folded.opening.block_number
        row.opened_hash = folded.opening.block_hash
        row.opened_at = folded.opening.time
        row.opened_transaction = folded.opening.transaction
        row.last_hash = folded.last.block_hash
        row.last_transaction = folded.last.transaction
