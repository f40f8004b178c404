"""What the token and the escrow should do, as a small pure Python model: no chain, no I/O, no arithmetic tricks.

A call either raises ``Reverted`` with the name of the contract's error, and then nothing has changed, or it returns the
logs that the transaction must leave, in their order.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final, NamedTuple

HOURS: Final = 3600
DAYS: Final = 24 * HOURS
FORFEIT_DELAY: Final = 48 * HOURS
MAX_DURATION: Final = 60 * DAYS
UNLIMITED: Final = 2**256 - 1
NOBODY: Final = "0x" + 40 * "0"


class Terms(NamedTuple):
    """The twelve terms, in the contract's order; addresses are lower-case hex."""

    payer: str
    return_to: str
    amount: int
    fee: int
    fee_payee: str
    relay_fee: int
    relay_receiver: str
    resolver: str
    guardian: str
    answer_by: int
    quote_expiry: int
    commitment: bytes


class State(IntEnum):
    """Where a stake is in its life."""

    NONE = 0
    OPEN = 1
    FORFEIT_ANNOUNCED = 2
    RETURNED = 3
    FORFEITED = 4
    EXPIRED = 5


class Stake(NamedTuple):
    """What the contract stores of one stake."""

    state: State = State.NONE
    executable_at: int = 0


class Log(NamedTuple):
    """One log: the event's name and its values in the ABI's order."""

    name: str
    values: tuple[object, ...]


class Reverted(Exception):
    """The transaction changes nothing; the argument is the contract's error."""


