"""Syncing: the one next step towards the node's head."""

from __future__ import annotations

import pytest

from contracts.events import BlockRef
from kit.identifiers import Hash32
from ledger.syncing import LONGEST, Read, Rest, Rewind, joins, left, next_length, plan, stretch

START = 100


def block(number: int, branch: str = "a", parent: str | None = None) -> BlockRef:
    """A block of a branch, whose parent is of the same branch unless said otherwise."""
    parent_hash = Hash32(f"{number - 1}{parent or branch}".encode().ljust(32))
    return BlockRef(1, number, Hash32(f"{number}{branch}".encode().ljust(32)), parent_hash, number)


OURS = [block(100), block(101), block(102)]


def test_reading_begins_where_there_can_be_something_of_ours() -> None:
    assert plan([], block(99), START) == Rest()
    assert plan([], block(100), START) == Read(100)
    assert plan([], block(5_000), START) == Read(100)


def test_the_next_block_is_read_one_at_a_time() -> None:
    assert plan(OURS, block(103), START) == Read(103)
    assert plan(OURS, block(104), START) == Read(103)
    assert plan(OURS, block(104, "b"), START) == Read(103)


def test_a_head_that_does_not_join_takes_our_newest_back() -> None:
    assert plan(OURS, block(103, "b"), START) == Rewind(OURS[-1])
    assert plan(OURS, block(102, "b"), START) == Rewind(OURS[-1])
    assert plan(OURS, block(101, "b"), START) == Rewind(OURS[-1])


def test_a_node_that_lags_is_waited_for() -> None:
    assert plan(OURS, OURS[-1], START) == Rest()
    assert plan(OURS, OURS[0], START) == Rest()
    assert plan(OURS, block(99, "b"), START) == Rest()


def test_a_block_joins_only_its_own_parent() -> None:
    assert joins([], block(100))
    assert joins(OURS, block(103))
    assert joins(OURS, block(103, "b", parent="a"))
    assert not joins(OURS, block(103, "b"))
    assert not joins(OURS, block(102))
    assert not joins(OURS, BlockRef(1, 104, Hash32(b"x" * 32), OURS[-1].hash, 104))


@pytest.mark.parametrize("ours", [1, 2, 3, 64])
@pytest.mark.parametrize("theirs", [1, 2, 40, 70])
def test_all_that_left_are_found_and_no_others(ours: int, theirs: int) -> None:
    window = [block(number) for number in range(100, 100 + ours)]
    for stay in range(ours + 1):
        node = {one.number: one for one in window[:stay]}
        node |= {number: block(number, "b") for number in range(100 + stay, 100 + stay + theirs)}
        assert left(window, node.get) == window[stay:]


def test_none_left_where_the_node_lags() -> None:
    for stay in range(len(OURS) + 1):
        assert left(OURS, {one.number: one for one in OURS[:stay]}.get) == []
    assert left([], lambda _: None) == []


def test_few_blocks_are_asked_for_and_none_twice() -> None:
    window = [block(number) for number in range(100, 1_100)]
    for depth, questions in ((0, 1), (1, 3), (4, 5), (64, 13), (999, 20)):
        node = {one.number: one for one in window[: len(window) - depth]}
        asked = list[int]()

        def at(number: int, node: dict[int, BlockRef] = node, asked: list[int] = asked) -> BlockRef | None:
            asked.append(number)
            return node.get(number, block(number, "b"))

        assert len(left(window, at)) == depth
        assert len(asked) == len(set(asked)) <= questions


def test_what_is_final_is_read_in_stretches() -> None:
    assert stretch(100, None, 50) is None
    assert stretch(100, block(99), 50) is None
    assert stretch(100, block(100), 50) == (100, 100)
    assert stretch(100, block(5_000), 50) == (100, 149)
    assert stretch(100, block(5_000), 0) is None


def test_stretches_grow_where_little_comes_and_shrink_where_much_or_nothing_does() -> None:
    assert next_length(50, logs=0, most=5_000) == 100
    assert next_length(LONGEST, logs=0, most=5_000) == LONGEST
    assert next_length(50, logs=2_500, most=5_000) == 100
    assert next_length(50, logs=3_000, most=5_000) == 50
    assert next_length(50, logs=20_000, most=5_000) == 25
    assert next_length(1, logs=20_000, most=5_000) == 1
    assert next_length(50, logs=None, most=5_000) == 25
    assert next_length(1, logs=None, most=5_000) == 0, "not even one: block by block, then"
