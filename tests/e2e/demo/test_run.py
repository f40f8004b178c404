"""`earnest run`: made once, kept, taken up again after every kind of end; and no end leaves a process."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from cli.local import anvil
from cli.local.plan import KEPT, OWN_FILES, new_plan, read_plan, write_plan
from kit.errors import ChainUnavailable
from tests.support.worlds import processes_of

pytestmark = pytest.mark.homeserver
EARNEST = Path(sys.executable).with_name("earnest")
Event = dict[str, Any]


class Run:
    """A run in the foreground of somebody's terminal."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.folder = folder
        environment = {**os.environ, "EARNEST_DATA": str(folder)}
        self.process = subprocess.Popen(
            [str(EARNEST), "run", "--json", *options],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.events: list[Event] = []

    def until(self, event: str, what: str | None = None) -> Event:
        """Read on until it says so."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            found: Event = json.loads(line)
            self.events.append(found)
            if found["event"] == event and what in (None, found.get("what")):
                return found
        assert self.process.stderr is not None
        raise AssertionError(f"it ended before {event} {what}: {self.process.stderr.read()}")

    def end(self, number: signal.Signals) -> tuple[int, str]:
        """Send a signal; return the exit status and what it said on standard error."""
        self.process.send_signal(number)
        _, errors = self.process.communicate()
        return self.process.returncode, errors


@contextmanager
def running(folder: Path, *options: str) -> Iterator[Run]:
    run = Run(folder, *options)
    try:
        yield run
    finally:
        if run.process.poll() is None:
            run.end(signal.SIGINT)
        assert run.process.stdout is not None
        assert run.process.stderr is not None
        run.process.stdout.close()
        run.process.stderr.close()


def until(true: Callable[[], object]) -> None:
    while not true():
        time.sleep(0.1)


def planned(folder: Path) -> Path:
    """A folder whose world will not meet anybody else's: on ports of its own."""
    folder.mkdir(mode=0o700)
    write_plan(new_plan(folder, pace=KEPT, wanted={}))
    return folder


def earnest(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "EARNEST_DATA": str(folder)}
    return subprocess.run([str(EARNEST), *words], env=environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a world that was made on free ports and stopped."""
    folder = planned(tmp_path_factory.mktemp("kept") / "world")
    with running(folder) as run:
        run.until("ready")
        status, _ = run.end(signal.SIGINT)
    assert status == 0
    return folder


@pytest.fixture
def kept(made: Path, tmp_path: Path) -> Path:
    """A copy of that folder, for one test."""
    folder = tmp_path / "world"
    shutil.copytree(made, folder)
    return folder


def test_a_world_is_made_kept_and_leaves_no_process(tmp_path: Path) -> None:
    folder = planned(tmp_path / "world")
    with running(folder) as run:
        first = run.until("ready")
        assert len(processes_of(folder)) >= 7
        assert httpx.get(f"{first['homeserver']}/_matrix/client/versions").is_success
        assert httpx.get(f"{first['api']}/health/live").is_success
        assert [person["tokens"] for person in first["people"]] == ["1000"] * 5
        login = {"type": "m.login.password", "user": "alice", "password": first["people"][0]["password"]}
        assert httpx.post(f"{first['homeserver']}/_matrix/client/v3/login", json=login).is_success
        again = earnest(folder, "run")
        assert again.returncode == 1
        assert f"is running (process {run.process.pid})" in again.stderr
        refused = earnest(folder, "reset", "--yes")
        assert refused.returncode == 1
        assert "is running" in refused.stderr
        status, _ = run.end(signal.SIGINT)
    assert status == 0
    assert processes_of(folder) == []
    with running(folder) as run:
        second = run.until("ready")
        assert second == first
        status, _ = run.end(signal.SIGTERM)
    assert status == 0
    assert processes_of(folder) == []
    for private in ("world.json", "earnest.env", "keystore.password", "bot.password", "wallets/alice.key"):
        assert (folder / private).stat().st_mode & 0o077 == 0, private


def test_a_newcomer_can_register(kept: Path) -> None:
    with running(kept) as run:
        url = f"{run.until('ready')['homeserver']}/_matrix/client/v3/register"
        wish = {"username": "newcomer", "password": "a password of tests"}
        asked = httpx.post(url, json=wish)
        assert asked.json()["flows"] == [{"stages": ["m.login.dummy"]}]
        made = httpx.post(url, json={**wish, "auth": {"type": "m.login.dummy", "session": asked.json()["session"]}})
        assert made.json()["user_id"] == "@newcomer:localhost"


def test_a_world_can_have_a_second_homeserver_from_its_beginning_only(kept: Path, tmp_path: Path) -> None:
    refused = earnest(kept, "run", "--federated")
    assert refused.returncode == 1
    assert "was made without a second homeserver" in refused.stderr
    folder = tmp_path / "federated"
    folder.mkdir(mode=0o700)
    write_plan(new_plan(folder, pace=KEPT, wanted={}, federated=True))
    with running(folder, "--federated") as run:
        ready = run.until("ready")
        far = ready["elsewhere"]
        *_, erin = ready["people"]
        assert (erin["user_id"], erin["tokens"]) == (f"@erin:{far['server_name']}", "1000")
        login = {"type": "m.login.password", "user": "erin", "password": erin["password"]}
        assert httpx.post(f"{far['homeserver']}/_matrix/client/v3/login", json=login).is_success
        assert run.end(signal.SIGINT)[0] == 0
    assert processes_of(folder) == []
    with socket.create_server(("127.0.0.1", int(far["server_name"].rpartition(":")[2]))):
        taken = earnest(folder, "run")
    assert "these stay where they are" in taken.stderr
    assert earnest(folder, "reset", "--yes").returncode == 0
    assert sorted(path.name for path in folder.iterdir()) == ["world.lock"]


def test_a_start_can_be_stopped(tmp_path: Path) -> None:
    folder = planned(tmp_path / "world")
    with running(folder) as run:
        run.until("step", "Homeserver, chain and broker")
        assert run.end(signal.SIGINT)[0] == 0
    assert processes_of(folder) == []


def test_a_killed_run_leaves_no_process_and_is_taken_up_again(kept: Path) -> None:
    with running(kept) as run:
        first = run.until("ready")
        number, _ = anvil.head(first["chain"]["rpc"])
        assert run.end(signal.SIGKILL)[0] == -signal.SIGKILL
    until(lambda: not processes_of(kept))
    with running(kept) as run:
        assert run.until("ready") == first
        until(lambda: httpx.get(f"{first['api']}/health/ready").json()["status"] == "ready")
        assert anvil.head(first["chain"]["rpc"])[0] >= number - 3


LAST_STEP = "Earnest: api, chain loop, worker, bot"
KILLS = (
    ("Database and keys", 0.0),
    ("Database and keys", 0.3),
    ("Homeserver, chain and broker", 0.0),
    ("Contracts and wallets", 0.3),
    (LAST_STEP, 0.0),
    (LAST_STEP, 1.0),
)


def test_a_first_start_that_is_killed_anywhere_is_taken_up_again(tmp_path: Path) -> None:
    folder = planned(tmp_path / "world")
    for step, pause in KILLS:
        with running(folder) as run:
            run.until("step", step)
            time.sleep(pause)
            run.end(signal.SIGKILL)
        until(lambda: not processes_of(folder))
    with running(folder) as run:
        ready = run.until("ready")
        assert [person["tokens"] for person in ready["people"]] == ["1000"] * 5
        for person in ready["people"]:
            login = {"type": "m.login.password", "user": person["user_id"], "password": person["password"]}
            assert httpx.post(f"{ready['homeserver']}/_matrix/client/v3/login", json=login).is_success
        until(lambda: earnest(folder, "doctor").returncode == 0)


def test_time_that_was_travelled_is_not_forgotten(kept: Path) -> None:
    with running(kept) as run:
        rpc = run.until("ready")["chain"]["rpc"]
        before = anvil.head(rpc)[1]
        assert earnest(kept, "travel", "48h").returncode == 0
        travelled = anvil.head(rpc)[1]
        assert travelled >= before + 48 * 3600
        assert run.end(signal.SIGINT)[0] == 0
    with running(kept) as run:
        run.until("ready")
        number = anvil.head(rpc)[0]
        until(lambda: anvil.head(rpc)[0] > number)
        assert anvil.head(rpc)[1] > travelled


def test_a_fallen_service_is_told_and_comes_back(kept: Path) -> None:
    with running(kept) as run:
        ready = run.until("ready")
        (victim,) = [line.split()[0] for line in processes_of(kept) if line.rstrip("\0").endswith("earnest\0api")]
        os.kill(int(victim), signal.SIGKILL)
        told = run.until("step")
        assert "api fell (by SIGKILL); starting it again" in told["what"]
        until(lambda: _answers(ready["api"]))


def test_a_killed_node_loses_no_final_block_and_no_time(kept: Path) -> None:
    with running(kept) as run:
        ready = run.until("ready")
        rpc = ready["chain"]["rpc"]
        assert earnest(kept, "travel", "48h").returncode == 0
        travelled = anvil.head(rpc)
        until(lambda: anvil.head(rpc)[0] >= travelled[0] + 3)  # saved by now
        (victim,) = [line.split()[0] for line in processes_of(kept) if "/bin/anvil" in line]
        os.kill(int(victim), signal.SIGKILL)
        assert "anvil fell (by SIGKILL)" in run.until("step")["what"]
        until(lambda: _head(rpc) >= travelled[0] + 6)
        assert anvil.head(rpc)[1] > travelled[1]
        until(lambda: httpx.get(f"{ready['api']}/health/ready").json()["status"] == "ready")
        assert run.process.poll() is None
        with anvil.asking(rpc) as node:
            blocks = [node.ask("eth_getBlockByNumber", hex(number), False) for number in range(1, _head(rpc))]  # noqa: FBT003
        times = [int(block["timestamp"], 16) for block in blocks]
        assert times == sorted(times)


def _head(rpc: str) -> int:
    try:
        return anvil.head(rpc)[0]
    except ChainUnavailable:
        return -1


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health/live").is_success
    except httpx.HTTPError:
        return False


def test_a_taken_port_is_explained_and_the_world_can_move(kept: Path) -> None:
    with socket.create_server(("127.0.0.1", read_plan(kept).ports.homeserver)) as holder:
        port = holder.getsockname()[1]
        found = earnest(kept, "run")
        assert found.returncode == 1
        assert f"port {port} (for the homeserver) by" in found.stderr
        assert f"(process {os.getpid()})" in found.stderr
        assert "--new-ports" in found.stderr
        with running(kept, "--new-ports") as run:
            assert not run.until("ready")["homeserver"].endswith(f":{port}")
            assert run.end(signal.SIGINT)[0] == 0


def test_a_chain_that_lost_final_blocks_is_told(kept: Path) -> None:
    (kept / "anvil" / "state.json").unlink()
    with running(kept) as run:
        _, errors = run.process.communicate()
        assert run.process.returncode == 1
        assert "was final" in errors
        assert "`make reset`" in errors
    assert processes_of(kept) == []


def test_what_is_no_world_is_left_alone(tmp_path: Path) -> None:
    found = earnest(tmp_path, "reset", "--yes")
    assert found.returncode == 0
    assert "nothing to clear" in found.stdout
    (tmp_path / "keystore").mkdir()
    (tmp_path / "keystore" / "resolver.json").write_text("{}")
    found = earnest(tmp_path, "run")
    assert found.returncode == 1
    assert "holds what is no local world" in found.stderr
    found = earnest(tmp_path, "reset", "--yes")
    assert found.returncode == 1
    assert "holds no local world" in found.stderr
    assert (tmp_path / "keystore" / "resolver.json").read_text() == "{}"


def test_a_damaged_plan_is_told(kept: Path) -> None:
    (kept / "world.json").write_text("{}")
    found = earnest(kept, "run")
    assert found.returncode == 1
    assert "is damaged" in found.stderr


def test_a_program_that_does_not_come_up_is_told_with_its_last_words(kept: Path) -> None:
    plan = read_plan(kept)
    (kept / "homeserver" / "homeserver.db").unlink()
    (kept / "homeserver" / "homeserver.db").mkdir()
    write_plan(plan)
    with running(kept) as run:
        _, errors = run.process.communicate()
        assert run.process.returncode == 1
        assert "homeserver ended at its start" in errors
        assert "unable to open database file" in errors
    assert processes_of(kept) == []


def test_a_reset_clears_the_world_and_nothing_else(kept: Path) -> None:
    (kept / "my notes.txt").write_text("mine")
    declined = subprocess.run(
        [str(EARNEST), "reset"],
        env={**os.environ, "EARNEST_DATA": str(kept)},
        input="n\n",
        capture_output=True,
        text=True,
        check=False,
    )
    assert declined.returncode == 1
    assert (kept / "world.json").exists()
    found = earnest(kept, "reset", "--yes")
    assert found.returncode == 0
    assert "and kept: my notes.txt" in found.stdout
    assert sorted(path.name for path in kept.iterdir()) == ["my notes.txt", "world.lock"]
    assert OWN_FILES[-1] == "world.json"
