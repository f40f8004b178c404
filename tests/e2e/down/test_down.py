"""Each part of the world stopped and started again while knocks arrive: who says what, and that nothing is lost.

One world on PostgreSQL for all; each test leaves it whole.
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from cli.demo.stage import money
from cli.local import anvil, treasury
from cli.local.plan import Pace, new_plan, write_plan
from cli.local.ports import LOOPBACK
from cli.local.world import World
from kit.amounts import Amount
from kit.identifiers import UserId
from kit.outbox import backlog
from tests.support.databases import PostgreSQL, postgresql_server

pytestmark = pytest.mark.homeserver
EARNEST = Path(sys.executable).with_name("earnest")
STAKE = 5 * treasury.ERN
PATIENCE_SECONDS = 300
"""No limit on a slow machine: what never comes must end with a word on what was waited for."""


class Place(World):
    """The world, on a PostgreSQL server."""

    server: PostgreSQL

    @property
    def doors(self) -> dict[str, int]:
        """Where each process says how it is."""
        ports = self.plan.ports
        return {"bot": ports.bot_health, "chain": ports.chain_health, "worker": ports.worker_health}

    def settings(self) -> dict[str, str]:
        return {**super().settings(), "EARNEST_DATABASE_URL": self.server.url}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("down")
    folder.chmod(0o700)
    plan = new_plan(folder, pace=Pace(block_time=1, epoch=2, save_every=1), wanted={})
    write_plan(plan)
    with postgresql_server() as server:
        world = Place(plan, say=lambda _: None)
        world.server = server
        with world:
            world.start()
            with world.container.work() as work:
                work.doors.ask(work.people.number(alice(world)), stake=Amount(STAKE))
            until("everything is well", lambda: not ill(world))
            yield world


def alice(place: Place) -> UserId:
    return UserId(place.plan.user_id("alice"))


def until(what: str, true: Callable[[], object]) -> None:
    began = time.monotonic()
    while not true():
        assert time.monotonic() - began < PATIENCE_SECONDS, f"in vain waited until {what}"
        time.sleep(0.1)


def says(port: int, path: str = "/health/ready") -> dict[str, Any]:
    found: dict[str, Any] = httpx.get(f"http://{LOOPBACK}:{port}{path}", timeout=30).json()
    return found


def checks_of(port: int) -> dict[str, dict[str, Any]]:
    try:
        return dict(says(port)["checks"])
    except httpx.HTTPError:  # it is still starting
        return {"door": {"ok": False}}


def ill(place: Place) -> dict[str, list[str]]:
    """What each process that is not well waits for."""
    doors = {**place.doors, "api": place.plan.ports.api}
    found = {name: checks_of(port) for name, port in doors.items()}
    waits = {name: [part for part, check in checks.items() if not check["ok"]] for name, checks in found.items()}
    return {name: parts for name, parts in waits.items() if parts}


class Knocks:
    """Strangers who come one after the other, each once, whatever happens."""

    def __init__(self, place: Place, name: str) -> None:
        self.place = place
        self.name = name
        self.held: dict[str, dict[str, Any]] = {}
        self.let_in: list[str] = []
        self.unanswered: list[str] = []
        self._stop = threading.Event()
        self._bearer = (place.homeserver.folder / "bearer").read_text(encoding="utf-8").strip()

    def knock(self, localpart: str) -> httpx.Response:
        """One knock at Alice's door, told by the homeserver."""
        body = {
            "inviter": self.place.plan.user_id(localpart),
            "invitee": alice(self.place),
            "room_id": f"!{localpart}:{self.place.plan.server_name}",
        }
        return httpx.post(
            f"{self.place.plan.public_url}/api/1/spam_check/user_may_invite",
            json=body,
            headers={"Authorization": f"Bearer {self._bearer}"},
            timeout=30,
        )

    def come(self) -> None:
        number = 0
        while not self._stop.wait(0.5):
            number += 1
            localpart = f"{self.name}-{number}"
            try:
                answer = self.knock(localpart)
            except httpx.HTTPError as error:
                self.unanswered.append(f"{localpart}: {error!r}")
                continue
            if answer.status_code == 200:
                self.let_in.append(localpart)
            else:
                self.held[localpart] = answer.json()

    @contextmanager
    def coming(self) -> Iterator[None]:
        thread = threading.Thread(target=self.come)
        thread.start()
        try:
            until("a knock was answered", lambda: self.held or self.let_in)
            yield
        finally:
            self._stop.set()
            thread.join()

    def nothing_is_lost(self) -> None:
        """Prices told stand in the books, who was told to come again hears one, and what was owed was brought."""
        assert self.unanswered == []
        for localpart, first in self.held.items():
            answer = self.until_priced(localpart, first)
            told = answer["org.earnest.stake"]
            page = httpx.get(told["url"].replace("/stake/", "/v1/quotes/"), timeout=30)
            assert page.json()["stranger"] == self.place.plan.user_id(localpart), answer
        until("nothing is owed", lambda: owed(self.place) == 0)

    def until_priced(self, localpart: str, answer: dict[str, Any]) -> dict[str, Any]:
        """Come again for as long as one is told to: many who do so at once are a crowd, and told to once more."""
        answers = [answer]

        def priced() -> bool:
            if "org.earnest.stake" not in answers[-1]:
                answers.append(self.knock(localpart).json())
            return "org.earnest.stake" in answers[-1]

        until(f"{localpart} is told a price", priced)
        return answers[-1]


