"""`earnest run`, a world being made: kept, on one homeserver or two, after kills; and no end leaves a process."""

from __future__ import annotations

import signal
import socket
import time
from pathlib import Path

import httpx
import pytest

from cli.local.plan import KEPT, PEOPLE, new_plan, write_plan
from tests.support.runs import earnest, planned, running, until
from tests.support.worlds import processes_of

pytestmark = pytest.mark.homeserver


def test_a_world_is_made_kept_and_leaves_no_process(tmp_path: Path) -> None:
    folder = planned(tmp_path / "world")
    with running(folder) as run:
        first = run.until("ready")
        assert len(processes_of(folder)) >= 7
        assert httpx.get(f"{first['homeserver']}/_matrix/client/versions").is_success
        assert httpx.get(f"{first['api']}/health/live").is_success
        assert [person["tokens"] for person in first["people"]] == ["1000"] * len(PEOPLE)
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
        assert [person["tokens"] for person in ready["people"]] == ["1000"] * len(PEOPLE)
        for person in ready["people"]:
            login = {"type": "m.login.password", "user": person["user_id"], "password": person["password"]}
            assert httpx.post(f"{ready['homeserver']}/_matrix/client/v3/login", json=login).is_success
        until(lambda: earnest(folder, "doctor").returncode == 0)
