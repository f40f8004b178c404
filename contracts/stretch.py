"""Stretches of blocks with their logs (pure): what a node says of one block or many, checked as a whole.

Every log must stand in a block of the stretch, under that block's own hash and in its bloom filter, in order; every
block must be the parent of the next. What contradicts itself is ``Invalid``, and none of it is believed. A filter that
speaks of logs which did not come is a doubt (filters speak of more than there is); all logs of the block settle it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any, Final

from contracts.bloom import BLOOM_BYTES, bits_of, may_hold
from contracts.chain import BlockLogs, RawLog
from contracts.events import BlockRef
from kit.errors import Invalid
from kit.identifiers import Address, Hash32

_QUANTITY: Final = re.compile(r"0x[0-9a-fA-F]{1,16}")
_MOST: Final = 2**63 - 1  # what a database counts to
_MOST_INDEX: Final = 2**31 - 1
_MOST_DATA: Final = 2 * 2**16
_MOST_TOPICS: Final = 4
_ADDRESS, _HASH = 2 + 2 * 20, 2 + 2 * 32
_REMEMBERED: Final = 2**14


@dataclass(frozen=True, slots=True)
class Header:
    """A block and its bloom filter, as a number of 2,048 bits."""

    ref: BlockRef
    bloom: int


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
    blooms = {header.ref.hash: header.bloom for header in headers}
    place = (-1, -1)
    for log in logs:
        block = found.get(log.block_hash)
        if block is None:
            raise _wrong("a log is of none of the blocks")
        if log.address not in wanted:
            raise _wrong("a log is of a contract that was not asked for")
        before, place = place, (block.ref.number, log.log_index)
        if place <= before:
            raise _wrong("logs come twice or out of order")
        bloom = blooms[log.block_hash]
        for item in (log.address, *log.topics):
            bits = bits_of(item)
            if bloom & bits != bits:
                raise _wrong(f"a log is not in the bloom filter of block {block.ref.number}")
        block.logs.append(log)
    for block in found.values():
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
    place, bloom = -1, 0
    for log in logs:
        if log.block_hash != header.ref.hash or log.log_index <= place:
            raise _wrong("logs of another block, twice or out of order")
        place = log.log_index
        for item in (log.address, *log.topics):
            bloom |= bits_of(item)
    if bloom != header.bloom:
        raise _wrong(f"the logs of block {header.ref.number} do not make up its bloom filter")
    return [log for log in logs if log.address in wanted]


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
    except (KeyError, TypeError, ValueError):
        raise _wrong("a block that is none") from None
    return Header(ref, int.from_bytes(joined[64:], "big"))


def read_log(answer: Any) -> RawLog:  # noqa: ANN401 - JSON
    """Read a log as a node tells it. Raises ``Invalid``."""
    try:
        topics, data = answer["topics"], answer["data"]
        if not isinstance(topics, list) or len(topics) > _MOST_TOPICS or answer.get("removed") not in (None, False):
            raise _wrong("a log that is none, or was taken back")
        if len(data) > _MOST_DATA:
            raise _wrong("a log that is too long")
        return RawLog(
            address=Address(_repeated(answer["address"], _ADDRESS)),
            topics=tuple([Hash32(_repeated(topic, _HASH)) for topic in topics]),
            data=_bytes(data, len(data)),
            block_hash=Hash32(_repeated(answer["blockHash"], _HASH)),
            log_index=_number(answer["logIndex"], _MOST_INDEX),
            transaction=Hash32(_repeated(answer["transactionHash"], _HASH)),
        )
    except (AttributeError, KeyError, TypeError, ValueError):
        raise _wrong("a log that is none") from None


def _bytes(text: str, length: int) -> bytes:
    if len(text) != length or not text.startswith("0x"):
        raise ValueError
    value = bytes.fromhex(text[2:])
    if 2 + 2 * len(value) != length:
        raise ValueError
    return value


@lru_cache(_REMEMBERED)
def _repeated(text: str, length: int) -> bytes:
    """Return the same as ``_bytes``; blocks, transactions, contracts and their holders come again and again."""
    return _bytes(text, length)


def _number(text: str, most: int) -> int:
    if not _QUANTITY.fullmatch(text) or (value := int(text, 16)) > most:
        raise ValueError
    return value


def _wrong(what: str) -> Invalid:
    return Invalid("stretch_contradicts_itself", what)
