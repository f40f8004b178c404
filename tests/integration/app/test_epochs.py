"""Epochs, closed by what was measured, in a real database, and made anew from their files by the command line."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from app import epochs
from app.container import Container
from cli.main import main
from kit.database import Database
from kit.errors import Conflict, NotFound
from kit.identifiers import Address, PersonId, ServerName, UserId, show_address
from payments.rewards import epoch_file
from payments.rewards.closing import LENGTH
from payments.rewards.service import Rewards
from reputation.model import ContactWhy
from reputation.store import GateStore
from tests.integration.payments.test_rewards import Server
from tests.support.services import PUBLIC_URL, Clock, a_container, http_door
from tests.unit.payments.test_rewards_measured import body

FIRST = date(2026, 11, 1)
BEGAN = datetime(2026, 11, 1, tzinfo=UTC)
POOL = "1300000"  # of it the first epoch gives out a tenth of a thirteenth
DISTRIBUTOR = Address(b"\xdd" * 20)


@pytest.fixture
def clock() -> Clock:
    return Clock(BEGAN - timedelta(days=100))


@pytest.fixture
def container(tmp_path: Path, database: Database, clock: Clock) -> Container:
    given: dict[str, Any] = {
        "rewards_from": FIRST,
        "rewards_pool": POOL,
        "rewards_distributor": show_address(DISTRIBUTOR),
    }
    return a_container(tmp_path, database, clock=clock, **given)


def enrols(container: Container, number: int) -> str:
    """Let ``s<number>.example`` take part; the secret of its reports."""
    server = Server(ServerName(f"s{number}.example"))
    with container.work() as work:
        challenge = work.rewards.challenge(server.name, Address(bytes([number]) * 20))
        return work.rewards.enrol(server.sign(challenge.document()), server.published()).secret


def measures(
    container: Container,
    number: int,
    secret: str,
    *,
    since: datetime,
    people: int,
    away: int = 0,
    keys: Sequence[int] = (1,),
) -> None:
    """Look at a server each hour of an epoch, of which it misses some, and let it report each day."""
    server = Server(ServerName(f"s{number}.example"), list(keys))
    seen = replace(server.seen(), network=f"192.0.{number}.0/24")
    with container.work() as work:
        enrolled = work.rewards.find(server.name)
        assert enrolled is not None
        for hour in range(28 * 24):
            moment = since + timedelta(hours=hour)
            then = Rewards(work.session, moment, service=PUBLIC_URL, chain_id=31337)
            then.looked("here", {enrolled.id: None if hour < away else seen})
            if hour % 24 == 0:
                told = body(
                    homeserver=server.name, daily_active_users=people, total_users=10_000, monthly_active_users=people
                )
                then.reported(secret, told)


def knows(container: Container, number: int, count: int) -> None:
    """Let people here know some of a server's people."""
    with container.work() as work:
        alice = work.people.number(UserId("@alice:example.org"))
        for one in range(count):
            other = work.people.number(UserId(f"@p{one}:s{number}.example"))
            GateStore(work.session).learn_contact(alice, PersonId(other), ContactWhy.ACCEPTED, work.now)


