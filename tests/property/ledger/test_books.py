"""Promises 1 and 2: whatever is read, repeated, taken back or crashed, the books are those of the canonical chain."""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.orm import Session

from kit.database import Database
from ledger.book import Book
from ledger.model import UNSOLICITED, Level, is_stake
from ledger.tables import AccountRow, BlockRow, EntryRow, PostingRow
from tests.support.databases import empty
from tests.support.forks import CHAIN_ID, ESCROW, SUPPLY, TOKEN, Block, Forks, Recipe, step

SMALL = st.integers(0, 11)
RECIPES: st.SearchStrategy[list[Recipe]] = st.lists(st.tuples(SMALL, SMALL, SMALL, SMALL), max_size=5)
BLOCKS = st.lists(RECIPES, min_size=1, max_size=4)

STEPS = st.sampled_from([0, 1, 2, 5, 100, 100])
ACTIONS = st.one_of(
    st.tuples(st.just("grow"), BLOCKS, STEPS),
    st.tuples(st.just("fork"), st.tuples(st.integers(1, 6), BLOCKS), STEPS),
    st.tuples(st.just("switch"), st.tuples(st.integers(0, 6), BLOCKS), STEPS),
    st.tuples(st.just("switch"), st.tuples(st.integers(0, 6), st.just([])), STEPS),
    st.tuples(st.just("crash"), st.integers(1, 5), STEPS),
    st.tuples(st.just("repeat"), st.integers(0, 20), STEPS),
    st.tuples(st.just("finalize"), st.integers(2, 9), STEPS),
)
Action = tuple[str, Any, int]


class Crash(Exception):
    """The process dies: nothing of the transaction is kept."""


class Reader:
    """Our side: reads from the node into a database, one transaction a step."""

    def __init__(self, database: Database, node: Forks) -> None:
        self.database = database
        self.node = node
        self.entries = 0

    def book(self, session: Session) -> Book:
        return Book(session, chain_id=CHAIN_ID, token=TOKEN, escrow=ESCROW)

    def do(self, action: str, how: Any) -> None:  # noqa: ANN401 - each action has its own
        """Let something happen to the node or to us."""
        match action:
            case "grow":
                self.mine(how)
            case "fork":
                depth, blocks = how
                self.node.head = self.node.may_leave(depth)
                self.mine(blocks)
                self.overtake()
            case "switch":
                choice, blocks = how
                self.node.switch(choice)
                self.mine(blocks)
                self.overtake()
            case "crash":
                self.crash(how)
            case "repeat":
                self.repeat(how)
            case "finalize":
                self.finalize(how)

    def mine(self, blocks: list[list[Recipe]]) -> None:
        """Mine blocks on the node's branch."""
        for recipes in blocks:
            self.node.grow(recipes)

    def sync(self, steps: int) -> None:
        """Take at most so many steps."""
        for _ in range(steps):
            with self.database.write() as session:
                moved = step(self.book(session), self.node)
            if not moved:
                return

    def overtake(self) -> None:
        """Let the node's branch be longer than ours: a shorter one says nothing yet."""
        with self.database.read() as session:
            head = self.book(session).head()
        while head is not None and head.number >= self.node.head.ref.number:
            self.node.grow([])

    def catch_up(self) -> None:
        """Read all there is."""
        self.overtake()
        self.sync(1_000)

    def crash(self, steps: int) -> None:
        """Take steps in one transaction and die at its end."""
        with pytest.raises(Crash), self.database.write() as session:  # noqa: PT012 - the crash must be inside
            for _ in range(steps):
                step(self.book(session), self.node)
            raise Crash

    def repeat(self, choice: int) -> None:
        """Be told again what was read before: some block of ours, or a rewind that was done."""
        with self.database.write() as session:
            book = self.book(session)
            known = {row.hash: row.level for row in session.scalars(select(BlockRow))}
            blocks = [block for tip in self.node.tips for block in _down(tip) if block.ref.hash in known]
            if not blocks:
                return
            block = blocks[choice % len(blocks)]
            if known[block.ref.hash] == Level.ORPHANED:
                assert not book.rewind(block.ref)
            else:
                assert not book.record(block.ref, block.events)

    def finalize(self, behind: int) -> None:
        """Let the node call blocks safe and final, and note it as far as we hold them."""
        final = self.node.finalize(behind)
        with self.database.write() as session:
            safe = self.node.at(min(final.ref.number + 1, self.node.head.ref.number))
            self.book(session).mark_levels(safe.ref, final.ref)

    def check(self) -> None:
        """What must hold at every moment, wherever we are."""
        with self.database.read() as session:
            book = self.book(session)
            entries = list(session.scalars(select(EntryRow)))
            assert len(entries) >= self.entries, "nothing written is ever deleted"
            self.entries = len(entries)
            sums: defaultdict[tuple[int, int], int] = defaultdict(int)
            lines = select(PostingRow.entry_id, AccountRow.asset_id, PostingRow.amount)
            lines = lines.join(AccountRow, AccountRow.id == PostingRow.account_id)
            for entry_id, asset, amount in session.execute(lines):
                sums[entry_id, asset] += amount
            assert not any(sums.values()), "every entry sums to zero"
            assert {number for number, _ in sums} == {entry.id for entry in entries}
            balances = book.balances()
            assert balances == book.folded()
            assert sum(balances.values()) == 0
            ours = book.head()
            if ours is None:
                assert balances == {}
                return
            block = next(block for tip in self.node.tips for block in _down(tip) if block.ref == ours)
            assert balances == block.after.balances()
            inside = sum(amount for account, amount in balances.items() if is_stake(account))
            assert inside + balances.get(UNSOLICITED, 0) == block.after.tokens.get(ESCROW, 0)
            assert sum(block.after.tokens.values()) == SUPPLY - block.after.burned
            window = book.window()
            assert window[-1] == ours
            assert all(parent.hash == child.parent_hash for parent, child in pairwise(window))


