"""The gate's route: the contract with homeservers, in the path shapes of Draupnir and of Meowlnir.

Whatever goes wrong here must not stop an invite by accident: what is not understood is allowed, and what could not be
decided follows the tenant's own choice. Where not even the tenant is known, the answer is plain text, on which the
homeserver takes its administrator's choice (``fail_open``).
"""

import asyncio
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
import structlog
from prometheus_client import Counter
from starlette.responses import PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from api.limits import read_bounded
from api.metering import SECONDS
from api.presenting import quote_url
from api.schemas.antispam import GateResponse, allowed, denied
from api.told import Told, told_of
from app.container import Container
from app.gatekeeper import Gatekeeper
from app.remembering import Reply
from app.turning_away import TurningAway
from app.wording.refusals import refusal
from kit.errors import Invalid, Unavailable
from kit.identifiers import RoomId, UserId, parse_room_id, parse_user_id, server_of
from payments.stakes.model import EscrowTerms, Quote
from reputation.decision import may_pass_unread
from reputation.model import Knock, Tenant
from reputation.verdict import Admit, Code, Hold, Reason, Refuse

LOG = structlog.get_logger(__name__)

CALLS = Counter("earnest_gate_calls", "Calls of homeservers", ["callback", "outcome"])

PREFIXES = ("/api/1/spam_check/", "/_meowlnir/antispam/")
"""Where homeservers ask. JSON there is a denial, so an accident is answered in plain text."""
MOST_BYTES = 1024 * 1024
"""The largest call that is read. ``user_may_invite`` has three short fields; only the stripped state that comes with
``federated_user_may_invite`` can be long, and no honest homeserver makes it that long."""

_PLACE = re.compile(r"/(?:api/1/spam_check|_meowlnir/antispam/(?P<name>[^/]+))/(?P<callback>.*)", re.DOTALL)
_LONGEST_PING = 255
_EVENT = "check_event_for_spam"
_OF_ROOMS = frozenset({"user_may_join_room", "accept_make_join", _EVENT})
_CALLBACKS = _OF_ROOMS | {"ping", "user_may_invite", "federated_user_may_invite"}
_FOR_LISTS = 0.5
"""Of the deadline, how long a room's own lists may take; the rest is the door's."""
_REFUSED_AT_ONCE = 8
"""Refusals that are worded and sent in one round of the event loop. However many wait for theirs, the loop soon looks
who else has asked: those known are answered in a round, not behind everybody whom a flood has standing there."""
_UNREADABLE = (
    "This invite was stopped: the Matrix id or room id that it comes with is not a valid one, so the person invited "
    "could not be asked."
)

_TOO_MUCH = "This invite was stopped: what your homeserver sent along with it is too much to be read."

# Both with M_FORBIDDEN, not M_UNKNOWN_TOKEN: homeservers hand it on to the inviter, whose client would log itself out.
_UNKNOWN_BEARER = "This homeserver is not known to its own anti-spam service; its administrator can mend that."
_WRONG_TENANT = "This homeserver's anti-spam settings name another homeserver; its administrator can mend that."


class _NotUnderstood(Exception):
    """The call is not what the contract says; it is allowed, and this says why."""


class _TooLong(_NotUnderstood):
    """The call was not read, for its length."""


@dataclass(frozen=True, slots=True)
class _Invite:
    inviter: str
    invitee: str
    room: str
    federated: bool
    proven: bool = True
    told: Mapping[str, object] | None = None
    """What the event tells of itself and its room; ``None`` where there is no event."""


@dataclass(frozen=True, slots=True)
class _Turned:
    """Somebody who is kept out of a room, and why."""

    user: UserId
    reason: Reason


