"""The facilitator (x402): whether a program's payment is good, and settling it for the seller that asks."""

from functools import partial

from fastapi import APIRouter, Depends, Request
from fastapi.concurrency import run_in_threadpool

from api.dependencies import ContainerDep, limited
from api.schemas.problems import problems
from api.schemas.x402 import KindOut, PaymentIn, SettledOut, SupportedOut, VerifiedOut
from api.waiting import Waiters
from app import facilitating, places
from app.container import Container
from app.facilitating import Settled
from kit.identifiers import show_address, show_hash
from payments.settlements.x402 import IDENTIFIER, SCHEME, VERSION, Demand, Flaw, Payment, Reason, network_of

router = APIRouter(prefix="/v1/x402", tags=["x402"], responses=problems(400, 404, 409, 429, 503))

_SENTENCE_LENGTH = 300


@router.get(
    "/supported", response_model_exclude_none=True, dependencies=[Depends(limited("x402", per_minute=120, burst=60))]
)
def supported(container: ContainerDep) -> SupportedOut:
    """Show what can be settled here: the scheme `exact` in the service's own token, by EIP-3009."""
    if container.relay_limits.settlements is None or places.served_sellers(container.settings) == frozenset():
        return SupportedOut(kinds=[], extensions=[], signers={})
    network = network_of(container.terms.chain_id)
    kind = KindOut(x402_version=VERSION, scheme=SCHEME, network=network)
    return SupportedOut(kinds=[kind], extensions=[IDENTIFIER], signers={"eip155:*": [show_address(container.relayer)]})


@router.post(
    "/verify",
    response_model_exclude_none=True,
    dependencies=[Depends(limited("x402-verify", per_minute=600, burst=120))],
)
def verify(sent: PaymentIn, container: ContainerDep) -> VerifiedOut:
    """Tell whether a payment would be settled now: form, token, amount, signature, times, balance, and a dry run.

    A payment whose nonce is used is not valid: so a seller that asks before it delivers takes none twice.
    """
    payer: str | None = None
    try:
        payment, demand = _read(sent)
        payer = show_address(payment.signed.payer)
        facilitating.serves(container, demand)
        facilitating.verify(container, payment, demand)
    except Flaw as flaw:
        return VerifiedOut(
            is_valid=False,
            invalid_reason=flaw.reason,
            invalid_message=flaw.sentence[:_SENTENCE_LENGTH],
            payer=payer,
        )
    return VerifiedOut(is_valid=True, payer=payer)


@router.post(
    "/settle",
    response_model_exclude_none=True,
    dependencies=[Depends(limited("x402-settle", per_minute=300, burst=120))],
)
async def settle(request: Request, sent: PaymentIn, container: ContainerDep) -> SettledOut:
    """Settle a payment: carry it to the chain, once, and wait for its block for a while.

    However often, and however many at a time, the same payment is sent in, it is made once, and each is told the same
    transaction. So a seller delivers once for a transaction. Another payment under a nonce that is being settled is
    refused.
    """
    network = network_of(container.terms.chain_id)
    payer: str | None = None
    try:
        payment, demand = _read(sent)
        payer = show_address(payment.signed.payer)
        facilitating.serves(container, demand)
        settled = await _settle(container, payment, demand, request.app.state.waiters)
    except Flaw as flaw:
        return SettledOut(
            success=False,
            error_reason=flaw.reason,
            error_message=flaw.sentence[:_SENTENCE_LENGTH],
            payer=payer,
            transaction="",
            network=network,
        )
    return _show(settled, network)


async def _settle(container: Container, payment: Payment, demand: Demand, waiters: Waiters) -> Settled:
    """Begin, and look until it is settled or the wait is over."""
    return await waiters.follow(
        await run_in_threadpool(partial(facilitating.begin, container, payment, demand)),
        partial(facilitating.look, container, payment),
        pending=lambda settled: settled.pending,
        seconds=container.settings.facilitator_wait_seconds,
    )


def _read(sent: PaymentIn) -> tuple[Payment, Demand]:
    if sent.x402_version != VERSION:
        raise Flaw(Reason.VERSION, "Only version 2 of x402 is served here.")
    return facilitating.read(sent.payment_payload, sent.payment_requirements)


def _show(settled: Settled, network: str) -> SettledOut:
    return SettledOut(
        success=settled.made,
        error_reason=settled.reason,
        payer=show_address(settled.payer),
        transaction="" if settled.transaction is None else show_hash(settled.transaction),
        network=network,
        amount=str(settled.amount) if settled.made else None,
    )
