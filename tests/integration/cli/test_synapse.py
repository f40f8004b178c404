"""The homeserver of the local world is a real one: accounts, logins, invites, and its module asks our gate."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from cli.local import synapse
from cli.local.synapse import GateCall
from kit.errors import HomeserverUnavailable
from tests.support.synapse import PASSWORD, Homeserver, StartHomeserver

pytestmark = pytest.mark.homeserver


class Gate(ThreadingHTTPServer):
    """A stand-in that answers what it is told to and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, dict[str, Any]]] = []
        self.answer: tuple[int, dict[str, Any]] = (200, {})
        self.joined = threading.Event()
        super().__init__(("127.0.0.1", 0), _Handler)


class _Handler(BaseHTTPRequestHandler):
    server: Gate

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        callback = self.path.rpartition("/")[2]
        self.server.asked.append((callback, self.headers["Authorization"], body))
        if callback == "user_may_join_room":
            self.server.joined.set()
        status, answer = (200, {"id": body["id"], "status": "ok"}) if callback == "ping" else self.server.answer
        content = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def gate() -> Iterator[Gate]:
    with Gate() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def test_accounts_are_made_once_and_log_in(homeserver: Homeserver) -> None:
    assert synapse.log_in(homeserver.server, "zoe", PASSWORD) is None
    made = homeserver.account("zoe")
    assert made.user_id == f"@zoe:{homeserver.name}"
    again = synapse.log_in(homeserver.server, "zoe", PASSWORD)
    assert again is not None
    assert again.user_id == made.user_id
    assert synapse.log_in(homeserver.server, "zoe", "another password") is None
    with pytest.raises(HomeserverUnavailable, match="already taken"):
        homeserver.account("zoe")


def test_a_stopped_homeserver_comes_back_with_its_accounts(start_homeserver: StartHomeserver) -> None:
    server = start_homeserver()
    server.account("yan")
    server.stop()
    assert not synapse.answers(server.server)
    server.start()
    assert synapse.log_in(server.server, "yan", PASSWORD) is not None


def test_the_module_asks_the_gate_with_the_bearer(start_homeserver: StartHomeserver, gate: Gate) -> None:
    server = start_homeserver(gate=GateCall(f"http://127.0.0.1:{gate.server_port}/api/1/spam_check", "a bearer"))
    alice, bob = server.account("alice"), server.account("bob")
    with server.client(bob) as client:
        room = client.post("/_matrix/client/v3/createRoom", json={}).json()["room_id"]
        gate.answer = (403, {"errcode": "M_FORBIDDEN", "error": "No.", "org.earnest.stake": {"check_code": "K7"}})
        refused = client.post(f"/_matrix/client/v3/rooms/{room}/invite", json={"user_id": alice.user_id})
        assert refused.status_code == 403
        assert refused.json() == gate.answer[1]
        gate.answer = (200, {})
        assert client.post(f"/_matrix/client/v3/rooms/{room}/invite", json={"user_id": alice.user_id}).is_success
    asked = {"inviter": bob.user_id, "invitee": alice.user_id, "room_id": room}
    assert [call for call in gate.asked if call[0] == "user_may_invite"] == 2 * [
        ("user_may_invite", "Bearer a bearer", asked)
    ]
    with server.client(alice) as client:
        assert client.post(f"/_matrix/client/v3/join/{room}").is_success
    assert gate.joined.wait(60)


def test_invites_and_joins_pass_while_the_gate_is_down(start_homeserver: StartHomeserver, gate: Gate) -> None:
    base_url = f"http://127.0.0.1:{gate.server_port}/api/1/spam_check"
    gate.shutdown()
    gate.server_close()
    server = start_homeserver(gate=GateCall(base_url, "a bearer"))
    alice, bob = server.account("alice"), server.account("bob")
    with server.client(bob) as bobs, server.client(alice) as alices:
        room = bobs.post("/_matrix/client/v3/createRoom", json={}).json()["room_id"]
        assert bobs.post(f"/_matrix/client/v3/rooms/{room}/invite", json={"user_id": alice.user_id}).is_success
        assert alices.post(f"/_matrix/client/v3/join/{room}").is_success
