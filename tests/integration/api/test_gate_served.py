"""The gate as homeservers meet it: the real application on a real uvicorn and a real SQLite file, healthy and not."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote as encoded

import httpx
import pytest

from app.container import Container
from kit.amounts import Amount
from kit.database import Database, make_engine
from reputation.policy import Admitting, DoorDocument, Holding, Pattern, Refusing, Rule
from tests.support.databases import make_schema
from tests.support.services import ALICE, BOB, PATIENT_MS, a_bearer, a_container, a_person, listening

INVITE = {"inviter": BOB, "invitee": ALICE, "room_id": "!r:far.example"}
FEDERATED = {
    "event": {
        "type": "m.room.member",
        "sender": BOB,
        "state_key": ALICE,
        "room_id": "!r:far.example",
        "content": {"membership": "invite"},
    }
}


@dataclass
class Served:
    """A served gate, and a homeserver's way to ask it."""

    container: Container
    client: httpx.Client
    bearer: str

    def call(self, callback: str, body: object) -> httpx.Response:
        headers = {"Authorization": self.bearer}
        return self.client.post(f"/api/1/spam_check/{callback}", json=body, headers=headers)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    engine = make_engine(f"sqlite:///{tmp_path / 'earnest.db'}")
    make_schema(engine)
    container = a_container(tmp_path, Database(engine))
    bearer = a_bearer(container, "example.org")
    with container.work() as work:
        work.doors.ask(work.people.number(ALICE), stake=Amount(5 * 10**18))
    with listening(container) as url, httpx.Client(base_url=url, timeout=30) as client:
        yield Served(container, client, bearer)
    engine.dispose()


def test_both_calls_of_one_federated_invite_are_one_knock(served: Served) -> None:
    first, second = served.call("federated_user_may_invite", FEDERATED), served.call("user_may_invite", INVITE)
    assert (first.status_code, second.status_code) == (403, 403)
    assert first.json() == second.json()
    with served.container.read() as work:
        (knock,) = work.gate.knocks(a_person(served.container, ALICE))
    assert knock.count == 1


def test_the_denial_is_what_a_client_will_see(served: Served) -> None:
    body = served.call("user_may_invite", INVITE).json()
    assert body["errcode"] == "M_FORBIDDEN"
    url = body["org.earnest.stake"]["url"]
    assert url in body["error"]
    shown = served.client.get("/v1/quotes/" + url.rpartition("/")[2]).json()
    assert (shown["check_code"], shown["state"]) == (body["org.earnest.stake"]["check_code"], "waiting")


def test_an_encoded_room_id_stands_for_the_tenant(served: Served) -> None:
    headers = {"Authorization": served.bearer}
    for name, status in (("!earnest:example.org", 200), ("example.org", 200), ("!x:other.example", 401)):
        path = f"/_meowlnir/antispam/{encoded(name, safe='')}/ping"
        assert served.client.post(path, json={"id": "a"}, headers=headers).status_code == status


def test_a_locked_database_does_not_delay_the_answer(served: Served) -> None:
    served.container.settings.gate_deadline_ms = 700
    locked, release = threading.Event(), threading.Event()

    def hold() -> None:
        with served.container.database.write():
            locked.set()
            release.wait()

    holder = threading.Thread(target=hold)
    holder.start()
    locked.wait()
    try:
        answer = served.call("user_may_invite", INVITE)  # while the lock is held: it would wait for ever
        alive = served.client.get("/health/live")
    finally:
        release.set()
        holder.join()
    assert answer.status_code == 200  # the tenant chose "open"
    assert alive.json() == {"status": "alive"}
    served.container.settings.gate_deadline_ms = PATIENT_MS
    assert served.call("user_may_invite", INVITE | {"room_id": "!later:far.example"}).status_code == 403


