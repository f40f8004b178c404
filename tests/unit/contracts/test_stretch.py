"""Stretches: what is believed of many blocks at once, and what is not."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from contracts.bloom import bits_of, may_hold
from contracts.chain import RawLog
from contracts.events import BlockRef
from contracts.stretch import Header, assemble, read_header, read_logs, settle
from kit.errors import Invalid
from kit.identifiers import Address, Hash32, show_hash
from tests.support.lying_node import TRUE_LOG
from tests.support.terms import BLOCK, CHAIN_ID, ESCROW, TOKEN, TRANSACTION

TOPIC, OTHER = Hash32(b"\xaa" * 32), Hash32(b"\xbb" * 32)
WANTED = {TOKEN: frozenset({TOPIC}), ESCROW: frozenset({OTHER})}


def block(number: int) -> BlockRef:
    return BlockRef(CHAIN_ID, number, Hash32(bytes([number]) * 32), Hash32(bytes([number - 1]) * 32), number)


def log(number: int, index: int, *topics: Hash32) -> RawLog:
    return RawLog(TOKEN, topics or (TOPIC,), b"", block(number).hash, index, TRANSACTION)


def header(number: int, *logs: RawLog) -> Header:
    bloom = 0
    for one in logs:
        for item in (one.address, *one.topics):
            bloom |= bits_of(item)
    return Header(block(number), bloom)


FIRST, SECOND, THIRD = log(1, 0), log(1, 4), log(2, 0, TOPIC, OTHER)
HEADERS = [header(1, FIRST, SECOND), header(2, THIRD), header(3)]


def test_logs_come_to_their_blocks() -> None:
    found = assemble(HEADERS, [FIRST, SECOND, THIRD], WANTED)
    assert [(one.ref.number, one.logs, one.doubtful) for one in found] == [
        (1, [FIRST, SECOND], False),
        (2, [THIRD], False),
        (3, [], False),
    ]


@pytest.mark.parametrize(
    ("headers", "logs", "why"),
    [
        ([HEADERS[0], HEADERS[2]], [], "does not follow"),
        ([HEADERS[0], Header(replace(block(2), parent_hash=OTHER), 0)], [], "does not follow"),
        ([Header(replace(block(number), hash=OTHER, parent_hash=OTHER), 0) for number in (1, 2)], [], "one hash"),
        (HEADERS, [FIRST._replace(block_hash=OTHER)], "none of the blocks"),
        (HEADERS, [FIRST._replace(address=Address(b"\x01" * 20))], "not asked for"),
        (HEADERS, [SECOND, FIRST], "out of order"),
        (HEADERS, [FIRST, FIRST], "twice"),
        (HEADERS, [THIRD, FIRST], "out of order"),
        (HEADERS, [log(3, 0)], "bloom filter of block 3"),
        (HEADERS, [log(1, 0, TOPIC, Hash32(b"\xcc" * 32))], "bloom filter of block 1"),
    ],
)
def test_what_contradicts_itself_is_not_believed(headers: list[Header], logs: list[RawLog], why: str) -> None:
    with pytest.raises(Invalid, match=re.escape(why)):
        assemble(headers, logs, WANTED)


def test_a_block_whose_filter_speaks_of_logs_that_are_not_told_is_doubtful() -> None:
    assert [one.doubtful for one in assemble(HEADERS, [], WANTED)] == [True, True, False]
    assert [one.doubtful for one in assemble(HEADERS, [], {ESCROW: frozenset({TOPIC})})] == [False, False, False]


def test_what_one_contract_tells_does_not_settle_what_another_may_have_written() -> None:
    theirs = RawLog(ESCROW, (OTHER,), b"", block(1).hash, 7, TRANSACTION)
    whole = [header(1, FIRST, theirs)]
    assert [one.doubtful for one in assemble(whole, [FIRST, theirs], WANTED)] == [False]
    assert [one.doubtful for one in assemble(whole, [FIRST], WANTED)] == [True]
    assert [one.doubtful for one in assemble(whole, [theirs], WANTED)] == [True]


def test_one_kind_of_log_that_came_does_not_settle_another_kind_of_the_same_contract() -> None:
    both = {TOKEN: frozenset({TOPIC, OTHER})}
    second = log(1, 4, OTHER)
    whole = [header(1, FIRST, second)]
    assert [one.doubtful for one in assemble(whole, [FIRST, second], both)] == [False]
    assert [one.doubtful for one in assemble(whole, [FIRST], both)] == [True]
    assert [one.doubtful for one in assemble(whole, [second], both)] == [True]
    assert [one.doubtful for one in assemble(whole, [FIRST], {TOKEN: frozenset({TOPIC})})] == [False], (
        "we do not read it"
    )


def test_three_bits_an_item_at_most() -> None:
    address = bytes.fromhex("095e7baea6a6c7c4c2dfeb977efac326af552d87")
    assert bits_of(address).bit_count() <= 3
    assert may_hold(bits_of(address) | bits_of(TOPIC), [address, TOPIC])
    assert not may_hold(bits_of(address), [address, TOPIC])


def test_a_log_is_read_as_it_is() -> None:
    expected = RawLog(TOKEN, (TOPIC,), b"\x01" * 32, BLOCK.hash, 0, TRANSACTION)
    assert read_logs([TRUE_LOG]) == [expected]
    many = {**TRUE_LOG, "topics": [show_hash(TOPIC)] * 4, "data": "0x"}
    assert read_logs([many]) == [expected._replace(topics=(TOPIC,) * 4, data=b"")]
    assert read_logs([{**TRUE_LOG, "topics": []}]) == [expected._replace(topics=())]


NONSENSE: list[dict[str, Any]] = [
    {"address": "0x" + "70" * 19 + " 7"},
    {"address": "70" * 21},
    {"address": None},
    {"topics": None},
    {"topics": "0x" + "aa" * 32},
    {"topics": {"0x" + "aa" * 32: 1}},
    {"topics": ["0x" + "aa" * 32] * 5},
    {"topics": ["0x" + "aa" * 31]},
    {"topics": ["0x" + "aa" * 31 + "  "]},
    {"topics": ["0x" + "bb" * 32, "0x" + " " + "aa" * 31 + " "]},
    {"topics": ["0x" + "bb" * 32, "00" + "aa" * 32]},
    {"topics": [7]},
    {"data": "0x" + "0" * 63},
    {"data": "0x" + "zz" * 32},
    {"data": "0x" + "01 " * 4},
    {"data": "01" * 33},
    {"data": "0x" + "00" * (2**16 + 1)},
    {"data": None},
    {"data": ["0x", "00"]},
    {"logIndex": "0x"},
    {"logIndex": "0x80000000"},
    {"logIndex": 1},
    {"logIndex": "0x1_0"},
    {"transactionHash": "0x" + "7" * 63 + "g"},
    {"blockHash": ["0x"] * 66},
    {"removed": True},
]


@pytest.mark.parametrize("lie", NONSENSE, ids=repr)
def test_a_log_that_is_none_is_not_read(lie: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        read_logs([TRUE_LOG | lie])


@pytest.mark.parametrize("what", [None, 7, [], "0x", {}])
def test_what_is_no_object_is_not_read(what: object) -> None:
    with pytest.raises(Invalid):
        read_logs([what])
    with pytest.raises(Invalid):
        read_header(what, CHAIN_ID)


TRUE_HEADER = {
    "number": "0x2",
    "hash": show_hash(block(2).hash),
    "parentHash": show_hash(block(2).parent_hash),
    "timestamp": "0x2",
    "logsBloom": "0x" + "00" * 255 + "01",
}


def test_a_header_is_read_as_it_is() -> None:
    assert read_header(TRUE_HEADER, CHAIN_ID) == Header(block(2), 1)


@pytest.mark.parametrize(
    "lie",
    [
        {"logsBloom": None},
        {"logsBloom": "0x" + "00" * 255},
        {"logsBloom": "0x" + "0 " * 256},
        {"hash": "0x" + "02" * 31},
        {"hash": ["02"] * 66},
        {"parentHash": None},
        {"number": "latest"},
        {"number": 2},
        {"timestamp": "0x" + "f" * 16},
    ],
    ids=repr,
)
def test_a_header_that_is_none_is_not_read(lie: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        read_header(TRUE_HEADER | lie, CHAIN_ID)


def test_all_logs_of_a_block_settle_a_doubt() -> None:
    strange = log(1, 2)._replace(address=Address(b"\x99" * 20))
    whole = header(1, FIRST, strange, SECOND)
    assert settle(whole, [FIRST, strange, SECOND], [TOKEN]) == [FIRST, SECOND]
    assert settle(whole, [FIRST, strange, SECOND], [ESCROW]) == [], "the filter spoke of more than there is"
    assert settle(header(3), [], [TOKEN]) == []


@pytest.mark.parametrize(
    ("logs", "why"),
    [
        ([], "do not make up"),
        ([FIRST], "do not make up"),
        ([FIRST, THIRD], "of another block"),
        ([log(1, 5, OTHER), FIRST], "out of order"),
        ([FIRST, FIRST, log(1, 5, OTHER)], "twice"),
        ([FIRST, log(1, 5, OTHER), log(1, 6, Hash32(b"\xcc" * 32))], "do not make up"),
    ],
)
def test_logs_that_cannot_be_all_settle_nothing(logs: list[RawLog], why: str) -> None:
    with pytest.raises(Invalid, match=why):
        settle(header(1, FIRST, log(1, 5, OTHER)), logs, [TOKEN])


def test_many_logs_are_read_as_one_by_one_and_one_that_is_none_spoils_them_all() -> None:
    indexes = range(40)
    many = [
        {**TRUE_LOG, "topics": [show_hash(TOPIC)] * (index % 5), "data": "0x" + "ab" * index, "logIndex": hex(index)}
        for index in indexes
    ]
    found = read_logs(many)
    assert found == [read_logs([one])[0] for one in many]
    assert [log.log_index for log in found] == list(indexes)
    assert read_logs([]) == []
    for lie in NONSENSE:
        with pytest.raises(Invalid):
            read_logs([*many[:20], TRUE_LOG | lie, *many[20:]])


def test_logs_of_a_block_that_come_apart_are_out_of_order() -> None:
    with pytest.raises(Invalid, match="out of order"):
        assemble(HEADERS, [FIRST, THIRD, SECOND], WANTED)
