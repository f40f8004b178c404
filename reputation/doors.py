"""Doors: what people ask of strangers, set by themselves."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from kit.amounts import Amount
from kit.changes import touch
from kit.errors import Invalid
from kit.identifiers import Hash32, PersonId
from ledger.holders import Holders
from ledger.people import People
from payments.stakes import model
from payments.stakes.model import Price
from payments.stakes.service import Stakes
from reputation.model import LIVE, Door, DoorMode, GrantState
from reputation.store import GateStore
from reputation.tenants import TOPIC

RELEASED = "released"
"""What a grant's answer says where its stake was paid for nothing, because the door changed: it goes back at once."""


class Doors:
    """The doors, in one transaction. Every change voids standing quotes where what they promise no longer holds."""

    def __init__(self, session: Session, *, now: datetime, people: People, holders: Holders, stakes: Stakes) -> None:
        """Work in ``session``."""
        self._session = session
        self._now = now
        self._people = people
        self._holders = holders
        self._stakes = stakes
        self._store = GateStore(session)

    def show(self, person: PersonId) -> Door:
        """Return a person's door; whoever never said anything keeps an open one."""
        return self._store.door(person)

    def open(self, person: PersonId) -> Door:
        """Let everybody in but those called spam. Strangers who paid and have not knocked since get it back."""
        return self._stand(person, Door(DoorMode.OPEN))

    def closed(self, person: PersonId) -> Door:
        """Let no stranger in. Those who paid and have not knocked since get it back; invites that arrived stay."""
        return self._stand(person, Door(DoorMode.CLOSED))

    def ask(self, person: PersonId, *, stake: Amount | None = None, fee: Amount | None = None) -> Door:
        """Ask strangers for a stake, a fee, or both (base units); what is ``None`` stays as it was.

        Raises ``Invalid`` for a price of nothing, one the escrow cannot hold, or a fee where no wallet is linked that
        it could be paid to. Quotes given before stand until they end.
        """
        before = self.show(person)
        if before.mode is not DoorMode.ASK:
            before = Door()
        price = Price(before.stake if stake is None else stake, before.fee if fee is None else fee)
        model.check_price(price, relay_fee=self._stakes.terms.relay_fee)
        payee = self._holders.primary(person) if price.fee else None
        if price.fee and payee is None:
            raise Invalid(
                "fee_needs_wallet", "A fee is paid to an address of yours: link a wallet first, then ask for a fee."
            )
        door = Door(DoorMode.ASK, price.stake, price.fee, payee)
        self._store.set_door(person, door, self._now)
        touch(self._session, TOPIC)
        return door

    def exempt(self, person: PersonId, other: PersonId) -> bool:
        """Let one person pass free; ``False`` where they do already.

        It takes a spam verdict of theirs back (not the forfeit: that is ``undo``). Raises ``Invalid`` for oneself.
        """
        if person == other:
            raise Invalid("exempt_self", "Nobody needs an exemption from their own door.")
        added = self._store.exempt(person, other, self._now)
        lifted = self._store.lift_spam(person, other)
        if added or lifted:
            self._stakes.void(person, other)
            self._release(person, other)
            touch(self._session, TOPIC)
        return added or lifted

    def unexempt(self, person: PersonId, other: PersonId) -> bool:
        """Take an exemption back; ``False`` where there is none."""
        taken = self._store.unexempt(person, other)
        if taken:
            touch(self._session, TOPIC)
        return taken

    def exemptions(self, person: PersonId) -> list[PersonId]:
        """Return whom a person exempted, oldest first."""
        return self._store.exemptions(person)

    def _stand(self, person: PersonId, door: Door) -> Door:
        self._store.set_door(person, door, self._now)
        self._stakes.void(person)
        self._release(person)
        touch(self._session, TOPIC)
        return door

    def _release(self, person: PersonId, stranger: PersonId | None = None) -> None:
        """Give back stakes whose grants were never used: what they were paid for no longer costs, or is no more."""
        for grant in self._store.grants_of(recipient=person, stranger=stranger, states=LIVE):
            release(self._stakes, self._store, Hash32(grant.stake_id), self._now)


def release(stakes: Stakes, store: GateStore, stake_id: Hash32, now: datetime, *, used_too: bool = False) -> None:
    """End an unanswered grant and have its stake returned, the fee too; one whose invite arrived only if ``used_too``.

    Every writer locks a stake before its grant, so that two never wait for each other.
    """
    stake = stakes.lock(stake_id)
    grant = store.grant_row(stake_id, lock=True)
    if grant is None or grant.state not in LIVE or (grant.pending_room is not None and not used_too):
        return
    if stake.opens:
        stakes.request_return(stake_id, answered=False)
    grant.state = GrantState.ENDED.value
    grant.answer = RELEASED
    grant.answered_at = now
