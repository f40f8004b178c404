"""Any reorgs, crashes, repetitions and replays end in the same stakes, grants and calls as reading the chain once.

Promises 2 and 3, as far as they concern stakes and the doors they open.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test
from sqlalchemy import text

from contracts.events import BlockRef, StakeEvent, Terms
from kit.database import Database, make_engine
from kit.identifiers import UserId
from payments.stakes.model import StakeState
from tests.support.house import House
from tests.support.stakes import (
    GENESIS,
    OTHER_PAYER,
    PAYER,
    Branch,
    announced,
    expired,
    forfeited,
    opened,
    returned,
    terms_on,
)

STRANGERS = [UserId("@bob:away.example"), UserId("@eve:away.example")]
FINAL = {"returned", "forfeited", "expired"}
Logs = list[StakeEvent]


class CrashError(Exception):
    """The process died here."""


def open_house(file: Path) -> House:
    """The rooms on a copy of a SQLite file; the engine is thrown away with the test."""
    return House(Database(make_engine(f"sqlite:///{file}")))


def prepare(template: Path, folder: Path) -> tuple[Path, list[Terms]]:
    """A file in which strangers were quoted prices, and all terms on which somebody may open: fit and unfit ones."""
    file = folder / "prepared.db"
    shutil.copyfile(template, file)
    house = open_house(file)
    house.asking(5)
    quotes = [house.quote(inviter=stranger) for stranger in STRANGERS]
    house.time += 60
    house.asking(6)
    quotes.append(house.quote(inviter=STRANGERS[0]))  # takes the place of the first
    house.database.engine.dispose()
    terms = [terms_on(quote, payer) for quote in quotes for payer in (PAYER, OTHER_PAYER)]
    return file, [*terms, replace(terms[0], amount=1)]


def _die(*, if_: bool) -> None:
    if if_:
        raise CrashError


class Reading:
    """What a house knows of a chain, read as the chain loop reads: rewinding, block by block, crashing at times."""

    def __init__(self, house: House) -> None:
        """Begin with nothing read."""
        self.house = house
        self.read: list[tuple[BlockRef, Logs]] = []

    def follow(self, chain: Branch, crash: Callable[[], bool] = lambda: False) -> None:
        """Read up to the chain's head."""
        common = 0
        while common < min(len(self.read), len(chain.blocks)) and self.read[common][0] == chain.blocks[common][0]:
            common += 1
        while len(self.read) > common:
            self._until_done([], self.read[-1][0], crash)
            self.read.pop()
        for where, logs in chain.blocks[common:]:
            self._until_done(logs, None, crash)
            self.read.append((where, list(logs)))

    def _until_done(self, logs: Logs, gone: BlockRef | None, crash: Callable[[], bool]) -> None:
        while True:
            try:
                with self.house.work() as rooms:
                    changes = [] if gone is None else rooms.stakes.rewind(gone.hash)
                    for log in logs:
                        changes += rooms.stakes.apply(log)
                    for change in changes:
                        rooms.gate.stake_changed(change)
                    _die(if_=crash())
            except CrashError:
                continue
            return

    def snapshot(self) -> dict[str, Any]:
        """All that must not depend on how it was read."""
        with self.house.database.read() as session:
            stakes = session.execute(
                text(
                    "SELECT id, state, surplus, answered, executable_at, opened_hash, opened_at, last_hash, quote_id, "
                    "wish FROM stakes WHERE state <> 'orphaned' ORDER BY id"
                )
            ).all()
            grants = session.execute(
                text("SELECT stake_id, stranger, recipient, closes_at FROM grants WHERE state = 'open' ORDER BY 1")
            ).all()
            calls = session.execute(
                text("SELECT key, role, data, after_block FROM outgoing WHERE state = 'waiting' ORDER BY key")
            ).all()
        return {"stakes": stakes, "grants": grants, "calls": calls}


