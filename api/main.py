"""The HTTP door: puts routes, pages, limits, headers and errors together into one application."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

from anyio.to_thread import current_default_thread_limiter
from fastapi import APIRouter, FastAPI
from starlette.types import Receive, Scope, Send

from api import errors, openapi
from api.gateway import Passages
from api.headers import SafeHeaders
from api.limits import RateLimiter
from api.metering import Metered
from api.pages import front, give, link, rendering, shop, stake, tip, wall
from api.routes import (
    antispam,
    asks,
    bought,
    buying,
    checkout,
    contacts,
    digest,
    discovery,
    doors,
    downloads,
    earned,
    events,
    federation,
    filters,
    flair,
    gateway,
    giving,
    giving_terms,
    health,
    helping,
    ledger,
    library,
    lists,
    me,
    metrics,
    outlook,
    patreon,
    quotes,
    reports,
    rewards,
    sales,
    selling,
    sessions,
    stakes,
    standing,
    subscriptions,
    supporting,
    tips,
    tokens,
    vouches,
    wallets,
    webhooks,
    x402,
)
from api.streams import Streams
from api.uploads import BoundedUploads, Uploads
from api.waiting import Waiters
from app.container import Container
from app.gatekeeper import Gatekeeper
from app.handing import Hands
from app.turning_away import TurningAway
from app.wall import Walls

THREADS = 12
"""Requests that work at the same time. With the gate's own threads they stay below the connections that the database
pool gives out, so that a crowd on the pages cannot keep the gate waiting for one."""

DESCRIPTION = """
Earnest holds strangers' invites on Matrix until they put down a refundable stake.

* `quotes` and `stakes` are public to whoever holds an id, which cannot be guessed.
* `giving` is public: where gifts go, and gifts carried for whoever has no ether.
* `ledger` is public: what the books say and what the chain says, in amounts and addresses.
* `me` is private: send `Authorization: Bearer …` with a token that the bot gives you (`token` in its direct message).
* `events` and `webhooks` are private too: what happens to you and your money, as a page, as a stream, or sent to you.
* `lists` is public: what people here say of others, signed; its authors change it with a token.
* `x402` is a facilitator for sellers whom the operator serves: it settles what programs pay them.
* `selling` is public: what people here sell, the terms that a payment of it names, and buying it by x402.
* `tips` is half public: whoever has a link pays a tip by it; which you gave and received is private.
* `library` is private: what you bought, and links to it that are good for ten minutes; `sales` is what you sell.
* `flair` is public: what those support who let it be seen, as signed statements, badges and a wall.
* `rewards` is public: servers enrol with their own signing keys, and report their use to an address of their own.
* `sessions` signs a person in by their own homeserver's word; the bot confirms it before it counts.
* Amounts are texts of base units (at 18 decimals, 10^18 of them are one ERN); times are Unix seconds.
* Errors are `application/problem+json` (RFC 9457); the stable code of a problem is the end of its `type`.
"""


PARTS = (
    flair,  # asked far oftener than all else, and routes are looked through in order
    *(quotes, stakes, ledger, giving),
    *(sessions, me, asks, vouches, reports, standing, outlook, wallets, tokens, events, webhooks, contacts, digest),
    *(
        helping,
        doors,
        subscriptions,
        filters,
        lists,
        selling,
        gateway,
        checkout,
        buying,
        bought,
        library,
        downloads,
        sales,
    ),
    *(supporting, patreon, giving_terms, rewards, earned, x402, discovery),
    federation,
    tips,
    *(health, metrics, front, stake, link, wall, give, shop, tip),
)
ROUTES = APIRouter()
"""All routes. They belong to the process: the framework works out what each takes when it is first asked for."""
for part in PARTS:
    ROUTES.include_router(part.router)
ROUTES.include_router(lists.mine)


class GateFirst:
    """The whole application: homeservers' calls go to the gate at once, past the framework, and all else into it."""

    def __init__(self, framework: FastAPI, gate: antispam.GateDoor) -> None:
        """Stand before ``framework``."""
        self.framework = framework
        self._gate = gate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Choose."""
        homeservers = scope["type"] == "http" and scope["path"].startswith(antispam.PREFIXES)
        await (self._gate if homeservers else self.framework)(scope, receive, send)


@asynccontextmanager
async def _bounded(app: FastAPI) -> AsyncIterator[None]:  # noqa: ARG001 - the framework's signature
    current_default_thread_limiter().total_tokens = THREADS
    yield


def create_app(container: Container, gatekeeper: Gatekeeper, turning: TurningAway | None = None) -> GateFirst:
    """Return the application; whoever runs it starts ``gatekeeper`` and ``turning`` before, and stops them after.

    Without ``turning`` no list keeps anybody out of a room at the gate.
    """
    app = FastAPI(
        title="Earnest",
        version=version("earnest"),
        summary="Stakes before strangers' invites on Matrix.",
        description=DESCRIPTION,
        openapi_url="/v1/openapi.json",
        docs_url=None,  # their pages load scripts from elsewhere
        redoc_url=None,
        lifespan=_bounded,
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        routes=ROUTES.routes,
    )
    app.state.container = container
    app.state.gatekeeper = gatekeeper
    app.state.limiter = RateLimiter()
    app.state.streams = Streams(container)
    app.state.wearing = flair.wearing(container)
    app.state.walls = Walls(container)
    app.state.waiters = Waiters(lambda: container.chain)
    app.state.uploads = Uploads()
    app.state.hands = Hands(container)
    app.state.passages = Passages()
    app.mount("/static", rendering.static_files(), name="static")
    errors.install(app, rendering.error_page)
    openapi.install(app)
    # Added last is outermost: headers stand on whatever the limits refuse and on our own mistakes too.
    app.add_middleware(errors.CaughtBugs, page=rendering.error_page)
    app.add_middleware(BoundedUploads)
    app.add_middleware(Metered)
    app.add_middleware(SafeHeaders)
    return GateFirst(app, antispam.GateDoor(container, gatekeeper, turning))
