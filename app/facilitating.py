"""Facilitating (x402): a program's signed payment looked at, tried out and settled, for its seller."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import structlog

from app import gasless, places
from app.container import Container, Work
from contracts import authorizations, codec
from contracts import erc20 as erc20_calls
from contracts.authorizations import encode_transfer_with_authorization
from contracts.chain import Receipt
from contracts.events import BlockRef
from contracts.typed_data import Domain
from kit.errors import ChainUnavailable, Conflict, NotFound
from kit.identifiers import Address, Hash32, show_address, show_hash
from ledger import syncing
from ledger.model import erc20
from payments.carrying.model import Cargo, Outcome
from payments.settlements.model import REASONS, Order, Settlement, Use
from payments.settlements.service import Standing
from payments.settlements.x402 import (
    Demand,
    Flaw,
    Payment,
    Reason,
    Token,
    check,
    check_times,
    read_demand,
    read_payment,
)
from payments.tokens.model import address_of

LOG = structlog.get_logger(__name__)

_LACKS = {
    "payer_tokens_missing": Reason.FUNDS,
    "payment_would_fail": Reason.SIMULATION,
    "nonce_taken": Reason.USED,
}
"""What refusals are called on the wire; every other one is about us and not about the payment."""
_MOST_GAS: Final = 250_000
"""What carrying a transfer in somebody else's token may take: thrice what it does behind a proxy."""
_TRIED_GAS: Final = 2 * _MOST_GAS
"""And trying it out, with the payer's and the seller's balances before and after."""
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


def token_of(work: Work, asset: Address) -> Token:
    """Return a token in which a program could ever pay here. Raises ``Flaw``."""
    own = work.settlements.token
    if asset == own.address:
        return own
    domain = work.tokens.transfers(erc20(own.chain_id, asset))
    if not isinstance(domain, Domain):
        raise Flaw(Reason.REQUIREMENTS, "That token is not served here.")
    return Token(own.chain_id, asset, domain.name, domain.version)


def served(work: Work, asset: Address) -> Token:
    """Return a token in which programs can pay here now. Raises ``Flaw``."""
    own = work.settlements.token
    if asset != own.address and erc20(own.chain_id, asset) not in work.tokens.allowed:
        raise Flaw(Reason.REQUIREMENTS, "That token is not served here.")
    return token_of(work, asset)


def all_served(work: Work) -> list[Token]:
    """Return the tokens in which programs can pay here now, our own first."""
    own, room = work.settlements.token, work.tokens
    found = [own]
    for asset in room.allowed[1:]:
        address, domain = address_of(asset, own.chain_id), room.transfers(asset)
        if address is not None and isinstance(domain, Domain):
            found.append(Token(own.chain_id, address, domain.name, domain.version))
    return found


def verify(container: Container, payment: Payment, demand: Demand, order: Order | None = None) -> Tried:
    """Find out whether a payment would be settled now. Raises ``Flaw`` where not, and ``ChainUnavailable``.

    Raises ``Conflict`` where its payer named another payment as this one, too.

    Cheap questions come first: form, chain, token, domain, amounts, signature and times, then limits, then the node's
    word on nonce, balance and the whole transaction.
    """
    asset = payment.asset
    with container.read() as work:
        check(payment, demand, served(work, demand.asset))
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
    if erc20_calls.used(container.chain, asset, payment.signed):
        raise Flaw(Reason.USED, "The payer's nonce is used up.")
    moves_exactly(container, payment)
    try:
        gas, max_fee, tokens = gasless.try_out(
            container,
            Cargo.SETTLEMENT,
            to=asset,
            data=encode_transfer_with_authorization(payment.signed, payment.signature),
            payer=payment.signed.payer,
            due=payment.signed.amount,
            set_aside=set_aside,
            token=asset,
        )
    except Conflict as refusal:
        raise Flaw(_LACKS.get(refusal.code, Reason.VERIFY), refusal.message) from None
    if gas > _MOST_GAS and asset != container.terms.token:
        raise Flaw(Reason.SIMULATION, "The token takes more gas for it than is spent on a payment here.")
    return Tried(gas, max_fee, tokens, head.number)


def moves_exactly(container: Container, payment: Payment) -> None:
    """Try out what a token of somebody else's does with a payment. Raises ``Flaw`` where it is not what was signed."""
    signed, asset = payment.signed, payment.asset
    if asset == container.terms.token:
        return
    if erc20_calls.balance(container.chain, asset, signed.payer) < signed.amount:
        raise Flaw(Reason.FUNDS, f"{show_address(signed.payer)} does not hold what was signed.")
    try:
        exact = erc20_calls.moves_exactly(container.chain, asset, signed, payment.signature, gas=_TRIED_GAS)
    except Conflict as refusal:
        raise Flaw(Reason.SIMULATION, f"The token refuses it now ({refusal.message}).") from None
    if not exact:
        raise Flaw(Reason.SIMULATION, "The token would not move exactly what was signed.")


