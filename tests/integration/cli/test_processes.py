"""The supervisor: real programs start, fall, come back and end, and a killed run leaves none of them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from cli.local.keeper import alive
from cli.local.processes import Program, ProgramFailedError, Supervisor, environment_for

# Says that it is up, has a child of its own in its group, and ends when asked, or not at all.
STEADY = """
import pathlib, signal, subprocess, sys, time
stubborn = sys.argv[2] == "stubborn"
if stubborn:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print("I am up", flush=True)
pathlib.Path(sys.argv[1]).write_text(str(child.pid))
time.sleep(600)
"""
# Runs one steady program under a supervisor until it is killed.
RUN = """
import pathlib, sys, time
sys.path.insert(0, sys.argv[1])
from cli.local.processes import Program, Supervisor
supervisor = Supervisor()
folder = pathlib.Path(sys.argv[2])
command = (sys.executable, "-c", sys.argv[3], str(folder / "up"), sys.argv[4])
supervisor.start(Program("steady", command, folder, folder / "log"))
print(supervisor.pid("steady"), flush=True)
time.sleep(600)
"""


def program(folder: Path, code: str, *arguments: str, ready: Callable[[], bool] | None = None) -> Program:
    command = (sys.executable, "-c", code, *arguments)
    return Program("one", command, folder, folder / "one.log", ready=ready)


def steady(folder: Path, manner: str = "gentle") -> Program:
    up = folder / "up"
    return program(folder, STEADY, str(up), manner, ready=lambda: up.exists() and up.read_text() != "")


def until(true: Callable[[], object]) -> None:
    while not true():
        time.sleep(0.02)


def test_a_program_runs_until_it_is_stopped_with_its_children(tmp_path: Path) -> None:
    with Supervisor() as supervisor:
        supervisor.start(steady(tmp_path))
        supervisor.wait_ready()
        group = supervisor.pid("one")
        assert group is not None
        assert os.getpgid(int((tmp_path / "up").read_text())) == group
        assert "I am up" in (tmp_path / "one.log").read_text()
        supervisor.check()
    until(lambda: not alive(group))


def test_a_program_that_ends_at_its_start_is_told_with_its_last_words(tmp_path: Path) -> None:
    with Supervisor() as supervisor:
        supervisor.start(program(tmp_path, "import sys; sys.exit('no such file: x')", ready=lambda: False))
        with pytest.raises(ProgramFailedError, match=r"one ended at its start \(exit code 1\)[^$]*no such file: x"):
            supervisor.wait_ready()


def test_a_fallen_program_is_reported_and_started_again(tmp_path: Path) -> None:
    said: list[str] = []
    back: list[str] = []
    with Supervisor(say=said.append) as supervisor:
        supervisor.start(replace(steady(tmp_path), came_back=lambda: back.append("again")))
        supervisor.wait_ready()
        supervisor.check()
        assert back == []
        first = supervisor.pid("one")
        assert first is not None
        os.kill(first, signal.SIGKILL)

        def is_back() -> bool:
            supervisor.check()
            return supervisor.pid("one") not in (None, first) and back != []

        until(is_back)
        supervisor.check()
    assert back == ["again"]
    assert len(said) == 1
    assert "one fell (by SIGKILL); starting it again in 0.5 s" in said[0]
    assert "I am up" in said[0]


def test_a_program_that_falls_over_and_over_ends_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cli.local.processes._FIRST_PAUSE", 0.001)
    with Supervisor() as supervisor:
        supervisor.start(program(tmp_path, "raise SystemExit('broken for good')"))

        def look() -> None:
            while True:
                supervisor.check()
                time.sleep(0.01)

        with pytest.raises(ProgramFailedError, match=r"one fell 6 times[^$]*broken for good"):
            look()


def test_a_stubborn_program_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cli.local.keeper.GRACE", 0.3)
    said: list[str] = []
    with Supervisor(say=said.append) as supervisor:
        supervisor.start(steady(tmp_path, "stubborn"))
        supervisor.wait_ready()
        group = supervisor.pid("one")
        assert group is not None
    assert said == ["one does not end by itself; it is killed"]
    until(lambda: not alive(group))


def test_a_killed_run_leaves_no_process(tmp_path: Path) -> None:
    root = Path(__file__).resolve().parents[3]
    command = (sys.executable, "-c", RUN, str(root), str(tmp_path), STEADY, "gentle")
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        group = int(run.stdout.readline())
        until((tmp_path / "up").exists)
        assert alive(group)
        run.kill()
    until(lambda: not _running(group))


def test_a_run_that_is_killed_the_moment_it_started_something_leaves_it_not(tmp_path: Path) -> None:
    root = Path(__file__).resolve().parents[3]
    dying = RUN.replace("time.sleep(600)", "import os; os.kill(os.getpid(), 9)")
    assert dying != RUN
    for _ in range(5):
        command = (sys.executable, "-c", dying, str(root), str(tmp_path), STEADY, "gentle")
        run = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
        assert run.returncode == -signal.SIGKILL
        group = int(run.stdout)
        until(lambda group=group: not _running(group))  # type: ignore[misc]  # bound here, as it must be


def test_a_program_that_is_not_there_is_told(tmp_path: Path) -> None:
    missing = Program("one", (str(tmp_path / "nothing"),), tmp_path, tmp_path / "log", ready=lambda: False)
    with Supervisor() as supervisor:
        supervisor.start(missing)
        with pytest.raises(ProgramFailedError, match="nothing cannot be started: No such file or directory"):
            supervisor.wait_ready()


def _running(group: int) -> bool:
    """Tell whether a group has a process that is more than the remains of one."""
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            try:
                state, _, its_group = (process / "stat").read_text().rpartition(")")[2].split()[:3]
            except OSError:
                continue
            if int(its_group) == group and state not in "ZX":
                return True
    return False


def test_a_program_never_sees_settings_of_whoever_runs_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EARNEST_RPC_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    mine = Program("one", ("true",), tmp_path, tmp_path / "log", environment={"EARNEST_DATA": "here"})
    environment = environment_for(mine)
    assert {name for name in environment if name.startswith("EARNEST_")} == {"EARNEST_DATA"}
    assert not environment.keys() & {"PYTHONPATH", "PYTHONDONTWRITEBYTECODE"}
    assert environment["PATH"] == os.environ["PATH"]
