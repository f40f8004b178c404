"""Settlements: payments that programs signed (x402), carried to the chain (``payments.carrying``), each once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy.orm import Session

from contracts.authorizations import Authorization, encode_transfer_with_authorization
from kit.clock import from_unix
from kit.errors import Conflict
from kit.identifiers import Address, Hash32
from ledger.calls import Attempt, OutgoingState
from ledger.outgoing import Outgoing
from payments.carrying.model import Cargo, Carried
from payments.carrying.service import Carrying, too_few
from payments.settlements.model import Order, Settlement, Use, named, settlement_id
from payments.settlements.store import SettlementStore
from payments.settlements.x402 import Payment, Token

_KEPT: Final = timedelta(days=31)
_DAY: Final = timedelta(hours=24)
_FIRST_AGAIN: Final = timedelta(seconds=20)
"""After which time a payment is handed over again: longer than any answer is waited for."""
_LONGEST_AGAIN: Final = timedelta(seconds=60)
_MOST_HANDED: Final = 1_000
"""Payments with others' facilitators of which not all is known."""
_ON_THE_CHAIN: Final = (OutgoingState.MINED, OutgoingState.DONE)


@dataclass(frozen=True, slots=True)
class Standing:
    """All that our books say of a settlement: what it is carried as, and what was signed for it, newest first.

    What another facilitator carries is not among what we carry.
    """

    settlement: Settlement
    carried: Carried | None
    attempts: tuple[Attempt, ...]


