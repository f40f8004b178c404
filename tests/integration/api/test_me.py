"""A person's own API on both databases: tokens, door, knocks, answers, balance, reasons, being forgotten."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from app.container import Container
from app.sessions import Scope
from kit.database import Database
from kit.identifiers import UserId
from reputation.evidence import Reason
from tests.support.services import (
    ALICE,
    BOB,
    PUBLIC_URL,
    Clock,
    Door,
    a_bearer,
    a_container,
    a_person,
    a_stake,
    a_token,
    http_door,
)

FIVE = str(5 * 10**18)


@pytest.fixture
def container(tmp_path: Path, database: Database) -> Container:
    return a_container(tmp_path, database)


@pytest.fixture
def bearer(container: Container) -> str:
    return a_bearer(container, "example.org")


@pytest.fixture
def door(container: Container, bearer: str) -> Iterator[Door]:  # noqa: ARG001 - the tenant is there when the gate begins
    with http_door(container) as client:
        yield client


def as_alice(container: Container, *scopes: str) -> dict[str, str]:
    return {"Authorization": a_token(container, ALICE, *scopes)}


def problem(code: str) -> str:
    return f"urn:earnest:problem:{code}"


# ---------------------------------------------------------------------------------------------------- who may


@pytest.mark.parametrize("header", [None, "Bearer ern_nonsense", "Bearer ", "Basic YTpi", "ern_nonsense"])
def test_without_a_good_token_nothing_is_told(door: Door, header: str | None) -> None:
    for path in (
        "",
        "/door",
        "/knocks",
        "/waiting",
        "/balance",
        "/wallets",
        "/tokens",
        "/vouches",
        "/reports",
        "/digest",
        "/helpers",
        "/why?other=@bob:far.example",
    ):
        answer = door.get("/v1/me" + path, headers={"Authorization": header} if header is not None else {})
        assert answer.status_code == 401, path
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["www-authenticate"].startswith("Bearer")
        assert not {"msg", "code"} & set(answer.json())


def test_a_reading_token_changes_nothing(container: Container, door: Door) -> None:
    headers = as_alice(container, Scope.READ)
    assert door.get("/v1/me", headers=headers).json() == {"mxid": ALICE, "scopes": ["read"], "confirmed": True}
    for method, path, body in (
        ("PUT", "/door", {"mode": "closed"}),
        ("PUT", "/exempt/@bob:far.example", None),
        ("PUT", "/digest", {"every": "off"}),
        ("PUT", "/helpers/@carol:example.org", None),
        ("DELETE", "/helpers/@carol:example.org", None),
        ("POST", "/answers", {"stranger": BOB, "answer": "accept"}),
        ("POST", "/undo", {"stranger": BOB}),
        ("POST", "/forget", {"confirm": ALICE}),
        ("DELETE", "/tokens/1", None),
        ("POST", "/wallets", {"message": "m", "signature": "0x00"}),
        ("POST", "/wallets/message", {"address": "0x" + "11" * 20}),
        ("PUT", "/wallets/primary", {"address": "0x" + "11" * 20}),
        ("DELETE", "/wallets/0x" + "11" * 20, None),
    ):
        answer = door.request(method, "/v1/me" + path, headers=headers, json=body)
        assert (answer.status_code, answer.json()["type"]) == (403, problem("scope_missing")), path
    assert door.get("/v1/me/door", headers=headers).json()["mode"] == "open"


def test_a_token_ends_when_it_is_revoked_and_when_its_time_is_over(container: Container, door: Door) -> None:
    first, second = as_alice(container), as_alice(container)
    listed = door.get("/v1/me/tokens", headers=first).json()["tokens"]
    assert [set(one) for one in listed] == [{"id", "label", "scopes", "created_at", "expires_at"}] * 2
    assert door.delete(f"/v1/me/tokens/{listed[0]['id']}", headers=second).status_code == 204
    assert door.get("/v1/me", headers=first).status_code == 401
    assert door.delete(f"/v1/me/tokens/{listed[0]['id']}", headers=second).status_code == 404
    clock = container.clock
    assert isinstance(clock, Clock)
    clock.pass_(days=91)
    assert door.get("/v1/me", headers=second).status_code == 401


def test_nobody_revokes_anothers_token(container: Container, door: Door) -> None:
    alice = as_alice(container)
    number = door.get("/v1/me/tokens", headers=alice).json()["tokens"][0]["id"]
    bob = {"Authorization": a_token(container, BOB)}
    assert door.delete(f"/v1/me/tokens/{number}", headers=bob).status_code == 404
    assert door.get("/v1/me", headers=alice).status_code == 200


# ---------------------------------------------------------------------------------------------------- the door


def test_a_door_is_set_and_shown(container: Container, door: Door) -> None:
    headers = as_alice(container)
    set_to = door.put("/v1/me/door", headers=headers, json={"mode": "ask", "stake": FIVE})
    assert (set_to.status_code, set_to.json()["stake"], set_to.json()["mode"]) == (200, FIVE, "ask")
    assert door.get("/v1/me/door", headers=headers).json() == set_to.json()
    assert door.put("/v1/me/door", headers=headers, json={"mode": "closed"}).json()["mode"] == "closed"


def test_a_door_takes_as_many_strangers_as_its_owner_says(container: Container, door: Door) -> None:
    headers = as_alice(container)
    body = {"mode": "ask", "stake": FIVE, "most_open": 3, "most_a_day": 2}
    shown = door.put("/v1/me/door", headers=headers, json=body).json()
    assert (shown["most_open"], shown["most_a_day"]) == (3, 2)
    assert door.put("/v1/me/door", headers=headers, json={"mode": "closed"}).json()["most_open"] == 3
    too_many = door.put("/v1/me/door", headers=headers, json={"mode": "closed", "most_open": 0})
    assert too_many.status_code == 400


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"mode": "ask"}, "price_zero"),
        ({"mode": "ask", "stake": "0"}, "price_zero"),
        ({"mode": "ask", "stake": str(2**256 - 1)}, "price_too_high"),
        ({"mode": "ask", "stake": str(2**256)}, "amount_out_of_range"),
        ({"mode": "ask", "stake": FIVE, "fee": "1"}, "fee_needs_wallet"),
        ({"mode": "open", "stake": FIVE}, "price_without_ask"),
        ({"mode": "ask", "stake": "-5"}, "request_malformed"),
        ({"mode": "ask", "stake": "5.0"}, "request_malformed"),
        ({"mode": "ajar"}, "request_malformed"),
        ({"mode": "closed", "moat": True}, "request_malformed"),
        ([], "request_malformed"),
    ],
)
def test_a_door_that_cannot_be_is_refused(container: Container, door: Door, body: object, code: str) -> None:
    headers = as_alice(container)
    answer = door.put("/v1/me/door", headers=headers, json=body)
    assert (answer.status_code, answer.json()["type"]) == (400, problem(code))
    assert door.get("/v1/me/door", headers=headers).json()["mode"] == "open"


def test_exemptions_come_and_go(container: Container, door: Door) -> None:
    headers = as_alice(container)
    assert door.put(f"/v1/me/exempt/{BOB}", headers=headers).status_code == 204
    assert door.get("/v1/me/door", headers=headers).json()["exempt"] == [BOB]
    assert door.delete(f"/v1/me/exempt/{BOB}", headers=headers).status_code == 204
    assert door.delete("/v1/me/exempt/@never:seen.example", headers=headers).status_code == 204
    assert door.get("/v1/me/door", headers=headers).json()["exempt"] == []
    assert door.put("/v1/me/exempt/bob", headers=headers).json()["type"] == problem("user_id_malformed")


def test_vouches_come_and_go(container: Container, door: Door) -> None:
    headers = as_alice(container)
    given = door.put(f"/v1/me/vouches/{BOB}", headers=headers, json={})
    assert (given.status_code, given.json()["weight"], given.json()["audience"]) == (200, 1, "trusted")
    more = {"weight": 3, "audience": "everybody"}
    assert door.put(f"/v1/me/vouches/{BOB}", headers=headers, json=more).json()["subject"] == BOB
    (listed,) = door.get("/v1/me/vouches", headers=headers).json()["vouches"]
    assert (listed["subject"], listed["weight"], listed["withdrawn_at"]) == (BOB, 3, None)
    taken = door.delete(f"/v1/me/vouches/{BOB}", headers=headers)
    assert (taken.status_code, taken.json()["withdrawn_at"] is None) == (200, False)
    assert door.get("/v1/me/vouches", headers=headers).json() == {"vouches": []}
    assert len(door.get("/v1/me/vouches?past=true", headers=headers).json()["vouches"]) == 2
    for other in (BOB, "@never:seen.example"):
        assert door.delete(f"/v1/me/vouches/{other}", headers=headers).json()["type"] == problem("vouch_unknown")
    assert door.put(f"/v1/me/vouches/{ALICE}", headers=headers, json={}).json()["type"] == problem("vouch_self")
    assert door.put("/v1/me/vouches/bob", headers=headers, json={}).json()["type"] == problem("user_id_malformed")
    assert door.put(f"/v1/me/vouches/{BOB}", headers=headers, json={"weight": 4}).status_code in (400, 422)


def test_reports_come_and_go_and_take_a_vouchs_place(container: Container, door: Door) -> None:
    headers = as_alice(container)
    door.put(f"/v1/me/vouches/{BOB}", headers=headers, json={})
    given = door.put(f"/v1/me/reports/{BOB}", headers=headers, json={"reason": "scam"})
    found = given.json()
    assert (given.status_code, found["subject"], found["reason"], found["audience"]) == (200, BOB, "scam", "trusted")
    assert door.get("/v1/me/vouches", headers=headers).json() == {"vouches": []}
    (listed,) = door.get("/v1/me/reports", headers=headers).json()["reports"]
    assert (listed["subject"], listed["withdrawn_at"]) == (BOB, None)
    assert door.delete(f"/v1/me/vouches/{BOB}", headers=headers).json()["type"] == problem("vouch_unknown")
    taken = door.delete(f"/v1/me/reports/{BOB}", headers=headers)
    assert (taken.status_code, taken.json()["withdrawn_at"] is None) == (200, False)
    assert door.get("/v1/me/reports", headers=headers).json() == {"reports": []}
    assert len(door.get("/v1/me/reports?past=true", headers=headers).json()["reports"]) == 1
    assert len(door.get("/v1/me/vouches?past=true", headers=headers).json()["vouches"]) == 1
    for other in (BOB, "@never:seen.example"):
        assert door.delete(f"/v1/me/reports/{other}", headers=headers).json()["type"] == problem("word_unknown")
    for body in ({}, {"reason": "they owe me money"}, {"reason": "spam", "text": "x"}):
        assert door.put(f"/v1/me/reports/{BOB}", headers=headers, json=body).status_code in (400, 422), body
    assert door.put(f"/v1/me/reports/{ALICE}", headers=headers, json={"reason": "spam"}).json()["type"] == problem(
        "report_self"
    )


def test_why_names_who_reports_among_those_one_knows(container: Container, door: Door) -> None:
    headers = as_alice(container)
    with container.work() as work:
        alice, bob, carol = (work.people.number(UserId(name)) for name in (ALICE, BOB, "@carol:example.org"))
        work.vouches.report(carol, bob, Reason.ABUSE)
        work.vouches.vouch(carol, alice)
    assert door.get("/v1/me/why", params={"other": BOB}, headers=headers).json()["reported_by"] == []
    with container.work() as work:
        work.doors.exempt(alice, carol)
    why = door.get("/v1/me/why", params={"other": BOB}, headers=headers).json()
    assert (why["vouched_by"], why["reported_by"]) == ([], [{"who": "@carol:example.org", "reason": "abuse"}])


def test_why_names_who_vouches_among_those_one_knows(container: Container, door: Door) -> None:
    headers = as_alice(container)
    with container.work() as work:
        alice, bob, carol = (work.people.number(UserId(name)) for name in (ALICE, BOB, "@carol:example.org"))
        work.vouches.vouch(carol, bob)
        work.vouches.vouch(carol, alice)
    assert door.get("/v1/me/why", params={"other": BOB}, headers=headers).json()["vouched_by"] == []
    with container.work() as work:
        work.doors.exempt(alice, carol)
    why = door.get("/v1/me/why", params={"other": BOB}, headers=headers).json()
    assert why["vouched_by"] == ["@carol:example.org"]


# ---------------------------------------------------------------------------------------------------- answers


def knock(door: Door, bearer: str, room: str = "!r:far.example") -> int:
    body = {"inviter": BOB, "invitee": ALICE, "room_id": room}
    status: int = door.post(
        "/api/1/spam_check/user_may_invite", headers={"Authorization": bearer}, json=body
    ).status_code
    return status


def test_an_unpaid_knock_is_a_count(container: Container, bearer: str, door: Door) -> None:
    headers = as_alice(container)
    door.put("/v1/me/door", headers=headers, json={"mode": "ask", "stake": FIVE})
    assert [knock(door, bearer, f"!r{number}:far.example") for number in range(3)] == [403, 403, 403]

    def count() -> dict[str, Any]:
        (one,) = door.get("/v1/me/knocks", headers=headers).json()["knocks"]
        return dict(one)

    while count()["count"] < 3:  # what is repeated is counted from memory, some moments later
        time.sleep(0.05)
    one = count()
    assert (one["stranger"], one["count"], one["because"]) == (BOB, 3, ["asks_stake"])
    why = door.get("/v1/me/why", params={"other": BOB}, headers=headers).json()
    assert (why["verdict"], why["because"][0]["code"], why["knocks"]["count"]) == ("hold", "asks_stake", 3)
    assert door.get("/v1/me/waiting", headers=headers).json() == {"waiting": []}


def test_a_paid_knock_waits_and_is_accepted(container: Container, bearer: str, door: Door) -> None:
    headers = as_alice(container)
    door.put("/v1/me/door", headers=headers, json={"mode": "ask", "stake": FIVE})
    knock(door, bearer)
    stake = a_stake(container, BOB, ALICE)
    while knock(door, bearer) != 200:  # the gate learns of it some moments later
        time.sleep(0.05)
    (one,) = door.get("/v1/me/waiting", headers=headers).json()["waiting"]
    assert (one["stranger"], one["stake"]["state"]) == (BOB, "open")
    answered = door.post("/v1/me/answers", headers=headers, json={"stranger": BOB, "answer": "accept"})
    assert (answered.status_code, answered.json()["stakes"]) == (200, [stake])
    assert door.get("/v1/me/waiting", headers=headers).json() == {"waiting": []}
    assert door.get("/v1/me/why", params={"other": BOB}, headers=headers).json()["verdict"] == "admit"


def test_spam_is_confirmed_and_undone(container: Container, bearer: str, door: Door) -> None:
    headers = as_alice(container)
    door.put("/v1/me/door", headers=headers, json={"mode": "ask", "stake": FIVE})
    knock(door, bearer)
    a_stake(container, BOB, ALICE)
    body = {"stranger": BOB, "answer": "spam"}
    unsure = door.post("/v1/me/answers", headers=headers, json=body)
    assert (unsure.status_code, unsure.json()["type"]) == (409, problem("confirm_spam"))
    assert len(door.get("/v1/me/waiting", headers=headers).json()["waiting"]) == 1
    sure = door.post("/v1/me/answers", headers=headers, json={**body, "confirm": True})
    assert sure.status_code == 200
    assert sure.json()["undo_until"] is not None
    assert door.get("/v1/me/why", params={"other": BOB}, headers=headers).json()["verdict"] == "refuse"
    assert door.post("/v1/me/undo", headers=headers, json={"stranger": BOB}).status_code == 200
    assert door.post("/v1/me/undo", headers=headers, json={"stranger": BOB}).status_code == 404


def test_answering_nobody_is_not_found(container: Container, door: Door) -> None:
    headers = as_alice(container)
    answer = door.post("/v1/me/answers", headers=headers, json={"stranger": BOB, "answer": "return"})
    assert (answer.status_code, answer.json()["type"]) == (404, problem("nothing_waiting"))


def test_a_balance_without_wallets_is_empty(container: Container, door: Door) -> None:
    answer = door.get("/v1/me/balance", headers=as_alice(container)).json()
    assert answer == {"symbol": "ERN", "decimals": 18, "balances": []}


# ---------------------------------------------------------------------------------------------------- being forgotten


def test_forgetting_must_be_meant_and_ends_everything(container: Container, door: Door) -> None:
    headers = as_alice(container)
    before = a_person(container, ALICE)
    unsure = door.post("/v1/me/forget", headers=headers, json={"confirm": "yes"})
    assert (unsure.status_code, unsure.json()["type"]) == (409, problem("confirm_forget"))
    assert door.post("/v1/me/forget", headers=headers, json={"confirm": ALICE}).status_code == 204
    assert door.get("/v1/me", headers=headers).status_code == 401
    with container.read() as work:
        assert work.people.mxid(before) is None
    assert a_person(container, ALICE) != before


# ---------------------------------------------------------------------------------------------------- browsers


def test_a_browsers_session_changes_things_only_from_our_own_pages(container: Container, door: Door) -> None:
    person = a_person(container, ALICE)
    with container.work() as work:
        secret = work.sessions.start(person)
    door.cookies.set("earnest_session", secret)
    assert door.get("/v1/me").json()["mxid"] == ALICE
    for origin in ({}, {"Origin": "https://evil.example"}, {"Origin": "null"}):
        answer = door.put("/v1/me/door", headers=origin, json={"mode": "closed"})
        assert (answer.status_code, answer.json()["type"]) == (403, problem("other_origin"))
    own = {"Origin": PUBLIC_URL}
    assert door.put("/v1/me/door", headers=own, json={"mode": "closed"}).status_code == 200
    assert door.delete("/v1/me/session", headers=own).status_code == 204
    assert door.get("/v1/me").status_code == 401


# ---------------------------------------------------------------------------------------------------- the digest


def test_a_digests_hour_is_shown_and_set(container: Container, door: Door) -> None:
    headers = as_alice(container)
    usual = {"every": "weekly", "weekday": 0, "hour": 9, "time_zone": "UTC", "due_at": None}
    assert door.get("/v1/me/digest", headers=headers).json() == usual, "without a door there is nothing to tell"
    with container.work() as work:
        work.people.set_time_zone(work.people.number(ALICE), "Europe/Vienna")
    asked = {"every": "daily", "hour": 18}
    found = door.put("/v1/me/digest", headers=headers, json=asked).json()
    due = int(datetime(2026, 11, 22, 17, tzinfo=UTC).timestamp())
    assert found == {"every": "daily", "weekday": 0, "hour": 18, "time_zone": "Europe/Vienna", "due_at": due}
    assert door.get("/v1/me/digest", headers=headers).json() == found
    assert door.put("/v1/me/digest", headers=headers, json={"every": "off"}).json()["due_at"] is None
    for wrong in ({"every": "hourly"}, {"every": "daily", "hour": 24}, {"every": "weekly", "weekday": 7}, {}):
        assert door.put("/v1/me/digest", headers=headers, json=wrong).status_code == 400


# ---------------------------------------------------------------------------------------------------- helpers


def test_helpers_are_asked_listed_and_removed(container: Container, door: Door) -> None:
    alice, carol = as_alice(container), {"Authorization": a_token(container, "@carol:example.org")}
    asked = door.put("/v1/me/helpers/@carol:example.org", headers=alice).json()
    assert (asked["who"], asked["accepted_at"]) == ("@carol:example.org", None)
    assert door.get("/v1/me/helpers", headers=alice).json() == {"helpers": [asked], "helping": []}
    assert door.get("/v1/me/helpers", headers=carol).json()["helping"] == [{**asked, "who": ALICE}]
    with container.work() as work:
        work.helping.accept(work.people.number(UserId("@carol:example.org")), ALICE)
    assert door.get("/v1/me/helpers", headers=alice).json()["helpers"][0]["accepted_at"] is not None
    assert door.delete("/v1/me/helpers/@carol:example.org", headers=alice).status_code == 204
    gone = door.delete("/v1/me/helpers/@carol:example.org", headers=alice)
    assert (gone.status_code, gone.json()["type"]) == (404, problem("helper_unknown"))
    assert door.get("/v1/me/helpers", headers=carol).json() == {"helpers": [], "helping": []}
    for wrong, status in (("nonsense", 400), (ALICE, 400), ("@earnest:example.org", 400)):
        assert door.put(f"/v1/me/helpers/{wrong}", headers=alice).status_code == status, wrong
