"""Buying by x402 (version 2): a content for a payment, settled first; and its bytes, in ranges, for whoever paid."""

import base64
import json
import secrets
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Path, Query, Request
from fastapi.concurrency import run_in_threadpool
from starlette.responses import Response

from api.dependencies import ContainerDep, limited
from api.errors import problem_response
from api.gateway import Passages
from api.handing import handed_over
from api.schemas.problems import problems
from api.waiting import Waiters
from app import buying, facilitating
from app.buying import Behind, Handed, Sent
from app.container import Container
from app.handing import Hands
from kit.errors import ChainUnavailable
from kit.identifiers import show_address, show_hash
from payments.content.model import Listing, Purchase
from payments.settlements.model import order_of
from payments.settlements.x402 import SCHEME, VERSION, Demand, Flaw, Reason, declaration, network_of

router = APIRouter(prefix="/v1/listings", tags=["selling"], responses=problems(400, 402, 404, 409, 416, 429, 502, 503))

_NOT_PAYABLE = (
    "This cannot be paid by x402 here: it has no price in the service's token, its price goes to several, or the "
    "operator settles no payments now."
)
_RETRY_SECONDS = "3"
_SENTENCE_LENGTH = 300
_TOKEN = "^[A-Za-z0-9]{22}$"  # noqa: S105 - a pattern of public names
_Signature = Annotated[
    str | None,
    Header(alias="PAYMENT-SIGNATURE", description="x402 v2: base64 of `PaymentPayload`, with `accepted` as asked."),
]
_VersionOne = Annotated[str | None, Header(alias="X-PAYMENT", include_in_schema=False)]
_Number = Annotated[
    int | None,
    Query(alias="version", ge=1, le=2**31 - 1, description="Which version: the one paid for, or a later one."),
]
_light = Depends(limited("content", per_minute=240, burst=120))


@router.get(
    "/{listing}/content",
    dependencies=[_light],
    response_class=Response,
    responses={
        200: {"content": {"application/octet-stream": {}}, "description": "The content."},
        202: {"description": "The payment is taken on and not sure yet: send it again."},
        206: {"content": {"application/octet-stream": {}}, "description": "The part that was asked for."},
    },
)
async def content(
    request: Request,
    container: ContainerDep,
    listing: Annotated[str, Path(pattern=_TOKEN)],
    signature: _Signature = None,
    number: _Number = None,
    of_version_1: _VersionOne = None,
) -> Response:
    """Sell something by x402: 402 says what is asked, the same request with the payment gives the content.

    The payment is settled before anything is handed over, once, however often it is sent; sent again it gives the
    content again. 202: it is under way, or not as sure as the seller wants; send the same again.
    """
    if signature is None:
        return await run_in_threadpool(partial(_asked, container, listing, _too_old(of_version_1)))
    try:
        sent = buying.read(signature)
    except Flaw as flaw:
        return await run_in_threadpool(partial(_asked, container, listing, flaw))
    try:
        return await _sold(request, container, listing, sent, number)
    except Flaw as flaw:
        if flaw.reason is Reason.PENDING:
            return _later(container, sent, "settlement_pending", flaw.sentence)
        return await run_in_threadpool(partial(_asked, container, listing, flaw))


@router.head("/{listing}/content", dependencies=[_light], include_in_schema=False)
async def content_head(
    request: Request,
    container: ContainerDep,
    listing: Annotated[str, Path(pattern=_TOKEN)],
    signature: _Signature = None,
    number: _Number = None,
    of_version_1: _VersionOne = None,
) -> Response:
    """Tell of a content that was paid for before; nothing is paid by asking."""
    if signature is None:
        return await run_in_threadpool(partial(_asked, container, listing, _too_old(of_version_1)))
    try:
        sent = buying.read(signature)
        handed = await run_in_threadpool(partial(_found, container, listing, sent, number))
        if handed is None:
            return _later(container, sent, "settlement_pending", "Ask by GET.")
        told = await run_in_threadpool(partial(_receipt, container, sent))
    except Flaw as flaw:
        return await run_in_threadpool(partial(_asked, container, listing, flaw))
    return await _content(request, container, handed, told)


def _found(container: Container, listing: str, sent: Sent, number: int | None) -> Handed | Behind | None:
    purchase = buying.find(container, listing, sent)
    return None if purchase is None else buying.hand_over(container, purchase, number)


async def _sold(request: Request, container: Container, listing: str, sent: Sent, number: int | None) -> Response:
    purchase = await _bought(container, listing, sent, request.app.state.waiters, request.app.state.hands)
    if purchase is None:
        return _later(container, sent, "settlement_pending", "The payment is on its way: send the same again.")
    handed = await run_in_threadpool(partial(buying.hand_over, container, purchase, number))
    if handed is None:
        sentence = f"The seller waits until the payment is {purchase.finality}: send the same again."
        return _later(container, sent, "payment_not_sure", sentence)
    told = await run_in_threadpool(partial(_receipt, container, sent))
    return await _content(request, container, handed, told)


