"""Filters over HTTP, on both databases: read, set, raced for, ended, gone back from; what they saw, and why."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.container import Container
from app.sessions import Scope
from kit.database import Database
from kit.identifiers import RoomId
from reputation.policy import Severity
from reputation.seeing import Held, Sighting, Unsaid
from reputation.sightings import Tally
from tests.support.services import ALICE, BOB, Door, a_container, a_token, http_door

URL = "/v1/me/filter"
GROUP = RoomId("!group:example.org")
COINS: dict[str, Any] = {
    "version": 1,
    "kind": "filter",
    "rules": [{"name": "coins", "when": "message.text.contains('coin')", "then": {"label": "spam"}}],
}


@pytest.fixture
def container(tmp_path: Path, database: Database) -> Container:
    return a_container(tmp_path, database)


@pytest.fixture
def door(container: Container) -> Iterator[Door]:
    with http_door(container) as client:
        yield client


@pytest.fixture
def alice(container: Container) -> dict[str, str]:
    return {"Authorization": a_token(container, ALICE)}


def sees(container: Container, event: str = "$one") -> None:
    """Let Alice's filter, as it stands, have seen a message of Bob's."""
    with container.work() as work:
        viewer = work.people.number(ALICE)
        version = work.filters.versions.number(viewer)
        held = (Held(1, "coins", "spam", Severity.WARN, facts={"message.text": None, "sender.known_by": 0}),)
        unsaid = (Unsaid("low", ("sender.standing",)),)
        sighting = Sighting(viewer, GROUP, event, BOB, work.now, version, held, unsaid)
        tally = Tally(messages=4, unread=1, passed=2)
        tally.lacking["sender.standing"] = 4
        assert work.filters.sightings.record([sighting], {viewer: {GROUP: tally}}) == 1


def test_presets_are_there_for_everybody(door: Door) -> None:
    found = door.get("/v1/filter-presets").json()["presets"]
    assert [one["name"] for one in found] == ["advertising", "links", "careful"]
    assert found[1]["says"] == "Marks links from people whom nobody you know knows."
    assert found[1]["document"]["kind"] == "filter"


def test_a_filter_is_read_set_ended_and_undone(door: Door, alice: dict[str, str], container: Container) -> None:
    assert door.get(URL, headers=alice).json()["number"] == 0
    made = door.put(URL, headers=alice, json={"preset": "links", "based_on": 0}).json()
    assert (made["number"], made["preset"], made["rooms"]) == (1, "links", [])
    again = door.put(URL, headers=alice, json={"document": COINS, "based_on": 1}).json()
    assert (again["number"], again["preset"]) == (2, None)
    with container.work() as work:
        person = work.people.number(ALICE)
        work.filters.rooms.watch(person, GROUP, most=1)
    assert [one["room"] for one in door.get(URL, headers=alice).json()["rooms"]] == [GROUP]
    late = door.put(URL, headers=alice, json={"preset": "careful", "based_on": 1})
    assert (late.status_code, late.json()["type"]) == (409, "urn:earnest:problem:filter_changed")
    kept = door.get(f"{URL}/versions", headers=alice).json()["versions"]
    assert [one["number"] for one in kept] == [2, 1]
    assert {"what": "rule_added", "name": "coins"} in kept[0]["changes"]
    assert [one["what"] for one in kept[1]["changes"]] == ["rule_added"]
    ended = door.delete(URL, headers=alice).json()
    assert (ended["number"], ended["document"]["rules"], ended["rooms"]) == (3, [], [])
    assert door.post(f"{URL}/undo", headers=alice).json()["document"] == again["document"]
    assert door.post(f"{URL}/back", headers=alice, json={"number": 1}).json()["preset"] == "links"
    missing = door.post(f"{URL}/back", headers=alice, json={"number": 9})
    assert (missing.status_code, missing.json()["type"]) == (404, "urn:earnest:problem:filter_version_unknown")


def test_what_it_would_have_hidden_is_told_and_explained(
    door: Door, alice: dict[str, str], container: Container
) -> None:
    door.put(URL, headers=alice, json={"document": COINS})
    sees(container)
    found = door.get(f"{URL}/would-have", headers=alice, params={"days": 3}).json()
    newest = found.pop("newest")
    assert found == {
        "days": 3,
        "messages": 4,
        "rooms": 1,
        "seen": 1,
        "unread": 1,
        "passed": 2,
        "lacking": {"sender.standing": 4},
        "rules": [{"rule": "coins", "label": "spam", "severity": "warn", "messages": 1}],
    }
    [one] = newest
    assert (one["room"], one["event"], one["sender"], one["version"]) == (GROUP, "$one", BOB, 1)
    assert one["link"] == "https://matrix.to/#/%21group%3Aexample.org/%24one?via=example.org"
    assert one["unsaid"] == [{"rule": "low", "lacking": ["sender.standing"]}]
    for event in ("$one", one["link"]):
        why = door.get(f"{URL}/why", headers=alice, params={"event": event}).json()
        assert why["held"][0]["facts"] == {"message.text": None, "sender.known_by": 0}
    assert door.get(f"{URL}/why", headers=alice, params={"event": "$two"}).status_code == 404
    assert door.get(f"{URL}/why", headers=alice, params={"event": "two"}).status_code == 400
    assert door.get(f"{URL}/would-have", headers=alice, params={"newest": 0}).json()["newest"] == []


def test_nobody_elses_filter_is_told(door: Door, alice: dict[str, str], container: Container) -> None:
    door.put(URL, headers=alice, json={"document": COINS})
    sees(container)
    bob = {"Authorization": a_token(container, BOB)}
    assert door.get(f"{URL}/would-have", headers=bob).json()["messages"] == 0
    assert door.get(f"{URL}/why", headers=bob, params={"event": "$one"}).status_code == 404
    assert door.get(URL, headers=bob).json()["number"] == 0


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"preset": "links", "document": COINS},
        {"preset": "cosy"},
        {"document": {"version": 1, "kind": "door", "otherwise": {"do": "admit"}}},
        {"document": {**COINS, "rules": [{"name": "a", "when": "stake.amount > 1.0", "then": {"label": "a"}}]}},
    ],
)
def test_what_cannot_be_a_filter_is_refused_and_changes_nothing(
    door: Door, alice: dict[str, str], body: dict[str, Any]
) -> None:
    assert door.put(URL, headers=alice, json=body).status_code == 400
    assert door.get(f"{URL}/versions", headers=alice).json() == {"versions": []}


def test_a_reading_token_sets_nothing_and_without_one_nothing_is_told(door: Door, container: Container) -> None:
    reads = {"Authorization": a_token(container, ALICE, Scope.READ)}
    for path in ("", "/versions", "/would-have"):
        assert door.get(URL + path, headers=reads).status_code == 200
        assert door.get(URL + path).status_code == 401
    for verb, path, body in (
        ("PUT", "", {"preset": "links"}),
        ("DELETE", "", None),
        ("POST", "/undo", None),
        ("POST", "/back", {"number": 1}),
    ):
        assert door.request(verb, URL + path, headers=reads, json=body).status_code == 403
    for days in (0, 31):
        assert door.get(f"{URL}/would-have?days={days}", headers=reads).status_code == 400
