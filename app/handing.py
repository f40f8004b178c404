"""Handing payments to another facilitator (x402), of whom nothing is believed: what was paid, our own node says."""

from __future__ import annotations

import json
from functools import partial
from threading import BoundedSemaphore, Thread
from typing import Any, Final

import structlog

from app import facilitating
from app.container import Container
from app.facilitating import Settled
from contracts import authorizations, codec, erc20
from contracts.authorizations import encode_transfer_with_authorization
from contracts.chain import Chain
from kit.errors import ChainUnavailable, Conflict, NotFound, PeerUnavailable, Refusal
from kit.identifiers import Hash32, show_address, show_hash
from ledger.model import Level
from payments.settlements.model import Order, Settlement, Use
from payments.settlements.service import Standing
from payments.settlements.x402 import SCHEME, VERSION, Demand, Flaw, Payment, Reason, check, check_times

LOG = structlog.get_logger(__name__)

_MOST_BYTES: Final = 16 * 1024
_BEFORE: Final = 64
"""So many blocks before a payment was taken on are searched too: a reorg may have put it there."""
_JSON: Final = {"Content-Type": "application/json", "Accept": "application/json"}


def begin(container: Container, payment: Payment, demand: Demand, order: Order) -> Settled:
    """Take a payment on that another facilitator is to carry; asking again tells how far it is.

    Nobody is asked here but our own node, as ``facilitating.begin`` does. Raises as that does.
    """
    chain, asset = container.chain, payment.asset
    with container.read() as work:
        check(payment, demand, facilitating.served(work, demand.asset))
        work.settlements.check_name(payment, order)
        check_times(payment.signed, work.chain_time)
    head = chain.block("latest")
    if head is None:
        raise ChainUnavailable("The node has no head block.")
    if erc20.used(chain, asset, payment.signed):
        raise Flaw(Reason.USED, "The payer's nonce is used up.")
    tokens = erc20.balance(chain, asset, payment.signed.payer)
    if tokens < payment.signed.amount:
        raise Flaw(Reason.FUNDS, f"{show_address(payment.signed.payer)} does not hold what was signed.")
    facilitating.moves_exactly(container, payment)
    try:
        chain.call(asset, encode_transfer_with_authorization(payment.signed, payment.signature))
    except Conflict:
        raise Flaw(Reason.SIMULATION, "The chain would refuse it now.") from None
    most = container.settings.facilitator_per_day
    try:
        with container.work() as work:
            standing = work.settlements.hand(
                payment, tokens=tokens, since_block=head.number, order=order, most_a_day=most
            )
    except Conflict as refusal:
        raise facilitating.refused(refusal) from None
    LOG.info("payment_to_be_handed_over", settlement=show_hash(standing.settlement.id))
    return facilitating.look(container, payment)


class Hands:
    """Threads in which payments are handed over, while whoever asked for it looks at the chain."""

    def __init__(self, container: Container, most: int = 16) -> None:
        """Let so many be handed over at a time; what comes beyond is left to the worker."""
        self._container = container
        self._free = BoundedSemaphore(most)

    def give(self, payment: Payment) -> None:
        """Hand a payment over that was taken on, unless it was handed over a moment ago."""
        if not self._container.settings.facilitator_url or not self._free.acquire(blocking=False):
            return
        made = None
        try:
            with self._container.read() as work:
                standing = work.settlements.find(payment.asset, payment.signed)
            if standing is not None and standing.settlement.open and _take(self._container, standing.settlement):
                made = standing.settlement
        finally:
            if made is None:
                self._free.release()
        if made is not None:
            Thread(target=self._ask, args=(made,), name="handing", daemon=True).start()

    def _ask(self, made: Settlement) -> None:
        try:
            ask(self._container, made)
        finally:
            self._free.release()


def ask(container: Container, made: Settlement) -> None:
    """Hand a payment over. Whatever is answered, or not, is noted in the log alone: the chain tells what was paid."""
    url = f"{container.settings.facilitator_url.rstrip('/')}/settle"
    body = json.dumps(_request(container, made)).encode()
    try:
        answer = container.fetcher.post(url, body, headers=_JSON, most_bytes=_MOST_BYTES)
    except (PeerUnavailable, Refusal) as error:
        LOG.warning("facilitator_unanswered", settlement=show_hash(made.id), code=getattr(error, "code", "unavailable"))
        return
    LOG.info("payment_handed_over", settlement=show_hash(made.id), status=answer.status, attempt=made.tries + 1)


