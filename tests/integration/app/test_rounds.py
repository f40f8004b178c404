"""The rounds as each of several workers sees them: another one's sweeps count, and silence is told."""

from __future__ import annotations

from pathlib import Path

from app.health import Pulse
from app.worker import make_worker, rounds
from kit.database import Database
from tests.support.services import a_container


def test_another_workers_sweeps_are_seen(tmp_path: Path, database: Database) -> None:
    container, now = a_container(tmp_path, database), [0.0]
    pulse = Pulse(longest=60, what="The worker", time=lambda: now[0])
    look = rounds(container, pulse)
    sweep = make_worker(container, "memory://").tasks["earnest.sweep"]
    assert not look().ok, "nobody has ended a round yet"
    sweep()
    assert look().ok
    for _ in range(3):
        now[0] += 50
        sweep()
        assert look().ok
    now[0] += 61
    found = look()
    assert (found.ok, "for 61 s" in found.says) == (False, True)
    sweep()
    assert look().ok
