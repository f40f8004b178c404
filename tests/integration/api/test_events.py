"""Events over HTTP on both databases: pages, streams, who sees what, and what is told to whom of a stake's life."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from api import streams
from app.container import Container, Work
from app.forgetting import prune_all
from contracts.events import Opened, StakeEvent
from kit.amounts import Amount
from kit.database import Database
from kit.identifiers import Hash32, PersonId, RoomId, UserId
from ledger.telling import TYPES, Fact
from payments.stakes.model import Answer
from reputation.happenings import MOST_KNOCKS_A_DAY
from reputation.model import Knock
from tests.support.services import (
    ALICE,
    BOB,
    Clock,
    Door,
    a_bearer,
    a_container,
    a_person,
    a_stake,
    a_token,
    http_door,
    listening,
)
from tests.support.stakes import announced, block, expired, forfeited, returned

FIVE = str(5 * 10**18)


@pytest.fixture
def container(tmp_path: Path, database: Database) -> Container:
    return a_container(tmp_path, database)


@pytest.fixture
def door(container: Container) -> Iterator[Door]:
    a_bearer(container, "example.org")
    with http_door(container) as client:
        yield client


def header(container: Container, who: UserId, *scopes: str) -> dict[str, str]:
    return {"Authorization": a_token(container, who, *scopes)}


def tell(container: Container, who: UserId, *words: str) -> PersonId:
    person = a_person(container, who)
    with container.work() as work:
        for word in words:
            work.feed.tell(person, Fact(word, f"subject:{word}", {}))
    return person


def events(door: Door, container: Container, who: UserId, **query: int) -> list[dict[str, Any]]:
    answer = door.get("/v1/events", params=query, headers=header(container, who))
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "private, no-store"
    found: list[dict[str, Any]] = answer.json()["events"]
    return found


# ------------------------------------------------------------------------------------------------- pages


def test_a_page_leads_to_the_next(door: Door, container: Container) -> None:
    tell(container, ALICE, "one", "two", "three")
    headers = header(container, ALICE)
    first = door.get("/v1/events", params={"limit": 2}, headers=headers).json()
    assert ([one["id"] for one in first["events"]], first["next"], first["more"]) == ([1, 2], 2, True)
    second = door.get("/v1/events", params={"after": first["next"]}, headers=headers).json()
    assert ([one["id"] for one in second["events"]], second["next"], second["more"]) == ([3], 3, False)
    assert first["events"][0] == {
        "id": 1,
        "type": "one",
        "timestamp": "2026-11-22T12:00:00.000Z",
        "subject": "subject:one",
        "level": "finalized",
        "other": None,
        "confirms": None,
        "takes_back": None,
        "data": {},
    }


def test_nobody_sees_anothers_events_and_no_homeserver_sees_any(door: Door, container: Container) -> None:
    tell(container, ALICE, "one")
    assert events(door, container, BOB) == []
    assert door.get("/v1/events").status_code == 401
    bearer = a_bearer(container, "other.example")
    assert door.get("/v1/events", headers={"Authorization": bearer}).status_code == 401
    writer = door.get("/v1/events", headers=header(container, ALICE, "write"))
    assert (writer.status_code, writer.json()["type"]) == (403, "urn:earnest:problem:scope_missing")


@pytest.mark.parametrize("query", [{"after": "-1"}, {"after": "x"}, {"limit": "0"}, {"limit": "501"}, {"mode": "odd"}])
def test_what_is_no_cursor_is_refused(door: Door, container: Container, query: dict[str, str]) -> None:
    assert door.get("/v1/events", params=query, headers=header(container, ALICE)).status_code == 400


def test_a_cursor_that_is_too_old_is_told_the_oldest_id(door: Door, container: Container) -> None:
    tell(container, ALICE, "one", "two")
    clock = container.clock
    assert isinstance(clock, Clock)
    clock.pass_(days=31)
    tell(container, ALICE, "three")
    prune_all(container.work, events_kept=timedelta(days=30))
    gone = door.get("/v1/events", params={"after": 1}, headers=header(container, ALICE))
    assert (gone.status_code, gone.json()["type"], gone.json()["oldest"]) == (410, "urn:earnest:problem:events_gone", 3)
    assert [one["id"] for one in events(door, container, ALICE)] == [3]
    assert [one["id"] for one in events(door, container, ALICE, after=2)] == [3]
    ahead = door.get("/v1/events", params={"after": 9}, headers=header(container, ALICE))
    assert (ahead.status_code, ahead.json()["type"], ahead.json()["last"]) == (
        409,
        "urn:earnest:problem:cursor_ahead",
        3,
    )


# ------------------------------------------------------------------------------------------------- what is told


class Life:
    """Alice's door asks five, Bob knocks and stakes, and the chain goes on."""

    def __init__(self, container: Container) -> None:
        self.container = container
        self.alice, self.bob = a_person(container, ALICE), a_person(container, BOB)
        with container.work() as work:
            tenant = work.tenants.all()[0]
            work.doors.ask(self.alice, stake=Amount(int(FIVE)))
            room = RoomId("!r:far.example")
            self.a_knock = Knock(tenant.id, tenant.server_name, BOB, ALICE, room, work.now, federated=True)

    def knock(self) -> None:
        with self.container.work() as work:
            work.gate.ask(replace(self.a_knock, at=work.now))

    def stake(self) -> Hash32:
        return Hash32(bytes.fromhex(a_stake(self.container, BOB, ALICE)[2:]))

    def chain(self, make: Any, stake: Hash32) -> None:  # noqa: ANN401 - any of the makers of logs
        with self.container.work() as work:
            head = work.book.head()
            assert head is not None
            where = block(head.number + 1, time=work.chain_time, parent=head.hash)
            work.book.record(where, [])
            event: StakeEvent = replace(make(stake, where), escrow=work.stakes.terms.escrow)
            assert not isinstance(event, Opened)
            for change in work.stakes.apply(event):
                work.happenings.stake_moved(change, event)
                work.gate.stake_changed(change)


