"""Doors: what people ask of strangers, set by themselves."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime

from sqlalchemy.orm import Session

from kit.amounts import Amount
from kit.changes import touch
from kit.errors import Conflict, Invalid
from kit.identifiers import Address, Hash32, PersonId
from ledger.holders import Holders
from ledger.people import People
from payments.stakes import model
from payments.stakes.model import Price, Quote
from payments.stakes.service import Stakes
from reputation.happenings import Happenings
from reputation.model import LIVE, Door, DoorMode, GrantState
from reputation.policy import DoorDocument, Limits
from reputation.policy_doors import document_of
from reputation.pressures import Pressures
from reputation.pricing import HIGHEST_CAP, Caps, Pressure, price_for
from reputation.store import GateStore
from reputation.tenants import TOPIC
from reputation.verdict import Code
from reputation.versions import OF_PEOPLE, Versions, read_door

_FEE_NEEDS_WALLET = (
    "fee_needs_wallet",
    "A fee is paid to an address of yours: link a wallet first, then ask for a fee.",
)
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
        self.versions = Versions(session, now, DoorDocument, OF_PEOPLE)
        self._happenings = Happenings(session, now, stakes.terms)
        self.pressures = Pressures(session, holders=holders, stakes=stakes)

    def show(self, person: PersonId) -> Door:
        """Return a person's door; whoever never said anything keeps an open one."""
        return self._store.door(person)

    def open(self, person: PersonId) -> Door:
        """Let everybody in but those called spam. Strangers who paid and have not knocked since get it back."""
        return self._stand(person, DoorMode.OPEN)

    def closed(self, person: PersonId) -> Door:
        """Let no stranger in. Those who paid and have not knocked since get it back; invites that arrived stay."""
        return self._stand(person, DoorMode.CLOSED)

    def ask(self, person: PersonId, *, stake: Amount | None = None, fee: Amount | None = None) -> Door:
        """Ask strangers for a stake, a fee, or both (base units); what is ``None`` stays as it was.

        Raises ``Invalid`` for a price of nothing, one the escrow cannot hold, or a fee where no wallet is linked that
        it could be paid to. Quotes given before stand until they end.
        """
        before = self.show(person)
        if before.mode is not DoorMode.ASK:
            before = Door(caps=before.caps)
        price = Price(before.stake if stake is None else stake, before.fee if fee is None else fee)
        model.check_price(price, relay_fee=self._stakes.terms.relay_fee)
        payee = self._holders.primary(person) if price.fee else None
        if price.fee and payee is None:
            raise Invalid(*_FEE_NEEDS_WALLET)
        return self._set(person, Door(DoorMode.ASK, price.stake, price.fee, payee, before.caps))

    def write(self, person: PersonId, document: DoorDocument, *, based_on: int | None = None) -> Door:
        """Let a person's door be what a document says; quotes given before stand while it may still ask for anything.

        Raises ``Invalid`` for a document that cannot be read, a price the escrow cannot hold, or a fee where no wallet
        is linked that it could be paid to; ``Conflict`` where it is ``based_on`` another version than stands now.
        """
        self._people.lock(person)
        self.versions.check(person, based_on)
        door = self.drafted(person, document)
        if not door.prices:
            self._stakes.void(person)
            self._release(person)
        return self._set(person, door)

    def drafted(self, person: PersonId, document: DoorDocument) -> Door:
        """Return the door that a document would make for a person, and change nothing. Raises ``Invalid``."""
        door = read_door(document.model_dump_json())
        for price in door.prices:
            model.check_price(price, relay_fee=self._stakes.terms.relay_fee)
        payee = self._holders.primary(person) if any(price.fee for price in door.prices) else None
        if payee is None and any(price.fee for price in door.prices):
            raise Invalid(*_FEE_NEEDS_WALLET)
        return replace(door, fee_payee=payee)

    def back(self, person: PersonId, number: int | None = None) -> Door:
        """Let a person's door be again what it was: in that version, else before the last change.

        It is a new version, so that this can be undone as well. Raises ``NotFound`` where there is none of that number,
        or nothing was ever changed.
        """
        # Before the first one it was open, as everybody's is.
        return self.write(person, self.versions.earlier(person, number, first=document_of(Door())))

    def pay_primary(self, person: PersonId) -> None:
        """Let a person's fee go to the wallet that is their primary one now. Quotes given before keep theirs.

        Raises ``Conflict`` where a fee is asked and no wallet is left that it could be paid to.
        """
        door = self.show(person)
        if door.fee_payee is None:
            return
        payee = self._holders.primary(person)
        if payee is None:
            raise Conflict("fee_goes_there", "Your fee is paid to this wallet: ask for none first, or link another.")
        if payee != door.fee_payee:
            self._set(person, replace(door, fee_payee=payee))

    def cap(self, person: PersonId, *, most_open: int | None = None, most_a_day: int | None = None) -> Door:
        """Let at most so many strangers' stakes wait at once, and so many new ones come in 24 hours.

        What is ``None`` stays as it was. Whoever staked already is not touched. Raises ``Invalid``.
        """
        for number in (most_open, most_a_day):
            if number is not None and not 1 <= number <= HIGHEST_CAP:
                raise Invalid(
                    "cap_out_of_range",
                    f"A door takes between 1 and {HIGHEST_CAP} strangers; to take none, close it.",
                    most=HIGHEST_CAP,
                )
        self._people.lock(person)  # what is read here is what is changed
        before = self.show(person)
        caps = Caps(
            before.caps.most_open if most_open is None else most_open,
            before.caps.most_a_day if most_a_day is None else most_a_day,
        )
        if before.policy is None:
            return self._set(person, replace(before, caps=caps))
        limits = Limits(at_once=caps.most_open, a_day=caps.most_a_day)
        return self.write(person, before.policy.document.model_copy(update={"limits": limits}))

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
            touch(self._session, TOPIC, person)
        return added or lifted

    def unexempt(self, person: PersonId, other: PersonId) -> bool:
        """Take an exemption back; ``False`` where there is none."""
        taken = self._store.unexempt(person, other)
        if taken:
            touch(self._session, TOPIC, person)
        return taken

    def exemptions(self, person: PersonId) -> list[PersonId]:
        """Return whom a person exempted, oldest first."""
        return self._store.exemptions(person)

    def check(self, quote: Quote, wallets: Collection[Address]) -> Code | None:
        """Tell why a stake on this quote, paid from these wallets now, would come straight back; ``None``: it opens."""
        door = self.show(quote.recipient)
        if not door.prices:
            return None
        door = door.asking(quote.price.own)
        return self.pressures.refusal(door, quote.price, self._pressure(door, quote, wallets))

    def reprice(self, quote: Quote, wallets: Collection[Address]) -> Quote:
        """Put a new price for these wallets in the place of one that stands no more. Raises ``Conflict``."""
        door = self.show(quote.recipient)
        names = self._people.mxids([quote.stranger, quote.recipient])
        if len(names) != len({quote.stranger, quote.recipient}) or not door.prices:
            raise Conflict("quote_superseded", "This price stands no more: pay nothing on it.")
        door = door.asking(quote.price.own)
        return self._stakes.quote(
            quote.stranger,
            quote.recipient,
            price_for(door.price, self._pressure(door, quote, wallets)),
            door.fee_payee,
            stranger_id=names[quote.stranger],
            recipient_id=names[quote.recipient],
        )

    def _pressure(self, door: Door, quote: Quote, wallets: Collection[Address]) -> Pressure:
        name = self._people.mxid(quote.stranger)
        return self.pressures.on(door, quote.stranger, quote.recipient, name, wallets=wallets)

    def _stand(self, person: PersonId, mode: DoorMode) -> Door:
        self._people.lock(person)  # before any stake, as every writer of a door does
        self._stakes.void(person)
        self._release(person)
        return self._set(person, Door(mode, caps=self.show(person).caps))

    def _set(self, person: PersonId, door: Door) -> Door:
        """Give a person this door, and keep it as a version."""
        self._people.lock(person)  # two changes at once would have one number
        if not self.versions.number(person) and self._store.has_door(person):
            self.versions.add(person, document_of(self._store.door(person)))  # set before versions were kept
        self._store.set_door(person, door, self._now)
        self.versions.add(person, document_of(door))
        touch(self._session, TOPIC, person)
        return door

    def _release(self, person: PersonId, stranger: PersonId | None = None) -> None:
        """Give back stakes whose grants were never used: what they were paid for no longer costs, or is no more."""
        for grant in self._store.grants_of(recipient=person, stranger=stranger, states=LIVE):
            self.release(Hash32(grant.stake_id))

    def release(self, stake_id: Hash32, *, used_too: bool = False) -> None:
        """End an unanswered grant and have its stake returned, the fee too; one whose invite arrived if ``used_too``.

        Every writer locks a stake before its grant, so that two never wait for each other.
        """
        stake = self._stakes.lock(stake_id)
        grant = self._store.grant_row(stake_id, lock=True)
        if grant is None or grant.state not in LIVE or (grant.pending_room is not None and not used_too):
            return
        if stake.opens:
            self._stakes.request_return(stake_id, answered=False)
        if grant.state == GrantState.OPEN:
            self._happenings.grant_closed(stake, RELEASED)
        grant.state = GrantState.ENDED.value
        grant.answer = RELEASED
        grant.answered_at = self._now
