"""A shop of other make: x402's own server, which asks our facilitator, and its own client that buys there."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import httpx
import uvicorn
from eth_account import Account
from eth_utils.crypto import keccak
from fastapi import FastAPI, Request
from x402 import x402Client, x402Facilitator, x402ResourceServer
from x402.client_base import SpendControls
from x402.http import FacilitatorConfig, HTTPFacilitatorClient
from x402.http.clients import x402HttpxClient
from x402.http.middleware.fastapi import PaymentMiddlewareASGI
from x402.http.types import PaymentOption, RouteConfig
from x402.http.utils import encode_payment_signature_header
from x402.mechanisms.evm.exact import register_exact_evm_client, register_exact_evm_server
from x402.schemas import AssetAmount, PaymentCreatedContext

from app.chain_loop import ChainLoop
from app.container import Container
from contracts.chain import Deployment
from kit.identifiers import show_address
from tests.support.till import PRICE, SELLER

STORY = "once upon a time"


class StockShop:
    """Sells a story at ``url``; ``told`` counts how often it was made, ``sent`` is what paid for it last."""

    def __init__(self, url: str) -> None:
        """Stand at ``url``."""
        self.url = url
        self.told = 0
        self.sent = ""

    async def buy(self, name: str, path: str = "/story", controls: SpendControls | None = None) -> httpx.Response:
        """Let the account of that name (``Anvil.signer``) buy the story, or whatever is at ``path``, there.

        ``controls``: what it may spend; without, whatever is asked.
        """
        client = x402Client()
        client.set_spend_controls(controls or False)  # our token is none that it knows
        client.on_after_payment_creation(self._note)
        register_exact_evm_client(client, Account.from_key(keccak(text=f"a key of {name}")))
        async with x402HttpxClient(client, timeout=60) as http:
            answer: httpx.Response = await http.get(f"{self.url}{path}")
            return answer

    def _note(self, made: PaymentCreatedContext) -> None:
        self.sent = encode_payment_signature_header(made.payment_payload)


@contextmanager
def stock_shop(facilitator: str | x402Facilitator, deployment: Deployment) -> Iterator[StockShop]:
    """Run the shop for the block, on a free port; it asks a facilitator by its URL, or one in its process."""
    remote = HTTPFacilitatorClient(FacilitatorConfig(url=facilitator)) if isinstance(facilitator, str) else None
    asking: Any = remote or facilitator

    @asynccontextmanager
    async def open_while(_: FastAPI) -> AsyncIterator[None]:
        yield
        if remote is not None:
            await remote.aclose()

    app = FastAPI(lifespan=open_while)
    shop = StockShop("")

    @app.get("/story")
    def story(request: Request) -> dict[str, str]:
        shop.told += 1
        shop.sent = request.headers["payment-signature"]
        return {"text": STORY}

    network = f"eip155:{deployment.chain_id}"
    server = x402ResourceServer(asking)
    register_exact_evm_server(server, network)
    price = AssetAmount(
        amount=str(PRICE), asset=show_address(deployment.token), extra={"name": "Earnest", "version": "1"}
    )
    option = PaymentOption(scheme="exact", pay_to=show_address(SELLER), price=price, network=network)
    routes = {"GET /story": RouteConfig(accepts=[option], description="A story")}
    app.add_middleware(PaymentMiddlewareASGI, routes=routes, server=server)
    with _served(app) as url:
        shop.url = url
        yield shop


@contextmanager
def _served(app: Any) -> Iterator[str]:  # noqa: ANN401 - any application
    with socket.socket() as place:
        place.bind(("127.0.0.1", 0))
        port = place.getsockname()[1]
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_config=None, ws="none"))
    thread = threading.Thread(target=server.run, name="shop")
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive(), "the shop ended"
            time.sleep(0.01)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()


@contextmanager
def following(container: Container) -> Iterator[None]:
    """Run the chain loop for the block."""
    stop = threading.Event()
    thread = threading.Thread(target=ChainLoop(container).run, args=(stop,), name="chain loop")
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
