"""What the programs of a world said last, beside a test that failed on it: elsewhere, nobody sees their logs."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import pytest

from cli.local.world import World

_LINES = 12
_LONGEST = 300


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the ends of the logs of every world that the test used, where it failed."""
    report = yield
    if report.failed and isinstance(item, pytest.Function):
        for name, world in item.funcargs.items():
            if isinstance(world, World):
                report.sections += [(f"{name}: {log.name}", _tail(log)) for log in sorted(_logs(world))]
    return report


def _logs(world: World) -> list[Path]:
    return [log for log in world.plan.folder.glob("**/*.log") if log.is_file()]


def _tail(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return "\n".join(line[:_LONGEST] for line in lines[-_LINES:])
