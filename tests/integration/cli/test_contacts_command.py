"""`earnest contacts`: whom a person knows, read from a real homeserver by one login, told, and taken back."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner, Result

from app.container import Container
from cli import one_login
from cli.local.synapse import GateCall, Login
from cli.main import main
from kit.amounts import Amount
from kit.database import Database, make_engine
from tests.support.databases import make_schema
from tests.support.receivers import Received, Receiver, a_receiver, answer
from tests.support.services import a_bearer, a_container, a_token, listening
from tests.support.synapse import PASSWORD, Homeserver, StartHomeserver

pytestmark = pytest.mark.homeserver
API = "/_matrix/client/v3"


@dataclass
class Town:
    """A homeserver whose gate is ours: Alice, whose door asks a stake, and whoever else lives there."""

    container: Container
    service: str
    homeserver: Homeserver
    people: dict[str, Login]
    rooms: dict[str, str]

    def client(self, name: str) -> httpx.Client:
        return self.homeserver.client(self.people[name])

    def room(self, owner: str, *members: str, **settings: Any) -> str:  # noqa: ANN401 - as the homeserver takes them
        with self.client(owner) as client:
            made: str = client.post(f"{API}/createRoom", json=settings).raise_for_status().json()["room_id"]
            for member in members:
                ids = {"user_id": self.people[member].user_id}
                client.post(f"{API}/rooms/{made}/invite", json=ids).raise_for_status()
                with self.client(member) as guest:
                    guest.post(f"{API}/join/{made}", json={}).raise_for_status()
        return made

    def keep(self, owner: str, kind: str, content: dict[str, Any]) -> None:
        with self.client(owner) as client:
            path = f"{API}/user/{self.people[owner].user_id}/account_data/{kind}"
            client.put(path, json=content).raise_for_status()

    def invites(self, inviter: str, invitee: str) -> int:
        with self.client(inviter) as client:
            room = client.post(f"{API}/createRoom", json={}).json()["room_id"]
            ids = {"user_id": self.people[invitee].user_id}
            return client.post(f"{API}/rooms/{room}/invite", json=ids).status_code

    def run(self, *words: str, typed: str = PASSWORD + "\n", token: str | None = None) -> Result:
        own = token or a_token(self.container, self.people["alice"].user_id).removeprefix("Bearer ")
        where = ["--service", self.service] if words[0] == "undo" or "--dry-run" not in words else []
        whose = ["--user", self.people["alice"].user_id, "--homeserver", self.homeserver.url]
        given = [words[0], *(whose if words[0] == "import" else []), *where, *words[1:]]
        return CliRunner().invoke(main, ["contacts", *given], input=typed, env={"EARNEST_TOKEN": own})

    def end(self, device: str) -> None:
        with self.client("alice") as client:
            user = {"type": "m.id.user", "user": self.people["alice"].user_id}
            auth = {"type": "m.login.password", "identifier": user, "password": PASSWORD}
            asked = client.request("DELETE", f"{API}/devices/{device}", json={})
            auth["session"] = asked.json()["session"]
            client.request("DELETE", f"{API}/devices/{device}", json={"auth": auth}).raise_for_status()

    def devices(self) -> set[str]:
        with self.client("alice") as client:
            return {one["device_id"] for one in client.get(f"{API}/devices").json()["devices"]}


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory, start_homeserver: StartHomeserver) -> Iterator[Town]:
    folder = tmp_path_factory.mktemp("service")
    engine = make_engine(f"sqlite:///{folder / 'earnest.db'}")
    make_schema(engine)
    container = a_container(folder, Database(engine), bot_user_id="@earnest:localhost")
    with listening(container) as service:
        gate = GateCall(f"{service}/api/1/spam_check", a_bearer(container, "localhost").removeprefix("Bearer "))
        homeserver = start_homeserver(gate=gate)
        names = ("alice", "bob", "carol", "dave", "erin", "frank", "gone")
        people = {name: homeserver.account(name) for name in names}
        town = Town(container, service, homeserver, people, {})
        town.rooms["direct"] = town.room("alice", "bob", is_direct=True)
        town.rooms["left"] = town.room("gone", "alice", is_direct=True)
        town.rooms["private"] = town.room("carol", "alice", "bob", preset="private_chat", name="Cooks")
        town.rooms["public"] = town.room("dave", "alice", preset="public_chat")
        read_by_all = {"type": "m.room.history_visibility", "content": {"history_visibility": "world_readable"}}
        town.rooms["read by all"] = town.room("erin", "alice", initial_state=[read_by_all])
        shared = {"type": "m.room.join_rules", "content": {"join_rule": "restricted", "allow": []}}
        town.rooms["shared"] = town.room("dave", "alice", initial_state=[shared])
        town.rooms["ignored"] = town.room("frank", "alice")
        with town.client("alice") as alice:
            alice.post(f"{API}/rooms/{town.rooms['left']}/leave", json={}).raise_for_status()
        direct = {people[name].user_id: [town.rooms[room]] for name, room in (("bob", "direct"), ("gone", "left"))}
        town.keep("alice", "m.direct", direct | {"@\u202eevil:x": "!r:x", "no id": [], people["frank"].user_id: None})
        town.keep("alice", "m.ignored_user_list", {"ignored_users": {people["frank"].user_id: {}}})
        with container.work() as work:  # the gate learnt of Alice's own invites: on day one it did not hear of them
            alice_number = work.people.number(people["alice"].user_id)  # type: ignore[arg-type]
            for contact in work.contacts.page(alice_number, limit=100):
                work.contacts.forget(alice_number, contact.other)
            work.doors.ask(alice_number, stake=Amount(5 * 10**18))
        yield town
    engine.dispose()


def written(folder: Path, text: str) -> list[Path]:
    return [file for file in folder.rglob("*") if file.is_file() and text.encode() in file.read_bytes()]


def test_whom_a_person_knows_comes_in_freely_and_the_import_is_taken_back(town: Town) -> None:
    assert town.invites("bob", "alice") == 403
    assert town.invites("carol", "alice") == 403
    before = town.devices()
    tried = town.run("import", "--dry-run", "--json")
    found = json.loads(tried.stdout)
    bob, carol = town.people["bob"].user_id, town.people["carol"].user_id
    assert found["people"] == [
        {"who": bob, "direct": True, "rooms": 2},
        {"who": carol, "direct": False, "rooms": 1},
    ]
    assert found["rooms"] == {"private": 3, "open": 2, "shared": 1, "large": 0, "unread": 0}
    assert (found["ignored"], found["logged_out"], found["sent"]) == (1, True, None)
    assert town.invites("bob", "alice") == 403, "a dry run tells Earnest nothing"

    done = town.run("import", typed=f"{PASSWORD}\ny\n")
    assert done.exit_code == 0, done.output
    assert f"\u2068{bob}\u2069  direct chat, 2 private rooms" in done.output
    assert "Logged out: that login and its token are no more." in done.stderr
    assert "2 pass your door freely now; 0 you knew there already." in done.output
    assert town.devices() == before
    assert (town.invites("bob", "alice"), town.invites("carol", "alice")) == (200, 200)
    assert (town.invites("dave", "alice"), town.invites("erin", "alice")) == (403, 403)
    assert (town.invites("frank", "alice"), town.invites("gone", "alice")) == (403, 403)

    again = town.run("import", "--yes")
    assert "0 pass your door freely now; 2 you knew there already." in again.output
    moment = next(line for line in done.output.splitlines() if "taken back by" in line).split("undo ")[1].split()[0]
    assert "the 2 people of that import" in town.run("undo", moment).output
    assert (town.invites("bob", "alice"), town.invites("carol", "alice")) == (403, 403)
    nothing = town.run("undo")
    assert (nothing.exit_code, "You have imported nobody." in nothing.output) == (1, True)


def test_the_token_is_good_for_nothing_afterwards_and_stands_nowhere(
    town: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held: list[str] = []
    meet = one_login.Visit.ask

    def ask(visit: one_login.Visit, path: str, **how: Any) -> Any:  # noqa: ANN401 - as it was
        held.append(visit._token or "")
        return meet(visit, path, **how)

    monkeypatch.setattr(one_login.Visit, "ask", ask)
    monkeypatch.chdir(tmp_path)
    done = town.run("import", "--dry-run")
    token = held[0]
    assert (set(held), bool(token)) == ({token}, True)
    who = httpx.get(f"{town.homeserver.url}{API}/account/whoami", headers={"Authorization": f"Bearer {token}"})
    assert (who.status_code, who.json()["errcode"]) == (401, "M_UNKNOWN_TOKEN")
    assert token not in done.output
    assert PASSWORD not in done.output
    assert written(tmp_path, token) == written(town.container.settings.data, token) == []


def test_a_wrong_password_is_said_and_nothing_is_left_behind(town: Town) -> None:
    before = town.devices()
    failed = town.run("import", "--dry-run", typed="guessed\n")
    assert (failed.exit_code, "does not log you in: Invalid username or password" in failed.output) == (1, True)
    assert "guessed" not in failed.output
    assert town.devices() == before


def test_a_token_of_ones_own_is_used_and_stays(town: Town) -> None:
    own = town.homeserver.account("hal")
    with town.homeserver.client(own) as hal:
        hal.put(f"{API}/user/{own.user_id}/account_data/m.direct", json={})
        where = ["--user", own.user_id, "--homeserver", town.homeserver.url, "--dry-run", "--token-stdin"]
        done = CliRunner().invoke(main, ["contacts", "import", *where], input=own.access_token + "\n")
        assert (done.exit_code, "There is nobody to import" in done.output) == (0, True), done.output
        assert "as good as before" in done.stderr
        assert hal.get(f"{API}/account/whoami").status_code == 200
    other = CliRunner().invoke(main, ["contacts", "import", *where], input=town.people["bob"].access_token + "\n")
    assert (other.exit_code, "no token of @hal:localhost" in other.output) == (1, True)


def test_a_token_that_is_not_good_for_earnest_changes_nothing(town: Town) -> None:
    failed = town.run("import", "--yes", token="made-up")
    assert (failed.exit_code, "the bot gives you one" in failed.output) == (1, True)
    assert "Logged out" in failed.stderr
    assert town.invites("carol", "alice") == 403


def test_a_larger_room_is_left_out(town: Town) -> None:
    found = json.loads(town.run("import", "--dry-run", "--json", "--largest-room", "2").stdout)
    assert (found["rooms"]["large"], found["rooms"]["private"]) == (1, 2)
    assert [one["who"] for one in found["people"]] == [town.people["bob"].user_id]


def test_a_homeserver_that_vanishes_midway_leaves_a_device_of_which_is_said_how_to_end_it(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask, asked = one_login.Visit.ask, iter(range(100))

    def vanish(visit: one_login.Visit, path: str, **how: Any) -> Any:  # noqa: ANN401 - as it was
        if next(asked) == 3:
            town.homeserver.stop()
        return ask(visit, path, **how)

    monkeypatch.setattr(one_login.Visit, "ask", vanish)
    monkeypatch.setattr("cli.one_login.time.sleep", lambda _: None)
    try:
        failed = town.run("import", "--yes")
    finally:
        town.homeserver.start()
    assert failed.exit_code == 1
    assert "did not answer" in failed.output
    device = failed.stderr.split("End the device ")[1].split()[0]
    assert device in town.devices(), "what was said is so"
    town.end(device)


def test_whoever_stops_it_is_logged_out_first(town: Town) -> None:
    """A real process, stopped in the middle: the homeserver holds one answer back until the signal was sent."""
    before = town.devices()
    with a_receiver() as between:
        held = threading.Event()

        def manner(handler: BaseHTTPRequestHandler, got: Received) -> None:
            if got.path.endswith("/joined_rooms") and not held.is_set():
                held.set()
                os.kill(running.pid, signal.SIGTERM)
            headers: dict[str, str] = {
                name: got.headers[name] for name in ("authorization", "content-type") if name in got.headers
            }
            passed = httpx.request(got.method, town.homeserver.url + got.path, headers=headers, content=got.body)
            answer(handler, passed.status_code, passed.content)

        between.manner = manner
        token = a_token(town.container, town.people["alice"].user_id)
        words = ["import", "--user", town.people["alice"].user_id, "--homeserver", between.url.rstrip("/"), "--dry-run"]
        running = subprocess.Popen(
            [sys.executable, "-c", f"from cli.main import main; main({['contacts', *words]!r})"],
            env={**os.environ, "EARNEST_TOKEN": token, "PYTHONPATH": os.pathsep.join(sys.path)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,  # so that there is no terminal to ask for the password
            text=True,
        )
        _, said = running.communicate(PASSWORD + "\n")
    assert held.is_set()
    assert running.returncode == 1
    assert "Logged out" in said
    assert town.devices() == before


# ---------------------------------------------------------------------------------------- homeservers that lie

USER = "@alice:lies.example"
LOGIN = {"user_id": USER, "device_id": "D", "access_token": "secret-token"}
Answers = dict[str, "tuple[int, object]"]


@contextmanager
def liar(answers: Answers) -> Iterator[tuple[Callable[[], Result], Receiver]]:
    """A homeserver that answers by the path; what is not said is ``404 {}``."""
    honest: Answers = {
        "GET /login": (200, {"flows": [{"type": "m.login.password"}]}),
        "POST /login": (200, LOGIN),
        "POST /logout": (200, {}),
        "GET /joined_rooms": (200, {"joined_rooms": ["!a:x", 5, "!b:x"]}),
    }
    told = honest | answers

    def manner(handler: BaseHTTPRequestHandler, got: Received) -> None:
        name = f"{got.method} {got.path.removeprefix(API)}"
        status, said = told.get(name, (404, {}))
        answer(handler, status, said if isinstance(said, bytes) else json.dumps(said).encode())

    with a_receiver() as receiver:
        receiver.manner = manner
        where = ["--user", USER, "--homeserver", receiver.url.rstrip("/"), "--dry-run"]
        yield lambda: CliRunner().invoke(main, ["contacts", "import", *where], input="secret-password\n"), receiver


def paths(receiver: Receiver) -> list[str]:
    return [f"{got.method} {got.path.removeprefix(API)}" for got in receiver.got]


def test_whoever_logs_in_somebody_else_is_logged_out_of_and_not_read() -> None:
    with liar({"POST /login": (200, LOGIN | {"user_id": "@eve:lies.example"})}) as (run, receiver):
        failed = run()
    assert (failed.exit_code, "logged in somebody else" in failed.output) == (1, True)
    assert paths(receiver) == ["GET /login", "POST /login", "POST /logout"]


@pytest.mark.parametrize("token", ["with space", "two\r\nX: y", "", 7, None, "x" * 5_000])
def test_what_is_no_token_is_never_sent_back(token: object) -> None:
    with liar({"POST /login": (200, LOGIN | {"access_token": token})}) as (run, receiver):
        assert run().exit_code == 1
    assert paths(receiver) == ["GET /login", "POST /login"]


def test_a_login_that_is_not_ended_is_said_and_counts_as_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cli.one_login.time.sleep", lambda _: None)
    with liar({"POST /logout": (500, {})}) as (run, receiver):
        failed = run()
    assert failed.exit_code == 1
    assert "End the device D by hand" in failed.stderr
    assert paths(receiver).count("POST /logout") == 3
    assert "secret" not in failed.output


def test_a_password_is_not_asked_for_where_none_is_taken() -> None:
    with liar({"GET /login": (200, {"flows": [{"type": "m.login.sso"}, "nonsense"]})}) as (run, receiver):
        failed = run()
    assert "--token-stdin" in failed.output
    assert paths(receiver) == ["GET /login"]


@pytest.mark.parametrize("nonsense", [b"<html>", b"[" * 100_000, b"[]", b"{}", b"null", b"\xff"])
def test_nonsense_is_an_error_of_one_line_and_logged_out_of(nonsense: bytes) -> None:
    with liar({"GET /joined_rooms": (200, nonsense)}) as (run, receiver):
        failed = run()
    assert (failed.exit_code, "does not say which rooms there are" in failed.output) == (1, True)
    assert paths(receiver)[-1] == "POST /logout"


def test_an_answer_without_end_is_not_read_and_its_room_left_out() -> None:
    rules, endless = "GET /rooms/%21a%3Ax/state/m.room.join_rules", b'{"joined": {' + b" " * 6_000_000 + b"}}"
    answers: Answers = {rules: (200, {"join_rule": "invite"}), "GET /rooms/%21a%3Ax/joined_members": (200, endless)}
    with liar(answers) as (run, _):
        done = run()
    assert (done.exit_code, "1 too large, 1 not readable" in done.output) == (0, True), done.output


def test_whoever_asks_for_patience_is_asked_again_later(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    monkeypatch.setattr("cli.one_login.time.sleep", waited.append)
    with liar({"GET /joined_rooms": (429, {"retry_after_ms": 1500})}) as (run, _):
        assert run().exit_code == 1
    assert waited == [1.5] * 20


def test_names_move_nothing_on_a_terminal_and_are_shown_up_to_a_bound() -> None:
    names = {f"@{number}\u202e\x1b[2J\n:x": ["!a:x"] for number in range(150)}
    with liar({"GET /user/%40alice%3Alies.example/account_data/m.direct": (200, names)}) as (run, _):
        shown = run().stdout
    assert "\u202e" not in shown
    assert "\x1b" not in shown
    assert len([line for line in shown.splitlines() if "direct chat" in line and line.startswith("  ")]) == 100
    assert "and 50 more" in shown


@pytest.mark.parametrize("url", ["http://example.org", "ftp://x", "https://a@b", "https://x?y", "nonsense"])
def test_a_password_goes_nowhere_in_the_clear(url: str) -> None:
    words = ["import", "--user", USER, "--homeserver", url, "--dry-run"]
    failed = CliRunner().invoke(main, ["contacts", *words], input="secret-password\n")
    assert failed.exit_code == 1
    assert "Password" not in failed.output
    words = ["import", "--user", USER, "--homeserver", "http://127.0.0.1:1", "--service", "http://example.org"]
    assert "begins with https://" in CliRunner().invoke(main, ["contacts", *words]).output
