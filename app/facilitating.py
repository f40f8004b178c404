"""Facilitating (x402): a program's signed payment looked at, tried out and settled, for its seller."""

from __future__ import annotations

from dataclasses import dataclass

import structlog

from app import gasless, places
from app.container import Container
from contracts import authorizations, codec
from contracts.authorizations import Authorization, encode_transfer_with_authorization
from kit.errors import ChainUnavailable, Conflict, NotFound
from kit.identifiers import Address, Hash32, show_hash
from ledger import syncing
from payments.carrying.model import Cargo, Outcome
from payments.settlements.model import REASONS, Order, Use
from payments.settlements.service import Standing
from payments.settlements.x402 import Demand, Flaw, Payment, Reason, check, check_times, read_demand, read_payment

LOG = structlog.get_logger(__name__)

_LACKS = {
    "payer_tokens_missing": Reason.FUNDS,
    "payment_would_fail": Reason.SIMULATION,
    "nonce_taken": Reason.USED,
}
"""What refusals are called on the wire; every other one is about us and not about the payment."""
_ELSEWHERE = {None: Reason.PENDING, Use.MADE: Reason.PENDING, Use.UNUSED: Reason.TOO_LATE, Use.LOST: Reason.USED}
"""How a payment stands with another facilitator that is in no transaction."""


@dataclass(frozen=True, slots=True)
class Tried:
    """What the node said of a payment: gas, wei per gas, the payer's tokens, and the head's number before it."""

    gas: int
    max_fee: int
    tokens: int
    since_block: int


@dataclass(frozen=True, slots=True)
class Settled:
    """How far a settlement is: made in ``transaction``, or failed for a ``reason``, or else pending.

    ``transaction`` of one that is pending is the latest that was signed, if any was.
    """

    payer: Address
    amount: int
    made: bool
    reason: Reason | None
    transaction: Hash32 | None

    @property
    def pending(self) -> bool:
        """Tell whether it is yet to be seen what becomes of it."""
        return self.reason is Reason.PENDING


def read(told_payment: object, told_demand: object) -> tuple[Payment, Demand]:
    """Read what a seller sends in. Raises ``Flaw``."""
    demand = read_demand(told_demand)
    return read_payment(told_payment), demand


def serves(container: Container, demand: Demand) -> None:
    """Refuse sellers whom the operator does not serve over HTTP.

    Raises ``NotFound`` where nobody is served, and ``Flaw`` for whoever is none of those.
    """
    sellers = places.served_sellers(container.settings)
    if container.relay_limits.settlements is None or sellers == frozenset():
        raise NotFound("facilitator_off", "This service settles no payments of others.")
    if sellers is not None and demand.pay_to not in sellers:
        raise Flaw(Reason.REQUIREMENTS, "This service settles no payments to that address: ask its operator.")


def verify(container: Container, payment: Payment, demand: Demand, order: Order | None = None) -> Tried:
    """Find out whether a payment would be settled now. Raises ``Flaw`` where not, and ``ChainUnavailable``.

    Raises ``Conflict`` where its payer named another payment as this one, too.

    Cheap questions come first: form, chain, token, domain, amounts, signature and times, then limits, then the node's
    word on nonce, balance and the whole transaction.
    """
    with container.read() as work:
        check(payment, demand, work.settlements.token)
        work.settlements.check_name(payment, order)
        check_times(payment.signed, work.chain_time)
        set_aside = work.carrying.set_aside()
        try:
            work.settlements.check(payment.signed)
        except Conflict as refusal:
            raise Flaw(Reason.VERIFY, refusal.message) from None
    head = container.chain.block("latest")
    if head is None:
        raise ChainUnavailable("The node has no head block.")
    if used(container, payment.signed):
        raise Flaw(Reason.USED, "The payer's nonce is used up.")
    try:
        gas, max_fee, tokens = gasless.try_out(
            container,
            Cargo.SETTLEMENT,
            to=container.terms.token,
            data=encode_transfer_with_authorization(payment.signed, payment.signature),
            payer=payment.signed.payer,
            due=payment.signed.amount,
            set_aside=set_aside,
        )
    except Conflict as refusal:
        raise Flaw(_LACKS.get(refusal.code, Reason.VERIFY), refusal.message) from None
    return Tried(gas, max_fee, tokens, head.number)


def begin(container: Container, payment: Payment, demand: Demand, order: Order | None = None) -> Settled:
    """Take a payment on, so that it is settled whatever becomes of us; asking again tells how far it is.

    ``order``: what it buys of us; a payment is for one thing for ever. Raises ``Flaw`` where it was not and is not
    taken on, ``Conflict`` where its payer named another payment as this one, and ``ChainUnavailable``. The node is
    asked while no transaction is open; limits are checked again in the one that takes it on.
    """
    with container.read() as work:
        check(payment, demand, work.settlements.token)
        work.settlements.check_name(payment, order)
    standing = _standing(container, payment)
    if standing is not None and standing.settlement.order != order:
        raise Flaw(Reason.USED, "This payment is for something else.")
    if standing is not None and (_known(standing) or _made_since(container, standing)):
        return look(container, payment)
    tried = verify(container, payment, demand, order)
    try:
        with container.work() as work:
            taken_on = work.settlements.queue(
                payment,
                gas=tried.gas,
                max_fee=tried.max_fee,
                tokens=tried.tokens,
                since_block=tried.since_block,
                order=order,
            )
    except Conflict as refusal:
        raise refused(refusal) from None
    gwei = 0 if taken_on.carried is None else taken_on.carried.gwei
    LOG.info("payment_taken_on", settlement=show_hash(taken_on.settlement.id), gwei=gwei)
    return look(container, payment)


