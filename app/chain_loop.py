"""The chain loop, a process: reads block by block, books, reacts, moves the cursor, and sends what we owe the chain.

One block is one transaction: its row, its entries, every reaction and the effects they owe, or nothing of it. So a
crash anywhere only means that the block is read again. Final blocks far behind the head are read in stretches, and some
of them at a time are one transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import IntEnum
from threading import Event
from typing import Literal

import structlog

from app import gasless
from app.container import Container
from app.reactions import REACTIONS
from app.reading import events_of, stretch
from contracts.chain import BlockLogs
from contracts.events import BlockRef
from kit.errors import ChainUnavailable, Unavailable
from ledger import outgoing, syncing

LOG = structlog.get_logger(__name__)

_IDLE_SECONDS = 0.2
_LONGEST_PAUSE_SECONDS = 10.0
_STEPS_A_ROUND = 200
_LOGS_AT_ONCE = 2_000
"""Logs of final blocks that one transaction books."""


class Progress(IntEnum):
    """How far one step came."""

    NONE = 0
    """There was nothing to do."""
    BLOCK = 1
    STRETCH = 2
    """As far as many blocks, so that something else may be due by now."""


class ChainLoop:
    """Follows one chain."""

    def __init__(self, container: Container, *, beat: Callable[[], None] = lambda: None) -> None:
        """Follow the container's chain; ``beat`` is called at the end of every round that went well."""
        self._container = container
        self._beat = beat
        self._length = syncing.LONGEST // 4
        self._settled: tuple[BlockRef | None, BlockRef | None, BlockRef] | None = None

    def run(self, stop: Event) -> None:
        """Follow until ``stop``; what does not answer is waited for, longer each time up to 10 s, for ever."""
        pause = _IDLE_SECONDS
        while not stop.is_set():
            try:
                busy = self.round()
            except Unavailable as error:
                pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)
                LOG.warning("chain_loop_waits", waits_for=type(error).__name__, reason=str(error), seconds=pause)
                stop.wait(pause)
                continue
            self._beat()
            pause = _IDLE_SECONDS
            if not busy:
                stop.wait(_IDLE_SECONDS)

    def round(self) -> bool:
        """Read what there is to read (at most 200 blocks), settle levels, send what is due; ``True`` if more waits."""
        came = Progress.NONE
        self._length = max(1, self._length)  # a node that gave no stretch at all is tried again after so many blocks
        for _ in range(_STEPS_A_ROUND):
            came = self.step()
            if came is not Progress.BLOCK:
                break
        self._settle_levels()
        container = self._container
        gasless.settle(container)  # before sending: what nobody wants any more is not signed
        outgoing.send_due(container.database, container.chain, container.signers, container.clock())
        return came is not Progress.NONE

    def step(self) -> Progress:
        """Read or rewind one block, or read a stretch of final ones."""
        container = self._container
        head = container.chain.block("latest")
        if head is None:
            message = "the node has no head block"
            raise ChainUnavailable(message)
        with container.read() as work:
            window = work.book.window()
        match syncing.plan(window, head, container.deployment.deployed_block):
            case syncing.Read(number):
                if self._read_stretch(number, head, window):
                    return Progress.STRETCH
                return Progress.BLOCK if self._read(number, window) else Progress.NONE
            case syncing.Rewind(block):
                self._rewind(block)
                return Progress.BLOCK
            case syncing.Rest():
                return Progress.NONE

    def _read_stretch(self, number: int, head: BlockRef, window: list[BlockRef]) -> bool:
        """Read final blocks from ``number`` on; ``False`` where there are too few, or the node cannot give them so."""
        if head.number - number < syncing.FAR:
            return False
        container = self._container
        finalized = container.chain.block("finalized")
        asked = syncing.stretch(number, finalized, self._length)
        if finalized is None or asked is None:
            return False
        try:
            found = stretch(container, *asked)
        except ChainUnavailable as error:
            LOG.info("stretch_refused", first=asked[0], last=asked[1], reason=str(error))
            self._length = syncing.next_length(self._length, logs=None)
            return self._read_stretch(number, head, window)
        self._length = syncing.next_length(self._length, logs=sum(len(block.logs) for block in found))
        if not syncing.joins(window, found[0].ref):
            self._rewind(window[-1])
            return True
        if asked[1] == finalized.number and found[-1].ref != finalized:
            raise ChainUnavailable("The node's final blocks do not lead to its final block.")
        self._book(found)
        return True

    def _book(self, found: Sequence[BlockLogs]) -> None:
        """Book final blocks, so many at a time that nobody else waits long for the database."""
        start = 0
        while start < len(found):
            end, logs = start + 1, len(found[start].logs)
            while end < len(found) and logs + len(found[end].logs) <= _LOGS_AT_ONCE:
                logs += len(found[end].logs)
                end += 1
            decoded = [(block.ref, events_of(self._container, block.ref, block.logs)) for block in found[start:end]]
            with self._container.work() as work:
                work.book.record_all(decoded)
                for _, events in decoded:
                    for event in events:
                        REACTIONS[type(event)](work, event)
                work.book.mark_levels(None, decoded[-1][0])
                work.gate.levels_moved()
            start = end
        LOG.info("blocks_read", first=found[0].ref.number, last=found[-1].ref.number)

    def _read(self, number: int, window: list[BlockRef]) -> bool:
        container = self._container
        block = container.chain.block(number)
        if block is None:
            return False
        if not syncing.joins(window, block):
            self._rewind(window[-1])
            return True
        place = container.deployment
        events = events_of(container, block, container.chain.logs(block.hash, [place.token, place.escrow]))
        with container.work() as work:
            work.book.record(block, events)
            for event in events:
                REACTIONS[type(event)](work, event)
        if events:
            LOG.info("block_read", number=block.number, events=len(events))
        return True

    def _rewind(self, block: BlockRef) -> None:
        with self._container.work() as work:
            work.book.rewind(block)
            for change in work.stakes.rewind(block.hash):
                work.gate.stake_changed(change)
        LOG.warning("block_rewound", number=block.number, hash=block.hash.hex())

    def _settle_levels(self) -> None:
        with self._container.read() as work:
            own_head = work.book.head()
        if own_head is None:
            return
        safe, finalized = self._level("safe", own_head), self._level("finalized", own_head)
        # Our head belongs to it: a level of a branch that we have yet to follow says nothing until we are on it.
        if (safe, finalized, own_head) == self._settled:
            return
        with self._container.work() as work:
            work.book.mark_levels(safe, finalized)
            work.gate.levels_moved()
        self._settled = (safe, finalized, own_head)

    def _level(self, tag: Literal["safe", "finalized"], own_head: BlockRef) -> BlockRef | None:
        """Return the block up to which the node vouches; while we are behind it, the one at our own head's number."""
        block = self._container.chain.block(tag)
        if block is None or block.number <= own_head.number:
            return block
        return self._container.chain.block(own_head.number)