def test_many_knocks_at_once_are_all_answered(served: Served) -> None:
    def knock(number: int) -> int:
        stranger = f"@stranger{number}:far.example"
        return served.call("user_may_invite", INVITE | {"inviter": stranger}).status_code

    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(knock, range(40)))
    assert set(statuses) == {403}


@pytest.mark.parametrize("servers", [1, 400])
def test_a_flood_gets_nobody_in_by_making_us_late(served: Served, servers: int) -> None:
    """The tenant lets in what is late; this deadline is one that a busy machine often misses."""
    served.container.settings.gate_deadline_ms = 50

    # A connection each: httpcore closes some that it believes idle while a thread was just given them.
    own, base, trust = threading.local(), served.client.base_url, httpx.create_ssl_context()

    def knock(number: int) -> int:
        stranger = f"@stranger{number}:f{number % servers}.example"
        client = Served(served.container, own.client, served.bearer)
        return client.call("user_may_invite", INVITE | {"inviter": stranger}).status_code

    def begin() -> None:
        own.client = clients.enter_context(httpx.Client(base_url=base, timeout=30, verify=trust))

    with ExitStack() as clients, ThreadPoolExecutor(40, initializer=begin) as pool:
        statuses = list(pool.map(knock, range(400)))
    assert statuses.count(200) <= 4, "so many strangers are no flood yet: they might be late for another reason"
    assert set(statuses[40:]) == {403}


def test_health_is_honest(served: Served) -> None:
    found = served.client.get("/health/ready")
    assert (found.status_code, found.json()["status"]) == (200, "degraded")
    checks = found.json()["checks"]
    assert checks["database"]["ok"]
    assert "No block has been read yet" in checks["chain"]["says"]
    assert checks["bot"]["ok"]


def test_metrics_tell_of_the_gate(served: Served) -> None:
    served.call("user_may_invite", INVITE)
    text = served.client.get("/metrics").text
    assert 'earnest_gate_calls_total{callback="invite",outcome="hold"}' in text
    assert "earnest_outbox_backlog" in text
    assert 'earnest_http_seconds_count{route="gate",status="403"}' in text


def test_rules_about_what_an_invite_says_hold_for_both_of_its_calls(served: Served) -> None:
    coins = Rule(name="coins", when="'coins' in text.found", then=Refusing())
    document = DoorDocument(
        rules=(coins, Rule(name="tea", when="room.name == 'Tea'", then=Admitting())),
        otherwise=Holding(stake=Amount(10**18)),
        patterns={"coins": Pattern(words=("airdrop",), look_alikes=True)},
    )
    with served.container.work() as work:
        work.doors.write(work.people.number(ALICE), document)

    def invited(room: str, **content: object) -> list[int]:
        told = {"membership": "invite", **content}
        state = [{"type": "m.room.name", "content": {"name": "Tea"}}]
        event = {**FEDERATED["event"], "room_id": room, "content": told, "unsigned": {"invite_room_state": state}}
        calls = ("federated_user_may_invite", {"event": event}), ("user_may_invite", {**INVITE, "room_id": room})
        return [served.call(*call).status_code for call in calls]

    assert invited("!a:far.example", reason="Leaves for you") == [200, 200]
    assert invited("!b:far.example", reason="an \N{CYRILLIC SMALL LETTER A}irdr0p!") == [403, 403]


def test_nobody_tells_of_an_invite_in_the_name_of_the_homeservers_own_people(served: Served) -> None:
    spam = Rule(name="spam", when="knock.text.contains('airdrop')", then=Refusing())
    with served.container.work() as work:
        work.doors.write(work.people.number(ALICE), DoorDocument(rules=(spam,), otherwise=Admitting()))
    carol, content = "@carol:example.org", {"membership": "invite", "reason": "airdrop"}
    event = {**FEDERATED["event"], "sender": carol, "content": content}
    assert served.call("federated_user_may_invite", {"event": event}).status_code == 403, "it is forged"
    assert served.call("user_may_invite", {**INVITE, "inviter": carol}).status_code == 200
