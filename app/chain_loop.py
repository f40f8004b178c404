"""The chain loop, a process: reads block by block, books, reacts, moves the cursor, and sends what we owe the chain.

One block is one transaction: its row, its entries, every reaction and the effects they owe, or nothing of it. So a
crash anywhere only means that the block is read again.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Event
from typing import Literal

import structlog

from app import gasless
from app.container import Container
from app.reactions import REACTIONS
from contracts import codec
from contracts.events import BlockRef
from kit.errors import ChainUnavailable, Invalid, Unavailable
from ledger import outgoing, syncing

LOG = structlog.get_logger(__name__)

_IDLE_SECONDS = 0.2
_LONGEST_PAUSE_SECONDS = 10.0
_STEPS_A_ROUND = 200


class ChainLoop:
    """Follows one chain."""

    def __init__(self, container: Container, *, beat: Callable[[], None] = lambda: None) -> None:
        """Follow the container's chain; ``beat`` is called at the end of every round that went well."""
        self._container = container
        self._beat = beat
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
        busy = False
        for _ in range(_STEPS_A_ROUND):
            busy = self.step()
            if not busy:
                break
        self._settle_levels()
        container = self._container
        gasless.settle(container)  # before sending: what nobody wants any more is not signed
        outgoing.send_due(container.database, container.chain, container.signers, container.clock())
        return busy

    def step(self) -> bool:
        """Read or rewind one block; ``False`` where there is nothing to do."""
        container = self._container
        head = container.chain.block("latest")
        if head is None:
            message = "the node has no head block"
            raise ChainUnavailable(message)
        with container.read() as work:
            window = work.book.window()
        match syncing.plan(window, head, container.deployment.deployed_block):
            case syncing.Read(number):
                return self._read(number, window)
            case syncing.Rewind(block):
                self._rewind(block)
                return True
            case syncing.Rest():
                pass
        return False

    def _read(self, number: int, window: list[BlockRef]) -> bool:
        container = self._container
        block = container.chain.block(number)
        if block is None:
            return False
        if not syncing.joins(window, block):
            self._rewind(window[-1])
            return True
        place = container.deployment
        logs = container.chain.logs(block.hash, [place.token, place.escrow])
        try:
            decoded = [codec.decode(log, block, token=place.token, escrow=place.escrow) for log in logs]
        except Invalid as error:  # our contracts cannot have written it, so it is the node that is wrong
            raise ChainUnavailable(f"The node tells of a log that cannot be: {error}") from error
        events = [event for event in decoded if event is not None]
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
