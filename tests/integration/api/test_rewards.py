"""The HTTP door of rewards, under whatever is sent to it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.container import Container
from kit.database import Database
from tests.integration.payments.test_rewards import FAR, Server
from tests.support.services import PUBLIC_URL, Door, a_container, http_door
from tests.unit.payments.test_rewards_measured import body

PAYOUT = "0x" + "11" * 20
ASKED = {"server_name": FAR, "payout": PAYOUT}


@pytest.fixture
def container(tmp_path: Path, database: Database) -> Container:
    return a_container(tmp_path, database)


@pytest.fixture
def door(container: Container) -> Iterator[Door]:
    with http_door(container) as client:
        yield client


def problem(answer: Any) -> tuple[int, str]:  # noqa: ANN401 - an answer
    return answer.status_code, answer.json()["type"].removeprefix("urn:earnest:problem:")


def enrolled(container: Container) -> str:
    """A server that takes part; the path of its reports."""
    server = Server()
    with container.work() as work:
        challenge = work.rewards.challenge(FAR, b"\x11" * 20)  # type: ignore[arg-type] # an address
        done = work.rewards.enrol(server.sign(challenge.document()), server.published())
    return f"/v1/rewards/reports/{done.secret}"


def test_a_challenge_names_everything_that_it_is_for(door: Door) -> None:
    answer = door.post("/v1/rewards/challenges", json=ASKED)
    assert answer.status_code == 201, answer.text
    said = answer.json()
    assert (said["type"], said["server_name"], said["payout"]) == ("org.earnest.rewards.enrolment", FAR, PAYOUT)
    assert (said["service"], said["chain_id"]) == (PUBLIC_URL, 31337)


@pytest.mark.parametrize(
    "change",
    [
        {"server_name": "not a name"},
        {"server_name": "far.example/path"},
        {"server_name": "x" * 300},
        {"server_name": "\u202efar.example"},
        {"payout": "0x12"},
        {"payout": "0x" + "00" * 20},
        {"payout": 7},
        {"more": 1},
    ],
)
def test_what_can_be_no_challenge_is_refused(door: Door, change: dict[str, Any]) -> None:
    assert door.post("/v1/rewards/challenges", json=ASKED | change).status_code == 400


def test_only_the_challenge_itself_may_come_back(door: Door) -> None:
    challenge = door.post("/v1/rewards/challenges", json=ASKED).json()
    server = Server()
    for change, expected in (
        ({"nonce": "made up"}, (404, "challenge_unknown")),
        ({"payout": "0x" + "22" * 20}, (400, "challenge_changed")),
        ({"expires_ts": 2**53}, (400, "challenge_changed")),
        ({"chain_id": 1}, (400, "challenge_changed")),
        ({"more": 1}, (400, "request_malformed")),
        ({"signatures": "none"}, (400, "request_malformed")),
        ({"signatures": {str(n): {} for n in range(21)}}, (400, "request_malformed")),
    ):
        answer = door.post("/v1/rewards/enrolments", json=server.sign(challenge) | change)
        assert problem(answer) == expected, answer.text


def test_a_server_that_cannot_be_asked_for_its_keys_may_try_again(door: Door, container: Container) -> None:
    challenge = door.post("/v1/rewards/challenges", json=ASKED).json()
    signed = Server().sign(challenge)
    for _ in range(2):
        assert problem(door.post("/v1/rewards/enrolments", json=signed)) == (503, "homeserver_unavailable")
    with container.read() as work:
        assert work.rewards.asked(signed).server == FAR
    inward = door.post("/v1/rewards/challenges", json=ASKED | {"server_name": "127.0.0.1:1"}).json()
    signed = Server(name=inward["server_name"]).sign(inward)
    assert problem(door.post("/v1/rewards/enrolments", json=signed)) == (503, "homeserver_unavailable")


def test_reports_are_taken_by_their_secret_and_bounded(door: Door, container: Container) -> None:
    path = enrolled(container)
    for _ in range(2):
        taken = door.put(path, content=body())
        assert (taken.status_code, taken.json()) == (200, {}), "Synapse warns of whatever is no JSON"
    assert problem(door.put(path, content=body(homeserver="other.example"))) == (400, "report_other")
    assert problem(door.put(path, content=body(total_users=10**40))) == (400, "report_absurd")
    assert problem(door.put(path, content=b"x" * 20_000)) == (400, "report_too_large")
    assert door.put(path, content=b"x" * 100_000).status_code == 413
    assert problem(door.put(path[:-1] + "!", content=body())) == (404, "report_nobody")
    assert door.put("/v1/rewards/reports/short", content=body()).status_code == 400
    shown = door.get(path).json()
    assert (shown["server_name"], shown["payout"], shown["trouble"]) == (FAR, PAYOUT, None)
    assert problem(door.get(path + "x")) == (404, "report_nobody")


def test_one_client_may_not_ask_for_ever(door: Door) -> None:
    answers = [door.post("/v1/rewards/challenges", json=ASKED | {"server_name": f"s{n}.example"}) for n in range(12)]
    assert {answer.status_code for answer in answers[:10]} == {201}
    assert answers[-1].status_code == 429
