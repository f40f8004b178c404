"""Relaying: openings that a stranger without ether signed, carried to the chain by a key of ours, within limits.

Whoever carries pays gas, so everything here is about what that may cost: openings per stranger and wallet, gas for all
of them together, and nothing more for whoever's signature turned bad once we had paid for it.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from contracts import codec
from contracts.events import Terms
from kit.clock import from_unix
from kit.errors import Conflict, NotFound
from kit.identifiers import Address, Hash32, PersonId, show_address
from ledger.book import Book
from ledger.calls import Bounds, Call, OutgoingState
from ledger.outgoing import Outgoing
from payments.stakes.model import (
    UNPAID_KEPT,
    Bar,
    Opening,
    OpeningOutcome,
    OpeningState,
    Quote,
    RelayLimits,
    StakeState,
)
from payments.stakes.openings import OpeningStore
from payments.stakes.service import Stakes

RELAYER = "relayer"
"""The key that opens, and does nothing else."""

_DAY = timedelta(hours=24)
_GWEI = 10**9
_SPARE = 2
"""So many times what gas costs now is set aside for an opening, since fees may rise until it is mined."""
_TOO_LATE = "too_late"
_STATES = {
    OutgoingState.WAITING: OpeningState.QUEUED,
    OutgoingState.SENT: OpeningState.SENT,
    OutgoingState.MINED: OpeningState.MINED,
    OutgoingState.DONE: OpeningState.MINED,
}


class Relaying:
    """The openings that we carry, in one transaction."""

    def __init__(
        self, session: Session, *, now: datetime, limits: RelayLimits, stakes: Stakes, outgoing: Outgoing, book: Book
    ) -> None:
        """Work in ``session``; what is to be sent is handed to ``outgoing``."""
        self._now = now
        self._limits = limits
        self._stakes = stakes
        self._outgoing = outgoing
        self._book = book
        self._store = OpeningStore(session, chain_id=stakes.terms.chain_id)

    # -------------------------------------------------------------------------------------------- asking

    def find(self, stake_id: Hash32) -> Opening | None:
        """Return the opening of a stake that we carry or carried."""
        return self._store.find(stake_id)

    def of_quote(self, quote: Quote) -> Opening | None:
        """Return the latest opening on a quote."""
        return self._store.of_quote(quote.id)

    def state(self, opening: Opening) -> OpeningState:
        """Tell where an opening stands."""
        if opening.outcome is not None:
            return OpeningState.OPENED if opening.outcome is OpeningOutcome.OPENED else OpeningState.FAILED
        call = self._outgoing.find(_key(opening.stake_id))
        return OpeningState.QUEUED if call is None else _STATES.get(call.state, OpeningState.SENT)

    def check(self, quote: Quote, payer: Address | None = None, *, gwei: int = 0) -> None:
        """Refuse what is not carried: raises ``Conflict`` with what to do instead.

        ``gwei``: what it will cost at most, where that is known.
        """
        if self._limits.off:
            raise Conflict("gasless_off", f"This service carries no openings. {_YOURSELF}")
        if self._store.barred(quote.stranger, payer):
            raise Conflict(
                "gasless_barred",
                f"An opening of yours failed after gas was paid for it, so no more are carried for you. {_YOURSELF}",
            )
        since, most = self._now - _DAY, self._limits.per_day
        made = self._store.made(since, stranger=quote.stranger)
        if payer is not None:
            made = max(made, self._store.made(since, payer=payer))
        if made >= most:
            raise Conflict("gasless_limit", f"At most {most} openings a day are carried for one person. {_YOURSELF}")
        if self._store.made(since) >= self._limits.together or self.spent() + max(gwei, 1) > self._limits.budget:
            raise Conflict("gasless_budget_empty", f"What can be spent on gas today is spent. {_YOURSELF}")

    def why_not(self, quote: Quote) -> Conflict | None:
        """Return why an opening on a quote would not be carried, as far as that can be told without asking the node."""
        try:
            self.check(quote)
        except Conflict as refusal:
            return refusal
        return None

    def spent(self) -> int:
        """Return the gwei that openings of the last 24 hours cost, what is set aside for those under way included."""
        return self._store.spent(self._now - _DAY)

    def set_aside(self) -> int:
        """Return the gwei that are set aside for openings under way."""
        return self._store.set_aside()

    def counts(self) -> dict[OpeningOutcome | None, int]:
        """Count the openings of the last 30 days by what became of them; ``None``: under way."""
        return self._store.counts()

    # -------------------------------------------------------------------------------------------- carrying

    def queue(self, quote: Quote, terms: Terms, signature: bytes, *, gas: int, max_fee: int, tokens: int) -> Opening:
        """Owe the chain an opening, whose signature and simulation were found good; asking twice is asking once.

        ``gas`` and ``max_fee`` (wei) are what it takes now, ``tokens`` what the payer holds. Raises ``Conflict`` where
        the quote stands no more, a limit is reached, or other openings under way need those tokens.
        """
        self._store.lock()
        stakes = self._stakes.terms
        stake_id = codec.stake_id(terms, chain_id=stakes.chain_id, escrow=stakes.escrow)
        known = self._store.find(stake_id)
        if known is not None and (known.outcome is None or not known.outcome.may_try_again):
            return known
        if not self._stakes.standing(quote):
            raise Conflict("quote_superseded", "This price stands no more, or was paid already: pay nothing on it.")
        most_wei = gas * max_fee * _SPARE
        gwei = -(-most_wei // _GWEI)
        self.check(quote, terms.payer, gwei=gwei)
        due = terms.amount + terms.fee + terms.relay_fee
        if tokens < self._store.promised(terms.payer) + due:
            raise too_few(terms.payer)
        opening = Opening(
            stake_id=stake_id,
            quote_id=quote.id,
            stranger=quote.stranger,
            payer=terms.payer,
            return_to=terms.return_to,
            due=due,
            gwei=gwei,
            created_at=self._now,
        )
        self._store.add(opening)
        self._outgoing.queue(
            key=_key(stake_id),
            role=RELAYER,
            to=stakes.escrow,
            data=codec.encode_open_with_authorization(terms, signature),
            bounds=Bounds(
                most_reverts=1, patient=False, not_after=from_unix(terms.quote_expiry), most_wei=gwei * _GWEI
            ),
        )
        return opening

    def settle(self) -> list[tuple[Opening, OpeningOutcome]]:
        """Note what became of openings, give back what they did not cost, bar whose signature cost us gas.

        Those whose quote stands no more are taken back while nothing is signed. Returns the ones that failed now.
        """
        failed: list[tuple[Opening, OpeningOutcome]] = []
        for opening in self._store.unsettled():
            call = self._outgoing.find(_key(opening.stake_id))
            outcome = OpeningOutcome.QUOTE_GONE if call is None else self._outcome(opening, call)
            if outcome is None:
                continue
            gwei = 0 if call is None else min(-(-call.spent_wei // _GWEI), opening.gwei)
            if not self._store.settle(opening, outcome, gwei=gwei, now=self._now):
                continue
            if outcome is OpeningOutcome.REVERTED:
                self._store.bar(opening, gwei=gwei, now=self._now)
            if outcome is not OpeningOutcome.OPENED:
                failed.append((opening, outcome))
        return failed

    def under_way(self) -> bool:
        """Tell whether any opening is yet to be settled."""
        return bool(self._store.unsettled())

    def _outcome(self, opening: Opening, call: Call) -> OpeningOutcome | None:
        """Tell what became of an opening; ``None`` while that is not sure."""
        if call.state is OutgoingState.DONE:
            return OpeningOutcome.OPENED
        if call.state is OutgoingState.GIVEN_UP:
            return self._given_up(opening, call)
        if call.state is OutgoingState.WITHDRAWN:
            return OpeningOutcome.QUOTE_GONE
        quote = self._stakes.find_quote(opening.quote_id)
        if call.state is not OutgoingState.WAITING or self._stakes.standing(quote) or self._opened(opening):
            return None
        if not self._outgoing.withdraw(call.key):
            return None
        late = self._stakes.chain_time >= quote.quote_expiry
        return OpeningOutcome.TOO_LATE if late else OpeningOutcome.QUOTE_GONE

    def _given_up(self, opening: Opening, call: Call) -> OpeningOutcome | None:
        reverted = bool(call.reverts)
        # It may have failed because somebody else carried the same signature there first: then nothing is wrong, and
        # we know of it once our books have reached that block.
        if reverted and (self._book.finalized_number() or 0) < (call.final_block or 0):
            return None
        if self._opened(opening):
            return OpeningOutcome.OPENED
        if not reverted:
            late = (call.last_error or "").startswith(_TOO_LATE)
            return OpeningOutcome.TOO_LATE if late else OpeningOutcome.WOULD_REVERT
        expiry = self._stakes.find_quote(opening.quote_id).quote_expiry
        # Late is our own fault, or the chain's.
        if call.final_time is not None and call.final_time >= expiry:
            return OpeningOutcome.TOO_LATE
        return OpeningOutcome.REVERTED

    def _opened(self, opening: Opening) -> bool:
        with suppress(NotFound):
            return self._stakes.get(opening.stake_id).state is not StakeState.ORPHANED
        return False

    def prune(self) -> int:
        """Take out what was settled 30 days ago; return how many. Bars stay until they are lifted."""
        return self._store.prune(self._now - UNPAID_KEPT)

    # -------------------------------------------------------------------------------------------- bars

    def bars(self) -> list[Bar]:
        """Return for whom nothing is carried, latest first."""
        return self._store.bars()

    def lift(self, *, stranger: PersonId | None = None, payer: Address | None = None) -> int:
        """Carry for somebody, or from a wallet, again; return how many bars that lifted."""
        return self._store.lift(stranger=stranger, payer=payer, now=self._now)


_YOURSELF = "Pay with a wallet that has some ether for gas; the same price opens the same door."


def too_few(payer: Address) -> Conflict:
    """Return the refusal of a wallet that does not hold what was signed."""
    return Conflict(
        "payer_tokens_missing",
        f"{show_address(payer)} does not hold stake, fees and what its other openings under way take. Fill it, or "
        "sign with another wallet.",
    )


def _key(stake_id: Hash32) -> str:
    return f"open:{stake_id.hex()}"
