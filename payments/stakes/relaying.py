"""Relaying: openings that a stranger without ether signed, carried to the chain (``payments.carrying``)."""

from __future__ import annotations

from contextlib import suppress

from contracts import codec
from contracts.events import Terms
from kit.clock import from_unix
from kit.errors import Conflict, NotFound
from kit.identifiers import Address, Hash32
from payments.carrying.model import Cargo, Carried
from payments.carrying.service import Carrying
from payments.stakes.model import Quote, StakeState
from payments.stakes.service import Stakes


class Relaying:
    """The openings among what we carry, in one transaction."""

    def __init__(self, carrying: Carrying, stakes: Stakes) -> None:
        """Let ``carrying`` know of stakes."""
        self._carrying = carrying
        self._stakes = stakes
        carrying.know(Cargo.STAKE, self)

    def find(self, stake_id: Hash32) -> Carried | None:
        """Return the opening of a stake that we carry or carried."""
        return self._carrying.find(stake_id)

    def of_quote(self, quote: Quote) -> Carried | None:
        """Return the latest opening on a quote."""
        return self._carrying.latest_about(quote.id)

    def check(self, quote: Quote, payer: Address | None = None) -> None:
        """Refuse what is not carried: raises ``Conflict`` with what to do instead."""
        self._carrying.check(Cargo.STAKE, person=quote.stranger, payer=payer)

    def why_not(self, quote: Quote) -> Conflict | None:
        """Return why an opening on a quote would not be carried, as far as that can be told without asking the node."""
        try:
            self.check(quote)
        except Conflict as refusal:
            return refusal
        return None

    def queue(self, quote: Quote, terms: Terms, signature: bytes, *, gas: int, max_fee: int, tokens: int) -> Carried:
        """Owe the chain an opening, whose signature and simulation were found good; asking twice is asking once.

        ``gas`` and ``max_fee`` (wei) are what it takes now, ``tokens`` what the payer holds. Raises ``Conflict`` where
        the quote stands no more, a limit is reached, or what else is under way needs those tokens.
        """
        place = self._stakes.terms
        stake_id = codec.stake_id(terms, chain_id=place.chain_id, escrow=place.escrow)
        known = self._carrying.begin(stake_id)
        if known is not None:
            return known
        if not self._stakes.standing(quote):
            raise Conflict("quote_superseded", "This price stands no more, or was paid already: pay nothing on it.")
        opening = Carried(
            id=stake_id,
            cargo=Cargo.STAKE,
            about=quote.id,
            person=quote.stranger,
            payer=terms.payer,
            target=terms.return_to,
            due=terms.amount + terms.fee + terms.relay_fee,
            gwei=0,
            created_at=quote.created_at,
        )
        return self._carrying.take_on(
            opening,
            to=place.escrow,
            data=codec.encode_open_with_authorization(terms, signature),
            most_wei=gas * max_fee,
            tokens=tokens,
            not_after=from_unix(terms.quote_expiry),
        )

    def wanted(self, carried: Carried) -> bool:
        """Tell whether an opening's quote still stands."""
        with suppress(NotFound):
            return carried.about is not None and self._stakes.standing(self._stakes.find_quote(carried.about))
        return False

    def landed(self, carried: Carried) -> bool:
        """Tell whether a stake is on the chain."""
        with suppress(NotFound):
            return self._stakes.get(carried.id).state is not StakeState.ORPHANED
        return False
