"""One bot at a time: its folder is held by one process, and who lost its lease leaves what it heard unheard."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from app.container import Work
from bot.homeserver import EventId, Said
from bot.kept import alone
from kit.clock import from_unix
from kit.database import Database
from kit.errors import LeaseLost
from kit.leases import Lease, seat
from kit.outbox import ever_owed
from tests.support.desk import Bot, Desk, rehearsed
from tests.support.house import House
from tests.support.knocks import ALICE

HOLDING = """
import sys, time
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from bot.kept import alone
with alone(Path(sys.argv[2]), None):
    print("held", flush=True)
    time.sleep(600)
"""


def test_a_folder_is_one_processs_until_that_has_ended(tmp_path: Path) -> None:
    folder, stopped = tmp_path / "bot", threading.Event()
    stopped.set()
    root = Path(__file__).resolve().parents[3]
    command = (sys.executable, "-c", HOLDING, str(root), str(folder))
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with alone(folder, stopped) as ours:
            assert not ours, "we were stopped before it was ours"
        waiting = threading.Event()
        threading.Timer(0.1, other.kill).start()
        with alone(folder, waiting) as ours:
            assert ours
    assert folder.stat().st_mode & 0o777 == 0o700


class Leased(Desk):
    """All rooms, each writing transaction under a lease that is lost."""

    @contextmanager
    def work(self) -> Iterator[Work]:
        database, watch = self.house.database, iter(range(0, 1_000, 100))
        lease = Lease(database, seat("bot"), time=lambda: float(next(watch)))
        lost = lease.claim() or lease.claim()
        assert lost is not None
        lost.give_back()
        with database.fenced(lost.check).write() as session:
            yield self._work(session)


def test_what_is_heard_without_the_lease_is_heard_again_by_who_has_it(database: Database) -> None:
    house = House(database)
    said = Said(
        Bot(Desk(house), rehearsed(Desk(house)).homeserver).chat, EventId("$one"), ALICE, "help", from_unix(1), ()
    )
    sleeper = rehearsed(Leased(house))
    sleeper.meet(ALICE, said.room)
    with pytest.raises(LeaseLost):
        sleeper.hear(said)
    assert sleeper.lines == []
    with house.work() as rooms:
        assert ever_owed(rooms.session) == 0
    awake = rehearsed(Desk(house))
    awake.meet(ALICE, said.room)
    assert awake.hear(said), "whoever has it answers"
