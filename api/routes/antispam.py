"""The gate's route: the contract with homeservers, in the path shapes of Draupnir and of Meowlnir.

Whatever goes wrong here must not stop an invite by accident: what is not understood is allowed, and what could not be
decided follows the tenant's own choice. Where not even the tenant is known, the answer is plain text, on which the
homeserver takes its administrator's choice (``fail_open``).
"""

import asyncio
from dataclasses import dataclass
from typing import Annotated, Any

import orjson
import structlog
from fastapi import APIRouter, Depends, Request
from prometheus_client import Counter
from starlette.responses import Response

from api.dependencies import ContainerDep, GatekeeperDep
from api.limits import read_bounded
from api.schemas.antispam import GateResponse, allowed, denied
from app.container import Container
from app.gatekeeper import Gatekeeper, Reply
from app.wording.refusals import refusal
from kit.errors import Invalid, Unavailable
from kit.identifiers import RoomId, UserId, parse_room_id, parse_user_id, server_of
from payments.stakes.model import Quote
from reputation.model import Knock, Tenant
from reputation.verdict import Admit, Hold

LOG = structlog.get_logger(__name__)

CALLS = Counter("earnest_gate_calls", "Calls of homeservers", ["callback", "outcome"])

MOST_BYTES = 1024 * 1024
"""The largest call that is read. ``user_may_invite`` has three short fields; only the stripped state that comes with
``federated_user_may_invite`` can be long, and a stranger who makes it too long meets ``user_may_invite`` next."""

_LONGEST_PING = 255
_UNREADABLE = (
    "This invite was stopped: the Matrix id or room id that it comes with is not a valid one, so the person invited "
    "could not be asked."
)

router = APIRouter(tags=["homeservers"])


class _NotUnderstood(Exception):
    """The call is not what the contract says; it is allowed, and this says why."""


@dataclass(frozen=True, slots=True)
class _Invite:
    inviter: str
    invitee: str
    room: str
    federated: bool


async def caller(request: Request, gatekeeper: GatekeeperDep) -> Tenant | None:
    """Return the tenant whose bearer the request carries, ``None`` where it is nobody's."""
    scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not bearer.strip():
        return None
    return gatekeeper.tenant(bearer.strip())


TenantDep = Annotated[Tenant | None, Depends(caller)]


@router.post("/api/1/spam_check/{callback:path}", include_in_schema=False)
async def draupnir_shape(
    callback: str, request: Request, tenant: TenantDep, gatekeeper: GatekeeperDep, container: ContainerDep
) -> Response:
    """Answer synapse-http-antispam, and continuwuity in Draupnir's shape."""
    if tenant is None:
        return _unknown_bearer(callback)
    return await _answer(callback, request, tenant, gatekeeper, container)


@router.post("/_meowlnir/antispam/{name}/{callback:path}", include_in_schema=False)
async def meowlnir_shape(
    name: str,
    callback: str,
    request: Request,
    tenant: TenantDep,
    gatekeeper: GatekeeperDep,
    container: ContainerDep,
) -> Response:
    """Answer callers in Meowlnir's shape; ``name`` is the bearer's server name.

    It may stand as ``!anything:server``: continuwuity takes nothing but a room id there.
    """
    if tenant is None:
        return _unknown_bearer(callback)
    said = name.partition(":")[2] if name.startswith("!") else name
    if said != tenant.server_name:
        CALLS.labels(_label(callback), "wrong_tenant").inc()
        sentence = "This homeserver's anti-spam settings name another homeserver; its administrator can mend that."
        return denied(sentence, status=401)
    return await _answer(callback, request, tenant, gatekeeper, container)


async def _answer(
    callback: str, request: Request, tenant: Tenant, gatekeeper: Gatekeeper, container: Container
) -> Response:
    try:
        body = await _body(request)
        if callback == "ping":
            return _pong(body)
        if callback == "user_may_invite":
            return await _knock(_local_invite(body), tenant, gatekeeper, container)
        if callback == "federated_user_may_invite":
            return await _knock(_federated_invite(body), tenant, gatekeeper, container)
        if callback == "user_may_join_room":
            _join(body, tenant, gatekeeper)
            return allowed()
    except _NotUnderstood as why:
        CALLS.labels(_label(callback), "not_understood").inc()
        LOG.warning("gate_call_not_understood", callback=_label(callback), tenant=tenant.server_name, why=str(why))
        return allowed(str(why))
    CALLS.labels("other", "allowed").inc()
    return allowed()


async def _knock(invite: _Invite, tenant: Tenant, gatekeeper: Gatekeeper, container: Container) -> Response:
    try:
        invitee = parse_user_id(invite.invitee)
    except Invalid:
        return allowed("The invitee is no Matrix id, so nobody of ours.")
    try:
        knock = Knock(
            tenant=tenant.id,
            tenant_server=tenant.server_name,
            inviter=parse_user_id(invite.inviter),
            invitee=invitee,
            room=parse_room_id(invite.room),
            at=container.clock(),
            federated=invite.federated,
        )
    except Invalid:
        # Both are a stranger's to choose. To let them pass unread would be a way around every door of this tenant;
        # its own users' outbound invites are never refused.
        if server_of(invitee) != tenant.server_name or invite.inviter.endswith(":" + tenant.server_name):
            return allowed("The inviter or the room is not named as Matrix names them.")
        CALLS.labels("invite", "unreadable").inc()
        return denied(_UNREADABLE)
    reply = await _verdict(knock, tenant, gatekeeper)
    CALLS.labels("invite", type(reply.verdict).__name__.lower()).inc()
    if isinstance(reply.verdict, Admit):
        return allowed()
    sentence = _sentence(reply, knock, container)
    if isinstance(reply.verdict, Hold) and reply.quote is not None:
        return denied(sentence, _stake_object(reply.quote, container))
    return denied(sentence)


