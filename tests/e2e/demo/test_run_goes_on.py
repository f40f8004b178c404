"""`earnest run`, a world that runs: what falls comes back, and neither time nor a final block is lost."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import httpx
import pytest

from cli.local import anvil
from kit.errors import ChainUnavailable
from tests.support.runs import earnest, running, until
from tests.support.worlds import processes_of

pytestmark = pytest.mark.homeserver


def test_a_newcomer_can_register(kept: Path) -> None:
    with running(kept) as run:
        url = f"{run.until('ready')['homeserver']}/_matrix/client/v3/register"
        wish = {"username": "newcomer", "password": "a password of tests"}
        asked = httpx.post(url, json=wish)
        assert asked.json()["flows"] == [{"stages": ["m.login.dummy"]}]
        made = httpx.post(url, json={**wish, "auth": {"type": "m.login.dummy", "session": asked.json()["session"]}})
        assert made.json()["user_id"] == "@newcomer:localhost"


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