def hand_over(container: Container, made: Settlement) -> bool:
    """Hand a payment over again where that is due and may still help; tell whether it was."""
    if made.use is None and made.transaction is None and container.settings.facilitator_url:
        with container.read() as work:
            late = work.chain_time >= made.signed.valid_before
        if not late and _take(container, made):
            ask(container, made)
            return True
    return False


def look(container: Container, standing: Standing) -> Level | None:
    """Ask our node for a payment, note the transaction, and return how sure its block is; ``None`` where it has none.

    ``ORPHANED``: it was never made, and never will be. Raises ``ChainUnavailable``, also where the node is behind us.
    """
    made = standing.settlement
    if made.use is not None:
        return Level.FINALIZED if made.use is Use.MADE else Level.ORPHANED
    with container.read() as work:
        own = work.book.head()
    least, first = 0 if own is None else own.number, _first(container, made)
    asked = partial(_made_in, made=made, first=first, least=least)
    found = container.chain.at_one(asked)
    transaction = None if found is None else found[0]
    if transaction != made.transaction:
        with container.work() as work:
            work.settlements.looked_up(made, None, transaction)
    if found is None:
        return None
    with container.read() as work:
        try:
            level = work.book.level(found[1])
        except NotFound:
            return Level.SEEN
    return Level.SEEN if level is Level.ORPHANED else level


def look_up(container: Container, made: Settlement) -> bool:
    """Find out what became of a payment for good; ``True`` once a final block says so. Raises ``ChainUnavailable``."""
    if made.use is not None:
        return True
    final = container.chain.block("finalized")
    if final is None or final.number < made.since_block:
        return False
    use, transaction = Use.UNUSED, None
    if erc20.used(container.chain, made.asset, made.signed, block=final.hash):
        transaction = facilitating.search(container, made, first=_first(container, made), last=final.number)
        use = Use.LOST if transaction is None else Use.MADE
    elif final.timestamp < made.signed.valid_before:
        return False
    with container.work() as work:
        work.settlements.looked_up(made, use, transaction)
    LOG.info("payment_looked_up", settlement=show_hash(made.id), use=str(use))
    return True


# ------------------------------------------------------------------------------------------------- within


def _take(container: Container, made: Settlement) -> bool:
    with container.work() as work:
        return work.settlements.take_due(made)


def _request(container: Container, made: Settlement) -> dict[str, Any]:
    """Write what a facilitator is sent: what was signed, and neither what it is for nor the buyer's claim."""
    signed, signature = made.signed, made.signature or b""
    with container.read() as work:
        token = facilitating.token_of(work, made.asset)
    asked = {
        "scheme": SCHEME,
        "network": token.network,
        "asset": show_address(token.address),
        "amount": str(signed.amount),
        "payTo": show_address(signed.recipient),
        "maxTimeoutSeconds": 300,
        "extra": {"name": token.name, "version": token.version},
    }
    authorization = {
        "from": show_address(signed.payer),
        "to": show_address(signed.recipient),
        "value": str(signed.amount),
        "validAfter": str(signed.valid_after),
        "validBefore": str(signed.valid_before),
        "nonce": show_hash(signed.nonce),
    }
    payload = {"signature": "0x" + signature.hex(), "authorization": authorization}
    payment = {"x402Version": VERSION, "accepted": asked, "payload": payload}
    return {"x402Version": VERSION, "paymentPayload": payment, "paymentRequirements": asked}


def _first(container: Container, made: Settlement) -> int:
    return max(made.since_block - _BEFORE, container.deployment.deployed_block)


def _made_in(node: Chain, *, made: Settlement, first: int, least: int) -> tuple[Hash32, Hash32] | None:
    """Return the transaction in which a node has exactly this transfer, and its block; ``None`` where in none.

    Its block is the first at which the nonce is used: looked for from the head back, since it is young.
    """
    head = node.block("latest")
    if head is None or head.number < least:
        raise ChainUnavailable("The node is behind.")
    token, used_at = made.asset, partial(erc20.used, node, made.asset, made.signed)
    high, low, step = head.number, first, 1
    if not used_at(block=high):
        return None
    while high - step > low and used_at(block=high - step):
        high, step = high - step, step * 2
    low = max(low, high - step)
    while high - low > 1:
        middle = (high + low) // 2
        if used_at(block=middle):
            high = middle
        else:
            low = middle
    block = node.read(high, {token: frozenset({authorizations.USED, codec.TRANSFER})})
    transaction = None if block is None else authorizations.paid_in(block.logs, token, made.signed)
    return None if block is None or transaction is None else (transaction, block.ref.hash)
