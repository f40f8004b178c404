"""Gates for tests of the API: a gatekeeper that says what it is told to, and an application around it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, NoReturn

import httpx
from starlette.types import ASGIApp

from api.main import GateFirst, create_app
from app.remembering import Reply
from app.waiting import Asked, Line
from kit.amounts import Amount
from kit.errors import DatabaseUnavailable, Unavailable
from kit.identifiers import Address, Hash32, PersonId, RoomId, ServerName, TenantId, UserId
from payments.stakes.model import EscrowTerms, Price, Quote
from reputation.model import Knock, Tenant
from reputation.verdict import Admit, Code, Reason, Refuse, Verdict

BEARER = "a-bearer-of-example-org"
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
PLACE = EscrowTerms(
    chain_id=31337,
    token=Address(b"\x70" * 20),
    escrow=Address(b"\xe5" * 20),
    resolver=Address(b"\x05" * 20),
    guardian=Address(b"\x06" * 20),
    symbol="ERN",
    decimals=18,
)
QUOTE = Quote(
    id="q7Hc0kZ3nB1vXw2yT5sLdA",
    stranger=PersonId(1),
    recipient=PersonId(2),
    price=Price(Amount(5 * 10**18), Amount(10**18)),
    fee_payee=Address(b"\x03" * 20),
    relay_fee=Amount(0),
    relay_receiver=Address(bytes(20)),
    resolver=PLACE.resolver,
    guardian=PLACE.guardian,
    answer_by=1_800_600_000,
    quote_expiry=1_800_086_400,
    salt=Hash32(b"\x5a" * 32),
    commitment=Hash32(b"\x0c" * 32),
    check_code="K7QX-4MRT",
    created_at=NOW,
)
OPEN_HANDED = Admit((Reason(Code.DOOR_OPEN),))


def a_tenant(**changes: Any) -> Tenant:  # noqa: ANN401 - any of a tenant's parts
    parts: dict[str, Any] = {
        "id": TenantId(1),
        "server_name": ServerName("example.org"),
        "bearer_sha256": hashlib.sha256(BEARER.encode()).digest(),
        "on_deadline": "open",
        "leaving": False,
    }
    return Tenant(**(parts | changes))


@dataclass
class ToldGatekeeper:
    """Says ``verdict`` to every knock; remembers what it was asked. ``hangs`` never answers, ``fails`` raises."""

    verdict: Verdict = OPEN_HANDED
    quote: Quote | None = None
    hangs: bool = False
    fails: Exception | None = None
    deadline: float = 60
    known: Tenant | None = field(default_factory=a_tenant)
    flooded: bool = False
    in_memory: bool = False
    asked: list[Knock] = field(default_factory=list)
    answers: list[Asked] = field(default_factory=list)
    joins: list[tuple[UserId, RoomId]] = field(default_factory=list)
    late_for: list[Tenant] = field(default_factory=list)

    def tenant(self, bearer: str) -> Tenant | None:
        if self.known is None:
            message = "the tenants could not be read yet"
            raise Unavailable(message)
        return self.known if hashlib.sha256(bearer.encode()).digest() == self.known.bearer_sha256 else None

    def at_once(self, knock: Knock) -> Reply | None:  # noqa: ARG002 - the gatekeeper's signature
        if self.flooded:
            return Reply(Refuse((Reason(Code.SERVER_FLOODS),)))
        return Reply(self.verdict) if self.in_memory else None

    def submit(self, knock: Knock) -> Asked:
        self.asked.append(knock)
        answer = Asked(knock, 0, Line("nobody's", 1, lambda: 1.0, most=1.0), known=False)
        self.answers.append(answer)
        if self.fails is not None:
            answer.settle(self.fails)
        elif not self.hangs:
            answer.settle(Reply(self.verdict, self.quote))
        return answer

    def submit_join(self, tenant: Tenant, user: UserId, room: RoomId) -> None:  # noqa: ARG002 - the same
        self.joins.append((user, room))

    def late(self, tenant: Tenant, asked: Asked) -> Reply:  # noqa: ARG002 - the same
        self.late_for.append(tenant)
        reason = (Reason(Code.LATE),)
        return Reply(Admit(reason) if tenant.on_deadline == "open" else Refuse(reason))


def an_app(gatekeeper: ToldGatekeeper) -> GateFirst:
    """The real application around a gatekeeper of ours; it has no database."""
    settings = SimpleNamespace(public_url="https://earnest.example", bot_user_id="@earnest:example.org")
    container = SimpleNamespace(settings=settings, terms=PLACE, clock=lambda: NOW, read=_no_database, bot_id=None)
    return create_app(container, gatekeeper)  # type: ignore[arg-type]


def _no_database() -> NoReturn:
    message = "there is none"
    raise DatabaseUnavailable(message)


def a_client(app: ASGIApp, **headers: str) -> httpx.AsyncClient:
    """A client that speaks to ``app`` without a network; answers for its own mistakes are answers, not exceptions."""
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="https://earnest.example", headers=headers)
