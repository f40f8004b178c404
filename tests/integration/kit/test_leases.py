"""Leases: one holder a time, taken over when it shows no life, and nothing written by who lost it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import pytest
from sqlalchemy import select, update

from kit.changes import counters, touch
from kit.database import Database
from kit.errors import DatabaseUnavailable, LeaseLost
from kit.leases import LASTS, Lease, LeaseRow, Reign, seat

SEAT = seat("work")


class Watch:
    """A clock of one machine, which stands where it is put."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def taken(lease: Lease) -> Reign:
    reign = lease.claim()
    assert reign is not None
    return reign


def test_one_at_a_time_and_at_once_when_it_is_given_back(database: Database) -> None:
    one, other = Lease(database, SEAT), Lease(database, SEAT)
    first = taken(one)
    assert other.claim() is None
    assert other.holder is not None
    assert other.holder.endswith(f":{os.getpid()}")
    first.give_back()
    assert first.over.is_set()
    second = taken(other)
    assert second.term == first.term + 1
    first.give_back()  # again, and late: nothing happens to the one who holds it now
    assert one.claim() is None


def test_taken_over_only_when_no_life_was_seen_for_long_enough(database: Database) -> None:
    watch = Watch()
    waiting = Lease(database, SEAT, time=watch)
    reign = taken(Lease(database, SEAT))
    assert waiting.claim() is None
    for _ in range(3):
        watch.now += LASTS - 0.1
        reign.renew()
        assert waiting.claim() is None
    watch.now += LASTS - 0.1
    assert waiting.claim() is None
    watch.now += 0.1
    second = taken(waiting)
    assert second.term == reign.term + 1


def test_who_lost_it_writes_nothing_and_learns_of_it(database: Database) -> None:
    watch = Watch()
    waiting = Lease(database, SEAT, time=watch)
    first = taken(Lease(database, SEAT))
    fenced = database.fenced(first.check)
    with fenced.write() as session:
        touch(session, "mine")
    waiting.claim()
    watch.now += LASTS
    second = taken(waiting)
    with pytest.raises(LeaseLost), fenced.write() as session:
        touch(session, "mine")
    assert first.over.is_set()
    with database.fenced(second.check).write() as session:
        touch(session, "yours")
    with database.read() as session:
        assert counters(session) == {"mine": 1, "yours": 1}
    with pytest.raises(LeaseLost):
        first.renew()


def test_a_reign_of_old_does_not_count_under_a_newer_term_of_the_same_process(database: Database) -> None:
    lease = Lease(database, SEAT)
    first = taken(lease)
    first.give_back()
    taken(lease)
    with pytest.raises(LeaseLost), database.fenced(first.check).write():
        pytest.fail("it wrote")


def test_nobody_takes_it_while_its_holder_writes(database: Database) -> None:
    watch, began, may_end = Watch(), threading.Event(), threading.Event()
    waiting = Lease(database, SEAT, time=watch)
    first = taken(Lease(database, SEAT))
    fenced = database.fenced(first.check)

    def write() -> None:
        with fenced.write() as session:
            began.set()
            may_end.wait()
            touch(session, "mine")

    writing = threading.Thread(target=write)
    found: list[Reign | None] = []
    waiting.claim()
    watch.now += LASTS
    writing.start()
    began.wait()
    taking = threading.Thread(target=lambda: found.append(waiting.claim()))
    taking.start()
    assert not found
    may_end.set()
    writing.join()
    taking.join()
    assert found == [None]  # the writing was a sign of life
    with database.read() as session:
        assert counters(session) == {"mine": 1}


def test_one_that_sleeps_in_the_midst_of_a_transaction_keeps_nobody_waiting(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    if database.engine.dialect.name != "postgresql":
        pytest.skip("SQLite's lock is the sleeping process's own: it goes with it, or on with it")
    monkeypatch.setattr("kit.leases._IDLE_MS", "200")
    watch = Watch()
    waiting = Lease(database, SEAT, time=watch)
    first = taken(Lease(database, SEAT))
    waiting.claim()
    watch.now += LASTS

    def sleep_and_write() -> None:
        with database.fenced(first.check).write() as session:
            taken(waiting)  # waits for the row until the server ends the transaction that holds it
            touch(session, "mine")

    with pytest.raises(DatabaseUnavailable):
        sleep_and_write()
    with pytest.raises(LeaseLost):
        first.renew()
    with database.read() as session:
        assert counters(session) == {}


def test_a_holder_that_has_died_on_this_machine_is_known_to_be_dead(database: Database) -> None:
    reign = taken(Lease(database, SEAT))
    with database.read() as session:
        holder = session.scalar(select(LeaseRow.holder))
    assert holder is not None
    host, _, _, *rest = holder.split("/")
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    for name, gone in (
        (f"{host}/{dead.pid}/1/{'/'.join(rest)}", True),
        (f"{host}/{dead.pid}/1/another-kernel/{'/'.join(rest[1:])}", False),
        (f"{host}/{os.getpid()}/1/{'/'.join(rest)}", True),  # the number is another process's now
        ("nonsense", False),
        ("/".join("??????"), False),
    ):
        with database.write() as session:
            session.execute(update(LeaseRow).values(holder=name))
        found = Lease(database, SEAT).claim()
        assert (found is not None) == gone, name
    with pytest.raises(LeaseLost):
        reign.renew()
