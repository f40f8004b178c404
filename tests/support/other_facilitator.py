"""A facilitator of somebody else's, which settles what it is sent, or does not, and says whatever the test wants."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from contracts.authorizations import Authorization, encode_transfer_with_authorization
from kit.identifiers import parse_address, parse_hash
from tests.support.till import Till

Answering = Callable[["OtherFacilitator", BaseHTTPRequestHandler, dict[str, Any]], None]


class OtherFacilitator:
    """Stands at ``url``; ``asked`` is all that it was sent, ``transactions`` what it sent to the chain for that."""

    def __init__(self, till: Till, answering: Answering) -> None:
        """Answer as ``answering`` does."""
        self.till, self.answering = till, answering
        self.url = ""
        self.asked: list[dict[str, Any]] = []
        self.transactions: list[str] = []
        self.over = threading.Event()
        self._wallet = till.anvil.signer("somebody else's facilitator")

    def settle(self, body: dict[str, Any]) -> bool:
        """Carry what was sent to the chain; tell whether that went well."""
        payload = body["paymentPayload"]["payload"]
        told = payload["authorization"]
        signed = Authorization(
            payer=parse_address(told["from"]),
            recipient=parse_address(told["to"]),
            amount=int(told["value"]),
            valid_after=int(told["validAfter"]),
            valid_before=int(told["validBefore"]),
            nonce=parse_hash(told["nonce"]),
        )
        data = encode_transfer_with_authorization(signed, bytes.fromhex(payload["signature"][2:]))
        receipt = self.till.anvil.send(
            self._wallet, parse_address(body["paymentPayload"]["accepted"]["asset"]), data, gas=200_000
        )
        self.transactions.append("0x" + receipt.transaction.hex())
        return receipt.succeeded

    def says(self, handler: BaseHTTPRequestHandler, status: int, **told: Any) -> None:  # noqa: ANN401 - JSON
        """Answer."""
        body = json.dumps(told).encode()
        handler.send_response(status)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)


@contextmanager
def other_facilitator(till: Till, answering: Answering) -> Iterator[OtherFacilitator]:
    """Run it for the block, and have the till's service hand its payments to it."""
    other = OtherFacilitator(till, answering)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            other.asked.append({"path": self.path, **body})
            try:
                other.answering(other, self, body)
            except (BrokenPipeError, ConnectionResetError):
                return  # whoever asked had enough

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    other.url = f"http://127.0.0.1:{server.server_address[1]}"
    till.container.settings.facilitator_url = f"{other.url}/x402/"
    try:
        yield other
    finally:
        other.over.set()
        server.shutdown()
        thread.join()
        server.server_close()


# --------------------------------------------------------------------------------------------- how it may answer


def honest(other: OtherFacilitator, handler: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
    """Settle, and say so; what is used up is a failure."""
    made = other.settle(body)
    other.says(handler, 200, success=made, transaction=other.transactions[-1], network="eip155:31337")


def settled_then_silent(other: OtherFacilitator, handler: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:  # noqa: ARG001
    """Settle, and never answer."""
    other.settle(body)
    other.over.wait()


def settled_then_502(other: OtherFacilitator, handler: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
    """Settle, and have the proxy before it fail."""
    other.settle(body)
    other.says(handler, 502, error="bad gateway")


def settled_then_402(other: OtherFacilitator, handler: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
    """Settle, and ask to be paid again."""
    other.settle(body)
    other.says(handler, 402, success=False, errorReason="insufficient_funds", transaction="")


def settled_endlessly(other: OtherFacilitator, handler: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
    """Settle, and answer without an end."""
    other.settle(body)
    handler.send_response(200)
    handler.end_headers()
    while not other.over.is_set():
        handler.wfile.write(b" " * 65_536)


def lied(other: OtherFacilitator, handler: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:  # noqa: ARG001
    """Say that it was settled, in a transaction that has nothing to do with it, and settle nothing."""
    mined = other.till.anvil.send(other.till.anvil.signer("x"), other.till.deployment.token, b"", gas=50_000)
    other.says(handler, 200, success=True, transaction="0x" + mined.transaction.hex(), network="eip155:31337")


def never(other: OtherFacilitator, handler: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:  # noqa: ARG001
    """Neither settle nor answer."""
    other.over.wait()


def nonsense(other: OtherFacilitator, handler: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:  # noqa: ARG001
    """Answer with what is no HTTP."""
    handler.wfile.write(b"\x00\xff" * 500)
