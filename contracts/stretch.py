"""Stretches of blocks with their logs (pure): what a node says of one block or many, checked as a whole.

Every log must stand in a block of the stretch, under that block's own hash and in its bloom filter, in order; every
block must be the parent of the next. What contradicts itself is ``Invalid``, and none of it is believed. A filter that
speaks of logs which did not come is a doubt (filters speak of more than there is); all logs of the block settle it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain, groupby, pairwise
from operator import attrgetter, lt
from typing import Any, Final

from contracts.bloom import BLOOM_BYTES, bits_of_all, bits_of_words, may_hold
from contracts.chain import BlockLogs, RawLog
from contracts.events import BlockRef
from kit.errors import Invalid
from kit.identifiers import Address, Hash32, show_address

_QUANTITY: Final = re.compile(r"0x[0-9a-fA-F]{1,16}")
_MOST: Final = 2**63 - 1  # what a database counts to
_MOST_INDEX: Final = 2**31 - 1
_MOST_DATA: Final = 2 * 2**16
_MOST_TOPICS: Final = 4
_raw_log: Final = partial(tuple.__new__, RawLog)  # as ``_make`` does it, without a look at how many values there are
_ADDRESS, _HASH = 2 + 2 * 20, 2 + 2 * 32


@dataclass(frozen=True, slots=True)
class Header:
    """A block and its bloom filter, as a number of 2,048 bits."""

    ref: BlockRef
    bloom: int


def questions(numbers: range, wanted: Collection[Address]) -> list[tuple[str, list[Any]]]:
    """Return what to ask a node for a stretch: each block's header, and then the logs in all of them."""
    about = {
        "fromBlock": hex(numbers[0]),
        "toBlock": hex(numbers[-1]),
        "address": [show_address(one) for one in wanted],
    }
    return [*(("eth_getBlockByNumber", [hex(number), False]) for number in numbers), ("eth_getLogs", [about])]


def assemble(
    headers: Sequence[Header], logs: Sequence[RawLog], wanted: Mapping[Address, Collection[Hash32]]
) -> list[BlockLogs]:
    """Put the logs of a stretch to its blocks. Raises ``Invalid`` where anything contradicts anything else.

    ``wanted``: the contracts that were asked for, each with the first topics by which their logs matter.
    """
    for parent, after in pairwise(headers):
        if (after.ref.number, after.ref.parent_hash) != (parent.ref.number + 1, parent.ref.hash):
            raise _wrong(f"block {after.ref.number} does not follow block {parent.ref.number}")
    found = {header.ref.hash: BlockLogs(header.ref) for header in headers}
    if len(found) != len(headers):
        raise _wrong("two blocks have one hash")
    blooms = {header.ref.hash: header.bloom for header in headers}
    before = -1
    for block_hash, its in groupby(logs, key=attrgetter("block_hash")):
        block = found.get(block_hash)
        if block is None:
            raise _wrong("a log is of none of the blocks")
        block.logs = list(its)
        if not wanted.keys() >= {log.address for log in block.logs}:
            raise _wrong("a log is of a contract that was not asked for")
        before, number = block.ref.number, before
        if before <= number or not _ascending([log.log_index for log in block.logs]):
            raise _wrong("logs come twice or out of order")
    for block, bits in zip(found.values(), _bits([block.logs for block in found.values()]), strict=True):
        if bits != bits & blooms[block.ref.hash]:
            raise _wrong(f"a log is not in the bloom filter of block {block.ref.number}")
        told = {(log.address, log.topics[0]) for log in block.logs if log.topics}
        silent = {
            address: [topic for topic in topics if (address, topic) not in told] for address, topics in wanted.items()
        }
        block.doubtful = _may_hold_any(blooms[block.ref.hash], silent)
    return list(found.values())


def settle(header: Header, logs: Sequence[RawLog], wanted: Collection[Address]) -> list[RawLog]:
    """Return the logs of ``wanted`` out of all logs of a block, whoever wrote them, in order.

    Raises ``Invalid`` where these cannot be all: they must make up the block's bloom filter, bit by bit.
    """
    if any(log.block_hash != header.ref.hash for log in logs) or not _ascending([log.log_index for log in logs]):
        raise _wrong("logs of another block, twice or out of order")
    if _bits([logs]) != [header.bloom]:
        raise _wrong(f"the logs of block {header.ref.number} do not make up its bloom filter")
    return [log for log in logs if log.address in wanted]


def _ascending(numbers: Sequence[int]) -> bool:
    return all(map(lt, numbers, numbers[1:]))


