"""Webhooks over HTTP: registered, shown, changed and deleted by their owner alone, secrets shown once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.container import Container
from app.delivering import Deliverer
from ledger.telling import Fact
from tests.support.databases import sqlite_copy
from tests.support.receivers import Receiver, a_receiver
from tests.support.services import ALICE, BOB, Door, a_container, a_person, a_token, http_door

HOOK = "https://hooks.example.org/earnest?key=mine"


@pytest.fixture
def container(tmp_path: Path, sqlite_template: Path) -> Iterator[Container]:
    with sqlite_copy(sqlite_template, tmp_path / "earnest.db") as database:
        yield a_container(tmp_path, database)


@pytest.fixture
def door(container: Container) -> Iterator[Door]:
    with http_door(container) as client:
        yield client


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with a_receiver() as found:
        yield found


@pytest.fixture
def alice(container: Container) -> dict[str, str]:
    return {"Authorization": a_token(container, ALICE)}


def added(door: Door, headers: dict[str, str], **body: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    answer = door.post("/v1/webhooks", headers=headers, json={"url": HOOK, **body})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def test_an_endpoint_is_added_shown_and_deleted(door: Door, alice: dict[str, str]) -> None:
    made = added(door, alice, mode="finalized", types=["stake.opened", "knock.held"])
    assert made["secret"].startswith("whsec_")
    shown = made["webhook"]
    assert (shown["url"], shown["mode"], shown["state"]) == (HOOK, "finalized", "active")
    assert shown["types"] == ["knock.held", "stake.opened"]
    assert (shown["sent_up_to"], shown["waiting"], shown["next_attempt_at"]) == (0, 0, None)
    one = f"/v1/webhooks/{shown['id']}"
    assert door.get(one, headers=alice).json() == shown
    assert door.get("/v1/webhooks", headers=alice).json() == {"webhooks": [shown]}
    assert "whsec_" not in door.get("/v1/webhooks", headers=alice).text
    assert door.delete(one, headers=alice).status_code == 204
    assert door.get(one, headers=alice).status_code == 404


def test_what_is_anothers_is_not_there(door: Door, container: Container, alice: dict[str, str]) -> None:
    name = added(door, alice)["webhook"]["id"]
    bob = {"Authorization": a_token(container, BOB)}
    assert door.get("/v1/webhooks", headers=bob).json() == {"webhooks": []}
    for method, path in (
        ("GET", ""),
        ("GET", "/attempts"),
        ("POST", "/rotate"),
        ("POST", "/pause"),
        ("POST", "/resume"),
        ("POST", "/test"),
        ("POST", "/replay?after=0"),
        ("DELETE", ""),
    ):
        assert door.request(method, f"/v1/webhooks/{name}{path}", headers=bob).status_code == 404, path
        assert door.request(method, f"/v1/webhooks/{name}{path}").status_code == 401, path
    reader = {"Authorization": a_token(container, ALICE, "read")}
    assert door.get(f"/v1/webhooks/{name}", headers=reader).status_code == 200
    assert door.post(f"/v1/webhooks/{name}/rotate", headers=reader).status_code == 403


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"url": "http://hooks.example.org/"}, 400, "url_not_https"),
        ({"url": "https://127.0.0.1/"}, 403, "address_private"),
        ({"url": "https://169.254.169.254/latest/meta-data"}, 403, "address_private"),
        ({"url": "nonsense"}, 400, "url_malformed"),
        ({"url": HOOK, "types": ["odd"]}, 400, "event_type_unknown"),
        ({"url": HOOK, "mode": "all"}, 400, "request_malformed"),
        ({"url": HOOK, "secret": "mine"}, 400, "request_malformed"),
        ({}, 400, "request_malformed"),
    ],
)
def test_what_cannot_be_is_refused(
    door: Door, alice: dict[str, str], body: dict[str, Any], status: int, code: str
) -> None:
    answer = door.post("/v1/webhooks", headers=alice, json=body)
    assert (answer.status_code, answer.json()["type"]) == (status, f"urn:earnest:problem:{code}")


def test_its_life_as_its_owner_leads_it(tmp_path: Path, container: Container, receiver: Receiver) -> None:
    local = a_container(tmp_path, container.database, private_networks="127.0.0.0/8")
    with http_door(local) as door:
        alice = {"Authorization": a_token(local, ALICE)}
        made = added(door, alice, url=receiver.url)
        one = f"/v1/webhooks/{made['webhook']['id']}"
        person = a_person(local, ALICE)
        with local.work() as work:
            work.feed.tell(person, Fact("stake.opened", "stake:0x01", {}))
        assert door.post(f"{one}/test", headers=alice).status_code == 202
        waiting = door.get(one, headers=alice).json()
        assert (waiting["waiting"], waiting["next_attempt_at"] is None) == (2, False)
        deliver(local)
        assert door.get(one, headers=alice).json()["sent_up_to"] == 2
        attempts = door.get(f"{one}/attempts", headers=alice).json()["attempts"]
        assert [(each["event"], each["status"], each["outcome"]) for each in attempts] == [
            (2, 204, "delivered"),
            (1, 204, "delivered"),
        ]
        assert door.get(f"{one}/attempts?dead=true", headers=alice).json() == {"attempts": []}
        rotated = door.post(f"{one}/rotate", headers=alice).json()["secret"]
        assert rotated != made["secret"]
        assert door.get(one, headers=alice).json()["two_secrets_until"] is not None
        assert door.post(f"{one}/pause", headers=alice).json()["state"] == "paused"
        assert door.post(f"{one}/resume", headers=alice).json()["state"] == "active"
        assert door.post(f"{one}/replay", params={"after": 0}, headers=alice).json()["waiting"] == 2
        assert door.post(f"{one}/replay", params={"after": 9}, headers=alice).status_code == 409
        deliver(local)
        assert len(receiver.got) == 4
        again = [door.post(f"{one}/test", headers=alice).status_code for _ in range(8)]
        assert 429 in again, "nobody makes us send without end"


def deliver(container: Container) -> None:
    with container.work() as work:
        claims = work.owed.claim(10, slow=10)
    for claim in claims:
        Deliverer(container).deliver(claim)
