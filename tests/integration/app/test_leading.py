"""One chain loop at a time: what becomes of one that slept while another took its place, and of real processes."""

from __future__ import annotations

import itertools
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from app.container import Container
from cli.local.ports import LOOPBACK, free_ports
from contracts.chain import Deployment
from kit.database import Base, Database
from kit.errors import DatabaseUnavailable, LeaseLost
from kit.leases import LASTS, Lease, Reign
from ledger import book
from tests.support.anvil import ETHER, Anvil
from tests.support.ledgers import Shop
from tests.support.lives import Life, Place, a_round, always_alike, burned, came_of_it, nothing_twice, returned
from tests.support.services import PASSWORD

EARNEST = Path(sys.executable).with_name("earnest")
PATIENCE_SECONDS = 300
"""No limit on a slow machine: what never comes must end with a word on what was waited for."""
_SOME = 8
"""At how many writing calls a loop sleeps where not every one is asked for."""


def until(what: str, true: Callable[[], object]) -> None:
    began = time.monotonic()
    while not true():
        assert time.monotonic() - began < PATIENCE_SECONDS, f"in vain waited until {what}"
        time.sleep(0.02)


def dump(database: Database) -> dict[str, list[Any]]:
    """Every row of every table."""
    with database.engine.connect() as connection:
        return {
            name: sorted(connection.execute(text(f'SELECT * FROM "{name}"')).all(), key=repr)  # noqa: S608
            for name in Base.metadata.tables
        }


# ------------------------------------------------------------------------------- asleep before every writing call


class Watched(Place):
    """A place whose loop has the lease; at one of its writing calls it sleeps, and a rival takes its place."""

    calls = 0
    awake: dict[str, list[Any]] | None = None
    """What the database held when the sleeper woke."""

    def __init__(
        self, folder: Path, file: Path, anvil: Anvil, deployment: Deployment, life: Life, sleeps_at: int | None
    ) -> None:
        super().__init__(folder, file, anvil, deployment, life)
        self.sleeps_at = sleeps_at

    def leads(self) -> Reign:
        now = itertools.count(step=LASTS)
        lease = Lease(self.container.database, book.seat(self.deployment.chain_id), time=lambda: float(next(now)))
        reign = lease.claim() or lease.claim()
        assert reign is not None
        return reign

    def live(self, doing: Callable[[Container], object]) -> None:
        if doing is not a_round:
            doing(self.container)
            return
        reign = self.leads()
        sleeper = self.container
        try:
            with self.watched(reign):
                doing(sleeper.fenced(reign.check))
        except LeaseLost:
            assert self.awake is not None
            assert dump(sleeper.database) == self.awake, "it wrote"
            assert reign.over.is_set()
            self.awake = None
            sleeper.close()

    @contextmanager
    def watched(self, reign: Reign) -> Iterator[None]:
        real, guard, main = Database.write, reign.check, threading.current_thread()

        @contextmanager
        def write(database: Database) -> Iterator[Session]:
            if database._guard == guard and threading.current_thread() is main:
                self.calls += 1
                if self.calls == self.sleeps_at:
                    self.container = self.born()
                    a_round(self.container.fenced(self.leads().check))
                    self.awake = dump(self.container.database)
            with real(database) as session:
                yield session

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Database, "write", write)
            yield


@pytest.fixture
def play(
    tmp_path: Path, sqlite_template: Path, fresh_anvil: Anvil, fresh_deployment: Deployment
) -> Iterator[Callable[[Callable[[Place], None], int | None], tuple[dict[str, list[Any]], int]]]:
    """Play a story with a sleep at a writing call, always on the same chain; what came of it, and how many calls."""
    with always_alike(tmp_path, sqlite_template, fresh_anvil, fresh_deployment) as begin:

        def one(story: Callable[[Place], None], sleeps_at: int | None) -> tuple[dict[str, list[Any]], int]:
            place = begin(lambda file: Watched(tmp_path, file, fresh_anvil, fresh_deployment, Life(None), sleeps_at))
            story(place)
            nothing_twice(place)
            return came_of_it(place), place.calls

        yield one


@pytest.mark.parametrize("story", [returned, burned])
def test_a_loop_that_slept_before_a_writing_call_writes_nothing_and_nothing_is_sent_twice(
    play: Callable[[Callable[[Place], None], int | None], tuple[dict[str, list[Any]], int]],
    story: Callable[[Place], None],
    seed: int,
    *,
    everything: bool,
) -> None:
    undisturbed, calls = play(story, None)
    assert calls > 20
    every = range(1, calls + 1)
    for call in every if everything else random.Random(seed).sample(every, _SOME):
        found, _ = play(story, call)
        assert found == undisturbed, f"slept at call {call}"