class Reorgs(RuleBasedStateMachine):
    """A chain that changes its mind, and a reader that must not mind."""

    prepared: Path
    folder: Path
    terms: list[Terms]

    @initialize(seed=st.integers(0, 2**32))
    def begin(self, seed: int) -> None:
        self.chance = Random(seed)
        self.chain = Branch()
        self.cut: list[tuple[BlockRef, Logs]] = []
        self.fork = 0
        file = self.folder / "reading.db"
        for leftover in self.folder.glob("reading.db*"):
            leftover.unlink()
        shutil.copyfile(self.prepared, file)
        self.reading = Reading(open_house(file))

    def teardown(self) -> None:
        if hasattr(self, "reading"):
            try:
                self.compare()
            finally:
                self.reading.house.database.engine.dispose()

    def _crashes(self) -> bool:
        return self.chance.random() < 0.2

    # ------------------------------------------------------------------------------------ what the chain does

    @rule(
        picks=st.lists(st.tuples(st.integers(0, 6), st.sampled_from([0, 0, 0, 0, 1, 2, 3, 4])), max_size=5),
        pause=st.sampled_from([12, 50]),
        read=st.booleans(),
    )
    def grow(self, picks: list[tuple[int, int]], pause: int, *, read: bool) -> None:
        """A block with logs that the escrow could tell, and some that it could not."""
        before = self.chain.blocks[-1][0].timestamp if self.chain.blocks else GENESIS
        where = self.chain.grow(time=before + pause)
        for which, kind in picks:
            log = opened(self.terms[which], where)
            make = [None, returned, announced, forfeited, expired][kind]
            self.chain.add(log if make is None else make(log.stake_id, where))
        if read:
            self.reading.follow(self.chain, self._crashes)

    @rule(depth=st.integers(1, 3), mined_again=st.booleans(), read=st.booleans())
    def reorganise(self, depth: int, *, mined_again: bool, read: bool) -> None:
        """The last blocks leave; their transactions are mined again elsewhere, in another order, or not at all."""
        self.fork = max(0, len(self.chain.blocks) - depth)
        self.cut = self.chain.blocks[self.fork :]
        del self.chain.blocks[self.fork :]
        logs = [log for _, logs in self.cut for log in logs]
        if mined_again:
            before = self.chain.blocks[-1][0].timestamp if self.chain.blocks else GENESIS
            self.chain.grow(time=before + 12)
            self.chance.shuffle(logs)
            for log in logs[: self.chance.randint(0, len(logs))]:
                self.chain.add(log)
        if read:
            self.reading.follow(self.chain, self._crashes)

    @rule(read=st.booleans())
    def change_back(self, *, read: bool) -> None:
        """The very blocks that left come back, and what took their place leaves."""
        if self.cut:
            self.chain.blocks[self.fork :], self.cut = self.cut, self.chain.blocks[self.fork :]
            if read:
                self.reading.follow(self.chain, self._crashes)

    # ------------------------------------------------------------------------------------ what the reader does

    @rule()
    def follow(self) -> None:
        self.reading.follow(self.chain, self._crashes)

    @rule(count=st.integers(1, 8))
    def hear_again(self, count: int) -> None:
        """Logs that were read are told again, in any order."""
        known = [log for _, logs in self.reading.read for log in logs]
        for log in self.chance.choices(known, k=count) if known else []:
            assert self.reading.house.take_in(log) == []

    # ------------------------------------------------------------------------------------ what must hold

    @rule()
    def compare(self) -> None:
        """Nothing depends on how it was read."""
        self.reading.follow(self.chain)
        file = self.folder / "once.db"
        for leftover in self.folder.glob("once.db*"):
            leftover.unlink()
        shutil.copyfile(self.prepared, file)
        once = Reading(open_house(file))
        once.follow(self.chain)
        expected = once.snapshot()
        once.house.database.engine.dispose()
        found = self.reading.snapshot()
        assert found == expected
        self._grants_are_open_stakes(found)

    def _grants_are_open_stakes(self, found: dict[str, Any]) -> None:
        opening = {row.id for row in found["stakes"] if row.state == "open" and row.quote_id and not row.surplus}
        assert {row.stake_id for row in found["grants"]} == opening
        paying = [row.quote_id for row in found["stakes"] if row.quote_id and not row.surplus]
        assert len(paying) == len(set(paying)), "a quote is paid once"
        owed = [row.key.split(":")[1] for row in found["calls"]]
        assert len(owed) == len(set(owed)), "a stake is owed one call at most"
        resolved = {bytes(row.id).hex() for row in found["stakes"] if row.state in FINAL}
        assert not resolved & set(owed), "what is resolved is owed nothing"


@pytest.fixture
def machine(sqlite_template: Path, tmp_path: Path) -> type[Reorgs]:
    """The machine, on this test's own files."""
    Reorgs.folder = tmp_path
    Reorgs.prepared, Reorgs.terms = prepare(sqlite_template, tmp_path)
    return Reorgs


def test_nothing_depends_on_how_the_chain_was_read(machine: type[Reorgs]) -> None:
    run_state_machine_as_test(machine, settings=settings(max_examples=25, stateful_step_count=25, deadline=None))


def test_the_machine_reaches_every_state(machine: type[Reorgs]) -> None:
    """The comparison above would be worth little if only empty books were compared."""
    reached: set[str] = set()
    reading = Reading(open_house(machine.prepared))
    chain = Branch()
    chance = Random(7)
    for _ in range(60):
        where = chain.grow(time=GENESIS + 50)
        for terms in chance.sample(machine.terms, 3):
            log = opened(terms, where)
            stake = log.stake_id
            first: Logs = [log, log, announced(stake, where), forfeited(stake, where)]
            second: Logs = [returned(stake, where), expired(stake, where), log, log, log]
            chain.add(chance.choice(first))
            chain.add(chance.choice(second))
        reading.follow(chain)
        reached |= {row.state for row in reading.snapshot()["stakes"]}
        if chance.random() < 0.5:
            chain.cut()
    assert reached | {"orphaned"} == {state.value for state in StakeState}
