"""The book: what it takes, what it refuses, and how sure it is."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from contracts.events import BlockRef, Forfeited, Opened, Transferred
from kit.amounts import UINT256_MAX
from kit.database import Database
from kit.errors import Conflict, Invalid, NotFound
from kit.identifiers import ZERO_ADDRESS, Address, Hash32
from ledger.book import Book
from ledger.model import MINT, UNSOLICITED, Level, stake, wallet
from ledger.tables import EntryRow, PostingRow
from tests.support.forks import CHAIN_ID, ESCROW, SUPPLY, TOKEN, WALLETS, Block, Forks


def book(session: Session) -> Book:
    return Book(session, chain_id=CHAIN_ID, token=TOKEN, escrow=ESCROW)


def read(database: Database, *blocks: Block) -> None:
    """Book blocks, one transaction each."""
    for block in blocks:
        with database.write() as session:
            assert book(session).record(block.ref, block.events)


def rewind(database: Database, *blocks: Block) -> None:
    for block in blocks:
        with database.write() as session:
            assert book(session).rewind(block.ref)


def test_an_empty_book_has_nothing_to_say(database: Database) -> None:
    with database.read() as session:
        assert book(session).head() is None
        assert book(session).window() == []
        assert book(session).finalized_number() is None
        assert book(session).balances() == {}
        assert book(session).balance(UNSOLICITED) == 0
        with pytest.raises(NotFound):
            book(session).level(Hash32(b"\x01" * 32))


def test_blocks_are_booked_in_their_order_alone(database: Database) -> None:
    node = Forks()
    first, second, third = node.head, node.grow([(0, 0, 1, 2)]), node.grow([])
    read(database, first)
    with database.write() as session:
        with pytest.raises(Conflict, match="does not continue"):
            book(session).record(third.ref, third.events)
        gap = replace(second.ref, number=second.ref.number + 1)
        with pytest.raises(Conflict):
            book(session).record(gap, [])
    read(database, second, third)
    with database.read() as session:
        assert book(session).head() == third.ref
        assert book(session).window() == [first.ref, second.ref, third.ref]
        assert book(session).balance(wallet(WALLETS[1])) == SUPPLY // 2


def test_events_must_be_of_the_block_the_chain_and_our_contracts(database: Database) -> None:
    node = Forks()
    block, other = node.head, node.grow([(0, 0, 1, 2)])
    (event,) = block.events
    assert isinstance(event, Transferred)
    elsewhere = Address(b"\x01" * 20)
    with database.write() as session:
        for events in (
            other.events,
            [event, event],
            [event._replace(token=elsewhere)],
            [Forfeited(event.at, elsewhere, Hash32(b"\x01" * 32))],
        ):
            with pytest.raises(Invalid):
                book(session).record(block.ref, events)
        with pytest.raises(Invalid):
            book(session).record(replace(block.ref, chain_id=1), [])
        assert book(session).head() is None


def test_only_the_newest_block_can_be_taken_back(database: Database) -> None:
    node = Forks()
    first, second = node.head, node.grow([(1, 0, 1, 3)])
    read(database, first, second)
    with database.write() as session:
        with pytest.raises(Conflict, match="not our newest"):
            book(session).rewind(first.ref)
        with pytest.raises(NotFound):
            book(session).rewind(replace(second.ref, hash=Hash32(b"\x05" * 32)))
    rewind(database, second)
    with database.write() as session:
        assert not book(session).rewind(second.ref), "to be told twice changes nothing"
        assert book(session).balances() == first.after.balances()
        assert book(session).level(second.ref.hash) is Level.ORPHANED
    rewind(database, first)
    with database.read() as session:
        assert book(session).balances() == {}
        assert book(session).head() is None


def test_a_rewind_leaves_a_trail(database: Database) -> None:
    node = Forks()
    first, second = node.head, node.grow([(0, 0, 1, 2), (1, 1, 3, 3)])
    read(database, first, second)
    rewind(database, second)
    read(database, second)
    with database.read() as session:
        rows = list(
            session.scalars(select(EntryRow).where(EntryRow.block_hash == second.ref.hash).order_by(EntryRow.id))
        )
        count = len(second.events)
        assert [row.reversal for row in rows] == [False] * count + [True] * count + [False] * count
        assert [row.reverses for row in rows[count : 2 * count]] == [row.id for row in reversed(rows[:count])]
        assert [row.turn for row in rows] == [1] * count * 2 + [2] * count
        assert all(row.transaction == event.at.transaction for row, event in zip(rows, second.events, strict=False))
        assert session.scalar(select(func.count()).select_from(PostingRow)) == 2 * (len(rows) + 1)
        assert book(session).balances() == second.after.balances() == book(session).folded()


def test_levels_rise_and_never_fall(database: Database) -> None:
    node = Forks()
    blocks = [node.head, *(node.grow([]) for _ in range(4))]
    read(database, *blocks)

    def levels() -> list[Level]:
        with database.read() as session:
            return [book(session).level(block.ref.hash) for block in blocks]

    def mark(safe: BlockRef | None, finalized: BlockRef | None) -> None:
        with database.write() as session:
            book(session).mark_levels(safe, finalized)

    assert levels() == [Level.SEEN] * 5
    mark(blocks[3].ref, blocks[1].ref)
    expected = [Level.FINALIZED, Level.FINALIZED, Level.SAFE, Level.SAFE, Level.SEEN]
    assert levels() == expected
    mark(blocks[2].ref, blocks[0].ref)
    mark(None, None)
    mark(replace(blocks[4].ref, hash=Hash32(b"\x07" * 32)), replace(blocks[4].ref, hash=Hash32(b"\x07" * 32)))
    assert levels() == expected, "a node that lags, knows no such tag, or is on another branch says nothing"
    with database.read() as session:
        assert book(session).finalized_number() == blocks[1].ref.number
        assert book(session).window() == [block.ref for block in blocks[1:]]
    rewind(database, blocks[4], blocks[3], blocks[2])
    with database.write() as session, pytest.raises(Conflict, match="was final"):
        book(session).rewind(blocks[1].ref)
    mark(blocks[4].ref, blocks[4].ref)
    assert levels() == [Level.FINALIZED] * 2 + [Level.ORPHANED] * 3, "a block that left is not lifted"


def test_a_stake_that_opens_and_ends_in_one_block_ends_empty(database: Database) -> None:
    node = Forks()
    read(database, node.head)
    both = node.grow([(1, 0, 1, 3), (2, 0, 0, 3)])
    opened = next(event for event in both.events if isinstance(event, Opened))
    read(database, both)
    with database.read() as session:
        assert book(session).balance(stake(opened.stake_id)) == 0
        assert book(session).balances() == both.after.balances()


def test_amounts_are_exact_up_to_the_largest_word(database: Database) -> None:
    node = Forks()
    (event,) = node.head.events
    assert isinstance(event, Transferred)
    whole = event._replace(amount=UINT256_MAX)
    with database.write() as session:
        assert book(session).record(node.head.ref, [whole])
    with database.read() as session:
        assert book(session).balance(wallet(WALLETS[0])) == UINT256_MAX
        assert book(session).balance(MINT) == -UINT256_MAX
        assert book(session).folded() == book(session).balances()


def test_a_token_that_makes_more_than_there_can_be_is_refused_and_nothing_is_kept(database: Database) -> None:
    node = Forks()
    (event,) = node.head.events
    assert isinstance(event, Transferred)
    mints = [
        event._replace(at=event.at._replace(log_index=index), sender=ZERO_ADDRESS, amount=UINT256_MAX)
        for index in range(10)
    ]
    with pytest.raises(Conflict, match="more than any token"), database.write() as session:
        book(session).record(node.head.ref, mints)
    with database.read() as session:
        assert book(session).head() is None
        assert book(session).folded() == {}
    with database.write() as session:
        assert book(session).record(node.head.ref, mints[:5])
    with database.read() as session:
        before = book(session).balances()
    after = node.grow([])
    more = [event._replace(at=event.at._replace(block=after.ref)) for event in mints[5:]]
    with pytest.raises(Conflict, match="more than any token"), database.write() as session:
        book(session).record(after.ref, more)
    with database.read() as session:
        assert book(session).head() != after.ref
        assert book(session).folded() == book(session).balances() == before


def test_books_of_two_chains_and_tokens_do_not_mix(database: Database) -> None:
    node = Forks()
    read(database, node.head)
    (event,) = node.head.events
    assert isinstance(event, Transferred)
    ref = replace(node.head.ref, chain_id=10)
    other = Book
    with database.write() as session:
        elsewhere = other(session, chain_id=10, token=TOKEN, escrow=ESCROW)
        assert elsewhere.head() is None
        assert elsewhere.record(ref, [event._replace(at=event.at._replace(block=ref), amount=5)])
    with database.read() as session:
        assert book(session).balance(wallet(WALLETS[0])) == SUPPLY
        assert other(session, chain_id=10, token=TOKEN, escrow=ESCROW).balance(wallet(WALLETS[0])) == 5


def test_a_block_of_very_many_logs_is_booked(database: Database) -> None:
    node = Forks()
    read(database, node.head)
    recipes = [(0, 0, 1 + number % 5, 1) for number in range(1500)]
    big = node.grow(recipes)
    read(database, big)
    with database.read() as session:
        assert book(session).balances() == big.after.balances() == book(session).folded()
    rewind(database, big)
    with database.read() as session:
        assert book(session).balances() == node.at(node.head.ref.number - 1).after.balances()


def test_booking_many_at_once_is_booking_one_by_one(database: Database) -> None:
    node = Forks()
    for number in range(12):
        node.grow([(number % 5, number, 1, 3), (1, number + 1, 2, 5)])
    blocks = node.canonical()
    read(database, *blocks[:3])
    with database.write() as session:
        news = book(session).record_all([(block.ref, block.events) for block in blocks[1:9]])
        assert news == [block.ref for block in blocks[3:9]], "what was booked before is passed over"
        assert book(session).balances() == blocks[8].after.balances() == book(session).folded()
    rewind(database, blocks[8], blocks[7])
    with database.write() as session:
        news = book(session).record_all([(block.ref, block.events) for block in blocks[7:]])
        assert news == [block.ref for block in blocks[7:]], "what left the chain comes back"
        assert book(session).head() == blocks[-1].ref
        assert book(session).balances() == blocks[-1].after.balances() == book(session).folded()
        assert session.scalar(select(func.count()).select_from(EntryRow).where(EntryRow.turn == 2))


def test_of_many_all_are_booked_or_none(database: Database) -> None:
    node = Forks()
    first, second, third = node.head, node.grow([(0, 0, 1, 2)]), node.grow([])
    for blocks in ([first, third], [first, second, replace(third, ref=replace(third.ref, number=99))]):
        with pytest.raises(Conflict), database.write() as session:
            book(session).record_all([(block.ref, block.events) for block in blocks])
        with database.read() as session:
            assert book(session).head() is None
            assert book(session).balances() == {}
    with database.write() as session:
        assert book(session).record_all([]) == []