@pytest.fixture
def life(container: Container, door: Door) -> Life:  # noqa: ARG001 - the tenant is there
    return Life(container)


def kinds(door: Door, container: Container, who: UserId) -> list[str]:
    return [one["type"] for one in events(door, container, who)]


def test_an_accepted_stake_is_told_to_both_each_as_they_may_know_it(
    door: Door, container: Container, life: Life
) -> None:
    life.knock()
    life.knock()
    stake = life.stake()
    with container.work() as work:
        work.gate.answer(life.alice, BOB, Answer.ACCEPT)
    life.chain(returned, stake)
    assert kinds(door, container, ALICE) == [
        "knock.held",
        "stake.opened",
        "grant.opened",
        "stake.answered",
        "stake.returned",
    ]
    assert kinds(door, container, BOB) == ["stake.opened", "grant.opened", "stake.returned"]
    hers, his = events(door, container, ALICE), events(door, container, BOB)
    assert {one["other"] for one in hers} == {BOB}
    assert {one["other"] for one in his} == {ALICE}
    assert {one["data"]["role"] for one in hers} == {"recipient"}
    assert {one["data"]["role"] for one in his} == {"stranger"}
    assert (hers[0]["data"]["stake"], hers[0]["data"]["because"]) == (FIVE, ["asks_stake"])
    assert (hers[1]["level"], hers[1]["subject"], hers[1]["data"]["stake"]) == ("seen", f"stake:0x{stake.hex()}", FIVE)
    assert hers[3]["data"]["answer"] == "accept"
    assert his[2]["data"]["answered"] is True
    assert "answer" not in str([sorted(one["data"]) for one in his]).replace("answered", "").replace("answer_by", "")


def test_spam_and_what_follows(door: Door, container: Container, life: Life) -> None:
    life.knock()
    stake = life.stake()
    with container.work() as work:
        work.gate.answer(life.alice, BOB, Answer.SPAM)
    life.chain(announced, stake)
    with container.work() as work:
        work.gate.undo(life.alice, BOB)
    life.chain(returned, stake)
    assert [one for one in kinds(door, container, ALICE) if one.startswith("stake")] == [
        "stake.opened",
        "stake.answered",
        "stake.forfeit_announced",
        "stake.answered",
        "stake.returned",
    ]
    said = [one["data"]["answer"] for one in events(door, container, ALICE) if one["type"] == "stake.answered"]
    assert said == ["spam", "undone"]


@pytest.mark.parametrize(
    ("makers", "last"), [((announced, forfeited), "stake.forfeited"), ((expired,), "stake.expired")]
)
def test_every_end_of_a_stake_is_told(
    door: Door, container: Container, life: Life, makers: tuple[Any, ...], last: str
) -> None:
    life.knock()
    stake = life.stake()
    for make in makers:
        life.chain(make, stake)
    for who in (ALICE, BOB):
        found = kinds(door, container, who)
        assert last in found
        assert "grant.closed" in found
        assert set(found) <= TYPES


