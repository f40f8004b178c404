"""Flair over HTTP, on both databases: shown by choice alone, signed, embeddable, and gone as soon as it is hidden."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event

from app.container import Container
from app.forgetting import forget_person
from kit.clock import unix
from kit.database import Database
from kit.identifiers import UserId
from payments.flair.model import ClaimedBy, Giver, Showing, Source
from payments.flair.statement import read_statement
from tests.support.gifts import document, patron
from tests.support.services import ALICE, BOB, PUBLIC_URL, Clock, Door, a_container, a_person, a_token, http_door

MINE = "/v1/me/flair"
Headers = dict[str, str]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def container(tmp_path: Path, database: Database, clock: Clock) -> Container:
    made = a_container(tmp_path, database, clock=clock)
    with made.work() as work:
        work.supporters.use(document())
    return made


@pytest.fixture
def door(container: Container) -> Iterator[Door]:
    with http_door(container) as client:
        yield client


@pytest.fixture
def alice(container: Container) -> Headers:
    return {"Authorization": a_token(container, ALICE)}


def give(container: Container, mxid: str = ALICE, euros: float = 10, member: str = "m1", **more: Any) -> None:  # noqa: ANN401 - any part of a gift
    """Let somebody pay for this month, and claim it."""
    person = a_person(container, mxid)
    with container.work() as work:
        work.supporters.gave(
            patron(euros, at=(container.clock() - timedelta(days=1) - patron(1).at).days, member=member, **more)
        )
        work.supporters.claimed(Giver(Source.PATREON, member), person, ClaimedBy.HAND)


def show(door: Door, who: Headers, **what: bool) -> Any:  # noqa: ANN401 - a response
    """Look at the preview, then let it be seen."""
    seen = door.post(f"{MINE}/preview", headers=who, json=what).json()["seen"]
    return door.put(MINE, headers=who, json={**what, "seen": seen})


def heard() -> None:
    """Wait until a process asks the database anew."""
    time.sleep(0.3)


def code(answer: Any) -> tuple[int, str]:  # noqa: ANN401 - a response
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.status_code, answer.json()["type"].rpartition(":")[2]


def flair(door: Door, mxid: str = ALICE, **headers: str) -> Any:  # noqa: ANN401 - a response
    heard()
    return door.get(f"/v1/flair/{mxid}", headers=headers)


def test_a_flair_is_signed_and_anybody_can_verify_it(
    container: Container, door: Door, alice: Headers, clock: Clock
) -> None:
    give(container)
    assert show(door, alice, flair=True).status_code == 200
    answer = flair(door)
    assert answer.status_code == 200, answer.text
    keys = {one["key"]: one["until"] for one in door.get("/v1/flair/keys").json()["keys"]}
    statement = read_statement(answer.json(), keys, service=PUBLIC_URL, now=unix(clock()))
    assert (statement.mxid, statement.tier, statement.title) == (ALICE, "patron", "Patron")
    assert statement.expires - statement.issued <= 86_400
    for name in ("access-control-allow-origin", "cross-origin-resource-policy", "cache-control", "etag"):
        assert answer.headers[name], name
    assert answer.headers["access-control-allow-origin"] == "*"
    again = flair(door, **{"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_no_time_leads_to_the_gift_on_the_chain(container: Container, door: Door, alice: Headers) -> None:
    give(container, recurring=None)
    show(door, alice, flair=True, wall=True, name=True)
    statement = flair(door).json()
    with http_door(container) as fresh:
        (place,) = fresh.get("/v1/wall").json()["places"]
        assert "since" in fresh.get("/wall").text
    with container.work() as work:
        (one,) = [one for one in work.supporters.of(work.people.number(ALICE)) if one.tier == "patron"]
    assert one.until is not None
    assert unix(one.since) % 86_400, "it was given in the midst of a day"
    assert {moment % 86_400 for moment in (statement["since"], statement["until"], place["since"])} == {0}
    assert 0 < unix(one.since) - statement["since"] < 86_400
    assert 0 < statement["until"] - unix(one.until) < 86_400
    assert statement["expires"] % 3_600 == 0
    with container.work() as work:
        work.supporters.show(work.people.number(ALICE), Showing(wall=True))
    with http_door(container) as fresh:
        assert fresh.get("/v1/wall").json()["places"][0]["since"] is None, "the preview tells of no day"
        assert fresh.get("/wall").status_code == 200


def test_nothing_is_seen_before_its_owner_has_seen_who_would_see_it(
    container: Container, door: Door, alice: Headers
) -> None:
    give(container)
    assert flair(door).status_code == 404
    assert code(door.put(MINE, headers=alice, json={"flair": True})) == (409, "preview_unseen")
    assert code(door.put(MINE, headers=alice, json={"flair": True, "seen": "00000000"})) == (409, "preview_unseen")
    other = door.post(f"{MINE}/preview", headers=alice, json={"wall": True, "name": True}).json()
    assert "the wall" in other["text"]
    assert ALICE in other["text"]
    assert code(door.put(MINE, headers=alice, json={"flair": True, "seen": other["seen"]})) == (409, "preview_unseen")
    assert flair(door).status_code == 404
    assert show(door, alice, flair=True).json()["showing"]["flair"] is True
    assert flair(door).status_code == 200
    assert door.put(MINE, headers=alice, json={}).status_code == 200, "to hide takes no preview"
    assert flair(door).status_code == 404


def test_unknown_hidden_and_never_are_answered_alike(container: Container, door: Door, alice: Headers) -> None:
    give(container)
    give(container, BOB, member="m2")
    show(door, alice, flair=True)
    door.put(MINE, headers=alice, json={})
    for path in ("", "/badge.svg"):
        answers = [
            flair(door, f"{who}{path}")
            for who in (
                ALICE,
                BOB,
                "@never:far.example",
                "@Never:far.example",
                "alice",
                "%00",
                "@a/b:c%2F..",
                "keys2",
                f"@{'a' * 300}:b.example",
            )
        ]
        assert {answer.status_code for answer in answers} == {404}
        assert len({answer.text for answer in answers}) == 1
        told = [{name: value for name, value in answer.headers.items() if name != "date"} for answer in answers]
        assert all(one == told[0] for one in told)


def test_it_ends_with_grace_with_a_charge_back_and_with_forgetting(
    container: Container, door: Door, alice: Headers, clock: Clock
) -> None:
    give(container, recurring=None)
    show(door, alice, flair=True)
    until = flair(door).json()["until"]
    clock.pass_(seconds=until - unix(clock()) + 60)
    answer = flair(door).json()
    assert answer["until"] == until, "grace"
    clock.pass_(days=14)
    assert flair(door).status_code == 404
    give(container, member="m3")
    assert flair(door).status_code == 200, "back, and shown as before"
    with container.work() as work:
        key = work.supporters.gifts_of(work.people.number(ALICE))[-1].key
        work.supporters.took_back(key)
    assert flair(door).status_code == 404
    give(container, member="m4")
    assert flair(door).status_code == 200
    with container.work() as work:
        forget_person(work, work.people.number(ALICE))
    assert flair(door).status_code == 404


def test_another_key_takes_over_and_the_one_before_counts_for_a_day(
    container: Container, door: Door, alice: Headers, clock: Clock
) -> None:
    give(container)
    show(door, alice, flair=True)
    before = flair(door).json()
    clock.pass_(hours=2)
    with container.work() as work:
        name = work.flairs.keys.renew()
    after = flair(door).json()
    assert after["signature"]["key"] == name != before["signature"]["key"]
    shown = door.get("/v1/flair/keys").json()["keys"]
    keys = {one["key"]: one["until"] for one in shown}
    assert [one["until"] for one in shown] == [None, unix(clock())]
    for statement in (before, after):
        assert read_statement(statement, keys, service=PUBLIC_URL, now=unix(clock())).mxid == ALICE
    clock.pass_(hours=25)
    assert [one["key"] for one in door.get("/v1/flair/keys").json()["keys"]] == [name]


def test_all_processes_say_the_same_for_an_hour(container: Container, door: Door, alice: Headers, clock: Clock) -> None:
    give(container)
    show(door, alice, flair=True)
    first = flair(door)
    with http_door(container) as other:
        second = flair(other)
    assert second.content == first.content
    clock.pass_(hours=1)
    third = flair(door)
    assert third.json()["issued"] == first.json()["issued"] + 3_600
    assert third.headers["etag"] != first.headers["etag"]


def test_the_badge_may_be_embedded_and_holds_no_script(container: Container, door: Door, alice: Headers) -> None:
    give(container)
    show(door, alice, flair=True)
    badge = flair(door, f"{ALICE}/badge.svg")
    assert badge.headers["content-type"] == "image/svg+xml"
    assert badge.headers["cross-origin-resource-policy"] == "cross-origin"
    assert badge.headers["content-security-policy"].startswith("default-src 'none'; style-src 'sha256-")
    assert "Patron" in badge.text
    assert ALICE in badge.text
    page = door.get("/")
    assert page.headers["cross-origin-resource-policy"] == "same-origin", "of nothing else"


def test_what_one_has_is_told_to_oneself_alone(container: Container, door: Door, alice: Headers) -> None:
    give(container)
    found = door.get(MINE, headers=alice).json()
    assert {one["tier"]: one["phase"] for one in found["tiers"]} == {"friend": "running", "patron": "running"}
    assert found["showing"] == {"flair": False, "wall": False, "name": False, "amount": False}
    assert found["statement"]["title"] == "Patron"
    gifts = door.get("/v1/me/gifts", headers=alice).json()
    assert [(one["source"], one["text"], one["finality"]) for one in gifts["gifts"]] == [("patreon", "10 EUR", "seen")]
    assert [one["text"] for one in gifts["given"]] == ["10 EUR"]
    bob = {"Authorization": a_token(container, BOB)}
    assert door.get("/v1/me/gifts", headers=bob).json()["gifts"] == []
    assert door.get(MINE, headers=bob).json()["tiers"] == []
    assert code(door.get(MINE)) == (401, "token_not_good")


def test_many_gifts_take_no_more_questions_than_one(container: Container, door: Door, alice: Headers) -> None:
    asked: list[str] = []

    def hear(_connection: object, _cursor: object, statement: str, *_more: object) -> None:
        asked.append(statement)

    counts = []
    event.listen(Engine, "before_cursor_execute", hear)
    try:
        for _ in range(2):
            give(container)
            asked.clear()
            assert door.get("/v1/me/gifts", headers=alice).status_code == 200
            counts.append(len(asked))
            with container.work() as work:
                work.supporters.told([patron(1, at=-day) for day in range(1, 31)])
    finally:
        event.remove(Engine, "before_cursor_execute", hear)
    assert len(door.get("/v1/me/gifts", headers=alice).json()["gifts"]) == 31
    assert counts[1] < counts[0] + 10, "not one for each"


def test_the_wall_shows_what_each_chose(container: Container, door: Door, alice: Headers) -> None:
    empty = door.get("/v1/wall").json()
    assert (empty["places"], empty["sponsors"], empty["supporters"]) == ([], [], 0)
    give(container)
    give(container, BOB, 5, member="m2")
    give(container, "@hidden:far.example", member="m3")
    show(door, alice, wall=True, name=True, amount=True)
    with container.work() as work:
        work.supporters.show(work.people.number(BOB), Showing(wall=True))
    with http_door(container) as fresh:
        answer = fresh.get("/v1/wall")
        page = fresh.get("/wall").text
    found = answer.json()
    assert [(one["mxid"], one["tier"], one["given"]) for one in found["places"]] == [
        (ALICE, "patron", found["places"][0]["given"]),
        (None, "friend", None),
    ]
    assert [one["text"] for one in found["places"][0]["given"]] == ["10 EUR"]
    assert (found["supporters"], found["shown"]) == (3, 2)
    assert [(one["text"], one["source"]) for one in found["totals"]] == [("25 EUR", "patreon")]
    assert answer.headers["access-control-allow-origin"] == "*"
    assert ALICE in page
    assert "@hidden" not in page
    assert BOB not in page
    assert BOB not in answer.text


def test_a_long_wall_is_read_page_by_page(container: Container, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.pages.wall._MOST_ON_A_PAGE", 2)
    names = [ALICE, BOB, "@<b>carol</b>:far.example", "@dora:far.example", "@eve:far.example"]
    for number, name in enumerate(names):
        give(container, name, 10 if number < 3 else 5, member=f"m{number}")
    with container.work() as work:
        for name in names:
            work.supporters.show(work.people.number(UserId(name)), Showing(wall=True, name=True))
    with http_door(container) as fresh:
        pages = [fresh.get(f"/wall?page={number}").text for number in (1, 2, 3)]
        assert fresh.get("/wall").text == pages[0]
        assert fresh.get("/wall?page=4").text == pages[2], "a wall that has become shorter ends there"
        assert {fresh.get(f"/wall?page={odd}").status_code for odd in ("0", "-1", "99999", "x")} == {400}
    assert "<b>carol" not in "".join(pages)
    marks = [ALICE, BOB, "carol", "@dora:far.example", "@eve:far.example"]
    assert [[mark in page for page in pages].count(True) for mark in marks] == [1] * len(marks)
    assert [sum(mark in page for mark in marks) for page in pages] == [2, 2, 1]
    assert ['rel="prev"' in page for page in pages] == [False, True, True]
    assert ['rel="next"' in page for page in pages] == [True, True, False]
    assert all("<script" not in page.partition("<main")[2] for page in pages)
