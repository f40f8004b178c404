"""A local world for tests: all of Earnest, running, on free ports, in a folder of its own.

Fixture ``world``: one for a file of tests; whoever changes its settings or its tenants takes that back.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.local.plan import PASSING, new_plan, write_plan
from cli.local.world import World


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One running world for the tests of a file: idle, it would take a quarter of a core from all that come after."""
    folder = tmp_path_factory.mktemp("world")
    folder.chmod(0o700)
    plan = new_plan(folder, pace=PASSING, wanted={})
    write_plan(plan)
    with World(plan, say=lambda _: None) as found:
        found.start()
        while not found.gate_was_called():
            found.check()
            time.sleep(0.1)
        yield found


def processes_of(folder: Path) -> list[str]:
    """Name every process that belongs to the world in ``folder``: by what it was started with, or by its settings."""
    found = []
    for process in Path("/proc").iterdir():
        if not process.name.isdigit():
            continue
        try:
            state = (process / "stat").read_text().rpartition(")")[2].split()[0]
            words = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
            where = str((process / "cwd").readlink())
        except OSError:
            continue
        if state not in "ZX" and (str(folder).encode() in words or where.startswith(str(folder))):
            found.append(f"{process.name} {(process / 'cmdline').read_bytes().decode(errors='replace')}")
    return found
