"""Doors as documents over HTTP, on both databases: read, tried, set, raced for, and gone back from."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.container import Container
from app.sessions import Scope
from kit.database import Database
from reputation.model import Knock
from tests.support.knocks import ROOM
from tests.support.services import ALICE, BOB, Door, a_bearer, a_container, a_token, http_door

FRIENDS = "friends-of-friends"
COINS: dict[str, Any] = {
    "version": 1,
    "kind": "door",
    "rules": [{"name": "coins", "when": "knock.text.contains('coin')", "then": {"do": "refuse"}}],
    "otherwise": {"do": "hold", "stake": "2.5", "free": ["ask"]},
}


@pytest.fixture
def container(tmp_path: Path, database: Database) -> Container:
    return a_container(tmp_path, database)


@pytest.fixture
def door(container: Container) -> Iterator[Door]:
    a_bearer(container, "example.org")
    with http_door(container) as client:
        yield client


@pytest.fixture
def alice(container: Container) -> dict[str, str]:
    return {"Authorization": a_token(container, ALICE)}


def knock(container: Container) -> None:
    with container.work() as work:
        tenant = work.tenants.all()[0]
        work.gate.ask(Knock(tenant.id, tenant.server_name, BOB, ALICE, ROOM, work.now, federated=True))


def test_presets_are_there_for_everybody(door: Door) -> None:
    found = door.get("/v1/presets").json()["presets"]
    assert [one["name"] for one in found] == ["open", "stake", FRIENDS, "known"]
    assert found[0]["says"] == "Everybody comes in free."
    assert found[2]["document"]["otherwise"] == {"do": "hold", "stake": "5", "fee": "0", "free": ["ask", "vouch"]}


def test_a_door_is_read_set_and_undone(door: Door, alice: dict[str, str]) -> None:
    url = "/v1/me/door/document"
    assert door.get(url, headers=alice).json()["number"] == 0
    made = door.put(url, headers=alice, json={"preset": FRIENDS, "based_on": 0}).json()
    assert (made["number"], made["preset"]) == (1, FRIENDS)
    assert door.get("/v1/me/door", headers=alice).json()["mode"] == "rules"
    again = door.put(url, headers=alice, json={"document": COINS, "based_on": 1}).json()
    assert (again["number"], again["preset"], again["document"]["otherwise"]["stake"]) == (2, None, "2.5")
    assert door.put(url, headers=alice, json={"document": again["document"]}).json()["number"] == 2, "as it was read"
    kept = door.get("/v1/me/door/versions", headers=alice).json()["versions"]
    assert [one["number"] for one in kept] == [2, 1]
    assert {"what": "rule_added", "name": "coins"} in kept[0]["changes"]
    assert [one["what"] for one in kept[1]["changes"]] == ["rule_added", "otherwise_changed"]
    assert door.post("/v1/me/door/undo", headers=alice).json()["preset"] == FRIENDS
    assert door.post("/v1/me/door/back", headers=alice, json={"number": 2}).json()["document"] == again["document"]
    assert door.post("/v1/me/door/back", headers=alice, json={"number": 9}).status_code == 404


def test_of_two_who_change_the_same_version_one_is_told(door: Door, alice: dict[str, str]) -> None:
    url = "/v1/me/door/document"
    assert door.put(url, headers=alice, json={"preset": "known", "based_on": 0}).status_code == 200
    late = door.put(url, headers=alice, json={"document": COINS, "based_on": 0})
    assert (late.status_code, late.json()["type"]) == (409, "urn:earnest:problem:door_changed")
    assert door.get(url, headers=alice).json()["preset"] == "known"


def test_trying_tells_whom_a_stricter_door_would_have_kept_out(
    door: Door, alice: dict[str, str], container: Container
) -> None:
    assert door.put("/v1/me/door", headers=alice, json={"mode": "open"}).status_code == 200
    knock(container)
    found = door.post("/v1/me/door/try", headers=alice, json={"document": COINS, "days": 7}).json()
    assert (found["days"], found["strangers"], found["changed"], found["lacking"]) == (7, 1, 1, {"knock.text": 1})
    [difference] = found["differences"]
    assert (difference["now"], difference["then"]) == ("comes_in", "held")
    [sample] = difference["samples"]
    assert (sample["stranger"], sample["came_in"], sample["kept_out"]) == (BOB, 1, 0)
    assert (sample["now"]["verdict"], sample["then"]["stake"]) == ("admit", str(25 * 10**17))
    assert (sample["then"]["free"], sample["then"]["rule"]) == (["ask"], None)
    assert door.get("/v1/me/door/document", headers=alice).json()["preset"] == "open"


def test_why_tells_the_rules_and_what_they_lacked(door: Door, alice: dict[str, str]) -> None:
    door.put("/v1/me/door/document", headers=alice, json={"document": COINS})
    found = door.get("/v1/me/why", headers=alice, params={"other": BOB}).json()
    assert (found["verdict"], found["free"], found["rule"]) == ("hold", ["ask"], None)
    assert found["rules"] == [
        {
            "number": 1,
            "name": "coins",
            "when": COINS["rules"][0]["when"],
            "answer": "unknown",
            "missing": ["knock.text"],
        }
    ]
    door.put(f"/v1/me/exempt/{BOB}", headers=alice)
    assert door.get("/v1/me/why", headers=alice, params={"other": BOB}).json()["rules"] is None


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"preset": "known", "document": COINS},
        {"preset": "cosy"},
        {"document": {**COINS, "otherwise": {"do": "admire"}}},
        {"document": {"version": 1, "kind": "filter"}},
        {"document": {**COINS, "rules": [{"name": "a", "when": "1 +", "then": {"do": "admit"}}]}},
        {"document": {**COINS, "otherwise": {"do": "hold", "fee": "1"}}},
    ],
)
def test_what_cannot_be_a_door_is_refused_and_changes_nothing(
    door: Door, alice: dict[str, str], body: dict[str, Any]
) -> None:
    assert door.put("/v1/me/door/document", headers=alice, json=body).status_code == 400
    assert door.post("/v1/me/door/try", headers=alice, json=body).status_code == 400
    assert door.get("/v1/me/door/versions", headers=alice).json() == {"versions": []}


def test_a_reading_token_tries_and_sets_nothing(door: Door, container: Container) -> None:
    reads = {"Authorization": a_token(container, ALICE, Scope.READ)}
    assert door.post("/v1/me/door/try", headers=reads, json={"preset": "known"}).status_code == 200
    for verb, path, body in (
        ("PUT", "document", {"preset": "known"}),
        ("POST", "undo", None),
        ("POST", "back", {"number": 1}),
    ):
        assert door.request(verb, f"/v1/me/door/{path}", headers=reads, json=body).status_code == 403


def test_trying_too_often_is_slowed(door: Door, alice: dict[str, str]) -> None:
    asked = [door.post("/v1/me/door/try", headers=alice, json={"preset": "known"}).status_code for _ in range(8)]
    assert asked[:6] == [200] * 6
    assert asked[-1] == 429


def test_without_a_token_nothing_is_told(door: Door) -> None:
    for path in ("document", "versions"):
        assert door.get(f"/v1/me/door/{path}").status_code == 401
    assert door.post("/v1/me/door/try", json={"preset": "known"}).status_code == 401
