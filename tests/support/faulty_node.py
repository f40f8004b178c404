"""A node that fails: an HTTP proxy before a real one, which passes on the truth, or spoils an answer as it is told to.

It lies as real nodes do that lag, are overloaded or stand behind a balancer: about blocks that are not final yet; and,
where it stands beside others, about what is final. And it can end whoever asks, at a question, before it reaches the
node or before the answer is back.
"""

from __future__ import annotations

import http.client
import os
import signal
import threading
from collections import Counter, defaultdict, deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import urlsplit

import orjson
from eth_utils.crypto import keccak

Json = Any
"""What JSON can hold."""
_REMEMBERED: Final = 40
_LAG: Final = 2
_TAGS: Final = ("safe", "finalized")


class Fault(StrEnum):
    """What may become of an answer."""

    SILENCE = "silence"
    """The question arrives, and no answer ever comes."""
    HANG_UP = "hang up"
    TOO_MANY = "429"
    BROKEN = "500"
    TRUNCATED = "truncated"
    GARBAGE = "garbage"
    SHUFFLED = "shuffled"
    """The answers of a batch come in another order, as they may."""
    OTHER_BLOCKS_LOGS = "logs of another block"
    TWICE = "logs twice"
    WITHHELD = "no logs"
    """The node has the block, and not yet what was written in it."""
    MISSING = "null"
    """The node has no such block, receipt, … (yet)."""
    LAGS = "lags"
    """The node is some blocks behind."""
    OTHER_FORK = "a block of another fork"
    """The node still stands on a branch that was left."""
    OTHER_FINAL = "another final block"
    """The node says that its last final block is one that there never was; its head, and what is below, are true."""


_OF_LOGS: Final = (Fault.OTHER_BLOCKS_LOGS, Fault.TWICE, Fault.WITHHELD)


@dataclass
class FaultyNode:
    """The proxy; ``plan`` is what becomes of the next answers, one after the other, and of all others nothing."""

    url: str
    upstream: str
    plan: deque[Fault | None] = field(default_factory=deque)
    mood: Fault | None = None
    """What becomes of every answer of which the plan says nothing."""
    raws: dict[str, str] = field(default_factory=dict)
    """Every transaction that was sent through it, by its hash."""
    told: Counter[str] = field(default_factory=Counter)
    """How often each fault changed an answer."""
    doom: tuple[int, int, bool] | None = None
    """Who dies, in how many questions, and whether before the node has heard it."""
    asked: int = 0
    stopping: threading.Event = field(default_factory=threading.Event)
    _blocks: defaultdict[int, dict[str, Json]] = field(default_factory=lambda: defaultdict(dict))
    _logs: deque[list[Json]] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))
    _local: threading.local = field(default_factory=threading.local)

    def spare(self) -> None:
        """Tell nothing but the truth from here on, and let live."""
        self.plan.clear()
        self.mood = None
        self.doom = None

    # ------------------------------------------------------------------------------------------------ the node

    def post(self, body: bytes) -> bytes:
        """Put a question to the real node."""
        connection = getattr(self._local, "connection", None)
        if connection is None:
            parts = urlsplit(self.upstream)
            connection = self._local.connection = http.client.HTTPConnection(str(parts.hostname), parts.port)
        connection.request("POST", "/", body, {"Content-Type": "application/json"})
        found: bytes = connection.getresponse().read()
        return found

    def hang_up(self) -> None:
        """Close this thread's connection to the real node."""
        connection = self._local.__dict__.pop("connection", None)
        if connection is not None:
            connection.close()

    def _ask(self, method: str, *params: Json) -> Json:
        question = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        return orjson.loads(self.post(orjson.dumps(question))).get("result")

    # --------------------------------------------------------------------------------------------------- lying

    def answer(self, body: bytes, fault: Fault | None) -> bytes:
        """Return the node's answer to a question, spoiled by a fault that concerns what it says."""
        questions = orjson.loads(body)
        if isinstance(questions, dict):
            return orjson.dumps(self._spoiled(questions, orjson.loads(self.post(body)), fault))
        truth = {answer["id"]: answer for answer in orjson.loads(self.post(body))}
        answers = [self._spoiled(one, truth[one["id"]], None) for one in questions]
        if fault is Fault.SHUFFLED:
            self.told[fault] += 1
            answers.reverse()
        elif fault is not None:
            # One answer alone is spoiled: that of the logs, which stand last, or of a block in the middle.
            place = -1 if fault in _OF_LOGS else len(answers) // 2
            answers[place] = self._spoiled(questions[place], answers[place], fault)
        return orjson.dumps(answers)

    def _spoiled(self, question: Json, answer: Json, fault: Fault | None) -> Json:
        method, params, truth = question["method"], question["params"], answer.get("result")
        if method == "eth_sendRawTransaction":
            self.raws["0x" + keccak(bytes.fromhex(params[0][2:])).hex()] = params[0]
        lie = self._lie(method, params, truth, fault) if fault else truth
        if method == "eth_getLogs" and truth:
            self._logs.append(truth)
        if method == "eth_getBlockByNumber" and truth:
            self._blocks[int(truth["number"], 16)][truth["hash"]] = truth
        if fault is None or lie == truth:
            return answer
        self.told[fault] += 1
        return {"jsonrpc": "2.0", "id": question["id"], "result": lie}

    def _lie(self, method: str, params: list[Json], truth: Json, fault: Fault) -> Json:
        unfinal = not params or params[-1] not in _TAGS
        if fault is Fault.MISSING:
            return None
        if method == "eth_getLogs":
            return self._other_logs(truth or [], fault)
        if method == "eth_getBlockByNumber" and params[0] not in _TAGS:
            return self._other_block(params[0], truth, fault)
        if method == "eth_getTransactionCount" and fault is Fault.LAGS and unfinal:
            return self._ask(method, params[0], hex(max(0, int(self._ask("eth_blockNumber"), 16) - _LAG)))
        return None if method == "eth_getTransactionReceipt" and fault is Fault.LAGS else truth

    def _other_logs(self, truth: list[Json], fault: Fault) -> list[Json]:
        if fault is Fault.WITHHELD:
            return []
        if fault is Fault.TWICE:
            return [*truth, *truth[-1:]]
        if fault is Fault.OTHER_BLOCKS_LOGS:
            hashes = {log["blockHash"] for log in truth}
            others = (logs for logs in reversed(self._logs) if not hashes & {log["blockHash"] for log in logs})
            return next(others, truth)
        return truth

    def _other_block(self, which: str, truth: Json, fault: Fault) -> Json:
        final = int(self._ask("eth_getBlockByNumber", "finalized", False)["number"], 16)  # noqa: FBT003 - the wire's own
        head = int(truth["number"], 16) if truth else 0
        if fault is Fault.OTHER_FINAL and which != "latest" and head == final:
            return {**truth, "hash": "0x" + "66" * 32}
        if fault is Fault.LAGS and truth:
            lagging = max(final, head - _LAG)
            if which == "latest":
                return self._ask("eth_getBlockByNumber", hex(lagging), False)  # noqa: FBT003 - the wire's own order
            return None if head == int(self._ask("eth_blockNumber"), 16) else truth
        if fault is Fault.OTHER_FORK and head > final:
            numbers = range(head, final, -1) if which == "latest" else [head]
            left = ([block for block in self._blocks[one].values() if block != truth] for one in numbers)
            gone = (blocks[-1] for blocks in left if blocks and not self._stands(blocks[-1]))
            return next(gone, truth)
        return truth

    def _stands(self, block: Json) -> bool:
        found = self._ask("eth_getBlockByNumber", block["number"], False)  # noqa: FBT003 - the wire's own order
        return bool(found and found["hash"] == block["hash"])