def _down(block: Block | None) -> list[Block]:
    found = []
    while block is not None:
        found.append(block)
        block = block.parent
    return found


# The books are the same code on both; a history on PostgreSQL takes three times as long to play.
HISTORIES = {"sqlite": 30, "postgresql": 10}


def test_any_history_ends_in_the_books_of_the_canonical_chain(database: Database) -> None:
    @settings(max_examples=HISTORIES[database.engine.dialect.name])
    @given(actions=st.lists(ACTIONS, min_size=3, max_size=14))
    def played(actions: list[Action]) -> None:
        _play(database, actions)

    played()


def _play(database: Database, actions: list[Action]) -> None:
    empty(database)
    node = Forks()
    reader = Reader(database, node)
    for action, how, steps in actions:
        reader.do(action, how)
        reader.sync(steps)
        reader.check()
    reader.catch_up()
    reader.check()
    with database.read() as session:
        book = reader.book(session)
        assert book.head() == node.head.ref
        assert book.balances() == node.head.after.balances()
        assert all(book.level(block.ref.hash) is not Level.ORPHANED for block in node.canonical())
        turns = list(session.scalars(select(BlockRow.turn)))
    event(f"blocks that came back: {sum(turn > 1 for turn in turns) > 0}")


def test_branches_that_come_and_go_leave_the_books_of_the_last_one(database: Database) -> None:
    node = Forks()
    reader = Reader(database, node)
    money: list[Recipe] = [(0, 0, 1, 2), (1, 0, 3, 3), (0, 1, 6, 1)]
    base = node.grow(money)
    tips = [base]
    for branch in range(3):
        tip = base
        for number in range(4):
            tip = node.grow([*money, (2, branch, 0, number)], on=tip)
        tips.append(tip)
    for _ in range(3):
        for tip in tips[1:]:
            node.head = tip
            node.grow([])
            reader.catch_up()
            reader.check()
    with database.read() as session:
        assert max(session.scalars(select(BlockRow.turn))) == 3
        assert reader.book(session).balances() == node.head.after.balances()