def refused(refusal: Conflict) -> Flaw | Conflict:
    """Return what is said of a payment that was not taken on."""
    if refusal.code == "payment_identifier_taken":
        return refusal
    return Flaw(_LACKS.get(refusal.code, Reason.SETTLE), refusal.message)


def look(container: Container, payment: Payment) -> Settled:
    """Tell how far a payment is that was taken on. Raises ``Flaw`` where it was not, and ``ChainUnavailable``."""
    standing = _standing(container, payment)
    if standing is None:
        raise Flaw(Reason.SETTLE, "That payment is not being settled here.")
    signed, carried, made = payment.signed, standing.carried, standing.settlement
    found: Hash32 | None = made.transaction
    if carried is None:
        reason = None if found is not None else _ELSEWHERE[made.use]
        return Settled(signed.payer, signed.amount, made=found is not None, reason=reason, transaction=found)
    if found is None and carried.outcome in (None, Outcome.DONE):
        for attempt in standing.attempts:
            receipt = container.chain.receipt(attempt.hash)
            if receipt is not None and receipt.succeeded:
                found = attempt.hash
                break
    if found is not None:
        return Settled(signed.payer, signed.amount, made=True, reason=None, transaction=found)
    newest = standing.attempts[0].hash if standing.attempts else None
    # What is done has a receipt, unless the node lost it meanwhile: then it is asked for again.
    reason = Reason.PENDING if carried.outcome in (None, Outcome.DONE) else REASONS[carried.outcome]
    return Settled(signed.payer, signed.amount, made=False, reason=reason, transaction=newest)


def look_up(container: Container) -> None:
    """Ask the chain about authorizations that we carried in vain: somebody else may have carried them there first.

    Only final blocks are believed. Raises ``ChainUnavailable``.
    """
    with container.read() as work:
        doubts = work.settlements.in_doubt()
    if not doubts:
        return
    final = container.chain.block("finalized")
    for made, failed_in in doubts:
        if final is None or final.number < max(failed_in, made.since_block):
            continue
        if not used(container, made.signed):
            use, transaction = Use.UNUSED, None
        elif not used(container, made.signed, block=final.hash):
            continue
        else:
            found = search(container, made.signed, first=made.since_block, last=final.number)
            use, transaction = (Use.LOST, None) if found is None else (Use.MADE, found)
        with container.work() as work:
            work.settlements.looked_up(made, use, transaction)
        LOG.info("payment_looked_up", settlement=show_hash(made.id), use=str(use))


def search(container: Container, signed: Authorization, *, first: int, last: int) -> Hash32 | None:
    """Return the transaction of final blocks in which exactly this transfer was made; ``None``: the nonce was lost."""
    token, chain = container.terms.token, container.chain
    wanted = {token: frozenset({authorizations.USED, authorizations.CANCELED})}
    for start in range(first, last + 1, syncing.LONGEST):
        for found in chain.stretch(start, min(last, start + syncing.LONGEST - 1), wanted):
            if not any(authorizations.ends(log, token, signed) for log in found.logs):
                continue
            whole = chain.read(found.ref.hash, {token: frozenset({authorizations.USED, codec.TRANSFER})})
            if whole is None:
                raise ChainUnavailable("The node lost a final block.")
            return authorizations.paid_in(whole.logs, token, signed)
    raise ChainUnavailable("The node does not tell where an authorization was used.")


def used(container: Container, signed: Authorization, *, block: Hash32 | None = None) -> bool:
    """Tell whether a nonce is used up, by whatever, at a block (by default the head)."""
    data = codec.encode_authorization_state(signed.payer, signed.nonce)
    return codec.decode_bool(container.chain.call(container.terms.token, data, block=block or "latest"))


def _standing(container: Container, payment: Payment) -> Standing | None:
    with container.read() as work:
        try:
            return work.settlements.find(payment.signed)
        except Conflict as refusal:
            raise Flaw(Reason.USED, refusal.message) from None


def _known(standing: Standing) -> bool:
    """Tell whether a settlement is under way or made, as we know it."""
    if standing.carried is None:
        return True
    return standing.carried.outcome in (None, Outcome.DONE) or standing.settlement.use is Use.MADE


def _made_since(container: Container, standing: Standing) -> bool:
    """Find out whether a payment was made by somebody else after ours had failed; tell whether it may not be made anew.

    Raises ``Flaw`` where its nonce is used up: by something else, or in a block that is yet to become final.
    """
    made, carried = standing.settlement, standing.carried
    outcome = None if carried is None else carried.outcome
    if made.use is Use.LOST:
        raise Flaw(Reason.USED, "The payer's nonce went to something else.")
    if not used(container, made.signed):
        return outcome is not None and not outcome.may_try_again
    final = container.chain.block("finalized")
    if final is None or not used(container, made.signed, block=final.hash):
        raise Flaw(Reason.PENDING, "Somebody else used the payer's nonce: ask again once that is final.")
    found = search(container, made.signed, first=made.since_block, last=final.number)
    with container.work() as work:
        work.settlements.looked_up(made, Use.LOST if found is None else Use.MADE, found)
    if found is None:
        raise Flaw(Reason.USED, "The payer's nonce went to something else.")
    return True