class Settlements:
    """The settlements among what we carry, in one transaction."""

    def __init__(self, session: Session, now: datetime, carrying: Carrying, outgoing: Outgoing, token: Token) -> None:
        """Let ``carrying`` know of settlements."""
        self._now = now
        self._carrying = carrying
        self._outgoing = outgoing
        self._token = token
        self._store = SettlementStore(session, chain_id=token.chain_id)
        carrying.know(Cargo.SETTLEMENT, self)

    @property
    def token(self) -> Token:
        """Our own, in which can always be paid."""
        return self._token

    def id_of(self, asset: Address, signed: Authorization) -> Hash32:
        """Return the id of whatever is paid in a token with this payer's nonce."""
        return settlement_id(chain_id=self._token.chain_id, asset=asset, payer=signed.payer, nonce=signed.nonce)

    def find(self, asset: Address, signed: Authorization) -> Standing | None:
        """Return where the settlement of an authorization stands; ``None`` where it was not taken on, or long ago.

        Raises ``Conflict`` where something else was signed under the same nonce.
        """
        found = self._store.find(self.id_of(asset, signed))
        carried = self._carrying.find(self.id_of(asset, signed))
        if found is None or (carried is None and not found.elsewhere):
            return None
        if found.signed != signed:
            raise Conflict("nonce_taken", "The payer signed something else under this nonce, which is being settled.")
        attempts = () if carried is None else tuple(self._outgoing.attempts(self._carrying.key(carried)))
        return Standing(found, carried, attempts)

    def check(self, signed: Authorization) -> None:
        """Refuse what is not carried: raises ``Conflict`` with what to do instead."""
        self._carrying.check(Cargo.SETTLEMENT, person=None, payer=signed.payer)

    def check_name(self, payment: Payment, order: Order | None) -> Hash32 | None:
        """Return as what a payment's identifier is kept; its signature was found good.

        Raises ``Conflict`` where its payer named another payment so, or the same one for something else.
        """
        if payment.identifier is None:
            return None
        kept = named(payment.identifier, order, payment.signed.recipient)
        found = self._store.named(payment.signed.payer, kept)
        if found is not None and (found.id != self.id_of(payment.asset, payment.signed) or found.order != order):
            raise Conflict(
                "payment_identifier_taken",
                "Another payment has this payment-identifier: send that one again, or name the new one anew.",
            )
        return kept

    def queue(
        self,
        payment: Payment,
        *,
        gas: int,
        max_fee: int,
        tokens: int,
        since_block: int,
        order: Order | None = None,
    ) -> Standing:
        """Owe the chain a payment, whose signature and simulation were found good; asking twice is asking once.

        ``gas`` and ``max_fee`` (wei) are what it takes now, ``tokens`` what the payer holds, ``since_block`` the head's
        number before that was asked; ``order`` what it buys of us. Raises ``Conflict`` where a limit is reached, what
        else is under way needs those tokens, something else was signed under its nonce, or it is for something else.
        """
        signed, asset = payment.signed, payment.asset
        known = self._carrying.begin(self.id_of(asset, signed))
        identifier = self.check_name(payment, order)
        found = self.find(asset, signed)
        if found is not None and found.settlement.order != order:
            raise Conflict("nonce_taken", "This payment is for something else.")
        if known is not None and found is not None:
            return found
        if order is not None and order.tip and self._tipped_by(order.listing):
            raise Conflict("tip_under_way", "A tip by this link is on its way: nothing more is paid by it.")
        made = Settlement(
            self.id_of(asset, signed),
            asset,
            signed,
            self._now,
            since_block,
            order=order,
            identifier=identifier,
        )
        if not self._store.add(made):
            self._store.note_use(made.id, None, None)  # it failed before it cost anything, and is tried again
        valid_before = from_unix(signed.valid_before)
        carried = Carried(
            id=made.id,
            cargo=Cargo.SETTLEMENT,
            about=None,
            person=None,
            payer=signed.payer,
            target=signed.recipient,
            due=signed.amount,
            gwei=0,
            created_at=self._now,
            asset=None if asset == self._token.address else asset,
        )
        taken_on = self._carrying.take_on(
            carried,
            to=asset,
            data=encode_transfer_with_authorization(signed, payment.signature),
            most_wei=gas * max_fee,
            tokens=tokens,
            not_after=valid_before,
        )
        return Standing(made, taken_on, ())

    # ------------------------------------------------------------------------------------------- others' facilitators

    def hand(self, payment: Payment, *, tokens: int, since_block: int, order: Order, most_a_day: int) -> Standing:
        """Owe a payment to another facilitator, whose signature and simulation were found good; twice is once.

        ``tokens``: what the payer holds; ``most_a_day``: from one wallet. Raises ``Conflict`` as ``queue`` does.
        """
        signed, asset = payment.signed, payment.asset
        self._carrying.begin(self.id_of(asset, signed))
        identifier = self.check_name(payment, order)
        found = self.find(asset, signed)
        if found is not None and found.settlement.order != order:
            raise Conflict("nonce_taken", "This payment is for something else.")
        if found is not None:
            return found
        count, promised = self._store.handed_by(signed.payer, asset, self._now - _DAY)
        if count >= most_a_day or self._store.count_handed() >= _MOST_HANDED:
            raise Conflict("settlements_limit", "Too many payments are under way: ask again later.")
        if tokens < promised + signed.amount:
            raise too_few(signed.payer)
        made = Settlement(
            self.id_of(asset, signed),
            asset,
            signed,
            self._now,
            since_block,
            order=order,
            identifier=identifier,
            signature=payment.signature,
            open=True,
        )
        self._store.add(made, due_at=self._now + _FIRST_AGAIN)
        return Standing(made, None, ())

    def handed(self) -> list[Standing]:
        """Return what others' facilitators carry and of which not all is known."""
        return [Standing(made, None, ()) for made in self._store.handed(_MOST_HANDED)]

    def take_due(self, settlement: Settlement) -> bool:
        """Take it upon whoever asks to hand a payment over now; ``False`` where it is not due, or another does it."""
        again = _FIRST_AGAIN + min(timedelta(seconds=2 ** min(settlement.tries, 10)), _LONGEST_AGAIN)
        return self._store.take_due(settlement.id, self._now, again_at=self._now + again, tries=settlement.tries)

    def close(self, settlement: Settlement) -> None:
        """Note that all is known of a payment that another facilitator carried."""
        self._store.close(settlement.id)

    # ------------------------------------------------------------------------------------------- what became of it

    def orders(self) -> list[Standing]:
        """Return the payments for what is sold here, and for tips, that are yet to be settled for good."""
        found = []
        for carried in self._carrying.unsettled(Cargo.SETTLEMENT):
            made = self._store.find(carried.id)
            if made is not None and made.order is not None:
                found.append(Standing(made, carried, tuple(self._outgoing.attempts(self._carrying.key(carried)))))
        return found

    def _tipped_by(self, link: str) -> bool:
        under_way = [one.settlement.order for one in self.orders()]
        return any(one is not None and one.tip and one.listing == link for one in under_way)

    def pays_tip(self, carried: Carried) -> bool:
        """Tell whether what we carry is a tip that somebody signed."""
        made = self._store.find(carried.id)
        return made is not None and made.order is not None and made.order.tip

    def call(self, standing: Standing) -> OutgoingState | None:
        """Tell how far the transaction of a settlement is; ``None`` where none is owed."""
        call = None if standing.carried is None else self._outgoing.find(self._carrying.key(standing.carried))
        return None if call is None else call.state

    def in_doubt(self) -> list[tuple[Settlement, int]]:
        """Return what was carried in vain and not looked up yet, each with the final block of that (0: never mined)."""
        found = []
        for carried in self._carrying.unsettled(Cargo.SETTLEMENT):
            call, made = self._outgoing.find(self._carrying.key(carried)), self._store.find(carried.id)
            if call is not None and made is not None and made.use is None and call.state is OutgoingState.GIVEN_UP:
                found.append((made, call.final_block or 0))
        return found

    def unproved(self) -> list[Standing]:
        """Return what was carried in others' tokens, by a final block of which it was not read yet what it did."""
        carried = (one for one in self._carrying.unsettled(Cargo.SETTLEMENT) if one.asset is not None)
        found = []
        for one in carried:
            call, made = self._outgoing.find(self._carrying.key(one)), self._store.find(one.id)
            if call is not None and made is not None and made.use is None and call.state is OutgoingState.DONE:
                found.append(Standing(made, one, tuple(self._outgoing.attempts(self._carrying.key(one)))))
        return found

    def looked_up(self, settlement: Settlement, use: Use | None, transaction: Hash32 | None) -> None:
        """Note what a final block says of an authorization that we carried in vain, or another facilitator carries.

        Without a ``use``: in which transaction the head's chain has it, if in any.
        """
        self._store.note_use(settlement.id, use, transaction)

    def wanted(self, carried: Carried) -> bool:  # noqa: ARG002 - as every kind of cargo answers
        """Tell that a payment never becomes unwanted while it is good."""
        return True

    def landed(self, carried: Carried) -> bool | None:
        """Tell whether it was made; ``None`` where the chain was not asked yet: why ours failed, or what it did.

        A transaction that went well has moved what was signed where the token is our own. What another one did is read.
        """
        call, made = self._outgoing.find(self._carrying.key(carried)), self._store.find(carried.id)
        if call is None or made is None:
            return False
        done_elsewhere = call.state is OutgoingState.DONE and carried.asset is not None
        if call.state is OutgoingState.GIVEN_UP or done_elsewhere:
            return None if made.use is None else made.use is Use.MADE
        return call.state in _ON_THE_CHAIN

    def prune(self, *, limit: int) -> int:
        """Take out some of what was taken on 31 days ago and is settled; return how many."""
        old = self._store.old(self._now - _KEPT, limit)
        gone = [one for one in old if (carried := self._carrying.find(one)) is None or carried.outcome is not None]
        self._store.drop(gone)
        return len(gone)