async def _verdict(knock: Knock, tenant: Tenant, gatekeeper: Gatekeeper) -> Reply:
    remembered = gatekeeper.remembered(knock)
    if remembered is not None:
        return remembered
    try:
        async with asyncio.timeout(gatekeeper.deadline):
            return await asyncio.wrap_future(gatekeeper.submit(knock))
    except TimeoutError:
        LOG.warning("gate_late", tenant=tenant.server_name)
    except Unavailable as error:
        LOG.warning("gate_late", tenant=tenant.server_name, waits_for=type(error).__name__)
    except Exception:
        # A mistake of ours must not become the homeserver's outage: it is answered like a verdict that came too late.
        LOG.exception("gate_failed", tenant=tenant.server_name)
    return gatekeeper.late(tenant)


def _sentence(reply: Reply, knock: Knock, container: Container) -> str:
    quote = reply.quote
    return refusal(
        reply.verdict,
        recipient=knock.invitee,
        quote_url=quote_url(container, quote.id) if quote else None,
        check_code=quote.check_code if quote else None,
        symbol=container.terms.symbol,
        decimals=container.terms.decimals,
    )


def quote_url(container: Container, quote_id: str) -> str:
    """Return the page on which a quote is paid."""
    return f"{container.settings.public_url}/stake/{quote_id}"


def _stake_object(quote: Quote, container: Container) -> dict[str, object]:
    terms = container.terms
    return {
        "price": str(quote.price.stake.base_units),
        "fee": str(quote.price.fee.base_units),
        "symbol": terms.symbol,
        "decimals": terms.decimals,
        "token": "0x" + terms.token.hex(),
        "chain_id": terms.chain_id,
        "url": quote_url(container, quote.id),
        "expires_at": quote.quote_expiry,
        "check_code": quote.check_code,
    }


def _join(body: dict[str, Any], tenant: Tenant, gatekeeper: Gatekeeper) -> None:
    try:
        user, room = parse_user_id(_text(body, "user")), parse_room_id(_text(body, "room"))
    except Invalid as why:
        raise _NotUnderstood(why.message) from why
    if server_of(user) == tenant.server_name:
        CALLS.labels("join", "told").inc()
        gatekeeper.submit_join(tenant, UserId(user), RoomId(room))


async def _body(request: Request) -> dict[str, Any]:
    raw = await read_bounded(request.scope, request.receive, MOST_BYTES)
    if raw is None:
        raise _NotUnderstood(f"The body is longer than {MOST_BYTES} bytes.")
    try:
        body = orjson.loads(raw)  # bounds the depth by itself, whatever the interpreter allows
    except orjson.JSONDecodeError:
        raise _NotUnderstood("The body is not JSON.") from None
    if not isinstance(body, dict):
        raise _NotUnderstood("The body is not a JSON object.")
    return body


def _text(body: dict[str, Any], key: str) -> str:
    value = body.get(key)
    if not isinstance(value, str):
        raise _NotUnderstood(f"There is no text {key!r}.")
    return value


def _local_invite(body: dict[str, Any]) -> _Invite:
    return _Invite(_text(body, "inviter"), _text(body, "invitee"), _text(body, "room_id"), federated=False)


def _federated_invite(body: dict[str, Any]) -> _Invite:
    event = body.get("event")
    if not isinstance(event, dict):
        raise _NotUnderstood("There is no object 'event'.")
    content = event.get("content")
    if event.get("type") != "m.room.member" or not isinstance(content, dict) or content.get("membership") != "invite":
        raise _NotUnderstood("The event is no invite.")
    return _Invite(_text(event, "sender"), _text(event, "state_key"), _text(event, "room_id"), federated=True)


def _pong(body: dict[str, Any]) -> Response:
    said = body.get("id")
    known = (isinstance(said, str) and len(said) <= _LONGEST_PING) or (isinstance(said, int) and said.bit_length() < 64)  # noqa: PLR2004 - a machine word
    CALLS.labels("ping", "answered").inc()
    return GateResponse({"id": said, "status": "ok"} if known else {"status": "ok"})


def _unknown_bearer(callback: str) -> Response:
    # Not M_UNKNOWN_TOKEN: it would be handed on to the inviter, whose client would take itself to be logged out.
    CALLS.labels(_label(callback), "unknown_bearer").inc()
    sentence = "This homeserver is not known to its own anti-spam service; its administrator can mend that."
    return denied(sentence, status=401)


def _label(callback: str) -> str:
    known = {"ping", "user_may_invite", "federated_user_may_invite", "user_may_join_room"}
    return callback if callback in known else "other"