def test_a_door_that_is_opened_to_all_ends_grants_and_says_so(door: Door, container: Container, life: Life) -> None:
    life.knock()
    life.stake()
    with container.work() as work:
        work.doors.open(life.alice)
    closed = [one for one in events(door, container, BOB) if one["type"] == "grant.closed"]
    assert [one["data"]["because"] for one in closed] == ["released"]


def test_no_address_of_the_one_is_in_what_the_other_is_told(door: Door, container: Container, life: Life) -> None:
    life.knock()
    stake = life.stake()
    life.chain(returned, stake)
    with container.read() as work:
        terms = work.stakes.get(stake).terms
    text = json.dumps(events(door, container, ALICE)).lower()
    for address in (terms.payer, terms.return_to):
        assert address.hex() not in text


def test_a_flood_fills_no_feed(door: Door, container: Container, life: Life) -> None:
    with container.work() as work:
        for number in range(MOST_KNOCKS_A_DAY + 5):
            work.gate.ask(replace(life.a_knock, inviter=UserId(f"@s{number}:far{number % 50}.example"), at=work.now))
    assert len(events(door, container, ALICE, limit=500)) == MOST_KNOCKS_A_DAY


def test_whoever_is_forgotten_leaves_no_event_and_no_name(door: Door, container: Container, life: Life) -> None:
    life.knock()
    life.stake()
    bob = header(container, BOB)
    assert door.post("/v1/me/forget", headers=bob, json={"confirm": BOB}).status_code == 204
    assert BOB not in json.dumps(events(door, container, ALICE))
    assert next(one["other"] for one in events(door, container, ALICE)) is None
    assert events(door, container, BOB) == [], "a new person of that name"


def test_a_name_that_events_alone_need_goes_with_them(door: Door, container: Container, life: Life) -> None:
    life.knock()
    a_person(container, UserId("@carol:example.org"))  # whoever is the newest stays
    clock = container.clock
    assert isinstance(clock, Clock)
    for days, kept, there in ((62, 365, True), (400, 365, False)):
        clock.pass_(days=days)
        prune_all(container.work, events_kept=timedelta(days=kept))
        with container.read() as work:
            assert (work.people.find(BOB) is not None) is there
    assert events(door, container, ALICE) == []


@pytest.mark.parametrize("lives", [1, 2, 3])
def test_whoever_dies_while_names_are_taken_away_leaves_none_behind(
    door: Door, container: Container, life: Life, lives: int
) -> None:
    class Killed(BaseException):
        pass

    left = [lives]

    @contextmanager
    def mortal() -> Iterator[Work]:
        if not left[0]:
            raise Killed
        left[0] -= 1
        with container.work() as work:
            yield work

    life.knock()
    a_person(container, UserId("@carol:example.org"))  # whoever is the newest stays
    clock = container.clock
    assert isinstance(clock, Clock)
    clock.pass_(days=62)
    prune_all(container.work, events_kept=timedelta(days=365))  # all but events
    with pytest.raises(Killed):
        prune_all(mortal, events_kept=timedelta(days=30))
    prune_all(container.work, events_kept=timedelta(days=30))
    with container.read() as work:
        assert work.people.find(BOB) is None
    assert events(door, container, ALICE) == []


# ------------------------------------------------------------------------------------------------- streams


class Ear:
    """Listens to a stream in a thread."""

    def __init__(self, url: str, **headers: str) -> None:
        self.lines: list[str] = []
        self.ended = threading.Event()
        self.status: int | None = None
        self._news = threading.Condition()
        self._leave = threading.Event()
        self._thread = threading.Thread(target=self._listen, args=(url, {"Accept": "text/event-stream", **headers}))
        self._thread.start()

    def _listen(self, url: str, headers: dict[str, str]) -> None:
        with httpx.Client(timeout=60) as client, client.stream("GET", url, headers=headers) as answer:
            self.status = answer.status_code
            for line in answer.iter_lines():
                with self._news:
                    self.lines.append(line)
                    self._news.notify_all()
                if self._leave.is_set():
                    break
        self.ended.set()
        with self._news:
            self._news.notify_all()

    def wait_for(self, line: str) -> None:
        with self._news:
            assert self._news.wait_for(lambda: line in self.lines or self.ended.is_set())
        assert line in self.lines, self.lines

    def leave(self) -> None:
        self._leave.set()

    def join(self) -> None:
        self._thread.join()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "_LOOK_SECONDS", 0.02)