@dataclass
class Model:
    """The world of one token and one escrow."""

    escrow: str
    supply: int
    balances: dict[str, int]
    now: int
    stakes: dict[Terms, Stake] = field(default_factory=dict)
    allowances: dict[str, int] = field(default_factory=dict)
    permits_used: dict[str, int] = field(default_factory=dict)
    authorizations_used: set[Terms] = field(default_factory=set)

    def copy(self) -> Model:
        """Return a world of its own that a call may fail in."""
        return deepcopy(self)

    def stake(self, terms: Terms) -> Stake:
        """Return what is stored under the id of these terms."""
        return self.stakes.get(terms, Stake())

    def held(self) -> int:
        """Return what all stakes that are not over come to."""
        living = (State.OPEN, State.FORFEIT_ANNOUNCED)
        return sum(terms.amount + terms.fee for terms, stake in self.stakes.items() if stake.state in living)

    # ------------------------------------------------------------------ the token

    def transfer(self, sender: str, to: str, value: int) -> list[Log]:
        """Move tokens."""
        if self.balances.get(sender, 0) < value:
            raise Reverted("ERC20InsufficientBalance")
        self.balances[sender] = self.balances.get(sender, 0) - value
        if to == NOBODY:
            self.supply -= value
        else:
            self.balances[to] = self.balances.get(to, 0) + value
        return [Log("Transfer", (sender, to, value))]

    def approve(self, owner: str, value: int) -> list[Log]:
        """Let the escrow take tokens."""
        self.allowances[owner] = value
        return [Log("Approval", (owner, self.escrow, value))]

    def cancel(self, terms: Terms) -> list[Log]:
        """Take the authorization back whose nonce is the id of these terms."""
        if terms in self.authorizations_used:
            raise Reverted("ERC3009UsedAuthorization")
        self.authorizations_used.add(terms)
        return [Log("AuthorizationCanceled", (terms.payer, terms))]

    def permit(self, owner: str, value: int, *, signer: str, nonce: int) -> list[Log]:
        """Let the escrow take tokens, by signature."""
        if signer != owner or nonce != self.permits_used.get(owner, 0):
            raise Reverted("ERC2612InvalidSigner")
        self.permits_used[owner] = nonce + 1
        return self.approve(owner, value)

    def _transfer_from(self, owner: str, value: int) -> list[Log]:
        allowance = self.allowances.get(owner, 0)
        if allowance != UNLIMITED:
            if allowance < value:
                raise Reverted("ERC20InsufficientAllowance")
            self.allowances[owner] = allowance - value
        return self.transfer(owner, self.escrow, value)

    # ------------------------------------------------------------------ opening

    def open(self, terms: Terms, sender: str) -> list[Log]:
        """Open by an allowance given before."""
        if sender != terms.payer:
            raise Reverted("NotThePayer")
        self._begin(terms)
        return [*self._transfer_from(sender, terms.amount + terms.fee), _opened(terms)]

    def open_with_permit(self, terms: Terms, sender: str, *, signer: str, value: int, nonce: int) -> list[Log]:
        """Open by a permit; a permit that does not work is as good as none."""
        if sender != terms.payer:
            raise Reverted("NotThePayer")
        self._begin(terms)
        due = terms.amount + terms.fee
        try:
            # The contract asks for exactly what is due: a signature over anything else is somebody's it cannot name.
            permitted = self.permit(sender, due, signer=signer if value == due else NOBODY, nonce=nonce)
        except Reverted:
            permitted = []
        return [*permitted, *self._transfer_from(sender, due), _opened(terms)]

    def open_with_authorization(self, terms: Terms, *, signer: str, signed: Terms) -> list[Log]:
        """Open by what the payer signed, whoever brings it."""
        self._begin(terms)
        if signer != terms.payer or signed != terms:
            raise Reverted("ERC3009InvalidSignature")
        if terms in self.authorizations_used:
            raise Reverted("ERC3009UsedAuthorization")
        self.authorizations_used.add(terms)
        paid = self.transfer(terms.payer, self.escrow, terms.amount + terms.fee + terms.relay_fee)
        used = Log("AuthorizationUsed", (terms.payer, terms))
        return [used, *paid, *self._pay(terms.relay_receiver, terms.relay_fee), _opened(terms)]

    def _begin(self, terms: Terms) -> None:
        broken = {
            "IdUsed": self.stake(terms).state != State.NONE,
            "NothingStaked": terms.amount + terms.fee == 0,
            "BadReturnTo": terms.return_to in (NOBODY, self.escrow),
            "BadFeePayee": terms.fee > 0 and terms.fee_payee in (NOBODY, self.escrow),
            "BadRelayReceiver": terms.relay_fee > 0 and terms.relay_receiver in (NOBODY, self.escrow),
            "ZeroResolver": terms.resolver == NOBODY,
            "AnswerByPassed": terms.answer_by <= self.now,
            "AnswerByTooFar": terms.answer_by > self.now + MAX_DURATION,
            "QuoteOutlivesAnswer": terms.quote_expiry > terms.answer_by,
            "QuoteExpired": self.now >= terms.quote_expiry,
        }
        for error, is_so in broken.items():
            if is_so:
                raise Reverted(error)
        self.stakes[terms] = Stake(State.OPEN)

    # ------------------------------------------------------------------ ending

    def return_stake(self, terms: Terms, sender: str, *, answered: bool) -> list[Log]:
        """Give it back."""
        stake = self.stake(terms)
        if stake.state == State.OPEN:
            self._only_the_resolver_in_time(terms, sender)
        elif stake.state == State.FORFEIT_ANNOUNCED:
            if sender not in (terms.resolver, terms.guardian):
                raise Reverted("NotResolverOrGuardian")
            answered = True
        else:
            raise Reverted("WrongState")
        self.stakes[terms] = stake._replace(state=State.RETURNED)
        outcome = Log("Returned", (terms, answered))
        if answered:
            return [outcome, *self._pay(terms.return_to, terms.amount), *self._pay(terms.fee_payee, terms.fee)]
        return [outcome, *self._pay(terms.return_to, terms.amount + terms.fee)]

    def announce_forfeit(self, terms: Terms, sender: str) -> list[Log]:
        """Say that it will be forfeited."""
        self._must_be(terms, State.OPEN)
        self._only_the_resolver_in_time(terms, sender)
        self.stakes[terms] = Stake(State.FORFEIT_ANNOUNCED, self.now + FORFEIT_DELAY)
        return [Log("ForfeitAnnounced", (terms, self.now + FORFEIT_DELAY))]

    def execute_forfeit(self, terms: Terms) -> list[Log]:
        """Burn it."""
        stake = self._must_be(terms, State.FORFEIT_ANNOUNCED)
        if self.now < stake.executable_at:
            raise Reverted("ForfeitNotDue")
        self.stakes[terms] = stake._replace(state=State.FORFEITED)
        return [
            Log("Forfeited", (terms,)),
            *self._pay(NOBODY, terms.amount),
            *self._pay(terms.fee_payee, terms.fee),
        ]

    def expire(self, terms: Terms) -> list[Log]:
        """Send back what nobody answered."""
        stake = self._must_be(terms, State.OPEN)
        if self.now < terms.answer_by:
            raise Reverted("AnswerByNotReached")
        self.stakes[terms] = stake._replace(state=State.EXPIRED)
        return [Log("Expired", (terms,)), *self._pay(terms.return_to, terms.amount + terms.fee)]

    def _must_be(self, terms: Terms, wanted: State) -> Stake:
        stake = self.stake(terms)
        if stake.state != wanted:
            raise Reverted("WrongState")
        return stake

    def _only_the_resolver_in_time(self, terms: Terms, sender: str) -> None:
        if sender != terms.resolver:
            raise Reverted("NotTheResolver")
        if self.now >= terms.answer_by:
            raise Reverted("AnswerByPassed")

    def _pay(self, to: str, value: int) -> list[Log]:
        return self.transfer(self.escrow, to, value) if value > 0 else []


def _opened(terms: Terms) -> Log:
    return Log("Opened", (terms, terms.payer, terms.resolver, terms))
