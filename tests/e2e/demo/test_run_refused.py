"""`earnest run` and `earnest reset`, what is in the way: told in words, and nothing of anybody else is touched."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from cli.local.plan import OWN_FILES, read_plan, write_plan
from tests.support.runs import EARNEST, earnest, running
from tests.support.worlds import processes_of

pytestmark = pytest.mark.homeserver


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