@pytest.mark.usefixtures("quick")
def test_a_stream_tells_what_there_is_and_what_comes_and_ends_with_the_process(container: Container) -> None:
    tell(container, ALICE, "one", "two")
    with listening(container) as url:
        ear = Ear(f"{url}/v1/events", **header(container, ALICE), **{"Last-Event-ID": "1"})
        ear.wait_for("event: two")
        assert ear.lines[0] == "retry: 3000"
        assert "event: one" not in ear.lines
        tell(container, BOB, "of another")
        tell(container, ALICE, "three")
        ear.wait_for("event: three")
        assert "id: 3" in ear.lines
        (data,) = (json.loads(line[6:]) for line in ear.lines if line.startswith("data: ") and '"three"' in line)
        assert (data["id"], data["type"]) == (3, "three")
    ear.join()  # the process ended, and did not wait for whoever listens
    assert ear.ended.is_set()
    assert "event: of another" not in ear.lines


@pytest.mark.usefixtures("quick")
def test_listeners_are_counted_and_leave_their_place(container: Container) -> None:
    headers = header(container, ALICE)
    with listening(container) as url:
        ears = [Ear(f"{url}/v1/events", **headers) for _ in range(streams.MOST_OF_A_PERSON)]
        for ear in ears:
            ear.wait_for("retry: 3000")
        full = httpx.get(f"{url}/v1/events", headers={**headers, "Accept": "text/event-stream"})
        assert (full.status_code, full.headers["retry-after"]) == (429, "60")
        assert httpx.get(f"{url}/v1/events", headers=headers).status_code == 200, "pages are no streams"
        ears[0].leave()
        tell(container, ALICE, "one")
        ears[0].join()
        while (again := try_to_listen(url, headers)) is None:
            time.sleep(0.05)
        again.wait_for("event: one")
    for ear in (*ears, again):
        ear.join()


def try_to_listen(url: str, headers: dict[str, str]) -> Ear | None:
    ear = Ear(f"{url}/v1/events", **headers)
    while ear.status is None:
        time.sleep(0.01)
    if ear.status == 200:
        return ear
    ear.join()
    return None


@pytest.mark.usefixtures("quick")
def test_who_reads_nothing_of_what_is_sent_loses_their_place(
    container: Container, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "_SEND_SECONDS", 0.3)
    alice = a_person(container, ALICE)
    with container.work() as work:
        for number in range(1_000):
            work.feed.tell(alice, Fact("long", f"s:{number}", {"said": "x" * 10_000}))
    headers = header(container, ALICE)
    with listening(container) as url, ExitStack() as deaf:
        parts = urlsplit(url)
        lines = [f"{name}: {value}" for name, value in {**headers, "Accept": "text/event-stream"}.items()]
        for _ in range(streams.MOST_OF_A_PERSON):
            connection = deaf.enter_context(socket.create_connection((parts.hostname, parts.port)))
            connection.sendall("\r\n".join(["GET /v1/events HTTP/1.1", "Host: x", *lines, "", ""]).encode())
            connection.recv(1)
        while (again := try_to_listen(url, {**headers, "Last-Event-ID": "1000"})) is None:
            time.sleep(0.05)
        tell(container, ALICE, "one")
        again.wait_for("event: one")
    again.join()


@pytest.mark.usefixtures("quick")
def test_a_token_that_ends_ends_its_stream(container: Container) -> None:
    headers = header(container, ALICE)
    with listening(container) as url:
        ear = Ear(f"{url}/v1/events", **headers)
        ear.wait_for("retry: 3000")
        alice = a_person(container, ALICE)
        with container.work() as work:
            work.sessions.revoke_all(alice)
        tell(container, ALICE, "secret")
        ear.join()
    assert "event: secret" not in ear.lines


@pytest.mark.usefixtures("quick")
def test_a_stream_says_now_and_then_that_it_lives_and_ends_after_a_while(
    container: Container, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = streams.Streams.__init__

    def short(self: streams.Streams, container: Container) -> None:
        made(self, container, heartbeat=0.05, longest=1)

    monkeypatch.setattr(streams.Streams, "__init__", short)
    with listening(container) as url:
        ear = Ear(f"{url}/v1/events", **header(container, ALICE))
        ear.join()
    assert ear.lines.count(": nothing new") > 2


def test_a_stream_with_a_bad_cursor_is_refused_as_a_page_is(door: Door, container: Container) -> None:
    headers = {**header(container, ALICE), "Accept": "text/event-stream"}
    assert door.get("/v1/events", headers={**headers, "Last-Event-ID": "7"}).status_code == 409
    assert door.get("/v1/events", headers={**headers, "Last-Event-ID": "x"}).status_code == 400