def begin(container: Container, payment: Payment, demand: Demand, order: Order | None = None) -> Settled:
    """Take a payment on, so that it is settled whatever becomes of us; asking again tells how far it is.

    ``order``: what it buys of us; a payment is for one thing for ever. Raises ``Flaw`` where it was not and is not
    taken on, ``Conflict`` where its payer named another payment as this one, and ``ChainUnavailable``. The node is
    asked while no transaction is open; limits are checked again in the one that takes it on.
    """
    with container.read() as work:
        check(payment, demand, token_of(work, demand.asset))
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
            if receipt is not None and made_by(container, made, receipt):
                found = attempt.hash
                break
    if found is not None:
        return Settled(signed.payer, signed.amount, made=True, reason=None, transaction=found)
    newest = standing.attempts[0].hash if standing.attempts else None
    # What is done has a receipt, unless the node lost it meanwhile: then it is asked for again.
    reason = Reason.PENDING if carried.outcome in (None, Outcome.DONE) else REASONS[carried.outcome]
    return Settled(signed.payer, signed.amount, made=False, reason=reason, transaction=newest)


def made_by(container: Container, made: Settlement, receipt: Receipt) -> bool:
    """Tell whether a transaction of ours has moved what was signed. Raises ``ChainUnavailable``.

    What our own token does is known; what somebody else's did is read from the logs.
    """
    if not receipt.succeeded or made.asset == container.terms.token:
        return receipt.succeeded
    wanted = {made.asset: frozenset({authorizations.USED, codec.TRANSFER})}
    block = container.chain.read(receipt.block_hash, wanted)
    if block is None:
        raise ChainUnavailable("The node lost a block.")
    return authorizations.made_by(block.logs, made.asset, made.signed, receipt.transaction)


def look_up(container: Container) -> None:
    """Ask the chain about authorizations that we carried in vain: somebody else may have carried them there first.

    And about those that we carried in others' tokens, whether anything was paid by that. Only final blocks are
    believed. A token that does not answer holds up nothing else. Raises ``ChainUnavailable``.
    """
    with container.read() as work:
        doubts, unproved = work.settlements.in_doubt(), work.settlements.unproved()
    for standing in unproved:
        _prove(container, standing)
    if not doubts:
        return
    final = container.chain.block("finalized")
    for made, failed_in in doubts:
        if final is None or final.number < max(failed_in, made.since_block):
            continue
        try:
            _look_up(container, made, final)
        except erc20_calls.Silent as error:
            LOG.warning("token_silent", settlement=show_hash(made.id), reason=str(error))


def _look_up(container: Container, made: Settlement, final: BlockRef) -> None:
    if not erc20_calls.used(container.chain, made.asset, made.signed):
        use, transaction = Use.UNUSED, None
    elif not erc20_calls.used(container.chain, made.asset, made.signed, block=final.hash):
        return
    else:
        found = search(container, made, first=made.since_block, last=final.number)
        use, transaction = (Use.LOST, None) if found is None else (Use.MADE, found)
    _noted(container, made, use, transaction)


def _prove(container: Container, standing: Standing) -> None:
    """Find out whether a transaction of ours that is final has paid; a node that lost its receipt is asked again."""
    for attempt in standing.attempts:
        receipt = container.chain.receipt(attempt.hash)
        if receipt is not None and receipt.succeeded:
            made = standing.settlement
            use = (Use.MADE, attempt.hash) if made_by(container, made, receipt) else (Use.LOST, None)
            _noted(container, made, *use)
            return


def _noted(container: Container, made: Settlement, use: Use, transaction: Hash32 | None) -> None:
    with container.work() as work:
        work.settlements.looked_up(made, use, transaction)
    LOG.info("payment_looked_up", settlement=show_hash(made.id), use=str(use))


def search(container: Container, made: Settlement, *, first: int, last: int) -> Hash32 | None:
    """Return the transaction of final blocks in which exactly this transfer was made; ``None``: the nonce was lost."""
    token, signed, chain = made.asset, made.signed, container.chain
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


def _standing(container: Container, payment: Payment) -> Standing | None:
    with container.read() as work:
        try:
            return work.settlements.find(payment.asset, payment.signed)
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
    if not erc20_calls.used(container.chain, made.asset, made.signed):
        return outcome is not None and not outcome.may_try_again
    final = container.chain.block("finalized")
    if final is None or not erc20_calls.used(container.chain, made.asset, made.signed, block=final.hash):
        raise Flaw(Reason.PENDING, "Somebody else used the payer's nonce: ask again once that is final.")
    found = search(container, made, first=made.since_block, last=final.number)
    with container.work() as work:
        work.settlements.looked_up(made, Use.LOST if found is None else Use.MADE, found)
    if found is None:
        raise Flaw(Reason.USED, "The payer's nonce went to something else.")
    return True
