"""Carrying: what somebody without ether signed, carried to the chain by a key of ours, within limits.

Whoever carries pays gas, so everything here is about what that may cost: so many per person and wallet, gas for all of
it together, and nothing more for whoever's signature turned bad once we had paid for it. What a cargo is for, and
whether it is still wanted, its own slice knows (``Kind``).
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final, Protocol

from sqlalchemy.orm import Session

from kit.clock import unix
from kit.errors import Conflict
from kit.identifiers import Address, Hash32, PersonId, show_address
from ledger.book import Book
from ledger.calls import Bounds, Call, OutgoingState
from ledger.outgoing import Outgoing
from payments.carrying.model import Bar, Cargo, Carried, CarriedState, Outcome, RelayLimits
from payments.carrying.store import CarryingStore

RELAYER: Final = "relayer"
"""The key that carries what others signed, and does nothing else."""

_DAY: Final = timedelta(hours=24)
_KEPT: Final = timedelta(days=30)
_GWEI: Final = 10**9
_SPARE: Final = 2
"""So many times what gas costs now is set aside for it, since fees may rise until it is mined."""
_TOO_LATE: Final = "too_late"
_STATES: Final = {
    OutgoingState.WAITING: CarriedState.QUEUED,
    OutgoingState.SENT: CarriedState.SENT,
    OutgoingState.MINED: CarriedState.MINED,
    OutgoingState.DONE: CarriedState.MINED,
}
_CALLED: Final = {
    Cargo.STAKE: "openings",
    Cargo.GIFT: "gifts",
    Cargo.SETTLEMENT: "payments",
    Cargo.CLAIM: "claims",
    Cargo.PURCHASE: "purchases",
    Cargo.TIP: "tips",
}
_ONE: Final = {
    Cargo.STAKE: "An opening",
    Cargo.GIFT: "A gift",
    Cargo.SETTLEMENT: "A payment",
    Cargo.CLAIM: "A claim",
    Cargo.PURCHASE: "A purchase",
    Cargo.TIP: "A tip",
}
_KEYS: Final = {
    Cargo.STAKE: "open",
    Cargo.GIFT: "give",
    Cargo.SETTLEMENT: "settle",
    Cargo.CLAIM: "claim",
    Cargo.PURCHASE: "buy",
    Cargo.TIP: "tip",
}
_YOURSELF: Final = {
    Cargo.STAKE: "Pay with a wallet that has some ether for gas; the same price opens the same door.",
    Cargo.GIFT: "Give with a wallet that has some ether for gas.",
    Cargo.SETTLEMENT: "Ask again tomorrow, or let another facilitator settle it.",
    Cargo.PURCHASE: "Buy with a wallet that has some ether for gas.",
    Cargo.TIP: "Tip with a wallet that has some ether for gas.",
    Cargo.CLAIM: "Any wallet that has some ether for gas can carry it: `earnest rewards claim`.",
}


class Kind(Protocol):
    """What its own slice knows of a cargo."""

    def landed(self, carried: Carried) -> bool | None:
        """Tell whether it is on the chain, whoever carried it there; ``None`` while that has yet to be looked up."""
        ...

    def wanted(self, carried: Carried) -> bool:
        """Tell whether it is still to be carried; what is not is taken back while nothing is signed."""
        ...


class Carrying:
    """All that we carry, in one transaction."""

    def __init__(
        self,
        session: Session,
        now: datetime,
        chain_time: int,
        *,
        limits: RelayLimits,
        outgoing: Outgoing,
        book: Book,
    ) -> None:
        """Work in ``session``; what is to be sent is handed to ``outgoing``. ``chain_time``: Unix seconds."""
        self._now = now
        self._chain_time = chain_time
        self._limits = limits
        self._outgoing = outgoing
        self._book = book
        self._store = CarryingStore(session, chain_id=book.chain_id)
        self._kinds: dict[Cargo, Kind] = {}

    def know(self, cargo: Cargo, kind: Kind) -> None:
        """Learn of a kind of cargo; all of them are known before any is carried."""
        self._kinds[cargo] = kind

    # -------------------------------------------------------------------------------------------- asking

    def find(self, carried_id: Hash32) -> Carried | None:
        """Return what we carry or carried under an id."""
        return self._store.find(carried_id)

    def latest_about(self, about: str) -> Carried | None:
        """Return the latest that we carried about something (a quote)."""
        return self._store.latest_about(about)

    def under_way_from(self, payer: Address) -> list[Carried]:
        """Return what is under way from a wallet."""
        return self._store.under_way_from(payer)

    def others_from(self, carried: Carried, since: datetime) -> list[Carried]:
        """Return what else of its kind we carry from its wallet, or was settled since then."""
        return self._store.others_from(carried, since)

    def key(self, carried: Carried) -> str:
        """Return the key under which something is owed to the chain."""
        return _key(carried)

    def state(self, carried: Carried) -> CarriedState:
        """Tell where something stands that we carry."""
        if carried.outcome is not None:
            return CarriedState.DONE if carried.outcome is Outcome.DONE else CarriedState.FAILED
        call = self._outgoing.find(_key(carried))
        return CarriedState.QUEUED if call is None else _STATES.get(call.state, CarriedState.SENT)

    def check(self, cargo: Cargo, *, person: PersonId | None, payer: Address | None, gwei: int = 0) -> None:
        """Refuse what is not carried: raises ``Conflict`` with what to do instead.

        ``gwei``: what it will cost at most, where that is known.
        """
        called, yourself, limits = _CALLED[cargo], _YOURSELF[cargo], self._limits.of(cargo)
        if limits.off:
            raise Conflict("gasless_off", f"This service carries no {called}. {yourself}")
        if self._store.barred(person, payer):
            raise Conflict(
                "gasless_barred",
                f"{_ONE[cargo]} of yours failed after gas was paid for it, so no more are carried for you. {yourself}",
            )
        since, most, cargoes = self._now - _DAY, limits.per_day, cargo.counted_with
        made = 0 if person is None else self._store.made(since, cargoes, person=person)
        if payer is not None:
            made = max(made, self._store.made(since, cargoes, payer=payer))
        if made >= most:
            raise Conflict("gasless_limit", f"At most {most} {called} a day are carried for one person. {yourself}")
        enough = self._store.made(since, cargoes) < limits.together and self._affords(cargo, max(gwei, 1))
        if not enough:
            raise Conflict("gasless_budget_empty", f"What can be spent on gas today is spent. {yourself}")

    def why_not(self, cargo: Cargo) -> Conflict | None:
        """Return why none of a cargo would be carried, as far as that can be told without asking the node."""
        try:
            self.check(cargo, person=None, payer=None)
        except Conflict as refusal:
            return refusal
        return None

    def _affords(self, cargo: Cargo, gwei: int) -> bool:
        """Tell whether the budget has as much left, and a claim's part of it."""
        since, budget = self._now - _DAY, self._limits.of(cargo).budget
        if cargo is not Cargo.CLAIM:
            return self.spent(cargo) + gwei <= budget
        its = self._store.spent(since, cargo.counted_with)
        return its + gwei <= budget and self.spent(cargo) + gwei <= self._limits.budget

    def spent(self, cargo: Cargo = Cargo.STAKE) -> int:
        """Return the gwei that a cargo, and what shares its budget, cost in the last 24 hours.

        What is set aside for what is under way is included.
        """
        return self._store.spent(self._now - _DAY, cargo.paid_with)

    def set_aside(self) -> int:
        """Return the gwei that are set aside for what is under way."""
        return self._store.set_aside()

    def counts(self, cargo: Cargo = Cargo.STAKE) -> dict[Outcome | None, int]:
        """Count a cargo, and what shares its limit, of the last 30 days by what became of it; ``None``: under way."""
        return self._store.counts(cargo.counted_with)

    # -------------------------------------------------------------------------------------------- carrying

    def begin(self, carried_id: Hash32) -> Carried | None:
        """Let nobody else take anything on until the commit; return what is under way or settled under this id."""
        self._store.lock()
        known = self._store.find(carried_id)
        if known is None or (known.outcome is not None and known.outcome.may_be_tried(known.cargo)):
            return None
        return known

    def take_on(
        self, carried: Carried, *, to: Address, data: bytes, most_wei: int, tokens: int, not_after: datetime
    ) -> Carried:
        """Owe the chain something whose signature and simulation were found good, after ``begin``.

        ``most_wei``: what its gas costs now; ``tokens``: what the payer holds; ``not_after``: until when the signature
        is good. Raises ``Conflict`` where a limit is reached, or what else is under way needs those tokens.
        """
        gwei = -(-most_wei * _SPARE // _GWEI)
        self.check(carried.cargo, person=carried.person, payer=carried.payer, gwei=gwei)
        if tokens < self._promised(carried.payer, carried.asset) + carried.due:
            raise too_few(carried.payer)
        kept = replace(carried, gwei=gwei, created_at=self._now)
        self._store.add(kept)
        bounds = Bounds(most_reverts=1, patient=False, not_after=not_after, most_wei=gwei * _GWEI)
        self._outgoing.queue(key=_key(kept), role=RELAYER, to=to, data=data, bounds=bounds)
        return kept

    def _promised(self, payer: Address, asset: Address | None) -> int:
        """Return what is under way will take of a token from a wallet: what is on the chain took it already."""
        under_way = [one for one in self._store.under_way_from(payer) if one.asset == asset]
        return sum(carried.due for carried in under_way if not self._kinds[carried.cargo].landed(carried))

    def settle(self) -> list[tuple[Carried, Outcome]]:
        """Note what became of things, give back what they did not cost, bar whose signature cost us gas.

        What is wanted no more is taken back while nothing is signed. Returns what failed now.
        """
        failed: list[tuple[Carried, Outcome]] = []
        for carried in self._store.unsettled():
            call = self._outgoing.find(_key(carried))
            outcome = Outcome.WITHDRAWN if call is None else self._outcome(carried, call)
            if outcome is None:
                continue
            gwei = 0 if call is None else min(-(-call.spent_wei // _GWEI), carried.gwei)
            if not self._store.settle(carried, outcome, gwei=gwei, now=self._now):
                continue
            if outcome is Outcome.REVERTED and carried.cargo is not Cargo.CLAIM:  # its payee signed nothing
                self._store.bar(carried, gwei=gwei, now=self._now)
            if outcome is not Outcome.DONE:
                failed.append((carried, outcome))
        return failed

    def unsettled(self, cargo: Cargo) -> list[Carried]:
        """Return what of a cargo is yet to be settled, oldest first."""
        return [carried for carried in self._store.unsettled() if carried.cargo is cargo]

    def under_way(self) -> bool:
        """Tell whether anything is yet to be settled."""
        return bool(self._store.unsettled())

    def _outcome(self, carried: Carried, call: Call) -> Outcome | None:
        """Tell what became of something; ``None`` while that is not sure."""
        kind = self._kinds[carried.cargo]
        if call.state is OutgoingState.DONE:
            return Outcome.DONE if carried.asset is None else _in_anothers_token(kind.landed(carried))
        if call.state is OutgoingState.GIVEN_UP:
            return self._given_up(carried, call, kind)
        if call.state is OutgoingState.WITHDRAWN:
            return Outcome.WITHDRAWN
        if call.state is not OutgoingState.WAITING or kind.wanted(carried) or kind.landed(carried):
            return None
        if not self._outgoing.withdraw(call.key):
            return None
        return Outcome.TOO_LATE if self._chain_time >= _end(call) else Outcome.WITHDRAWN

    def _given_up(self, carried: Carried, call: Call, kind: Kind) -> Outcome | None:
        reverted = bool(call.reverts)
        # It may have failed because somebody else carried the same signature there first: then nothing is wrong, and
        # we know of it once our books have reached that block.
        if reverted and (self._book.finalized_number() or 0) < (call.final_block or 0):
            return None
        landed = kind.landed(carried)
        if landed is None:
            return None
        if landed:
            return Outcome.DONE
        if not reverted:
            late = (call.last_error or "").startswith(_TOO_LATE)
            return Outcome.TOO_LATE if late else Outcome.WOULD_REVERT
        # Late is our own fault, or the chain's.
        if call.final_time is not None and call.final_time >= _end(call):
            return Outcome.TOO_LATE
        return Outcome.REVERTED

    def prune(self) -> int:
        """Take out what was settled 30 days ago; return how many. Bars stay until they are lifted."""
        return self._store.prune(self._now - _KEPT)

    # -------------------------------------------------------------------------------------------- bars

    def bars(self) -> list[Bar]:
        """Return for whom nothing is carried, latest first."""
        return self._store.bars()

    def lift(self, *, person: PersonId | None = None, payer: Address | None = None) -> int:
        """Carry for somebody, or from a wallet, again; return how many bars that lifted."""
        return self._store.lift(person=person, payer=payer, now=self._now)


def too_few(payer: Address) -> Conflict:
    """Return the refusal of a wallet that does not hold what was signed."""
    return Conflict(
        "payer_tokens_missing",
        f"{show_address(payer)} does not hold what was signed, fees and what else is under way from it. Fill it, or "
        "sign with another wallet.",
    )


def empty(cargo: Cargo) -> Conflict:
    """Return the refusal of a relayer without ether."""
    return Conflict(
        "gasless_relayer_empty",
        f"The service has no ether left to carry {_CALLED[cargo]} with. {_YOURSELF[cargo]}",
    )


def _in_anothers_token(landed: bool | None) -> Outcome | None:  # noqa: FBT001 - as every kind answers
    """Tell what became of a transaction that went well, and may have done nothing: the code is a stranger's."""
    if landed is None:
        return None
    return Outcome.DONE if landed else Outcome.REVERTED


def _key(carried: Carried) -> str:
    return f"{_KEYS[carried.cargo]}:{carried.id.hex()}"


def _end(call: Call) -> int:
    """Return from which chain time on what was signed is good no more."""
    return unix(call.bounds.not_after) if call.bounds.not_after is not None else 2**63