def test_an_epoch_is_closed_once_and_anybody_makes_it_anew(container: Container, clock: Clock, tmp_path: Path) -> None:
    secrets = {number: enrols(container, number) for number in (1, 2, 3)}
    knows(container, 1, 4)
    for number, people, away in ((1, 90, 0), (2, 90, 0), (3, 90, 100)):
        measures(container, number, secrets[number], since=BEGAN, people=people, away=away)
    clock.now = BEGAN + LENGTH
    assert not epochs.is_due(container), "its last hour may not be written yet"
    assert epochs.close(container) is None
    clock.pass_(hours=1)
    span, shown = epochs.closing(container)
    by_name = {counted.measured.server: counted.measured for counted in shown.counted}
    one, two, three = (by_name[ServerName(f"s{number}.example")] for number in (1, 2, 3))
    assert (one.people, two.people, three.people) == (19, 1, 1), "of whom nobody here knows anybody, few are believed"
    assert (one.availability, three.availability) == (1000, 572 * 1000 // 672)
    assert {one.weight, two.weight} == {100}, "they were there for more than two epochs"
    closed = epochs.close(container)
    assert closed is not None
    assert (closed.number, closed.servers, closed.root) == (1, 3, shown.root)
    assert closed.paid == closed.budget > 0
    assert epochs.close(container) is None
    with container.work() as work, pytest.raises(Conflict, match="closed already"):
        work.epochs.keep(span, shown)
    file = tmp_path / "epoch-1.json"
    with http_door(container) as door:
        listed = door.get("/v1/rewards/epochs").json()["epochs"]
        file.write_bytes(door.get("/v1/rewards/epochs/1").content)
        assert door.get("/v1/rewards/epochs/2").status_code == 404
        assert door.get("/v1/rewards/epochs/0").status_code == 400
    assert [(found["number"], found["servers"], found["paid"]) for found in listed] == [(1, None, str(closed.paid))]
    verified = CliRunner().invoke(main, ["rewards", "verify", str(file), "--json"])
    assert (verified.exit_code, json.loads(verified.output)["holds"]) == (0, True), verified.output
    read = epoch_file.read_file(file.read_bytes())
    assert read.anew.shares.of[Address(b"\x03" * 20)] == 0
    assert read.anew.shares.of[Address(b"\x01" * 20)] > read.anew.shares.of[Address(b"\x02" * 20)]


def test_of_two_that_close_an_epoch_at_once_one_does(container: Container, clock: Clock) -> None:
    clock.now = BEGAN + LENGTH + timedelta(hours=1)
    span, closed = epochs.closing(container)  # what both have made when the first of them writes
    with container.work() as work:
        work.epochs.keep(span, closed)
    with container.work() as work, pytest.raises(Conflict, match="closed already"):
        work.epochs.keep(span, closed)
    with container.read() as work:
        assert [one.number for one in work.epochs.all()] == [1]
        assert work.epochs.file(1) == closed.encoded()


def test_the_next_epoch_goes_on_where_the_first_ended(container: Container, clock: Clock) -> None:
    secret = enrols(container, 1)
    measures(container, 1, secret, since=BEGAN, people=50)
    clock.now = BEGAN + LENGTH + timedelta(hours=1)
    first = epochs.close(container)
    late = enrols(container, 2)
    measures(container, 1, secret, since=BEGAN + LENGTH, people=50, keys=[7])  # its key changed without a word
    measures(container, 2, late, since=BEGAN + LENGTH, people=50)
    clock.now = BEGAN + 2 * LENGTH + timedelta(hours=1)
    second = epochs.close(container)
    assert first is not None
    assert second is not None
    assert (second.begins, second.number) == (first.ends, 2)
    with container.read() as work:
        files = [epoch_file.read_file(work.epochs.file(number)) for number in (1, 2)]
    assert list(epoch_file.differences(files[1])) == list(epoch_file.since(files[1], files[0])) == []
    kept = {counted.measured.server: counted.measured for counted in files[1].anew.counted}
    assert kept[ServerName("s1.example")].withheld
    assert kept[ServerName("s2.example")].weight == 25
    assert second.forfeited > 0
    assert second.paid + second.forfeited == second.budget
    assert files[1].anew.cumulative[Address(b"\x01" * 20)] == first.paid, "what it earned before stays its own"


def test_where_nothing_is_given_out_nothing_is_closed(tmp_path: Path, database: Database, clock: Clock) -> None:
    off = a_container(tmp_path, database, clock=clock)
    assert not epochs.is_due(off)
    assert epochs.close(off) is None
    with pytest.raises(NotFound, match="EARNEST_REWARDS_FROM"):
        epochs.closing(off)
    with off.read() as work, pytest.raises(NotFound):
        work.epochs.file(1)


def test_an_epoch_of_nobody_has_no_root(container: Container, clock: Clock) -> None:
    clock.now = BEGAN + LENGTH + timedelta(hours=1)
    closed = epochs.close(container)
    assert closed is not None
    assert (closed.root, closed.servers, closed.paid) == (None, 0, 0)
