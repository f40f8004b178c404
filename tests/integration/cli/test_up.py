"""``earnest up``: two of each on PostgreSQL carry a knock to an open door, and end without a trace."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner, Result
from sqlalchemy import Engine

from app.container import KEY_ROLES
from app.settings import Settings
from cli.commands.up import programs
from cli.local.ports import LOOPBACK, free_port, free_ports, is_free
from cli.main import main
from contracts import typed_data
from contracts.chain import Deployment
from kit.amounts import Amount
from kit.clock import system_clock
from kit.database import Database
from kit.identifiers import show_address
from payments.stakes.model import terms_of
from tests.support.anvil import ETHER, Anvil
from tests.support.databases import empty
from tests.support.services import ALICE, PASSWORD, a_bearer, a_container
from tests.support.worlds import processes_of

EARNEST = Path(sys.executable).with_name("earnest")
PATIENCE_SECONDS = 300
"""No limit on a slow machine: what never comes must end with a word on what was waited for."""
STRANGER = "@bob:example.org"


def until(what: str, true: Callable[[], object]) -> None:
    began = time.monotonic()
    while not true():
        assert time.monotonic() - began < PATIENCE_SECONDS, f"in vain waited until {what}"
        time.sleep(0.1)


class Service:
    """A service that ``earnest up`` runs, and what the world sees of it."""

    def __init__(self, folder: Path, database: Database, anvil: Anvil, deployment: Deployment) -> None:
        self.folder = folder / "data"
        self.api, self.chain, self.worker = self._ports()
        self.container = a_container(
            self.folder, database, deployment=deployment, rpc_url=anvil.url, clock=system_clock
        )
        self.log = folder / "up.log"
        self.environment = {
            "PATH": os.environ["PATH"],
            "EARNEST_DATA": str(self.folder),
            "EARNEST_DATABASE_URL": database.engine.url.render_as_string(hide_password=False),
            "EARNEST_KEYSTORE_PASSWORD": PASSWORD,
            "EARNEST_RPC_URL": anvil.url,
            "EARNEST_PUBLIC_URL": f"http://{LOOPBACK}:{self.api}",
            "EARNEST_API_PORT": str(self.api),
            "EARNEST_CHAIN_HEALTH_PORT": str(self.chain),
            "EARNEST_WORKER_HEALTH_PORT": str(self.worker),
            "EARNEST_BOT_USER_ID": "@earnest:example.org",
        }

    @staticmethod
    def _ports() -> tuple[int, int, int]:
        while True:
            api, chain, worker = free_ports(3)
            if is_free(chain + 10) and is_free(worker + 10) and len({chain, chain + 10, worker, worker + 10}) == 4:
                return api, chain, worker

    def roles(self, base: int) -> Counter[str]:
        """What the two processes of a role say that they are."""
        found: Counter[str] = Counter()
        for port in (base, base + 10):
            try:
                found[httpx.get(f"http://{LOOPBACK}:{port}/health", timeout=5).json()["role"]] += 1
            except httpx.HTTPError:
                found["silent"] += 1
        return found

    def knock(self, bearer: str) -> httpx.Response:
        """Bob invites Alice, as her homeserver tells it."""
        return httpx.post(
            f"http://{LOOPBACK}:{self.api}/api/1/spam_check/user_may_invite",
            json={"inviter": STRANGER, "invitee": ALICE, "room_id": "!room:example.org"},
            headers={"Authorization": bearer},
            timeout=30,
        )

    def answering(self) -> set[int]:
        """The numbers of the processes that answer at the one port, as far as some asking shows."""
        found = set()
        for _ in range(12):
            with httpx.Client(timeout=5) as client:
                try:
                    answer = client.get(f"http://{LOOPBACK}:{self.api}/metrics")
                except httpx.HTTPError:
                    continue
                ours = answer.extensions["network_stream"].get_extra_info("client_addr")[1]
                found |= self._whose(ours)
            if answer.status_code == 429:
                time.sleep(1)
        return found

    def _whose(self, ours: int) -> set[int]:
        """Which process holds the other end of a connection. Two that start at once share their time of start."""
        lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        ends = {f"socket:[{line[9]}]" for line in lines if _port(line[1]) == self.api and _port(line[2]) == ours}
        holders = set()
        for line in processes_of(self.folder):
            number = line.split()[0]
            with suppress(OSError):
                if any(str(each.readlink()) in ends for each in Path("/proc", number, "fd").iterdir()):
                    holders.add(int(number))
        return holders


def _port(end: str) -> int:
    return int(end.rpartition(":")[2], 16)


@pytest.fixture
def service(
    tmp_path: Path, postgresql_engine: Engine, fresh_anvil: Anvil, fresh_deployment: Deployment
) -> Iterator[Service]:
    database = Database(postgresql_engine)
    empty(database)
    made = Service(tmp_path, database, fresh_anvil, fresh_deployment)
    for role in KEY_ROLES:
        fresh_anvil.set_balance(made.container.signers[role].address, 10 * ETHER)
    yield made
    made.container.chain.close()


def test_two_of_each_carry_a_knock_to_an_open_door_and_end_without_a_trace(
    service: Service, fresh_anvil: Anvil
) -> None:
    bearer = a_bearer(service.container, "example.org")
    with service.container.work() as work:
        work.doors.ask(work.people.number(ALICE), stake=Amount(5 * ETHER))
    wallet = fresh_anvil.signer("bob")
    fresh_anvil.give_tokens(service.container.deployment, wallet.address, 100 * ETHER)
    words = (EARNEST, "up", "--role", "api=2", "--role", "worker=2", "--role", "chain", "--role", "chain")
    with service.log.open("wb") as log:
        up = subprocess.Popen(words, env=service.environment, stdout=log, stderr=log, cwd=service.folder)
    try:
        both = Counter(leader=1, standby=1)
        until("one chain loop leads and one stands by", lambda: service.roles(service.chain) == both)
        until("one worker calls the rounds", lambda: service.roles(service.worker) == both)
        until("both api processes answer", lambda: len(service.answering()) == 2)
        held = service.knock(bearer)
        assert held.status_code == 403, held.text
        quote_id = held.json()["org.earnest.stake"]["url"].rpartition("/")[2]
        with service.container.read() as work:
            terms = terms_of(work.stakes.find_quote(quote_id), payer=wallet.address)
        place = service.container.deployment
        document = typed_data.authorization_to_open(
            terms, chain_id=place.chain_id, token=place.token, escrow=place.escrow
        )
        body = {"payer": show_address(wallet.address), "signature": "0x" + wallet.sign_digest(document.digest).hex()}
        taken = httpx.post(f"http://{LOOPBACK}:{service.api}/v1/quotes/{quote_id}/open", json=body, timeout=30)
        assert taken.status_code == 202, taken.text
        until("his door opens", lambda: service.knock(bearer).status_code == 200)
        relayer = service.container.signers["relayer"].address
        assert fresh_anvil.chain.nonce(relayer) == 1, "it was carried once"
        _fall(service)
    finally:
        up.send_signal(signal.SIGTERM)
        code = up.wait()
    assert code == 0, service.log.read_text()
    assert processes_of(service.folder) == []


def _fall(service: Service) -> None:
    """Whatever falls is started again."""
    before = service.answering()
    victim = next(line for line in processes_of(service.folder) if "--share-port" in line)
    os.kill(int(victim.split()[0]), signal.SIGKILL)
    until("another takes the place of a killed one", lambda: len(service.answering() - before) == 1)


def earnest(environment: dict[str, str], *words: str) -> Result:
    return CliRunner().invoke(main, list(words), env=environment)


def test_an_older_schema_is_told_before_anything_starts(tmp_path: Path) -> None:
    found = earnest({"EARNEST_DATA": str(tmp_path)}, "up", "--role", "chain")
    assert found.exit_code == 1
    assert "earnest migrate" in found.output
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("role", ["door", "api=0", "api=many", "api=65", "=2"])
def test_a_role_that_is_none_is_told(role: str) -> None:
    found = earnest({}, "up", "--role", role)
    assert found.exit_code == 2
    assert "none of api, chain, worker, bot" in found.output


def test_each_process_has_a_port_of_its_own_to_say_how_it_is(tmp_path: Path) -> None:
    settings = Settings.model_validate({"data": tmp_path, "chain_health_port": free_port()})
    wanted: Counter[str] = Counter(api=1, chain=2, bot=1)
    made: dict[str, Any] = {one.name: one for one in programs(wanted, settings, file=None, broker="redis://here")}
    assert list(made) == ["api", "chain-1", "chain-2", "bot"]
    ports = [made[name].environment["EARNEST_CHAIN_HEALTH_PORT"] for name in ("chain-1", "chain-2")]
    assert ports == [str(settings.chain_health_port), str(settings.chain_health_port + 10)]
    assert made["api"].command[1:] == ("api",), "alone, it holds its port for itself"
    assert {one.environment["EARNEST_BROKER_URL"] for one in made.values()} == {"redis://here"}
