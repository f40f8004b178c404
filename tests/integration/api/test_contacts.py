"""Contacts over HTTP on both databases: imported in parts, listed by pages, undone as one, and the gate hears of it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.container import Container
from kit.amounts import Amount
from kit.database import Database
from kit.identifiers import UserId
from tests.support.services import ALICE, BOB, Clock, Door, a_bearer, a_container, a_token, http_door

CAROL, DAVE = UserId("@carol:far.example"), UserId("@dave:far.example")
URL = "/v1/me/contacts"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def container(tmp_path: Path, database: Database, clock: Clock) -> Container:
    return a_container(tmp_path, database, clock=clock)


@pytest.fixture
def bearer(container: Container) -> str:
    return a_bearer(container, "example.org")


@pytest.fixture
def door(container: Container, bearer: str) -> Iterator[Door]:
    assert bearer
    with container.work() as work:
        work.doors.ask(work.people.number(ALICE), stake=Amount(5 * 10**18))
    with http_door(container) as client:
        yield client


@pytest.fixture
def token(container: Container) -> dict[str, str]:
    return {"Authorization": a_token(container, ALICE)}


def take(door: Door, token: dict[str, str], *people: str, **more: Any) -> httpx.Response:  # noqa: ANN401 - any JSON
    answer: httpx.Response = door.post(URL, json={"people": people, **more}, headers=token)
    return answer


def test_an_import_in_parts_is_undone_as_one_and_the_gate_hears_of_both_(
    door: Door, token: dict[str, str], bearer: str, clock: Clock
) -> None:
    def comes_to(status: int) -> None:
        """Knock until that is the answer: a gate hears of a change a little later."""
        invite = {"inviter": BOB, "invitee": ALICE, "room_id": "!r:far.example"}
        headers = {"Authorization": bearer}
        while door.post("/api/1/spam_check/user_may_invite", json=invite, headers=headers).status_code != status:
            time.sleep(0.05)

    comes_to(403)
    first = take(door, token, BOB, BOB, "@earnest:example.org").json()
    assert (first["added"], first["known"], first["left_out"]) == (1, 0, 0)
    clock.pass_(minutes=2)
    second = take(door, token, BOB, CAROL, imported=first["imported"]).json()
    assert (second["imported"], second["added"], second["known"]) == (first["imported"], 1, 1)
    comes_to(200)
    assert door.get(f"{URL}/imports", headers=token).json() == {
        "imports": [{"imported": first["imported"], "people": 2}]
    }
    why = door.get("/v1/me/why", params={"other": BOB}, headers=token).json()
    assert why["because"] == [{"code": "known_before", "values": {}}]
    undone = door.delete(URL, params={"imported": first["imported"]}, headers=token)
    assert undone.json() == {"undone": 2}
    comes_to(403)
    again = door.delete(URL, params={"imported": first["imported"]}, headers=token)
    assert (again.status_code, again.json()["type"]) == (404, "urn:earnest:problem:import_unknown")


def test_contacts_are_listed_by_pages_and_forgotten_one_by_one(door: Door, token: dict[str, str]) -> None:
    take(door, token, DAVE, BOB, CAROL)
    page = door.get(URL, params={"limit": 2}, headers=token).json()
    assert [(one["who"], one["why"]) for one in page["contacts"]] == [(BOB, "imported"), (CAROL, "imported")]
    rest = door.get(URL, params={"limit": 2, "after": page["next"]}, headers=token).json()
    assert ([one["who"] for one in rest["contacts"]], rest["next"]) == ([DAVE], None)
    assert door.delete(f"{URL}/{CAROL}", headers=token).status_code == 204
    assert door.delete(f"{URL}/{CAROL}", headers=token).status_code == 404
    assert [one["who"] for one in door.get(URL, headers=token).json()["contacts"]] == [BOB, DAVE]


def test_what_is_no_list_of_people_changes_nothing(door: Door, token: dict[str, str]) -> None:
    many = [f"@guest{number}:far.example" for number in range(201)]
    for people in (["bob"], [BOB, "@x:"], many, [BOB, 7], "x", ["@" + "x" * 300 + ":far.example"]):
        refused = door.post(URL, json={"people": people}, headers=token)
        assert 400 <= refused.status_code < 423, people
    for moment in (0, 2**37, 2**70, -1, "x"):
        assert take(door, token, BOB, imported=moment).status_code in (400, 422), moment
        assert door.delete(URL, params={"imported": moment}, headers=token).status_code in (400, 404, 422), moment
    assert door.get(URL, headers=token).json()["contacts"] == []


def test_whose_token_may_only_read_imports_nobody_and_nobody_sees_anothers(
    door: Door, token: dict[str, str], container: Container
) -> None:
    reading = {"Authorization": a_token(container, ALICE, "read")}
    assert take(door, reading, BOB).status_code == 403
    assert take(door, {}, BOB).status_code == 401
    take(door, token, BOB)
    assert door.get(URL, headers=reading).json()["contacts"][0]["who"] == BOB
    assert door.get(URL, headers={"Authorization": a_token(container, BOB)}).json()["contacts"] == []
