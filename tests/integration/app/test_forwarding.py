"""Reports that go on to Synapse's makers: to the byte, once at most, and only where an operator asked for it."""

from __future__ import annotations

import json
import ssl
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from app import forwarding
from app.container import Container
from app.worker import FORWARD_EVERY, make_worker
from cli.main import main
from kit.database import Database
from kit.outbox import OutboxRow
from payments.rewards.forwarding import MOST_A_DAY
from tests.integration.payments.test_rewards import FAR
from tests.integration.payments.test_rewards import Server as Keys
from tests.support.elsewhere import Answer, Elsewhere, Server, says
from tests.support.services import PASSWORD, Clock, a_container
from tests.unit.payments.test_rewards_measured import body

PATH = "/report-usage-stats/push"
Reports = Callable[..., bytes]
"""Has a server report; what it said."""


class Makers:
    """What stands at Synapse's makers' address: it takes reports."""

    def __init__(self, server: Server) -> None:
        """Take them at a server."""
        self.server = server
        self.came: list[bytes] = []
        self.answer = says(b"{}")
        server.answers[PATH] = self._take

    def _take(self, connection: ssl.SSLSocket, head: bytes) -> None:
        head, _, came = head.partition(b"\r\n\r\n")
        (length,) = [int(line[16:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length: ")]
        assert head.startswith(b"PUT " + PATH.encode())
        assert b"application/json" in head
        while len(came) < length:
            came += connection.recv(4096)
        self.came.append(came)
        self.answer(connection, head)

    @property
    def url(self) -> str:
        return f"https://far.example:{self.server.port}{PATH}"


@pytest.fixture
def makers(far: Server) -> Makers:
    return Makers(far)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def container(tmp_path: Path, database: Database, elsewhere: Elsewhere, makers: Makers, clock: Clock) -> Container:
    made = a_container(tmp_path, database, clock=clock, rewards_forward_to=makers.url)
    made.__dict__["fetcher"] = elsewhere.fetcher()
    return made


@pytest.fixture
def reports(container: Container, clock: Clock) -> Reports:
    """Report as a server that enrolled, whose operator asked for it."""
    server = Keys()
    with container.work() as work:
        challenge = work.rewards.challenge(FAR, b"\x11" * 20)  # type: ignore[arg-type] # an address
        secret = work.rewards.enrol(server.sign(challenge.document()), server.published()).secret
        work.rewards.forward(FAR, on=True)

    def report(**changes: Any) -> bytes:  # noqa: ANN401 - JSON
        said = body(**{"timestamp": int(clock.now.timestamp()), **changes})
        with container.work() as work:
            work.rewards.reported(secret, said)
        return said

    return report


def test_a_report_goes_on_to_the_byte_and_once(container: Container, makers: Makers, reports: Reports) -> None:
    said = reports(server_context="Ünïcode \u0000 and  blanks")
    assert reports(server_context="Ünïcode \u0000 and  blanks") == said, "a copy"
    assert (forwarding.regular(container), makers.came) == (1, [said])
    reports(server_context="Ünïcode \u0000 and  blanks")
    assert (forwarding.regular(container), makers.came) == (0, [said])
    other = reports(daily_messages=7)
    assert (forwarding.regular(container), makers.came) == (1, [said, other])


def test_nothing_goes_on_unless_asked_for(container: Container, makers: Makers, reports: Reports) -> None:
    reports()
    with container.work() as work:
        work.rewards.forward(FAR, on=False)
    assert forwarding.regular(container) == 0, "what waits is not sent after it was said"
    reports(daily_messages=7)
    assert forwarding.regular(container) == 0
    with container.work() as work:
        work.rewards.forward(FAR, on=True)
        assert work.session.query(OutboxRow).filter(OutboxRow.done_at.is_(None)).count() == 0
    reports(daily_messages=8)
    address, container.settings.rewards_forward_to = container.settings.rewards_forward_to, ""
    assert forwarding.regular(container) == 0
    container.settings.rewards_forward_to = address
    assert forwarding.regular(container) == 0, "nobody waits for what was to go nowhere"
    assert makers.server.reached == 0


def test_it_is_tried_again_where_it_certainly_did_not_arrive(
    container: Container,
    makers: Makers,
    reports: Reports,
    clock: Clock,
    elsewhere: Elsewhere,
) -> None:
    good = makers.answer
    said = reports()
    for status in (503, 429):
        makers.answer = says(b"", status=status)
        assert forwarding.regular(container) == 1
        assert forwarding.regular(container) == 0, "not at once"
        clock.pass_(seconds=10)
    elsewhere.dns.records["far.example", "A"] = []
    assert forwarding.regular(container) == 1
    clock.pass_(minutes=1)
    elsewhere.dns.records["far.example", "A"] = [makers.server.address]
    makers.answer = good
    assert forwarding.regular(container) == 1
    assert makers.came == [said] * 3, "refused twice, taken once"
    clock.pass_(days=1)
    assert forwarding.regular(container) == 0


def test_it_is_given_up_after_a_while(container: Container, makers: Makers, reports: Reports, clock: Clock) -> None:
    makers.answer = says(b"", status=503)
    reports()
    tries = 0
    for _ in range(30):
        tries += forwarding.regular(container)
        clock.pass_(hours=1)
    assert (tries, len(makers.came)) == (12, 12)


@pytest.mark.parametrize(
    "answer",
    [says(b"", status=400), says(b"", status=502), lambda connection, _: connection.close(), says(b"", status=302)],
    ids=["refused", "by a proxy", "broken off", "redirected"],
)
def test_what_may_have_arrived_is_not_sent_again(
    container: Container,
    makers: Makers,
    reports: Reports,
    clock: Clock,
    answer: Answer,
) -> None:
    makers.answer = answer
    reports()
    assert forwarding.regular(container) == 1
    clock.pass_(days=1)
    assert (forwarding.regular(container), len(makers.came)) == (0, 1)


def test_whoever_dies_over_sending_sent_it_perhaps(
    container: Container,
    makers: Makers,
    reports: Reports,
    clock: Clock,
) -> None:
    reports()
    with container.work() as work:
        assert work.rewards.to_forward() is not None  # and then the power went
    clock.pass_(minutes=5)
    said = reports(daily_messages=7)
    assert (forwarding.regular(container), makers.came) == (1, [said])


def test_old_reports_and_floods_stay_here(
    container: Container,
    makers: Makers,
    reports: Reports,
    clock: Clock,
) -> None:
    now = int(clock.now.timestamp())
    for odd in (now - 90_000, now + 90_000, None, True, "now", 10**30, -1, 1.5):
        reports(timestamp=odd)
    assert forwarding.regular(container) == 0
    for number in range(MOST_A_DAY + 5):
        reports(daily_messages=number)
    assert forwarding.regular(container) == MOST_A_DAY
    clock.pass_(days=4)
    with container.work() as work:
        assert work.rewards.prune(limit=1_000) >= MOST_A_DAY
        assert work.session.query(OutboxRow).filter(OutboxRow.kind == "usage_report").count() == 0
    reports()
    assert forwarding.regular(container) == 1
    assert all(json.loads(one)["homeserver"] == FAR for one in makers.came)


def test_nothing_stays_of_a_report_that_is_done_with(container: Container, makers: Makers, reports: Reports) -> None:
    reports()
    forwarding.regular(container)
    assert len(makers.came) == 1
    with container.read() as work:
        assert [row.payload for row in work.session.query(OutboxRow).filter(OutboxRow.kind == "usage_report")] == [{}]


def test_nobody_is_led_inward(container: Container, makers: Makers, reports: Reports, inside: Server) -> None:
    for name in ("127.0.0.1", "inside.example"):
        container.settings.rewards_forward_to = f"https://{name}:{inside.port}{PATH}"
        reports(server_context=name)
        forwarding.regular(container)
    assert (inside.reached, makers.came) == (0, [])


def test_the_worker_does_it_by_itself(container: Container, makers: Makers, reports: Reports) -> None:
    said = reports()
    worker = make_worker(container, "memory://")
    assert worker.conf.beat_schedule["forward"]["schedule"] == FORWARD_EVERY
    worker.tasks["earnest.forward"]()
    while makers.came != [said]:
        time.sleep(0.01)


def test_an_operator_turns_it_on_and_off(container: Container, reports: Reports) -> None:
    reports()
    environment = {
        "EARNEST_DATA": str(container.settings.data),
        "EARNEST_KEYSTORE_PASSWORD": PASSWORD,
        "EARNEST_DATABASE_URL": container.database.engine.url.render_as_string(hide_password=False),
    }
    for switch, says_that, on in (("off", "go on to nobody", False), ("on", "go on to https://matrix.org/", True)):
        found = CliRunner().invoke(main, ["rewards", "forward", FAR, switch], env=environment)
        assert (found.exit_code, says_that in found.output) == (0, True), found.output
        with container.read() as work:
            server = work.rewards.find(FAR)
        assert server is not None
        assert server.forwards is on
    listed = CliRunner().invoke(main, ["rewards", "servers"], env=environment)
    assert "its reports go on" in listed.output
    unknown = CliRunner().invoke(main, ["rewards", "forward", "nobody.example", "on"], env=environment)
    assert (unknown.exit_code, "takes no part" in unknown.output) == (1, True)
