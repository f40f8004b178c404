"""A node that lies: a tiny JSON-RPC server on the loopback that tells the truth until a test says otherwise."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

import pytest

from contracts.bloom import bits_of
from kit.identifiers import show_hash
from tests.support.terms import BLOCK, CHAIN_ID, TOKEN, TRANSACTION

Json = Any
"""What JSON can hold."""

TRUE_BLOCK: Final[dict[str, Json]] = {
    "number": hex(BLOCK.number),
    "hash": show_hash(BLOCK.hash),
    "parentHash": show_hash(BLOCK.parent_hash),
    "timestamp": hex(BLOCK.timestamp),
    "logsBloom": f"0x{bits_of(TOKEN) | bits_of(bytes.fromhex('aa' * 32)):0512x}",
    "transactions": [],
}
TRUE_LOG: Final[dict[str, Json]] = {
    "address": "0x" + TOKEN.hex(),
    "topics": ["0x" + "aa" * 32],
    "data": "0x" + "01" * 32,
    "blockHash": show_hash(BLOCK.hash),
    "blockNumber": hex(BLOCK.number),
    "logIndex": "0x0",
    "transactionHash": show_hash(TRANSACTION),
    "transactionIndex": "0x0",
    "removed": False,
}
TRUE_RECEIPT: Final[dict[str, Json]] = {
    "transactionHash": show_hash(TRANSACTION),
    "blockHash": show_hash(BLOCK.hash),
    "blockNumber": hex(BLOCK.number),
    "status": "0x1",
    "gasUsed": "0x5208",
    "effectiveGasPrice": hex(2 * 10**9),
}


@dataclass
class LyingNode:
    """What the node answers: ``answers`` are results by method; ``lie`` takes over the whole HTTP answer."""

    url: str
    server: ThreadingHTTPServer
    answers: dict[str, Json] = field(
        default_factory=lambda: {
            "eth_chainId": hex(CHAIN_ID),
            "eth_getBlockByNumber": TRUE_BLOCK,
            "eth_getBlockByHash": TRUE_BLOCK,
            "eth_getLogs": [TRUE_LOG, TRUE_LOG | {"logIndex": "0x1"}],
            "eth_getTransactionReceipt": TRUE_RECEIPT,
            "eth_getTransactionCount": "0x5",
            "eth_getBalance": hex(10**18),
            "eth_getCode": "0x6001",
            "eth_call": "0x" + "00" * 32,
            "eth_estimateGas": "0x5208",
            "eth_maxPriorityFeePerGas": hex(10**9),
            "eth_feeHistory": {"baseFeePerGas": [hex(10**9), hex(2 * 10**9)]},
            "eth_sendRawTransaction": None,
            "eth_getTransactionByHash": None,
        }
    )
    errors: dict[str, dict[str, Json]] = field(default_factory=dict)
    """JSON-RPC errors by method; they win over ``answers``."""
    lie: Callable[[BaseHTTPRequestHandler, bytes], None] | None = None
    asked: list[str] = field(default_factory=list)
    """The methods asked for, in order."""
    headers: list[dict[str, str]] = field(default_factory=list)
    """The headers of each question, names in lower case."""
    stopping: threading.Event = field(default_factory=threading.Event)
    """Set when the test is over: whoever dawdles stops then."""
    connections: list[socket.socket] = field(default_factory=list)
    """Every connection there was; those that a failed test left open are cut at its end."""


def reply(handler: BaseHTTPRequestHandler, body: bytes, *, status: int = 200, **headers: str) -> None:
    """Send one whole HTTP answer."""
    handler.send_response(status)
    for name, value in {"Content-Type": "application/json", "Content-Length": str(len(body)), **headers}.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(body)


def _truth(node: LyingNode, handler: BaseHTTPRequestHandler, question: dict[str, Json]) -> None:
    answer: dict[str, Json] = {"jsonrpc": "2.0", "id": question["id"]}
    if question["method"] in node.errors:
        answer["error"] = node.errors[question["method"]]
    else:
        answer["result"] = node.answers[question["method"]]
    reply(handler, json.dumps(answer).encode())


@pytest.fixture
def lying_node() -> Iterator[LyingNode]:
    """A node that tells the truth until told to lie."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def setup(self) -> None:
            super().setup()
            node.connections.append(self.connection)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            question = json.loads(body)
            node.asked.append(question["method"])
            node.headers.append({name.lower(): value for name, value in self.headers.items()})
            try:
                if node.lie is None or question["method"] == "eth_chainId":
                    _truth(node, self, question)
                else:
                    node.lie(self, body)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True  # the asker had enough

        def handle_one_request(self) -> None:
            try:
                super().handle_one_request()
            except OSError:
                self.close_connection = True  # the asker had enough before it asked

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = False
    node = LyingNode(f"http://127.0.0.1:{server.server_port}", server)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield node
    finally:
        node.stopping.set()
        server.shutdown()
        for connection in node.connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        server.server_close()
        thread.join()
