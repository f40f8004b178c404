"""A real Synapse enrols for rewards with its own key, reports its real use, and is looked at over real federation."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from app import earning, epochs
from app.container import Container
from cli.local.certificates import Certificate, certificates
from cli.local.ports import free_port
from cli.local.synapse import Federation
from kit.clock import system_clock
from kit.identifiers import Address, ServerName, parse_address, show_address
from payments.rewards.enrolling import Trouble
from tests.support.databases import sqlite_copy
from tests.support.services import Clock, a_container, listening
from tests.support.synapse import Homeserver, StartHomeserver

pytestmark = pytest.mark.homeserver

SCRIPT = Path("deploy/enrol_homeserver.py").resolve()
SYNAPSES_PYTHON = Path(".venv-homeserver/bin/python").absolute()
PAYOUT, OTHER = parse_address("0x" + "a1" * 20), parse_address("0x" + "a2" * 20)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    folder = tmp_path_factory.mktemp("certificates")
    folder.chmod(0o700)
    return certificates(folder, ("far",))["far"]


@pytest.fixture
def far(start_homeserver: StartHomeserver, files: Certificate) -> Homeserver:
    return start_homeserver(federation=Federation(free_port(), files, peers=()))


@pytest.fixture
def clock() -> Clock:
    return Clock(system_clock())  # certificates and keys are good now, not on a day of tests


@pytest.fixture
def container(tmp_path: Path, sqlite_template: Path, files: Certificate, clock: Clock) -> Iterator[Container]:
    # On one kind of database: each of these starts a homeserver, and what is kept is tested on both elsewhere.
    with sqlite_copy(sqlite_template, tmp_path / "earnest.db") as database:
        opened = "127.0.0.0/8"
        yield a_container(tmp_path, database, clock=clock, private_networks=opened, extra_authority=files.authority)


@pytest.fixture
def service(container: Container) -> Iterator[str]:
    with listening(container) as url:
        container.settings.public_url = url
        yield url


def enrol(
    far: Homeserver, *options: str, payout: Address = PAYOUT, python: Path = SYNAPSES_PYTHON, said: str = ""
) -> str:
    """Run the script that operators run; what it printed."""
    given = ["--server", far.name, "--payout", show_address(payout)]
    key = ["--key", str(far.server.folder / "signing.key")]
    done = subprocess.run(
        [str(python), str(SCRIPT), *given, *key, *options], capture_output=True, text=True, check=False, input=said
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_real_server_enrols_reports_its_use_and_is_looked_at(
    container: Container, service: str, far: Homeserver, clock: Clock
) -> None:
    printed = enrol(far, "--service", service)
    (address,) = [line.split(": ", 1)[1] for line in printed.splitlines() if line.startswith("report_stats_endpoint")]
    assert httpx.get(address, timeout=120).json()["payout"] == show_address(PAYOUT)
    far.account("somebody")
    far._limits = {"report_stats": True, "report_stats_endpoint": address, "server_context": "a test"}
    far.stop()
    program = far._program()
    command = (
        str(SYNAPSES_PYTHON),
        "-P",
        str(Path("cli/local/fast_statistics.py").resolve()),
        *program.command[1:],
    )
    far._supervisor.start(replace(program, command=command))
    far._supervisor.wait_ready(far._name)
    server = ServerName(far.name)
    while True:
        with container.read() as work:
            enrolled = work.rewards.find(server)
            assert enrolled is not None
            reports = work.rewards.reports(enrolled.id, clock.now.date(), days=1)
        if reports:
            break
        time.sleep(0.1)
    assert reports[0][1].users == 1
    assert earning.look_around(container) == 1
    assert earning.look_around(container) == 0, "once an hour is enough"
    with container.read() as work:
        (looks,) = work.rewards.looks(enrolled.id, clock.now.date(), days=2)
        enrolled = work.rewards.find(server)
    assert (looks.vantage, looks.looks, looks.answered) == ("here", 1, 1)
    assert enrolled is not None
    assert (enrolled.trouble, enrolled.seen_at) == (None, clock.now)
    day = clock.now.date()
    clock.pass_(hours=1)  # which may be another day
    far.stop()
    assert earning.look_around(container) == 1
    with container.read() as work:
        (looks,) = work.rewards.looks(enrolled.id, day, days=2)
    assert (looks.looks, looks.answered) == (2, 1)


def test_nothing_need_be_sent_from_where_the_key_is(service: str, far: Homeserver) -> None:
    asked = {"server_name": far.name, "payout": show_address(PAYOUT)}
    challenge = httpx.post(f"{service}/v1/rewards/challenges", json=asked, timeout=120).json()
    signed = enrol(far, "--sign-only", said=json.dumps(challenge))
    answer = httpx.post(f"{service}/v1/rewards/enrolments", json=json.loads(signed), timeout=120)
    assert answer.status_code == 201, answer.text
    again = httpx.post(f"{service}/v1/rewards/enrolments", json=json.loads(signed), timeout=120)
    assert (again.status_code, again.json()["type"]) == (404, "urn:earnest:problem:challenge_unknown")


def test_somebody_elses_signature_enrols_nobody(container: Container, service: str, far: Homeserver) -> None:
    asked = {"server_name": far.name, "payout": show_address(OTHER)}
    challenge = httpx.post(f"{service}/v1/rewards/challenges", json=asked, timeout=120).json()
    right = far.server.folder / "signing.key"
    kept = right.read_text()
    right.write_text("ed25519 a_abcd " + "A" * 43 + "\n")  # the server runs on with the key that it has
    signed = json.loads(enrol(far, "--sign-only", said=json.dumps(challenge), payout=OTHER))
    right.write_text(kept)
    answer = httpx.post(f"{service}/v1/rewards/enrolments", json=signed, timeout=120)
    assert (answer.status_code, answer.json()["type"]) == (400, "urn:earnest:problem:server_signature")
    with container.read() as work:
        assert work.rewards.find(ServerName(far.name)) is None


def test_a_key_that_changed_without_a_word_is_trouble_until_the_server_enrols_anew(
    container: Container, service: str, far: Homeserver, clock: Clock
) -> None:
    enrol(far, "--service", service)
    far.stop()
    (far.server.folder / "signing.key").write_text("ed25519 a_abcd " + "A" * 43 + "\n")
    far.start()
    server = ServerName(far.name)
    earning.look_around(container)
    with container.read() as work:
        found = work.rewards.find(server)
    assert found is not None
    assert (found.trouble, found.may_claim(clock.now)) == (Trouble.KEY_CHANGED, False)
    enrol(far, "--service", service, payout=OTHER)
    with container.read() as work:
        found = work.rewards.find(server)
    assert found is not None
    assert (found.trouble, found.may_claim(clock.now)) == (None, False)
    assert found.payout_at(clock.now) == PAYOUT
    clock.pass_(days=7)
    assert (found.may_claim(clock.now), found.payout_at(clock.now)) == (True, OTHER)


def test_what_it_would_have_earned_is_said_of_a_server_that_takes_no_part(
    container: Container, far: Homeserver, clock: Clock
) -> None:
    container.settings.rewards_from = clock.now.date() - timedelta(days=30)
    container.settings.rewards_pool, container.settings.rewards_distributor = "1300", show_address(OTHER)
    assert epochs.close(container) is not None
    found = epochs.estimate(container, ServerName(far.name), people=7)
    assert [(epoch.number, amount) for epoch, amount in found.epochs] == [(1, 10 * 10**18)], (
        "all of it: nobody else was"
    )
    assert found.claims_from.date() == container.settings.rewards_from + timedelta(days=84)


def test_the_script_says_where_it_must_be_run() -> None:
    done = subprocess.run([sys.executable, "-S", str(SCRIPT)], capture_output=True, text=True, check=False)
    assert (done.returncode, "Python of Synapse" in done.stderr) == (1, True)