class _Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    node: FaultyNode

    def finish(self) -> None:
        """End the connection to the real node with that of the asker."""
        super().finish()
        self.node.hang_up()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        node = self.node
        node.asked += 1
        fault = node.plan.popleft() if node.plan else node.mood
        execution = node.doom
        if execution:
            victim, left, before = execution
            node.doom = (victim, left - 1, before)
            if left <= 1 and before:
                self._kill(victim)
                return
        if fault in (Fault.TOO_MANY, Fault.BROKEN):
            node.told[fault] += 1
            self._reply(b'{"oops": true}', int(fault))
            return
        answer = node.answer(body, fault)
        if execution and execution[1] <= 1:
            self._kill(execution[0])
            return
        self._send(answer, fault)

    def _kill(self, victim: int) -> None:
        self.node.doom = None
        with suppress(ProcessLookupError):
            os.kill(victim, signal.SIGKILL)
        self.close_connection = True

    def _send(self, answer: bytes, fault: Fault | None) -> None:
        if fault in (Fault.SILENCE, Fault.HANG_UP, Fault.TRUNCATED, Fault.GARBAGE):
            self.node.told[fault] += 1
        if fault is Fault.SILENCE:
            self.node.stopping.wait(1.5)
        if fault in (Fault.SILENCE, Fault.HANG_UP):
            self.close_connection = True
        elif fault is Fault.TRUNCATED:
            self._reply(answer[: len(answer) // 2], length=len(answer))
            self.close_connection = True
        elif fault is Fault.GARBAGE:
            self._reply(answer[: len(answer) // 2] + b"\xff<html>")
        else:
            self._reply(answer)

    def _reply(self, body: bytes, status: int = 200, *, length: int | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        self.wfile.write(body)

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except OSError:
            self.close_connection = True  # the asker had enough, or is dead

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of askers that died in the middle."""


@contextmanager
def faulty_node(upstream: str) -> Iterator[FaultyNode]:
    """Run a proxy before the node at ``upstream`` for the block."""
    server = _Server(("127.0.0.1", 0), _Handler)
    node = FaultyNode(f"http://127.0.0.1:{server.server_port}", upstream)
    server.RequestHandlerClass = type("_OfNode", (_Handler,), {"node": node})
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield node
    finally:
        node.stopping.set()
        server.shutdown()
        server.server_close()
        thread.join()
