"""A world with a second homeserver, for strangers from elsewhere, and an ear at its gate.

Fixture ``federated``: one world for a module. Its gate is asked through a recorder, which keeps every call and answer
as they went over the wire.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest

from cli.local.plan import PASSING, Plan, new_plan, write_plan
from cli.local.synapse import GateCall, Synapse
from cli.local.world import World


@dataclass(frozen=True, slots=True)
class Call:
    """One call of the gate: the callback, what it was told, and the answer to the byte."""

    callback: str
    body: dict[str, Any]
    status: int
    answer: bytes


class Ear(ThreadingHTTPServer):
    """Stands between the homeserver and the gate, hands everything on and keeps it."""

    daemon_threads = True

    def __init__(self, gate: str) -> None:
        """Hand on to ``gate``, an address without a path."""
        self.calls: list[Call] = []
        self.gate = gate
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        """Where to ask."""
        return f"http://127.0.0.1:{self.server_port}"

    def about(self, inviter: str, since: int = 0) -> list[Call]:
        """The calls about invites of one person."""
        found = []
        for call in self.calls[since:]:
            event = call.body.get("event", {})
            if inviter in (call.body.get("inviter"), event.get("sender")):
                found.append(call)
        return found


class _Handler(BaseHTTPRequestHandler):
    server: Ear
    protocol_version = "HTTP/1.1"  # the homeserver keeps its connections and asks again on them

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {name: self.headers[name] for name in ("Authorization", "Content-Type")}
        try:
            answer = httpx.post(self.server.gate + self.path, content=raw, headers=headers, timeout=120)
        except httpx.TransportError:  # the gate is not there yet, or is going
            self.send_error(502)
            return
        callback = self.path.rpartition("/")[2]
        self.server.calls.append(Call(callback, json.loads(raw), answer.status_code, answer.content))
        self.send_response(answer.status_code)
        self.send_header("Content-Type", answer.headers["content-type"])
        self.send_header("Content-Length", str(len(answer.content)))
        self.end_headers()
        self.wfile.write(answer.content)

    def log_message(self, *_: object) -> None:
        pass


class OverheardWorld(World):
    """A world whose homeserver asks the gate through an ear."""

    def __init__(self, plan: Plan) -> None:
        """Run the world of ``plan``."""
        super().__init__(plan, say=lambda _: None)
        self.ear = Ear(plan.public_url)
        self.gate: GateCall | None = None
        threading.Thread(target=self.ear.serve_forever, name="ear", daemon=True).start()

    def _start_surroundings(self, gate: GateCall) -> None:
        self.gate = GateCall(gate.base_url.replace(self.plan.public_url, self.ear.url), gate.bearer)
        super()._start_surroundings(self.gate)

    @property
    def far(self) -> Synapse:
        """The second homeserver."""
        assert self.elsewhere is not None
        return self.elsewhere

    def end(self) -> None:
        """Stop listening."""
        self.ear.shutdown()
        self.ear.server_close()


@pytest.fixture(scope="module")
def federated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OverheardWorld]:
    """One running world with two homeservers, for all tests of a module."""
    folder = tmp_path_factory.mktemp("federated")
    folder.chmod(0o700)
    plan = new_plan(folder, pace=PASSING, wanted={}, federated=True)
    write_plan(plan)
    world = OverheardWorld(plan)
    try:
        with world:
            world.start()
            yield world
    finally:
        world.end()
