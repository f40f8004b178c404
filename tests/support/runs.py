"""`earnest run` for tests, as in somebody's terminal; the fixture ``kept`` is a world that was made and stopped."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from cli.local.plan import KEPT, new_plan, write_plan

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
