"""Services for tests: a container on a test's own database, with a clock to turn, and clients for its HTTP door."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partialmethod
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from starlette.types import ASGIApp

from api.main import create_app
from app.container import KEY_ROLES, RELAYER, RESOLVER, Container
from app.gatekeeper import Gatekeeper
from app.sessions import EVERYTHING
from app.settings import Settings
from app.turning_away import TurningAway
from cli.local.certificates import Certificate
from contracts import codec
from contracts.chain import Deployment
from contracts.deployment import write_deployment
from contracts.signers import import_key
from kit.database import Database
from kit.identifiers import Address, PersonId, ServerName, UserId, parse_user_id, show_hash
from payments.stakes.model import terms_of
from tests.support.stakes import CHAIN_ID, ESCROW, PAYER, TOKEN, block, opened

PUBLIC_URL = "https://earnest.example"
PASSWORD = "a password of the tests"
KEYS = {RESOLVER: "0x" + "51" * 32, RELAYER: "0x" + "52" * 32}
NOWHERE = Deployment(chain_id=CHAIN_ID, token=TOKEN, escrow=ESCROW, deployed_block=0)
"""A deployment for tests that never ask a chain."""
PATIENT_MS = 60_000
"""A deadline that no verdict misses on a busy machine; no operator could set it."""
NO_NODE = "http://127.0.0.1:1"

assert set(KEYS) == set(KEY_ROLES)


@dataclass
class Clock:
    """Tells the time that it is set to."""

    now: datetime = field(default_factory=lambda: datetime(2026, 11, 22, 12, 0, tzinfo=UTC))

    def __call__(self) -> datetime:
        return self.now

    def pass_(self, **span: float) -> None:
        """Let time pass: ``pass_(hours=2)``."""
        self.now += timedelta(**span)


def a_container(
    folder: Path,
    database: Database,
    *,
    deployment: Deployment = NOWHERE,
    rpc_url: str = NO_NODE,
    clock: Any = None,  # noqa: ANN401 - whatever tells the time
    **settings: Any,  # noqa: ANN401 - any setting
) -> Container:
    """The real container, on ``database``, with light keys."""
    given = {"data": folder, "public_url": PUBLIC_URL, "rpc_url": rpc_url, "keystore_password": PASSWORD}
    made = Settings.model_validate({**given, "bot_user_id": "@earnest:example.org", **settings})
    made.gate_deadline_ms = PATIENT_MS
    for role, secret in KEYS.items():
        if not (made.keystore() / f"{role}.json").exists():
            import_key(made.keystore(), role, PASSWORD, secret, kdf_work=2)
    write_deployment(folder / "deployment.json", deployment)
    container = Container(made, clock=clock or Clock())
    container.__dict__["database"] = database
    return container


class Door:
    """A browser (it keeps cookies) that speaks to an application without a network."""

    def __init__(self, app: ASGIApp) -> None:
        """Speak to ``app``; its own mistakes are answers, not exceptions."""
        self.app: Any = app
        self._runner = asyncio.Runner()
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        self._client = httpx.AsyncClient(transport=transport, base_url=PUBLIC_URL)
        self.cookies = self._client.cookies

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:  # noqa: ANN401 - as httpx has them
        """Ask and wait for the answer."""
        return self._runner.run(self._client.request(method, path, **options))

    get = partialmethod(request, "GET")
    post = partialmethod(request, "POST")
    put = partialmethod(request, "PUT")
    delete = partialmethod(request, "DELETE")

    def close(self) -> None:
        """End."""
        self._runner.run(self._client.aclose())
        self._runner.close()


@contextmanager
def http_door(container: Container) -> Iterator[Door]:
    """A client of the real application on ``container``, its gatekeeper running."""
    gatekeeper, turning = Gatekeeper(container), TurningAway(container)
    gatekeeper.start()
    turning.start()
    door = Door(create_app(container, gatekeeper, turning))
    try:
        yield door
    finally:
        door.close()
        turning.stop()
        gatekeeper.stop()


@contextmanager
def listening(container: Container, *, port: int = 0, tls: Certificate | None = None) -> Iterator[str]:
    """Run the application on a free port (or that one) for the block, by TLS where there are files; its address."""
    gatekeeper, turning = Gatekeeper(container), TurningAway(container)
    gatekeeper.start()
    turning.start()
    app = create_app(container, gatekeeper, turning)
    key, certificate = (None, None) if tls is None else (tls.key, tls.certificate)
    config = uvicorn.Config(
        app, host="127.0.0.1", port=port, log_config=None, ws="none", ssl_keyfile=key, ssl_certfile=certificate
    )
    server = uvicorn.Server(config)
    app.framework.state.streams.closing = lambda: server.should_exit
    thread = threading.Thread(target=server.run, name="uvicorn")
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive(), "uvicorn ended"
            time.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"{'http' if tls is None else 'https'}://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()
        turning.stop()
        gatekeeper.stop()


def a_person(container: Container, mxid: str) -> PersonId:
    """The number of a person."""
    with container.work() as work:
        return work.people.number(parse_user_id(mxid))


def a_token(container: Container, mxid: str, *scopes: str) -> str:
    """A token of a person, as an ``Authorization`` header has it."""
    person = a_person(container, mxid)
    with container.work() as work:
        return "Bearer " + work.sessions.issue_token(person, scopes or EVERYTHING)


def a_bearer(container: Container, server_name: str) -> str:
    """A new tenant's bearer, as an ``Authorization`` header has it."""
    with container.work() as work:
        return "Bearer " + work.tenants.add(ServerName(server_name))


ALICE, BOB = UserId("@alice:example.org"), UserId("@bob:far.example")


def a_stake(container: Container, stranger: UserId, recipient: UserId, payer: Address = PAYER) -> str:
    """Pay the pair's quote, as the chain would tell it; return the stake's id as JSON has it."""
    with container.work() as work:
        pair = work.people.number(stranger), work.people.number(recipient)
        price = work.doors.show(pair[1]).price
        quote = work.stakes.quote(*pair, price, None, stranger_id=stranger, recipient_id=recipient)
        head = work.book.head()
        number = 1 if head is None else head.number + 1
        where = block(number, time=work.chain_time, parent=None if head is None else head.hash)
        work.book.record(where, [])
        terms, place = terms_of(quote, payer=payer), work.stakes.terms
        stake_id = codec.stake_id(terms, chain_id=place.chain_id, escrow=place.escrow)
        event = replace(opened(terms, where), escrow=place.escrow, stake_id=stake_id)
        for change in work.stakes.apply(event):
            work.happenings.stake_moved(change, event)
            work.gate.stake_changed(change)
    return show_hash(event.stake_id)
