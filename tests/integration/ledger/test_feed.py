"""Feeds on both databases: numbers in the order of the commits, what is taken back and made final, and what is kept."""

from __future__ import annotations

import random
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from contracts.events import BlockRef, Transferred
from kit.changes import touch
from kit.database import Database
from kit.errors import Conflict, DatabaseUnavailable
from kit.identifiers import ZERO_ADDRESS, Address, PersonId, UserId, show_address
from ledger.book import Book
from ledger.feed import Feed
from ledger.model import Level
from ledger.people import People
from ledger.store import holders
from ledger.telling import Event, Fact, Mode
from tests.support.stakes import CHAIN_ID, ESCROW, TOKEN, at, block

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
WALLET, OTHER = Address(b"\xa1" * 20), Address(b"\xa2" * 20)


@dataclass
class Town:
    """People with feeds, and a clock."""

    database: Database
    now: datetime = NOW
    people: dict[str, PersonId] = field(default_factory=dict)

    def person(self, name: str) -> PersonId:
        if name not in self.people:
            with self.database.write() as session:
                self.people[name] = People(session, self.now).number(UserId(f"@{name}:example.org"))
        return self.people[name]

    @contextmanager
    def feed(self) -> Iterator[Feed]:
        with self.database.write() as session:
            yield Feed(session, self.now)

    @contextmanager
    def book(self) -> Iterator[tuple[Book, Feed]]:
        with self.database.write() as session:
            yield Book(session, chain_id=CHAIN_ID, token=TOKEN, escrow=ESCROW), Feed(session, self.now)

    def tell(self, name: str, *words: str) -> None:
        with self.feed() as feed:
            for word in words:
                feed.tell(self.person(name), Fact(word, f"subject:{word}", {"said": word}))

    def read(self, name: str, after: int | None = None, *, mode: Mode = Mode.ALL, limit: int = 100) -> list[Event]:
        with self.feed() as feed:
            return list(feed.page(self.person(name), after, limit=limit, mode=mode).events)

    def heard(self, name: str, *, mode: Mode = Mode.ALL) -> list[tuple[int, str, str, int | None, int | None]]:
        return [
            (event.number, event.type, event.level.value, event.confirms, event.takes_back)
            for event in self.read(name, mode=mode)
        ]


@pytest.fixture
def town(database: Database) -> Town:
    found = Town(database)
    for name in ("alice", "bob", "carol"):
        found.person(name)
    return found


# --------------------------------------------------------------------------------------------------- numbers


def test_everybody_has_numbers_of_their_own_without_gaps(town: Town) -> None:
    town.tell("alice", "one", "two")
    town.tell("bob", "one")
    town.tell("alice", "three")
    assert [(event.number, event.type) for event in town.read("alice")] == [(1, "one"), (2, "two"), (3, "three")]
    assert [(event.number, event.type) for event in town.read("bob")] == [(1, "one")]
    assert [event.number for event in town.read("alice", 2)] == [3]


def test_what_is_rolled_back_was_never_told_and_takes_no_number(town: Town) -> None:
    def fail() -> None:
        with town.feed() as feed:
            feed.tell(town.person("alice"), Fact("one", "s", {}))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    town.tell("alice", "two")
    assert [(event.number, event.type) for event in town.read("alice")] == [(1, "two")]


def test_pages_lead_to_the_end_and_a_cursor_goes_on_where_it_stood(town: Town) -> None:
    alice = town.person("alice")
    town.tell("alice", *(f"t{number}" for number in range(5)))
    seen, cursor, more = [], None, True
    while more:
        with town.feed() as feed:
            page = feed.page(alice, cursor, limit=2)
        seen += [event.number for event in page.events]
        cursor, more = page.next, page.more
    assert (seen, cursor) == ([1, 2, 3, 4, 5], 5)
    with town.feed() as feed:
        page = feed.page(alice, cursor, limit=2)
    assert (page.events, page.next, page.more) == ((), 5, False)


def test_a_number_that_was_never_given_is_no_cursor(town: Town) -> None:
    town.tell("alice", "one")
    with pytest.raises(Conflict) as refused:
        town.read("alice", 2)
    assert refused.value.code == "cursor_ahead"


