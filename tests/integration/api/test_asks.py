"""Asks over HTTP on both databases: made, listed, taken back; and the queue with its answers."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from app.container import Container
from app.forgetting import forget_person, prune_all
from app.sessions import Scope
from kit.amounts import ZERO
from kit.database import Database
from kit.identifiers import UserId
from payments.stakes.model import Price
from reputation.policy import DoorDocument, Holding
from reputation.verdict import Code, FreePath, Hold, Reason
from tests.support.services import ALICE, BOB, Clock, Door, a_bearer, a_container, a_stake, a_token, http_door

HELLO = "Hello, it is Bob from the choir."
ASKABLE = Hold(Price(ZERO, ZERO), (Reason(Code.ASKS_FREE),), (FreePath.ASK,))


@pytest.fixture
def container(tmp_path: Path, database: Database) -> Container:
    made = a_container(tmp_path, database)
    a_bearer(made, "example.org")
    return made


@pytest.fixture
def door(container: Container) -> Iterator[Door]:
    with http_door(container) as client:
        yield client


def as_one(container: Container, who: str, *scopes: str) -> dict[str, str]:
    return {"Authorization": a_token(container, UserId(who), *scopes)}


def problem(code: str) -> str:
    return f"urn:earnest:problem:{code}"


def asks(container: Container, stranger: str = BOB, recipient: str = ALICE) -> None:
    with container.work() as work:
        work.asks.ask(UserId(stranger), work.people.number(UserId(recipient)), HELLO, ASKABLE)


def queue(door: Door, headers: dict[str, str]) -> list[tuple[str, str]]:
    return [(one["stranger"], one["sentence"]) for one in door.get("/v1/me/queue", headers=headers).json()["queue"]]


def test_one_must_say_who_one_is_and_a_reading_token_changes_nothing(container: Container, door: Door) -> None:
    for path in ("/v1/me/asks", "/v1/me/queue"):
        assert door.get(path).status_code == 401, path
    reading = as_one(container, ALICE, Scope.READ)
    asked = {"recipient": BOB, "sentence": HELLO}
    for method, path, body in (
        ("POST", "/v1/me/asks", asked),
        ("DELETE", f"/v1/me/asks/{BOB}", None),
        ("POST", f"/v1/me/queue/{BOB}", {"answer": "accept"}),
    ):
        answer = door.request(method, path, headers=reading, json=body)
        assert (answer.status_code, answer.json()["type"]) == (403, problem("scope_missing")), path


def test_at_a_door_that_names_that_path_one_is_told_how_asks_and_comes_in(container: Container, door: Door) -> None:
    bearer = {"Authorization": a_bearer(container, "second.example")}
    carol = UserId("@carol:second.example")
    with container.work() as work:
        work.doors.write(work.people.number(carol), DoorDocument(otherwise=Holding(free=(FreePath.ASK,))))
    invite = {"inviter": BOB, "invitee": carol, "room_id": "!r:far.example"}
    while (refused := door.post("/api/1/spam_check/user_may_invite", headers=bearer, json=invite)).status_code == 401:
        time.sleep(0.05)  # the gate hears of a new homeserver within a moment
    assert refused.status_code == 403
    assert set(refused.json()) == {"errcode", "error"}, "there is no price"
    assert "ask " in refused.json()["error"]
    asked = {"recipient": carol, "sentence": HELLO}
    assert door.post("/v1/me/asks", headers=as_one(container, BOB), json=asked).status_code == 201
    assert queue(door, as_one(container, carol)) == [(BOB, HELLO)]
    answer = door.post(f"/v1/me/queue/{BOB}", headers=as_one(container, carol), json={"answer": "accept"})
    assert answer.is_success, answer.text
    while door.post("/api/1/spam_check/user_may_invite", headers=bearer, json=invite).status_code == 403:
        time.sleep(0.05)  # the gate hears of it within a moment


def test_whoever_takes_no_sentences_is_like_nobody_at_all(container: Container, door: Door) -> None:
    with container.work() as work:
        work.doors.closed(work.people.number(UserId(ALICE)))
    answers = [
        door.post("/v1/me/asks", headers=as_one(container, BOB), json={"recipient": name, "sentence": HELLO}).json()
        for name in (ALICE, "@never:example.org", "@never:far.example")
    ]
    assert answers[0]["type"] == problem("ask_nobody")
    assert answers[0] == answers[1] == answers[2]


@pytest.mark.parametrize(
    ("sentence", "code"),
    [("see example.org", "ask_link"), ("", "ask_empty"), ("a" * 201, "ask_long"), ("two\nlines", "ask_unseemly")],
)
def test_what_is_no_sentence_is_refused(container: Container, door: Door, sentence: str, code: str) -> None:
    answer = door.post("/v1/me/asks", headers=as_one(container, BOB), json={"recipient": ALICE, "sentence": sentence})
    assert (answer.status_code, answer.json()["type"]) == (400, problem(code))


def test_a_sentence_is_listed_and_taken_back(container: Container, door: Door) -> None:
    bob = as_one(container, BOB)
    asks(container)
    (one,) = door.get("/v1/me/asks", headers=bob).json()["asks"]
    assert (one["recipient"], one["sentence"], one["state"]) == (ALICE, HELLO, "waiting")
    assert one["until"] - one["asked_at"] == 30 * 86_400
    assert queue(door, as_one(container, ALICE)) == [(BOB, HELLO)]
    assert door.delete(f"/v1/me/asks/{ALICE}", headers=bob).status_code == 204
    assert door.get("/v1/me/asks", headers=bob).json() == {"asks": []}
    for name in (ALICE, "@never:example.org"):
        assert door.delete(f"/v1/me/asks/{name}", headers=bob).json()["type"] == problem("ask_unknown")


def test_the_queue_is_answered(container: Container, door: Door) -> None:
    alice, bob = as_one(container, ALICE), as_one(container, BOB)
    assert door.post(f"/v1/me/queue/{BOB}", headers=alice, json={"answer": "accept"}).status_code == 404
    asks(container)
    declined = door.post(f"/v1/me/queue/{BOB}", headers=alice, json={"answer": "decline"})
    assert (declined.status_code, declined.json()) == (200, {"answer": "decline", "stranger": BOB})
    assert queue(door, alice) == []
    assert door.get("/v1/me/asks", headers=bob).json()["asks"][0]["state"] == "declined"
    assert door.post(f"/v1/me/queue/{BOB}", headers=alice, json={"answer": "accept"}).status_code == 200
    assert door.get("/v1/me/asks", headers=bob).json()["asks"][0]["state"] == "accepted"
    why = door.get("/v1/me/why", params={"other": BOB}, headers=alice).json()
    assert (why["verdict"], why["because"][0]["code"]) == ("admit", "accepted_before")


def test_spam_ends_it_and_shows_as_declined(container: Container, door: Door) -> None:
    alice = as_one(container, ALICE)
    asks(container)
    assert door.post(f"/v1/me/queue/{BOB}", headers=alice, json={"answer": "spam"}).status_code == 200
    assert door.get("/v1/me/asks", headers=as_one(container, BOB)).json()["asks"][0]["state"] == "declined"
    assert door.get("/v1/me/why", params={"other": BOB}, headers=alice).json()["because"][0]["code"] == "called_spam"
    assert door.post("/v1/me/undo", headers=alice, json={"stranger": BOB}).status_code == 200
    assert queue(door, alice) == [(BOB, HELLO)]


def test_spam_that_burns_a_stake_must_be_confirmed(container: Container, door: Door) -> None:
    alice = as_one(container, ALICE)
    door.put("/v1/me/door", headers=alice, json={"mode": "ask", "stake": str(5 * 10**18)})
    a_stake(container, BOB, ALICE)
    asks(container)
    refused = door.post(f"/v1/me/queue/{BOB}", headers=alice, json={"answer": "spam"})
    assert refused.json()["type"] == problem("confirm_spam")
    assert queue(door, alice) == [(BOB, HELLO)]
    confirmed = {"answer": "spam", "confirm": True}
    assert door.post(f"/v1/me/queue/{BOB}", headers=alice, json=confirmed).status_code == 200


def test_the_answer_to_a_stake_is_the_answer_to_its_sentence(container: Container, door: Door) -> None:
    alice = as_one(container, ALICE)
    asks(container)
    accepted = door.post("/v1/me/answers", headers=alice, json={"stranger": BOB, "answer": "accept"})
    assert (accepted.status_code, accepted.json()["stakes"]) == (200, [])
    assert queue(door, alice) == []


def rows(container: Container) -> int:
    with container.read() as work:
        return work.session.scalar(text("SELECT count(*) FROM asks")) or 0


@pytest.mark.parametrize("who", [ALICE, BOB])
def test_whoever_is_forgotten_takes_what_they_asked_and_were_asked_along(container: Container, who: str) -> None:
    asks(container)
    asks(container, stranger=ALICE, recipient=BOB)
    asks(container, stranger="@carol:far.example", recipient="@dave:example.org")
    with container.work() as work:
        forget_person(work, work.people.number(UserId(who)))
    assert rows(container) == 1


def test_what_is_over_is_swept_with_the_names_that_it_alone_needed(container: Container) -> None:
    clock = container.clock
    assert isinstance(clock, Clock)
    asks(container)
    clock.pass_(days=29)
    asks(container, stranger="@carol:far.example", recipient="@dave:example.org")
    prune_all(container.work, events_kept=timedelta(days=365))
    assert rows(container) == 2
    clock.pass_(days=1)
    prune_all(container.work, events_kept=timedelta(days=365))
    assert rows(container) == 1
    with container.read() as work:
        assert work.people.find(UserId(BOB)) is None
        assert work.people.find(UserId("@carol:far.example")) is not None