def owed(place: Place) -> int:
    with place.container.read() as work:
        return backlog(work.session)


def pay(place: Place, name: str, folder: Path) -> None:
    """Let somebody with a wallet knock and pay."""
    answer = Knocks(place, name).knock(name)
    assert answer.status_code == 403, answer.text
    receipt = folder / f"{name}.json"
    paid = subprocess.run(
        [
            *(str(EARNEST), "stake", answer.json()["org.earnest.stake"]["url"], "--yes", "--json"),
            *("--key-file", str(place.plan.wallet_file(name)), "--receipt", str(receipt), "--rpc", place.plan.rpc_url),
        ],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env={"EARNEST_DATA": str(place.folder), "PATH": "/usr/bin:/bin"},
    )
    assert paid.returncode == 0, paid.stderr


@contextmanager
def without(place: Place, name: str) -> Iterator[None]:
    """Stop a part of the world for the block."""
    program = place.supervisor.program(name)
    place.supervisor.stop(name)
    try:
        yield
    finally:
        place.supervisor.start(program)
        place.supervisor.wait_ready(name)
        if program.came_back is not None:
            program.came_back()


def test_the_chain_goes_and_comes_back(place: Place, tmp_path: Path) -> None:
    knocks = Knocks(place, "chainless")
    pay(place, "bob", tmp_path)
    with knocks.coming():
        with without(place, "anvil"):
            until("the chain loop says what it waits for", lambda: "chain" in ill(place).get("chain", []))
            before = len(knocks.held)
            until("knocks are held as ever", lambda: len(knocks.held) > before + 3)
        until("everything is well", lambda: not ill(place))
    assert knocks.let_in == []
    knocks.nothing_is_lost()
    until("his door opens", lambda: Knocks(place, "bob").knock("bob").status_code == 200)


def test_the_broker_goes_and_comes_back(place: Place, tmp_path: Path) -> None:
    knocks = Knocks(place, "brokerless")
    pay(place, "dave", tmp_path)
    with knocks.coming():
        with without(place, "valkey"):
            until("the worker says what it waits for", lambda: "broker" in ill(place).get("worker", []))
            before = len(knocks.held)
            until("knocks are held as ever", lambda: len(knocks.held) > before + 3)
            until("his door opens", lambda: Knocks(place, "dave").knock("dave").status_code == 200)
        until("everything is well", lambda: not ill(place))
    assert knocks.let_in == []
    knocks.nothing_is_lost()
    # What only the regular rounds find, they find again: his stake goes back by itself once nobody answered in time.
    anvil.travel(place.plan.rpc_url, 9 * 86_400)
    wallet = place.wallets["dave"].address

    def everything_back() -> bool:
        return treasury.tokens_of(place.chain, place.deployment, wallet) == treasury.GIFT

    until(f"he has his {money(STAKE)} back", everything_back)


def test_the_database_goes_and_comes_back(place: Place) -> None:
    knocks = Knocks(place, "baseless")
    with knocks.coming():
        place.server.stop()
        until(
            "every process says what it waits for",
            lambda: (
                {name: "database" in parts for name, parts in ill(place).items()}
                == dict.fromkeys(("api", *place.doors), True)
            ),
        )
        before = len(knocks.let_in)
        until("knocks are answered by the homeserver's own choice", lambda: len(knocks.let_in) > before + 3)
        place.server.start()
        until("everything is well", lambda: not ill(place))
        held = len(knocks.held)
        until("knocks are held again", lambda: len(knocks.held) > held + 3)
    knocks.nothing_is_lost()


def test_the_homeserver_goes_and_comes_back(place: Place) -> None:
    knocks = Knocks(place, "homeless")
    with knocks.coming():
        with without(place, "homeserver"):
            until("the bot says what it waits for", lambda: "homeserver" in ill(place).get("bot", []))
            before = len(knocks.held)
            until("knocks are held as ever", lambda: len(knocks.held) > before + 3)
        until("everything is well", lambda: not ill(place))
    assert knocks.let_in == []
    knocks.nothing_is_lost()