@dataclass
class Crowd:
    """Many who tell several people at once, within transactions that commit late, and readers between them."""

    town: Town
    met: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    failures: list[BaseException] = field(default_factory=list)
    done: threading.Event = field(default_factory=threading.Event)

    def write(self, seed: int) -> None:
        chance, names = random.Random(seed), sorted(self.town.people)
        try:
            for turn in range(15):
                whom = chance.sample(names, chance.randint(1, len(names)))
                while not self.told(whom, f"s:{seed}:{turn}", chance):
                    continue
        except BaseException as error:  # noqa: BLE001 - told in the test's own thread
            self.failures.append(error)

    def told(self, whom: list[str], subject: str, chance: random.Random) -> bool:
        """Tell them; ``False`` where the database has no time for us, who then ask again, as all do who write."""
        try:
            with self.town.database.write() as session:
                feed = Feed(session, NOW)
                for name in whom:
                    feed.tell(self.town.people[name], Fact("one", subject, {}))
                    time.sleep(chance.random() / 500)  # others begin later and commit sooner
                touch(session, "gate", *(self.town.people[name] for name in whom))
                if chance.random() < 0.1:
                    session.rollback()
        except DatabaseUnavailable:
            return False
        return True

    def read(self, name: str) -> None:
        cursor: int | None = None
        try:
            while True:
                last_look = self.done.is_set()
                with self.town.database.read() as session:
                    page = Feed(session, NOW).page(self.town.people[name], cursor, limit=3)
                self.met[name] += [event.number for event in page.events]
                cursor = page.next
                if last_look and not page.more:
                    return
                if not page.more:
                    time.sleep(0.002)  # whoever follows comes often, and leaves the others their time
        except BaseException as error:  # noqa: BLE001 - the same
            self.failures.append(error)


def test_whoever_has_read_a_number_never_meets_a_new_one_below_it(town: Town) -> None:
    crowd = Crowd(town)
    readers = [threading.Thread(target=crowd.read, args=(name,)) for name in town.people]
    writers = [threading.Thread(target=crowd.write, args=(seed,)) for seed in range(8)]
    for thread in [*readers, *writers]:
        thread.start()
    for thread in writers:
        thread.join()
    crowd.done.set()
    for thread in readers:
        thread.join()
    assert crowd.failures == []
    for name in town.people:
        everything = [event.number for event in town.read(name, limit=10_000)]
        assert len(everything) > 30
        assert everything == list(range(1, len(everything) + 1)), "numbers have no gaps"
        assert crowd.met[name] == everything, "whoever followed met each of them once, in order"


# --------------------------------------------------------------------------------------------------- the chain


def moved(where: BlockRef, *, amount: int = 5, index: int = 0, to: Address = OTHER) -> Transferred:
    return Transferred(at(where, index), TOKEN, WALLET, to, amount)


def grow(town: Town, where: BlockRef, *events: Transferred) -> BlockRef:
    with town.book() as (book, feed):
        book.record(where, events)
        feed.transfers(events)
    return where


@pytest.fixture
def linked(town: Town) -> Town:
    with town.database.write() as session:
        holders.link(session, town.person("alice"), WALLET, is_primary=True, now=NOW)
        holders.link(session, town.person("bob"), OTHER, is_primary=True, now=NOW)
    return town


def test_a_transfer_is_told_to_those_whose_wallets_it_moves(linked: Town) -> None:
    first = grow(linked, block(1), moved(block(1)), moved(block(1), index=1, amount=0))
    (sent,) = linked.read("alice")
    (received,) = linked.read("bob")
    assert (sent.type, received.type, sent.level) == ("transfer.sent", "transfer.received", Level.SEEN)
    assert dict(sent.data) == {
        "wallet": show_address(WALLET),
        "counterparty": show_address(OTHER),
        "amount": "5",
        "asset": f"erc20:{CHAIN_ID}:0x{TOKEN.hex()}",
        "transaction": "0x" + at(first).transaction.hex(),
        "log_index": 0,
        "block_number": 1,
        "block_hash": "0x" + first.hash.hex(),
        "block_time": first.timestamp,
    }
    assert received.data["wallet"] == show_address(OTHER)
    assert linked.read("carol") == []


def test_a_burn_has_no_counterparty_and_wallets_of_nobody_are_told_to_nobody(linked: Town) -> None:
    grow(linked, block(1), moved(block(1), to=ZERO_ADDRESS), moved(block(1), index=1, to=Address(b"\x0c" * 20)))
    assert [event.data["counterparty"] for event in linked.read("alice")] == [None, show_address(Address(b"\x0c" * 20))]
    assert linked.read("bob") == []