async def _bought(container: Container, listing: str, sent: Sent, waiters: Waiters, hands: Hands) -> Purchase | None:
    """Begin, and look until it is settled or the wait is over."""
    found = await run_in_threadpool(partial(buying.begin, container, listing, sent))
    if found is None and container.settings.facilitator_url:
        await run_in_threadpool(partial(hands.give, sent.payment))
    return await waiters.follow(
        found,
        partial(buying.look, container, sent, order_of(listing, sent.claim)),
        pending=lambda bought: bought is None,
        seconds=container.settings.facilitator_wait_seconds,
    )


def _too_old(sent: str | None) -> Flaw | None:
    """Return what is said to a buyer who pays as x402 did in version 1, where nothing came back of what was asked."""
    return None if sent is None else Flaw(Reason.VERSION, "Only version 2 of x402 is served here: PAYMENT-SIGNATURE.")


def _asked(container: Container, listing: str, flaw: Flaw | None = None) -> Response:
    """Say what is asked, and what was wrong with what was sent."""
    found, demand = buying.quote(container, listing)
    if demand is None:
        return problem_response(402, "not_payable", _NOT_PAYABLE)
    sentence = "Sign the payment that PAYMENT-REQUIRED asks, and ask again." if flaw is None else flaw.sentence
    told: dict[str, Any] = {
        "x402Version": VERSION,
        "error": "PAYMENT-SIGNATURE header is required" if flaw is None else flaw.reason,
        "resource": resource(container, found),
        "accepts": [requirements(found, demand, claim=secrets.token_urlsafe(24))],
        "extensions": declaration(),
    }
    headers = {"PAYMENT-REQUIRED": _packed(told), "Cache-Control": "no-store"}
    if flaw is not None:
        failed = {"success": False, "errorReason": flaw.reason, "transaction": "", "network": demand.network}
        headers["PAYMENT-RESPONSE"] = _packed(failed | {"errorMessage": sentence[:_SENTENCE_LENGTH]})
    code = "payment_required" if flaw is None else flaw.reason.value
    price = {"amount": str(demand.amount), "asset": show_address(demand.asset), "network": demand.network}
    return problem_response(402, code, sentence[:_SENTENCE_LENGTH], headers, **price)


def resource(container: Container, listing: Listing) -> dict[str, str]:
    """Return what is sold, in x402's words (``ResourceInfo``)."""
    stored = listing.version.stored
    return {
        "url": f"{container.settings.public_url.rstrip('/')}/v1/listings/{listing.id}/content",
        "description": listing.version.offer.title,
        "mimeType": "application/octet-stream" if stored is None else stored.media_type,
    }


def requirements(listing: Listing, demand: Demand, **extra: str) -> dict[str, Any]:
    """Return what is asked for it, in x402's words (``PaymentRequirements``)."""
    terms = {"terms": show_hash(listing.version.terms), "listing": listing.id}
    return {
        "scheme": SCHEME,
        "network": demand.network,
        "asset": show_address(demand.asset),
        "amount": str(demand.amount),
        "payTo": show_address(demand.pay_to),
        "maxTimeoutSeconds": demand.seconds,
        "extra": {"name": demand.name, "version": demand.version, **terms, **extra},
    }


def _later(container: Container, sent: Sent, code: str, sentence: str) -> Response:
    told = {
        "success": False,
        "errorReason": Reason.PENDING,
        "payer": show_address(sent.payment.signed.payer),
        "transaction": "",
        "network": network_of(container.terms.chain_id),
    }
    headers = {"PAYMENT-RESPONSE": _packed(told), "Retry-After": _RETRY_SECONDS, "Cache-Control": "no-store"}
    return problem_response(202, code, sentence, headers)


def _receipt(container: Container, sent: Sent) -> str:
    """Return the header that tells how a payment was settled; after a month the transaction is not known any more."""
    signed = sent.payment.signed
    try:
        transaction = facilitating.look(container, sent.payment).transaction
    except (Flaw, ChainUnavailable):
        transaction = None
    told = {
        "success": True,
        "payer": show_address(signed.payer),
        "transaction": "" if transaction is None else show_hash(transaction),
        "network": network_of(container.terms.chain_id),
        "amount": str(signed.amount),
    }
    return _packed(told)


async def _content(request: Request, container: Container, handed: Handed | Behind, receipt: str) -> Response:
    told = {"PAYMENT-RESPONSE": receipt}
    if isinstance(handed, Behind):
        passages: Passages = request.app.state.passages
        return await passages.give(request, container, handed, told)
    return await run_in_threadpool(partial(handed_over, request, container, handed, told))


def _packed(told: dict[str, Any]) -> str:
    """Write a header of x402: base64 of JSON."""
    return base64.b64encode(json.dumps(told).encode()).decode()