def _bits(blocks: Sequence[Sequence[RawLog]]) -> list[int]:
    """Return what addresses and topics of each block's logs set in a bloom filter."""
    topics = bits_of_words([set(chain.from_iterable([log.topics for log in logs])) for logs in blocks])
    writers = [{log.address for log in logs} for logs in blocks]
    return [bits_of_all(its) | told for its, told in zip(writers, topics, strict=True)]


def _may_hold_any(bloom: int, wanted: Mapping[Address, Collection[Hash32]]) -> bool:
    return any(
        may_hold(bloom, [address]) and any(may_hold(bloom, [topic]) for topic in topics)
        for address, topics in wanted.items()
    )


def read_header(answer: Any, chain_id: int) -> Header:  # noqa: ANN401 - JSON
    """Read a block as a node tells it. Raises ``Invalid``."""
    try:
        bloom = answer["logsBloom"]
        joined = (
            _bytes(answer["hash"], _HASH) + _bytes(answer["parentHash"], _HASH) + _bytes(bloom, 2 + 2 * BLOOM_BYTES)
        )
        ref = BlockRef(
            chain_id=chain_id,
            number=_number(answer["number"], _MOST),
            hash=Hash32(joined[:32]),
            parent_hash=Hash32(joined[32:64]),
            timestamp=_number(answer["timestamp"], _MOST),
        )
    except (AttributeError, KeyError, TypeError, ValueError):
        raise _wrong("a block that is none") from None
    return Header(ref, int.from_bytes(joined[64:], "big"))


def read_logs(answers: Sequence[Any]) -> list[RawLog]:
    """Read logs as a node tells them, column by column. Raises ``Invalid`` where one of them is none."""
    try:
        topics = [answer["topics"] for answer in answers]
        if not {answer.get("removed") for answer in answers} <= {None, False}:
            raise _wrong("a log that was taken back")
        if not set(map(type, topics)) <= {list} or max(map(len, topics), default=0) > _MOST_TOPICS:
            raise _wrong("a log that is none")
        words = _known([word for its in topics for word in its], _HASH)
        columns = (
            _column([answer["address"] for answer in answers], _ADDRESS),
            [tuple([words[word] for word in its]) for its in topics],
            _data([answer["data"] for answer in answers]),
            _column([answer["blockHash"] for answer in answers], _HASH),
            _numbers([answer["logIndex"] for answer in answers], _MOST_INDEX),
            _column([answer["transactionHash"] for answer in answers], _HASH),
        )
    except (AttributeError, KeyError, TypeError, ValueError):
        raise _wrong("a log that is none") from None
    return list(map(_raw_log, zip(*columns, strict=True)))


def _column(texts: Sequence[str], length: int) -> list[bytes]:
    return list(map(_known(texts, length).__getitem__, texts))


def _known(texts: Sequence[str], length: int) -> dict[str, bytes]:
    """Read each text once: blocks, transactions, contracts and their holders come again and again."""
    some = list(set(texts))
    if not set(map(len, some)) <= {length} or not {text[:2] for text in some} <= {"0x"}:
        raise ValueError
    joined, each = bytes.fromhex("".join([text[2:] for text in some])), length // 2 - 1
    # ``fromhex`` skips blanks, so the lengths are compared.
    if len(joined) != each * len(some):
        raise ValueError
    return {text: joined[start : start + each] for text, start in zip(some, range(0, len(joined), each), strict=True)}


def _data(texts: Sequence[str]) -> list[bytes]:
    if max(map(len, texts), default=0) > _MOST_DATA:
        raise _wrong("a log that is too long")
    values = [bytes.fromhex(text[2:]) for text in texts]
    # ``fromhex`` skips blanks, so the lengths are compared.
    if any(text[:2] != "0x" or len(text) != 2 + 2 * len(value) for text, value in zip(texts, values, strict=True)):
        raise ValueError
    return values


def _numbers(texts: Sequence[str], most: int) -> list[int]:
    known = {text: _number(text, most) for text in set(texts)}
    return list(map(known.__getitem__, texts))


def _bytes(text: str, length: int) -> bytes:
    if len(text) != length or not text.startswith("0x"):
        raise ValueError
    value = bytes.fromhex(text[2:])
    if 2 + 2 * len(value) != length:
        raise ValueError
    return value


def _number(text: str, most: int) -> int:
    if not _QUANTITY.fullmatch(text) or (value := int(text, 16)) > most:
        raise ValueError
    return value


def _wrong(what: str) -> Invalid:
    return Invalid("stretch_contradicts_itself", what)