# ---------------------------------------------------------------------------------------------- real processes


class Loop:
    """One real ``earnest chain`` of a shop."""

    def __init__(self, shop: Shop, port: int, log: Path) -> None:
        self.port = port
        settings = shop.container.settings
        environment = {
            "PATH": os.environ["PATH"],
            "EARNEST_DATA": str(settings.data),
            "EARNEST_KEYSTORE_PASSWORD": PASSWORD,
            "EARNEST_RPC_URL": settings.rpc_url,
            "EARNEST_DATABASE_URL": shop.container.database.engine.url.render_as_string(hide_password=False),
            "EARNEST_CHAIN_HEALTH_PORT": str(port),
        }
        with log.open("ab") as output:
            self.process = subprocess.Popen([EARNEST, "chain"], env=environment, stdout=output, stderr=output)

    def health(self) -> dict[str, Any]:
        try:
            found: dict[str, Any] = httpx.get(f"http://{LOOPBACK}:{self.port}/health", timeout=5).json()
        except httpx.HTTPError:
            return {}
        return found

    @property
    def leads(self) -> bool:
        return self.health().get("role") == "leader"

    def metric(self, name: str) -> float:
        lines = httpx.get(f"http://{LOOPBACK}:{self.port}/metrics", timeout=5).text.splitlines()
        return float(next(line for line in lines if line.startswith(name)).rpartition(" ")[2])

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def falls_asleep(self, shop: Shop) -> None:
        """Stop it where it holds no lock: asleep in the midst of writing, it has SQLite's one lock for ever."""
        while True:
            self.send(signal.SIGSTOP)
            try:
                with shop.container.database.write() as session:
                    session.execute(text("SELECT 1"))
            except DatabaseUnavailable:
                self.send(signal.SIGCONT)
                time.sleep(random.random() / 10)
            else:
                return

    def end(self) -> int:
        with suppress(ProcessLookupError):
            self.send(signal.SIGCONT)
        self.process.terminate()
        return self.process.wait()


@pytest.fixture
def loops(shop: Shop, tmp_path: Path) -> Iterator[tuple[Loop, Loop]]:
    """Two chain loops on one database: the one that leads, and the one that stands by."""
    made = [Loop(shop, port, tmp_path / "loops.log") for port in free_ports(2)]
    try:
        until("both are up", lambda: all(one.health() for one in made))
        until("one leads", lambda: any(one.leads for one in made))
        first, second = sorted(made, key=lambda one: not one.leads)
        yield first, second
    finally:
        for one in made:
            one.end()


def booked(shop: Shop) -> int:
    with shop.container.read() as work:
        head = work.book.head()
    return head.number if head else -1


def reads_on(shop: Shop) -> None:
    """The next block that is mined is booked, by whoever leads now."""
    shop.give("bert", ETHER)
    newest = shop.anvil.chain.block("latest")
    assert newest is not None
    until("the new block is booked", lambda: booked(shop) >= newest.number)


def taken_over(what: str, by: Loop) -> None:
    began = time.monotonic()
    until("the other leads", lambda: by.leads)
    print(f"after {what}: taken over in {time.monotonic() - began:.1f} s")  # noqa: T201 - a measure, with -s


def test_one_leads_and_the_other_stands_by_until_it_is_needed(shop: Shop, loops: tuple[Loop, Loop]) -> None:
    first, second = loops
    until("the first round is over", lambda: first.health().get("status") == "ready")
    until("the other says how it is", second.health)
    standing = second.health()
    assert (standing["status"], standing["role"]) == ("ready", "standby")
    assert f":{first.process.pid} leads" in standing["checks"]["loop"]["says"]
    assert (first.metric("earnest_leads"), second.metric("earnest_leads")) == (1, 0)
    reads_on(shop)
    first.falls_asleep(shop)
    taken_over("SIGSTOP", second)
    reads_on(shop)
    first.send(signal.SIGCONT)
    until("the first stands by", lambda: first.health().get("role") == "standby")
    reads_on(shop)
    until("the second leads still", lambda: second.leads)
    assert second.end() == 0  # asked to stop, it gives the lease back
    taken_over("SIGTERM", first)
    reads_on(shop)
    with shop.container.read() as work:
        assert work.book.folded() == work.book.balances()


def test_when_the_leader_is_killed_the_other_reads_on(shop: Shop, loops: tuple[Loop, Loop]) -> None:
    first, second = loops
    first.send(signal.SIGKILL)
    taken_over("SIGKILL", second)
    first.process.wait()
    reads_on(shop)