class GateDoor:
    """The ASGI application of the gate's paths.

    It stands before the framework's own routing: an admit from memory costs little more than reading the request.
    """

    def __init__(self, container: Container, gatekeeper: Gatekeeper, turning: TurningAway | None) -> None:
        """Answer by ``gatekeeper``, and by ``turning`` where a room's own lists act."""
        self._container = container
        self._gatekeeper = gatekeeper
        self._turning = turning
        self._told = Told()
        self._refusals = asyncio.Semaphore(_REFUSED_AT_ONCE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one call."""
        began = time.perf_counter()
        response = await self._respond(scope, receive)
        await response(scope, receive, send)
        SECONDS.labels("gate", str(response.status_code)).observe(time.perf_counter() - began)

    async def _respond(self, scope: Scope, receive: Receive) -> Response:
        place = _PLACE.fullmatch(scope["path"])
        if place is None:
            return PlainTextResponse("There is no such callback.", 404)
        if scope["method"] != "POST":
            return PlainTextResponse("Homeservers POST here.", 405, {"Allow": "POST"})
        try:
            return await self._called(place["callback"], place["name"], scope, receive)
        except Unavailable as error:
            LOG.warning("gate_starts", waits_for=type(error).__name__, reason=str(error))
            return PlainTextResponse("The gate is starting.", 503)
        except Exception:
            LOG.exception("gate_failed")
            return PlainTextResponse("Something went wrong here; it was noted.", 500)

    async def _called(self, callback: str, name: str | None, scope: Scope, receive: Receive) -> Response:
        tenant = self._caller(scope)
        if tenant is None:
            CALLS.labels(_label(callback), "unknown_bearer").inc()
            return denied(_UNKNOWN_BEARER, status=401)
        if name is not None and _server_named(name) != tenant.server_name:
            CALLS.labels(_label(callback), "wrong_tenant").inc()
            return denied(_WRONG_TENANT, status=401)
        return await self._answer(callback, scope, receive, tenant)

    def _caller(self, scope: Scope) -> Tenant | None:
        for header, value in scope["headers"]:
            if header == b"authorization":
                scheme, _, bearer = value.decode("latin-1").partition(" ")
                return self._gatekeeper.tenant(bearer.strip()) if scheme.lower() == "bearer" else None
        return None

    async def _answer(self, callback: str, scope: Scope, receive: Receive, tenant: Tenant) -> Response:
        try:
            body = await _body(scope, receive)
            if callback == "ping":
                return _pong(body)
            if callback == "user_may_invite":
                return await self._knock(_local_invite(body), tenant)
            if callback == "federated_user_may_invite":
                return await self._knock(_federated_invite(body), tenant)
            if callback in _OF_ROOMS:
                return await self._of_room(callback, body, tenant)
        except _NotUnderstood as why:
            return _stopped_short(why, callback, tenant)
        CALLS.labels("other", "allowed").inc()
        return allowed()

    def _told_of(self, invite: _Invite, tenant: Tenant) -> Mapping[str, object]:
        """Return what was told of an invite, by this call or the one before it."""
        which, now = (tenant.id, invite.inviter, invite.invitee, invite.room), time.monotonic()
        if invite.told is None:
            return self._told.of(which, now)
        if not invite.inviter.endswith(":" + tenant.server_name):  # else it is forged, and told of an invite of theirs
            self._told.keep(which, invite.told, now)
        return invite.told

    async def _knock(self, invite: _Invite, tenant: Tenant) -> Response:
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
                at=self._container.clock(),
                federated=invite.federated,
                proven=invite.proven,
                told=self._told_of(invite, tenant),
            )
        except Invalid:
            # Both are a stranger's to choose. To let them pass unread would be a way around every door of this tenant;
            # its own users' outbound invites are never refused.
            if server_of(invitee) != tenant.server_name or invite.inviter.endswith(":" + tenant.server_name):
                return allowed("The inviter or the room is not named as Matrix names them.")
            CALLS.labels("invite", "unreadable").inc()
            return denied(_UNREADABLE)
        until = asyncio.get_running_loop().time() + self._gatekeeper.deadline
        reply = await self._kept_out(knock, tenant) or await _verdict(knock, tenant, self._gatekeeper, until)
        CALLS.labels("invite", type(reply.verdict).__name__.lower()).inc()
        if isinstance(reply.verdict, Admit):
            return allowed()
        async with self._refusals:
            await asyncio.sleep(0)  # whom memory admits goes first
        container, terms = self._container, self._container.terms
        sentence = _sentence(reply, knock, container, terms)
        if isinstance(reply.verdict, Hold) and reply.quote is not None:
            return denied(sentence, _stake_object(reply.quote, container, terms))
        return denied(sentence)

    async def _kept_out(self, knock: Knock, tenant: Tenant) -> Reply | None:
        """Refuse an invite into a room whose own lists keep out who invites, or who is invited."""
        if not may_pass_unread(knock):
            return None  # it may be in anybody's name
        who = await self._turned_away(tenant, knock.room, (knock.inviter, knock.invitee))
        if who is None:
            return None
        return Reply(Refuse((who.reason if who.user == knock.inviter else Reason(Code.OTHER_LISTED),)))

    async def _turned_away(self, tenant: Tenant, room: RoomId, users: tuple[UserId, ...]) -> _Turned | None:
        """Return who of these is kept out of a room; nobody where that cannot be told in time."""
        suspects = [] if self._turning is None or tenant.leaving else self._turning.suspects(room, users)
        until = asyncio.get_running_loop().time() + self._gatekeeper.deadline * _FOR_LISTS
        for user in suspects:
            answer = self._turning.ask(room, user) if self._turning is not None else None
            try:
                async with asyncio.timeout_at(until):
                    found = None if answer is None else await asyncio.wrap_future(answer)
            except (TimeoutError, Unavailable) as error:
                LOG.warning("gate_lists_late", tenant=tenant.server_name, waits_for=type(error).__name__)
                found = None
            if found is not None:
                lists = ", ".join(cause.name for cause in found.causes)
                return _Turned(user, Reason(Code.LISTED, {"lists": lists}))
        return None

    async def _of_room(self, callback: str, body: dict[str, Any], tenant: Tenant) -> Response:
        return await (self._event(body, tenant) if callback == _EVENT else self._join(callback, body, tenant))

    async def _join(self, callback: str, body: dict[str, Any], tenant: Tenant) -> Response:
        """Keep out who joins where their room's lists do; else take note of it."""
        try:
            user, room = parse_user_id(_text(body, "user")), parse_room_id(_text(body, "room"))
        except Invalid as why:
            raise _NotUnderstood(why.message) from why
        own = server_of(user) == tenant.server_name
        if own or callback == "accept_make_join":
            who = await self._turned_away(tenant, room, (user,))
            CALLS.labels("join", "told" if who is None else "refuse").inc()
            if who is not None:
                return denied(self._worded(Reply(Refuse((who.reason,))), user))
        if own and callback == "user_may_join_room":
            self._gatekeeper.submit_join(tenant, user, room)
        return allowed()

    async def _event(self, body: dict[str, Any], tenant: Tenant) -> Response:
        """Stop what one of the tenant's own people writes where their room's lists keep them out.

        What others wrote is let through: their homeserver is told nothing, and what ours leaves out it never gets back.
        """
        event = body.get("event")
        if not isinstance(event, dict):
            raise _NotUnderstood("There is no object 'event'.")
        try:
            user, room = parse_user_id(_text(event, "sender")), parse_room_id(_text(event, "room_id"))
        except Invalid as why:
            raise _NotUnderstood(why.message) from why
        own = server_of(user) == tenant.server_name and "state_key" not in event
        who = await self._turned_away(tenant, room, (user,)) if own else None
        CALLS.labels("event", "allowed" if who is None else "refuse").inc()
        return allowed() if who is None else denied(self._worded(Reply(Refuse((who.reason,))), user))

    def _worded(self, reply: Reply, whom: UserId) -> str:
        terms = self._container.terms
        return refusal(
            reply.verdict, recipient=whom, quote_url=None, check_code=None, symbol=terms.symbol, decimals=terms.decimals
        )


def _server_named(name: str) -> str:
    """Return the server that a Meowlnir path means: its name, or ``!anything:server`` (continuwuity takes no other)."""
    return name.partition(":")[2] if name.startswith("!") else name


def _stopped_short(why: _NotUnderstood, callback: str, tenant: Tenant) -> Response:
    """Allow what is not understood, unless it was not read and could be in anybody's name."""
    CALLS.labels(_label(callback), "not_understood").inc()
    LOG.warning("gate_call_not_understood", callback=_label(callback), tenant=tenant.server_name, why=str(why))
    if isinstance(why, _TooLong) and callback == "federated_user_may_invite":
        return denied(_TOO_MUCH)  # the short callback that comes next does not tell who sent it
    return allowed(str(why))


async def _verdict(knock: Knock, tenant: Tenant, gatekeeper: Gatekeeper, until: float) -> Reply:
    at_once = gatekeeper.at_once(knock)
    if at_once is not None:
        return at_once
    asked = gatekeeper.submit(knock)
    try:
        if asked.done():  # there was no room in the line
            return asked.result()
        async with asyncio.timeout_at(until):
            return await asyncio.wrap_future(asked)
    except TimeoutError:
        LOG.warning("gate_late", tenant=tenant.server_name)
    except Unavailable as error:
        LOG.warning("gate_late", tenant=tenant.server_name, waits_for=type(error).__name__)
    except Exception:
        # A mistake of ours must not become the homeserver's outage: it is answered like a verdict that came too late.
        LOG.exception("gate_failed", tenant=tenant.server_name)
    return gatekeeper.late(tenant, asked) if may_pass_unread(knock) else Reply(Refuse((Reason(Code.LATE),)))


def _sentence(reply: Reply, knock: Knock, container: Container, terms: EscrowTerms) -> str:
    quote = reply.quote
    return refusal(
        reply.verdict,
        recipient=knock.invitee,
        quote_url=quote_url(container, quote.id) if quote else None,
        check_code=quote.check_code if quote else None,
        symbol=terms.symbol,
        decimals=terms.decimals,
        bot=container.bot_id,
    )


def _stake_object(quote: Quote, container: Container, terms: EscrowTerms) -> dict[str, object]:
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


async def _body(scope: Scope, receive: Receive) -> dict[str, Any]:
    raw = await read_bounded(scope, receive, MOST_BYTES)
    if raw is None:
        raise _TooLong(f"The body is longer than {MOST_BYTES} bytes.")
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
    return _Invite(
        _text(event, "sender"),
        _text(event, "state_key"),
        _text(event, "room_id"),
        federated=True,
        # Synapse checks the signature of the sender's server first, but not of these, which any server may hand on.
        proven="third_party_invite" not in content,
        told=told_of(event),
    )


def _pong(body: dict[str, Any]) -> Response:
    said = body.get("id")
    known = (isinstance(said, str) and len(said) <= _LONGEST_PING) or (isinstance(said, int) and said.bit_length() < 64)  # noqa: PLR2004 - a machine word
    CALLS.labels("ping", "answered").inc()
    return GateResponse({"id": said, "status": "ok"} if known else {"status": "ok"})


def _label(callback: str) -> str:
    return callback if callback in _CALLBACKS else "other"