def test_what_a_reorg_takes_back_is_told_once_and_comes_back_as_new(linked: Town) -> None:
    one = grow(linked, block(1), moved(block(1)))
    with linked.book() as (book, feed):
        book.rewind(one)
        assert feed.reverse(one) == 2
        assert feed.reverse(one) == 0
    grow(linked, one, moved(one))
    assert linked.heard("alice") == [
        (1, "transfer.sent", "seen", None, None),
        (2, "transfer.sent.reversed", "orphaned", None, 1),
        (3, "transfer.sent", "seen", None, None),
    ]
    assert linked.read("alice")[1].data == linked.read("alice")[0].data
    assert linked.heard("alice", mode=Mode.INSTANT) == linked.heard("alice")
    assert linked.heard("alice", mode=Mode.FINALIZED) == []


def test_what_becomes_final_is_told_again_and_is_all_that_a_careful_reader_hears(linked: Town) -> None:
    one = grow(linked, block(1), moved(block(1)))
    two = grow(linked, block(2), moved(block(2)))
    with linked.book() as (book, feed):
        book.mark_levels(two, one)
        assert feed.levels_moved(CHAIN_ID) == 2
        assert feed.levels_moved(CHAIN_ID) == 0
    linked.tell("alice", "a fact of ours")
    assert linked.heard("alice") == [
        (1, "transfer.sent", "seen", None, None),
        (2, "transfer.sent", "seen", None, None),
        (3, "transfer.sent", "finalized", 1, None),
        (4, "a fact of ours", "finalized", None, None),
    ]
    assert [line[0] for line in linked.heard("alice", mode=Mode.INSTANT)] == [1, 2, 4]
    assert [line[0] for line in linked.heard("alice", mode=Mode.FINALIZED)] == [3, 4]


def test_what_is_final_when_it_is_told_is_told_once(linked: Town) -> None:
    with linked.book() as (book, feed):
        book.record(block(1), [moved(block(1))])
        feed.transfers([moved(block(1))])
        book.mark_levels(None, block(1))
        feed.levels_moved(CHAIN_ID)
    assert linked.heard("alice") == [(1, "transfer.sent", "finalized", None, None)]
    assert linked.heard("alice", mode=Mode.FINALIZED) == linked.heard("alice", mode=Mode.INSTANT)


# --------------------------------------------------------------------------------------------------- keeping


def test_what_is_past_its_time_goes_and_old_cursors_are_told_so(town: Town) -> None:
    town.tell("alice", "one", "two")
    town.tell("bob", "one")
    town.now += timedelta(days=20)
    town.tell("alice", "three")
    town.now += timedelta(days=11)
    with town.feed() as feed:
        assert feed.prune(timedelta(days=30), limit=100) == {town.person("alice"), town.person("bob")}
        assert feed.prune(timedelta(days=30), limit=100) == set()
    assert [event.number for event in town.read("alice")] == [3]
    assert [event.number for event in town.read("alice", 2)] == [3]
    for name, after, oldest in (("alice", 1, 3), ("alice", 0, 3), ("bob", 0, 2)):
        with pytest.raises(Conflict) as refused:
            town.read(name, after)
        assert (refused.value.code, refused.value.values["oldest"]) == ("events_gone", oldest)
    town.tell("bob", "two")
    assert [event.number for event in town.read("bob")] == [2], "no number is given twice"


def test_pruning_takes_some_at_a_time(town: Town) -> None:
    town.tell("alice", "one", "two", "three")
    town.now += timedelta(days=2)
    rounds = 0
    while True:
        with town.feed() as feed:
            if not feed.prune(timedelta(days=1), limit=1):
                break
        rounds += 1
    assert rounds == 3


def test_an_erased_persons_events_go_and_none_are_told_them(town: Town) -> None:
    town.tell("alice", "one")
    alice = town.person("alice")
    with town.database.write() as session:
        feed = Feed(session, town.now)
        feed.tell(alice, Fact("two", "s", {}))
        feed.tell(town.person("bob"), Fact("two", "s", {}), other=alice)
        feed.forget(alice)
        People(session, town.now).erase(alice)
    town.tell("alice", "three")
    assert town.read("alice") == []
    with town.database.read() as session:
        assert session.scalar(text("SELECT count(*) FROM events WHERE person = :one"), {"one": alice}) == 0
        assert session.scalar(text("SELECT count(*) FROM event_counters WHERE person = :one"), {"one": alice}) == 0
    assert [event.other for event in town.read("bob")] == [alice], "the number stays, which names nobody now"
