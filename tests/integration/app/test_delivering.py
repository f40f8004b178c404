"""Webhooks at real receivers and on both databases: signed, in order, at least once, tried again, and then no more."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from standardwebhooks import Webhook as Verifier

from app.container import Container
from app.delivering import ROUNDS_FAILED, Deliverer
from app.webhooks import model
from app.webhooks.model import PAUSES, PAUSES_OF_A_NO, Claim, Result, State, Webhook, pause_after
from app.webhooks.owed import Owed
from app.webhooks.tables import WebhookRow
from kit.clock import system_clock
from kit.database import Database
from kit.errors import Conflict, Forbidden, Invalid, NotFound
from kit.identifiers import PersonId, UserId
from kit.outbox import OutboxRow
from ledger.telling import Fact, Mode
from tests.support.receivers import Received, Receiver, a_receiver, answer
from tests.support.services import ALICE, BOB, Clock, a_container, a_person

CAROL = UserId("@carol:example.org")
ROOT = Path(__file__).resolve().parents[3]


class Post:
    """Alice, her endpoint, and a deliverer that works when it is told to."""

    def __init__(self, container: Container, receiver: Receiver) -> None:
        self.container, self.receiver = container, receiver
        self.deliverer = Deliverer(container)
        self.alice = a_person(container, ALICE)

    def add(
        self, mode: Mode = Mode.INSTANT, *types: str, url: str = "", who: PersonId | None = None
    ) -> tuple[str, str]:
        with self.container.work() as work:
            made, secret = work.webhooks.add(who or self.alice, url or f"{self.receiver.url}/hook", mode, types)
        return made.name, secret

    def tell(self, *words: str, who: PersonId | None = None) -> None:
        with self.container.work() as work:
            for word in words:
                work.feed.tell(who or self.alice, Fact(word, f"s:{word}", {"said": word}))

    def claims(self) -> list[Claim]:
        with self.container.work() as work:
            return work.owed.claim(10, slow=10)

    def deliver(self) -> int:
        """Deliver all that is due; return to how many endpoints."""
        claims = self.claims()
        for claim in claims:
            self.deliverer.deliver(claim)
        return len(claims)

    def show(self, name: str) -> Webhook:
        with self.container.read() as work:
            return work.webhooks.get(self.alice, name)

    def outcomes(self, name: str, *, dead: bool = False) -> list[tuple[int, int, int | None, str | None, str]]:
        with self.container.read() as work:
            found = work.webhooks.attempts(self.alice, name, dead=dead)
        return [(one.event, one.attempt, one.status, one.error, one.outcome.value) for one in reversed(found)]

    def pass_(self, **span: float) -> None:
        clock = self.container.clock
        assert isinstance(clock, Clock)
        clock.pass_(**span)

    def sent(self) -> list[str]:
        return [json.loads(one.body)["type"] for one in self.receiver.got]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with a_receiver() as found:
        yield found


@pytest.fixture
def post(tmp_path: Path, database: Database, receiver: Receiver) -> Post:
    return Post(a_container(tmp_path, database, private_networks="127.0.0.0/8"), receiver)


def say(status: int, **headers: str) -> Callable[[BaseHTTPRequestHandler, Received], None]:
    return lambda handler, _: answer(handler, status, b"", **headers)


# ------------------------------------------------------------------------------------------------- what is sent


def test_what_is_sent_verifies_with_the_standards_own_library(
    tmp_path: Path, database: Database, receiver: Receiver
) -> None:
    post = Post(a_container(tmp_path, database, private_networks="127.0.0.0/8", clock=system_clock), receiver)
    name, secret = post.add()
    bob = a_person(post.container, BOB)
    with post.container.work() as work:
        work.feed.tell(post.alice, Fact("stake.opened", "stake:0x01", {"stake": "5"}), other=bob)
    assert post.deliver() == 1
    (got,) = receiver.got
    assert (got.method, got.path, got.headers["content-type"]) == ("POST", "/hook", "application/json")
    assert got.headers["webhook-id"] == f"msg_{name}_1"
    told = Verifier(secret).verify(got.body, got.headers)
    assert (told["type"], told["id"], told["data"], told["other"]) == ("stake.opened", 1, {"stake": "5"}, BOB)
    assert told["timestamp"].endswith("Z")
    with pytest.raises(Exception, match="No matching signature"):
        Verifier("whsec_" + "A" * 43 + "=").verify(got.body, got.headers)
    with pytest.raises(Exception, match="No matching signature"):
        Verifier(secret).verify(got.body.replace(b"5", b"6"), got.headers)


def test_two_secrets_sign_for_a_day(post: Post) -> None:
    name, first = post.add()
    with post.container.work() as work:
        second = work.webhooks.rotate(post.alice, name)
    assert first != second

    def signatures() -> dict[str, bool]:
        post.tell("one")
        post.deliver()
        got = post.receiver.got[-1]
        given = got.headers["webhook-signature"].split(" ")
        sent_at = post.container.clock()
        made = {
            word: Verifier(secret).sign(got.headers["webhook-id"], sent_at, got.body.decode())
            for word, secret in (("first", first), ("second", second))
        }
        assert len(given) == sum(one in given for one in made.values())
        return {word: one in given for word, one in made.items()}

    assert signatures() == {"first": True, "second": True}
    post.pass_(hours=25)
    assert signatures() == {"first": False, "second": True}


def test_no_secret_stands_in_the_database_as_it_is(post: Post) -> None:
    name, secret = post.add()
    with post.container.read() as work:
        sealed = work.session.scalars(select(WebhookRow.secret)).one()
    assert Verifier(secret)._whsecret not in bytes(sealed)
    other = a_container(
        post.container.settings.data,
        post.container.database,
        private_networks="127.0.0.0/8",
        sealing_key="A" * 43 + "=",
    )
    post.tell("one")
    Deliverer(other).deliver(post.claims()[0])
    assert (post.show(name).state, post.show(name).why) == (State.DISABLED, "sealed")
    assert post.receiver.got == []
    with post.container.read() as work:
        (notice,) = work.session.scalars(select(OutboxRow.payload).where(OutboxRow.kind == "notice"))
    assert notice["values"] == {"webhook": name, "why": "sealed"}
    with other.work() as work:
        again = work.webhooks.rotate(post.alice, name)
        work.webhooks.resume(post.alice, name)
    Deliverer(other).deliver(post.claims()[0])
    (got,) = post.receiver.got
    sent_at = post.container.clock()
    assert got.headers["webhook-signature"] == Verifier(again).sign(
        got.headers["webhook-id"], sent_at, got.body.decode()
    ), "the lost secret signs no more"


def test_events_go_in_order_and_each_mode_gets_its_own(post: Post) -> None:
    post.tell("before")
    post.add()
    post.tell("one", "two", "three")
    post.deliver()
    assert post.sent() == ["one", "two", "three"]
    assert post.deliver() == 0


def test_types_are_chosen_and_a_test_goes_to_its_endpoint_alone(post: Post) -> None:
    name, _ = post.add(Mode.FINALIZED, "knock.held")
    with a_receiver() as other:
        post.add(url=other.url)
        with post.container.work() as work:
            work.webhooks.test(post.alice, name)
        post.tell("stake.opened", "knock.held", "knock.held.reversed")
        post.deliver()
        assert post.sent() == ["webhook.test", "knock.held", "knock.held.reversed"]
        assert [json.loads(one.body)["type"] for one in other.got] == [
            "stake.opened",
            "knock.held",
            "knock.held.reversed",
        ]
    assert post.deliver() == 0


# ------------------------------------------------------------------------------------------------- at least once


def test_whoever_is_killed_between_sending_and_noting_is_followed_by_another(post: Post) -> None:
    name, _ = post.add()
    post.tell("one", "two")

    class Killed(BaseException):
        pass

    (claim,) = post.claims()
    doomed = Deliverer(post.container)
    sent = doomed._send

    def send_and_die(job: Any) -> Result:  # noqa: ANN401 - a job
        sent(job)
        raise Killed

    doomed._send = send_and_die  # type: ignore[method-assign]
    with pytest.raises(Killed):
        doomed.deliver(claim)
    assert (post.sent(), post.deliver()) == (["one"], 0), "the dead one's lease still runs"
    post.pass_(seconds=61)
    assert post.deliver() == 1
    assert post.sent() == ["one", "one", "two"]
    assert [one.headers["webhook-id"] for one in post.receiver.got] == [
        f"msg_{name}_1",
        f"msg_{name}_1",
        f"msg_{name}_2",
    ]
    assert post.outcomes(name) == [(1, 1, 204, None, "delivered"), (2, 1, 204, None, "delivered")]


def test_a_process_that_is_killed_when_it_has_sent_loses_nothing(
    tmp_path: Path, database: Database, receiver: Receiver
) -> None:
    post = Post(a_container(tmp_path, database, private_networks="127.0.0.0/8", clock=system_clock), receiver)
    name, secret = post.add()
    processes: list[subprocess.Popen[bytes]] = []

    def kill(handler: BaseHTTPRequestHandler, _: Received) -> None:
        receiver.manner = None
        processes[0].kill()
        processes[0].wait()
        answer(handler, 204)

    receiver.manner = kill
    url = database.engine.url.render_as_string(hide_password=False)
    command = [sys.executable, "-m", "tests.support.deliverers", str(tmp_path), url]
    post.tell("one", "two")
    try:
        processes.append(subprocess.Popen([*command, "0"], cwd=ROOT))
        receiver.wait_for(1)
        processes[0].wait()
        assert post.show(name).cursor == 0, "it was killed before it noted anything"
        processes.append(subprocess.Popen([*command, "61"], cwd=ROOT))
        receiver.wait_for(3)
        while post.show(name).cursor < 2:
            time.sleep(0.05)
    finally:
        for process in processes:
            process.kill()
            process.wait()
    assert post.sent() == ["one", "one", "two"]
    assert receiver.got[0].headers["webhook-id"] == receiver.got[1].headers["webhook-id"]
    assert Verifier(secret).verify(receiver.got[0].body, receiver.got[0].headers)["id"] == 1


def test_whoever_comes_back_after_their_lease_has_nothing_to_say(post: Post) -> None:
    name, _ = post.add()
    post.tell("one")
    (late,) = post.claims()
    with post.container.work() as work:
        job = work.owed.next(late, lambda event: {"type": event.type})
    assert job is not None
    post.pass_(seconds=61)
    assert post.deliver() == 1
    with post.container.work() as work:
        assert not work.owed.note(late, job, Result(1, status=500))
    assert (post.show(name).cursor, post.show(name).failing_since) == (1, None)


def test_two_deliverers_never_have_one_endpoint_at_once(post: Post) -> None:
    post.add()
    post.tell("one")
    assert len(post.claims()) == 1
    assert post.claims() == []


def test_a_running_deliverer_brings_everything_and_stops(post: Post) -> None:
    for _ in range(3):
        post.add()
    deliverer = Deliverer(post.container, look_every=0.02)
    deliverer.start()
    post.tell("one")
    post.tell("two")
    post.receiver.wait_for(6)
    deliverer.stop()
    ids = [one.headers["webhook-id"] for one in post.receiver.got]
    assert len(set(ids)) == 6
    for name in {one.rpartition("_")[0] for one in ids}:
        assert [one for one in ids if one.startswith(name)] == [f"{name}_1", f"{name}_2"]


def test_one_that_dawdles_keeps_nobody_waiting(post: Post) -> None:
    release = threading.Event()

    def dawdle(handler: BaseHTTPRequestHandler, _: Received) -> None:
        release.wait()
        answer(handler, 204)

    post.receiver.manner = dawdle
    slow = [post.add()[0] for _ in range(5)]
    bob = a_person(post.container, BOB)
    with a_receiver() as other:
        post.add(url=other.url, who=bob)
        with post.container.work() as work:
            for row in work.session.scalars(select(WebhookRow).where(WebhookRow.name.in_(slow))):
                row.slow = True
        deliverer = Deliverer(post.container, threads=4, look_every=0.02)
        deliverer.start()
        post.tell("one")
        post.receiver.wait_for(2)
        for number in range(1, 4):
            post.tell("two", who=bob)
            other.wait_for(number)
        assert len(post.receiver.got) == 2, "half of the threads at most are with the slow ones"
        release.set()
        post.receiver.wait_for(5)
        deliverer.stop()


# ------------------------------------------------------------------------------------------------- whose turn it is


def test_endpoints_take_turns_however_much_one_is_owed(post: Post) -> None:
    greedy = [post.add()[0] for _ in range(2)]
    bob, carol = a_person(post.container, BOB), a_person(post.container, CAROL)
    post.tell(*["much"] * 10)
    post.pass_(hours=1)
    others = [post.add(who=bob)[0], post.add(who=carol)[0]]
    post.tell("one", who=bob)
    post.tell("one", who=carol)

    def turn() -> set[str]:
        with post.container.work() as work:
            claims = work.owed.claim(2, slow=2)
            for claim in claims:
                assert work.owed.next(claim, lambda event: {"type": event.type}) is not None
        post.pass_(seconds=5)
        with post.container.work() as work:
            for claim in claims:
                work.owed.give_back(claim)
        return {claim.webhook for claim in claims}

    assert [turn() for _ in range(4)] == [set(greedy), set(others), set(greedy), set(others)]


def test_one_person_has_two_endpoints_served_at_once(post: Post) -> None:
    mine = [post.add()[0] for _ in range(5)]
    bob = a_person(post.container, BOB)
    post.pass_(seconds=1)
    his = post.add(who=bob)[0]
    post.tell("one")
    post.tell("one", who=bob)
    first = post.claims()
    assert [claim.webhook for claim in first] == [*mine[:2], his]
    assert post.claims() == [], "those two are under way"
    with post.container.work() as work:
        work.owed.give_back(first[0])
    assert [claim.webhook for claim in post.claims()] == [mine[2]]
    post.pass_(seconds=61)
    assert len(post.claims()) == 3, "leases end"


# ------------------------------------------------------------------------------------------------- failures


def test_what_fails_is_tried_again_ever_later_and_is_then_passed_over(post: Post) -> None:
    name, _ = post.add()
    post.receiver.manner = say(500)
    post.tell("one", "two")
    waited = []
    for pause in PAUSES:
        assert post.deliver() == 1
        assert post.deliver() == 0
        due = post.show(name).due_at - post.container.clock()
        assert pause <= due <= pause * 1.1
        waited.append(due)
        post.pass_(seconds=due.total_seconds())
    assert sum(waited, timedelta()) > timedelta(days=3)
    assert post.deliver() == 1
    assert post.outcomes(name, dead=True) == [(1, len(PAUSES) + 1, 500, None, "dead")]
    post.receiver.manner = None
    assert post.deliver() == 1
    assert post.sent()[-2:] == ["one", "two"]
    assert len({one.headers["webhook-id"] for one in post.receiver.got[:-1]}) == 1
    assert post.show(name).failing_since is None


def test_a_no_is_taken_for_one_sooner(post: Post) -> None:
    name, _ = post.add()
    post.receiver.manner = lambda handler, got: answer(handler, 422 if b'"one"' in got.body else 204)
    post.tell("one", "two")
    for _ in PAUSES_OF_A_NO:
        post.deliver()
        post.pass_(hours=1)
    post.deliver()
    post.deliver()
    assert post.sent()[-1] == "two"
    assert [line[4] for line in post.outcomes(name)] == [*["failed"] * 3, "dead", "delivered"]


def test_an_endpoint_that_takes_nothing_for_days_is_left_alone_and_its_owner_is_told(post: Post) -> None:
    name, _ = post.add()
    post.receiver.manner = say(503)
    post.tell("one")
    while post.show(name).state is State.ACTIVE:
        post.deliver()
        post.pass_(hours=12)
    shown = post.show(name)
    assert (shown.state, shown.why) == (State.DISABLED, "failing")
    with post.container.read() as work:
        (notice,) = work.session.scalars(select(OutboxRow.payload).where(OutboxRow.kind == "notice"))
    assert (notice["to"], notice["code"]) == (post.alice, "webhook_disabled")
    assert notice["values"] == {"webhook": name, "why": "failing"}
    post.receiver.manner = None
    post.tell("two")
    assert post.deliver() == 0
    with post.container.work() as work:
        work.webhooks.resume(post.alice, name)
    post.deliver()
    assert post.sent()[-1] == "two"
    assert post.show(name).state is State.ACTIVE


def test_one_that_says_it_is_gone_is_believed_at_once(post: Post) -> None:
    name, _ = post.add()
    post.receiver.manner = say(410)
    post.tell("one", "two")
    post.deliver()
    assert (post.show(name).state, post.show(name).why) == (State.DISABLED, "gone")
    assert (post.deliver(), len(post.receiver.got)) == (0, 1)


def test_a_wish_to_be_left_alone_is_heard_as_far_as_it_makes_sense(post: Post) -> None:
    name, _ = post.add()
    post.tell("one")
    for header, at_least in (("120", 120), ("999999999", 86_400), ("Sun, 22 Nov 2026 13:00:00 GMT", 0), ("soon", 0)):
        post.receiver.manner = say(429, Retry_After=header)
        post.deliver()
        due = (post.show(name).due_at - post.container.clock()).total_seconds()
        assert at_least <= due <= max(at_least, 2.3 * 3600)
        post.pass_(seconds=due)


@pytest.mark.parametrize(
    "header",
    [
        "Mon, 01 Jan 99999999999999999999 00:00:00 GMT",
        "Mon, 01 Jan 99999 00:00:00 GMT",
        "1 Jan 99999999999999999999 00:00:00",
        "Mon, 01 Jan 2026 00:00:00 +9999999999999999",
        "9" * 40,
        "Fri, 31 Dec 9999 23:59:59 -2359",
        "Mon, 01 Jan 2026 00:00:00 +99999999999999999999",
        "9" * 4000,
        "Mon, " * 1000,
        "\xb2",
    ],
)
def test_a_senseless_wish_is_no_reason_to_send_again(post: Post, header: str) -> None:
    name, _ = post.add()
    post.receiver.manner = say(503, Retry_After=header)
    post.tell("one")
    post.deliver()
    assert post.outcomes(name) == [(1, 1, 503, None, "failed")]
    due = post.show(name).due_at - post.container.clock()
    assert timedelta(seconds=5) <= due <= model.LONGEST_WISH
    assert post.deliver() == 0
    post.receiver.manner = say(204, Retry_After=header)
    post.pass_(seconds=due.total_seconds())
    post.deliver()
    assert post.show(name).cursor == 1


def test_whatever_breaks_while_sending_is_a_failure_like_others(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    name, _ = post.add()
    post.tell("one")

    def break_(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(post.container.fetcher, "post", break_)
    post.deliver()
    assert post.outcomes(name) == [(1, 1, None, "failed", "failed")]
    assert post.deliver() == 0, "it waits as long as after any other failure"


def test_a_round_that_breaks_ends_nothing(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    post.add()
    post.tell("one")
    broken = threading.Event()
    claim = Owed.claim

    def break_once(owed: Owed, total: int, *, slow: int) -> list[Claim]:
        if not broken.is_set():
            broken.set()
            raise ZeroDivisionError
        return claim(owed, total, slow=slow)

    monkeypatch.setattr(Owed, "claim", break_once)
    before = ROUNDS_FAILED._value.get()
    deliverer = Deliverer(post.container, look_every=0.02)
    deliverer.start()
    broken.wait()
    while not post.receiver.got:
        assert deliverer._looker.is_alive(), "it looks on"
        time.sleep(0.01)
    deliverer.stop()
    assert ROUNDS_FAILED._value.get() == before + 1


@pytest.mark.parametrize("status", [301, 302, 307, 404, 500])
def test_only_2xx_is_delivered_and_no_redirect_is_followed(post: Post, status: int) -> None:
    name, _ = post.add()
    post.receiver.manner = say(status, Location=f"{post.receiver.url}/elsewhere")
    post.tell("one")
    post.deliver()
    assert post.outcomes(name) == [(1, 1, status, None, "failed")]
    assert [one.path for one in post.receiver.got] == ["/hook"]


def test_a_huge_answer_is_not_read_and_counts_by_its_status(post: Post) -> None:
    name, _ = post.add()

    def huge(handler: BaseHTTPRequestHandler, _: Received) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\n\r\n")
        while not post.receiver.stopping.is_set():
            handler.wfile.write(b"x" * 65_536)

    post.receiver.manner = huge
    post.tell("one")
    post.deliver()
    assert post.outcomes(name) == [(1, 1, 200, None, "delivered")]


def test_one_that_is_away_or_hangs_up_is_tried_again(post: Post) -> None:
    away, _ = post.add(url="http://127.0.0.1:1/")
    rude, _ = post.add()
    post.receiver.manner = lambda handler, _: handler.connection.close()
    post.tell("one")
    assert post.deliver() == 2
    assert post.outcomes(away) == [(1, 1, None, "no_connection", "failed")]
    assert post.outcomes(rude)[0][4] == "failed"


def test_a_private_address_is_never_asked_where_the_operator_does_not_allow_it(
    tmp_path: Path, database: Database, receiver: Receiver
) -> None:
    post = Post(a_container(tmp_path, database, private_networks="127.0.0.0/8"), receiver)
    name, _ = post.add(url=receiver.url.replace("http:", "https:"))
    post.tell("one")
    strict = Deliverer(a_container(tmp_path, database))
    strict.deliver(post.claims()[0])
    assert post.outcomes(name) == [(1, 1, None, "address_private", "failed")]
    assert receiver.got == []


# ------------------------------------------------------------------------------------------------- the owner's


def test_a_replay_sends_everything_again_under_the_same_ids(post: Post) -> None:
    name, _ = post.add()
    post.tell("one", "two", "three")
    post.deliver()
    with post.container.work() as work:
        work.webhooks.replay(post.alice, name, 1)
    post.deliver()
    assert post.sent() == ["one", "two", "three", "two", "three"]
    ids = [one.headers["webhook-id"] for one in post.receiver.got]
    assert ids[3:] == ids[1:3]
    with post.container.work() as work, pytest.raises(Conflict) as ahead:
        work.webhooks.replay(post.alice, name, 4)
    assert ahead.value.code == "cursor_ahead"


def test_a_paused_endpoint_gets_nothing_and_then_all(post: Post) -> None:
    name, _ = post.add()
    with post.container.work() as work:
        work.webhooks.pause(post.alice, name)
    post.tell("one")
    assert post.deliver() == 0
    with post.container.work() as work:
        work.webhooks.resume(post.alice, name)
    assert (post.deliver(), post.sent()) == (1, ["one"])


def test_pausing_in_the_middle_of_a_delivery_is_not_undone_by_it(post: Post) -> None:
    name, _ = post.add()
    post.tell("one")
    (claim,) = post.claims()
    with post.container.work() as work:
        job = work.owed.next(claim, lambda event: {"type": event.type})
        work.webhooks.pause(post.alice, name)
    assert job is not None
    with post.container.work() as work:
        assert not work.owed.note(claim, job, Result(1, status=204))
    assert (post.show(name).state, post.show(name).cursor) == (State.PAUSED, 0)


def test_what_was_away_for_longer_than_events_are_kept_goes_on_with_what_there_is(post: Post) -> None:
    name, _ = post.add()
    with post.container.work() as work:
        work.webhooks.pause(post.alice, name)
    post.tell("old")
    post.pass_(days=31)
    post.tell("new")
    with post.container.work() as work:
        work.feed.prune(timedelta(days=30), limit=10)
        work.webhooks.resume(post.alice, name)
    assert (post.deliver(), post.sent()) == (1, ["new"])


def test_endpoints_are_their_owners_alone_and_few(post: Post) -> None:
    name, _ = post.add()
    bob = a_person(post.container, BOB)
    with post.container.work() as work:
        for do in (
            work.webhooks.get,
            work.webhooks.rotate,
            work.webhooks.pause,
            work.webhooks.delete,
            work.webhooks.test,
        ):
            with pytest.raises(NotFound):
                do(bob, name)
    for _ in range(model.MOST_WEBHOOKS - 1):
        post.add()
    with pytest.raises(Conflict, match="at most 5"):
        post.add()


def test_endpoints_that_are_added_at_once_are_no_more_than_others(post: Post) -> None:
    for _ in range(model.MOST_WEBHOOKS - 1):
        post.add()
    refused: list[str] = []

    def add() -> None:
        try:
            post.add()
        except Conflict as error:
            refused.append(error.code)

    other = threading.Thread(target=add)
    with post.container.work() as work:
        work.webhooks.add(post.alice, f"{post.receiver.url}/hook")
        other.start()
        other.join(0.5)  # it would be done by then, did it not wait for us
    other.join()
    assert refused == ["too_many_webhooks"]


def test_tests_are_few_a_day(post: Post) -> None:
    names = [post.add()[0] for _ in range(2)]
    with post.container.work() as work:
        for number in range(model.MOST_TESTS):
            work.webhooks.test(post.alice, names[number % 2])
        with pytest.raises(Conflict) as refused:
            work.webhooks.test(post.alice, names[0])
    assert refused.value.code == "too_many_tests"
    post.pass_(hours=25)
    with post.container.work() as work:
        work.webhooks.test(post.alice, names[0])


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("http://hooks.example.org/", Invalid),
        ("https://127.0.0.1/", Forbidden),
        ("https://[::1]/", Forbidden),
        ("https://user:secret@hooks.example.org/", Invalid),
    ],
)
def test_what_would_never_be_asked_is_refused_at_once(
    tmp_path: Path, database: Database, receiver: Receiver, url: str, kind: type[Exception]
) -> None:
    post = Post(a_container(tmp_path, database), receiver)
    with pytest.raises(kind):
        post.add(url=url)
    with pytest.raises(Invalid, match="Types"):
        post.add(Mode.INSTANT, "odd", url="https://hooks.example.org/")
    with pytest.raises(Invalid, match="mode"):
        post.add(Mode.ALL, url="https://hooks.example.org/")


def test_whoever_is_forgotten_has_no_endpoint_any_more(post: Post) -> None:
    post.add()
    post.tell("one")
    post.deliver()
    with post.container.work() as work:
        work.webhooks.forget(post.alice)
    with post.container.read() as work:
        assert work.webhooks.all(post.alice) == []


def test_attempts_are_kept_for_a_while_and_not_without_end(post: Post) -> None:
    name, _ = post.add()
    post.tell(*(f"t{number}" for number in range(120)))
    while post.deliver():
        pass
    with post.container.read() as work:
        assert len(work.webhooks.attempts(post.alice, name, limit=1000)) == 100
    post.pass_(days=31)
    with post.container.work() as work:
        assert work.webhooks.prune(work.now - timedelta(days=30)) == 100


def test_pauses_are_the_standards_and_spread() -> None:
    assert pause_after(len(PAUSES) + 1, Result(1, status=500), "a") is None
    assert pause_after(1, Result(1, status=500), "a") != pause_after(1, Result(1, status=500), "b")
