"""The chain loop, a process: reads block by block, books, reacts, moves the cursor, and sends what we owe the chain.

One block is one transaction: its row, its entries, every reaction and the effects they owe, or nothing of it. So a
crash anywhere only means that the block is read again. Final blocks far behind the head are read in stretches, and some
of them at a time are one transaction.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from enum import IntEnum
from threading import Event
from typing import Literal, NamedTuple

import structlog

from app import buying, facilitating, gasless, late, reading, spending, tokens
from app.container import Container, Work
from app.following import Following
from app.reactions import react
from contracts.chain import BlockLogs, Chain
from contracts.events import BlockRef, ChainEvent, Transferred
from kit.errors import ChainMismatch, ChainUnavailable, Conflict, Unavailable
from ledger import outgoing, sheets, syncing
from ledger.sheets import Ours, Sheet

LOG = structlog.get_logger(__name__)

_IDLE_SECONDS = 0.2
_OWED_EVERY_SECONDS = 0.025
"""How often somebody who waits for a block looks whether something new is owed to the chain."""
_LONGEST_PAUSE_SECONDS = 10.0
_STEPS_A_ROUND = 200
_STAND_EVERY_SECONDS = 10.0
"""How often the node's chain is held against our last final block, where nothing else gives cause to."""
_LATE_AGAIN_SECONDS = 60.0
"""How long a node is left alone that did not tell of blocks that lack their gifts."""
_LOGS_ALONE = 5_000
"""Transfers in final blocks that one transaction books, and about as many logs as are read for it, where nobody else
can write meanwhile (SQLite): somebody may wait a fifth of a second."""
_LOGS_IN_COMPANY = 10_000
"""The same where others can (PostgreSQL): whatever a transaction does once is the less for a log."""
_HEAVY = 100
"""Transfers that take as long as anything else that happens: stakes, gifts and sales are looked up one by one."""


class Progress(IntEnum):
    """How far one step came."""

    NONE = 0
    """There was nothing to do."""
    BLOCK = 1
    STRETCH = 2
    """As far as many blocks, so that something else may be due by now."""


class _Ready(NamedTuple):
    """What was made of blocks ahead."""

    of: Sequence[BlockLogs]
    sheets: Sequence[Sheet]


class ChainLoop:
    """Follows one chain."""

    def __init__(
        self,
        container: Container,
        *,
        beat: Callable[[], None] = lambda: None,
        following: Following | None = None,
        wake: Event | None = None,
    ) -> None:
        """Follow the container's chain; ``beat`` is called at the end of every round that went well.

        ``following`` hears how it goes. Whoever believes that there is a new block sets ``wake``: it is looked for at
        once.
        """
        self._container = container
        self._beat = beat
        self.following = Following(container.chain) if following is None else following
        self.wake = Event() if wake is None else wake
        self._watch = spending.Watch(container)
        self._tokens = tokens.Watch(container)
        self._stood_at = float("-inf")
        self._length = syncing.FIRST
        self._final: BlockRef | None = None
        self._lacks_from: float | None = float("-inf")
        self._doubts_from = float("-inf")
        self._owed = 0
        self._ready: _Ready | None = None
        self._settled: tuple[BlockRef | None, BlockRef | None, BlockRef] | None = None

    def run(self, stop: Event) -> None:
        """Follow until ``stop``; what does not answer is waited for, longer each time up to 10 s, for ever.

        So is a chain that is not ours any more: nothing is read, undone or sent until it is. Whose container is fenced
        by a lease (``app/leading.py``) ends when that is lost: then ``stop`` is set.
        """
        pause = _IDLE_SECONDS
        while not stop.is_set():
            try:
                busy = self.round()
                self.following.goes_on()
                self._beat()
                pause = _IDLE_SECONDS
                if not busy:
                    self._rest(stop)
            except Unavailable as error:
                pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)
                self.following.waits(error, pause)
                stop.wait(pause)

    def _rest(self, stop: Event) -> None:
        """Wait until there may be a new block, or something new is owed to the chain: whoever pays waits for that."""
        until = time.monotonic() + _IDLE_SECONDS
        while time.monotonic() < until and not self.wake.wait(_OWED_EVERY_SECONDS) and not stop.is_set():
            if outgoing.newest(self._container.database) != self._owed:
                break
        self.wake.clear()

    def round(self) -> bool:
        """Read what there is to read (at most 200 blocks), settle levels, send what is due; ``True`` if more waits."""
        came = Progress.NONE
        if time.monotonic() - self._stood_at > _STAND_EVERY_SECONDS:
            self._stand()
        self._tokens.keep_up()
        self._read_late()  # before anything else is read, so that it is known from which block on nothing lacks
        self._length = max(1, self._length)  # a node that gave no stretch at all is tried again after so many blocks
        for _ in range(_STEPS_A_ROUND):
            came = self.step()
            if came is not Progress.BLOCK:
                break
        self._settle_levels()
        container = self._container
        self._look_up()
        buying.follow(container)  # before they are settled for good, and looked at no more
        gasless.settle(container)  # before sending: what nobody wants any more is not signed
        self._owed = outgoing.newest(container.database)
        outgoing.send_due(
            container.database,
            container.chain,
            container.signers,
            container.clock(),
            self._watch.limits(),
            older=container.older_pens,
        )
        return came is not Progress.NONE

    def _read_late(self) -> None:
        """Read some of the blocks that lack their gifts; a node that keeps no such old ones holds up nothing else."""
        if self._lacks_from is None or time.monotonic() < self._lacks_from:
            return
        try:
            if late.read(self._container):
                self._lacks_from = None
        except ChainUnavailable as error:
            LOG.warning("late_gifts_unread", reason=str(error))
            self._lacks_from = time.monotonic() + _LATE_AGAIN_SECONDS

    def _look_up(self) -> None:
        """Find out about payments that failed; a node that does not tell of them holds up nothing else."""
        if time.monotonic() < self._doubts_from:
            return
        try:
            facilitating.look_up(self._container)
        except ChainUnavailable as error:
            LOG.warning("payments_not_looked_up", reason=str(error))
            self._doubts_from = time.monotonic() + _LATE_AGAIN_SECONDS

    def step(self) -> Progress:
        """Read one block, or a stretch of final ones, or take back those that left."""
        container = self._container
        with container.read() as work:
            window = work.book.window()
        if window and self._is_final(window[-1].number + syncing.FAR):  # far behind, wherever the head is by now
            head = self._final
        else:
            head = container.chain.block("latest")
        if head is None:
            message = "the node has no head block"
            raise ChainUnavailable(message)
        match syncing.plan(window, head, container.deployment.deployed_block):
            case syncing.Read(number):
                if self._read_stretch(number, head, window):
                    return Progress.STRETCH
                return self._read(number, window)
            case syncing.Rewind():
                return self._rewind(window)
            case syncing.Rest():
                if window and head.number < window[0].number:
                    self._stand(head.number)
                return Progress.NONE

    def _stand(self, number: int | None = None) -> BlockRef | None:
        """Make sure that the chain is the one that we booked, at our last final block, or at one before it: return it.

        Raises ``ChainMismatch``: then nothing of it is to be read, undone or sent.
        """
        with self._container.read() as work:
            ours = work.book.final() if number is None else work.book.at(number)
        if ours is not None:
            self._container.chain.stand_on(ours)
        self._stood_at = time.monotonic()
        return ours

    def _read_stretch(self, number: int, head: BlockRef, window: list[BlockRef]) -> bool:
        """Read final blocks from ``number`` on; ``False`` where there are too few, or the node cannot give them so."""
        if head.number - number < syncing.FAR:
            return False
        container = self._container
        if not self._is_final(number + self._length - 1):
            self._final = container.chain.block("finalized")
        asked = syncing.stretch(number, self._final, self._length)
        if asked is None:
            return False
        try:
            found = reading.stretch(container, *asked)
        except ChainUnavailable as error:
            LOG.info("stretch_refused", first=asked[0], last=asked[1], reason=str(error))
            self._final = None  # whatever was said to be final is asked for anew
            self._length = self._next_length(None)
            return self._read_stretch(number, head, window)
        self._length = self._next_length(sum(len(block.logs) for block in found))
        if not syncing.joins(window, found[0].ref):
            self._rewind(window)
            return True
        ready, self._ready = self._ready, None
        following = syncing.stretch(asked[1] + 1, self._final, self._length)
        if following is not None:
            reading.expect(container, *following, self._make_ready)  # while these are booked
        self._book(found, ready)
        return True

    def _next_length(self, logs: int | None) -> int:
        return syncing.next_length(self._length, logs=logs, most=self._most)

    @property
    def _most(self) -> int:
        return _LOGS_ALONE if self._container.database.alone else _LOGS_IN_COMPANY

    def _is_final(self, number: int) -> bool:
        """Tell whether a block of this number was said to be final: who gives it as a stretch has to say so again."""
        return self._final is not None and number <= self._final.number

    def _book(self, found: Sequence[BlockLogs], ready: _Ready | None) -> None:
        """Book final blocks, so many at a time that nobody else waits long for the database."""
        if ready is not None and (ready.of is not found or any(block.events is None for block in found)):
            ready = None  # of another stretch, or some of it was asked for once more
        for sheet in self._sheets(found) if ready is None else ready.sheets:
            with _ours(), self._container.work() as work:
                news = {block.hash for block in work.book.record_sheet(sheet)}
                react(work, [event for block, events in sheet.blocks if block.hash in news for event in events])
                work.book.mark_levels(None, sheet.blocks[-1][0])
                more = _levels_moved(work)
            self._move_more(more=more)
        LOG.info("blocks_read", first=found[0].ref.number, last=found[-1].ref.number)

    def _make_ready(self, found: Sequence[BlockLogs]) -> None:
        """Make the sheets of blocks that may be booked next, in whatever thread."""
        self._ready = _Ready(found, list(self._sheets(found)))

    def _sheets(self, found: Sequence[BlockLogs]) -> Iterator[Sheet]:
        """Make of blocks what each transaction books."""
        container = self._container
        place = container.deployment
        ours = Ours(place.chain_id, place.token, place.escrow, place.later)
        start, most = 0, self._most
        while start < len(found):
            end, weight = start + 1, _weight(reading.events_of(container, found[start]))
            while end < len(found) and (weight := weight + _weight(reading.events_of(container, found[end]))) <= most:
                end += 1
            happened = [(block.ref, reading.events_of(container, block)) for block in found[start:end]]
            yield sheets.sheet(ours, happened, as_text=not container.database.alone)
            start = end

    def _read(self, number: int, window: list[BlockRef]) -> Progress:
        container = self._container
        found = reading.block(container, number)
        if found is None:
            return Progress.NONE
        block = found.ref
        if not syncing.joins(window, block):
            return self._rewind(window)
        events = reading.events_of(container, found)
        with _ours(), container.work() as work:
            if work.book.record(block, events):
                react(work, events)
        if events:
            LOG.info("block_read", number=block.number, events=len(events))
        return Progress.BLOCK

    def _rewind(self, window: list[BlockRef]) -> Progress:
        """Take back the blocks that left, the newest first: those alone that one node says are not in its chain.

        It says so at once of all of them, and stands on our last final block: whoever leads elsewhere below that, or
        takes its place meanwhile, undoes nothing.
        """
        final = self._stand()

        def left(node: Chain) -> Sequence[BlockRef]:
            if final is not None:
                node.stand_on(final)
            return syncing.left(window, node.block)

        gone = self._container.chain.at_one(left)[-_STEPS_A_ROUND:]
        for block in reversed(gone):
            with _ours(), self._container.work() as work:
                work.book.rewind(block)
                work.feed.reverse(block)
                work.giving.left(block)
                work.sales.left(block)
                work.tips.left(block)
                work.distribution.left(block)
                for change in work.stakes.rewind(block.hash):
                    work.gate.stake_changed(change)
            LOG.warning("block_rewound", number=block.number, hash=block.hash.hex())
        # Where none left, whoever said so was found out, and another node is asked now.
        return Progress.STRETCH if len(gone) == _STEPS_A_ROUND else Progress.BLOCK

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
            more = _levels_moved(work)
        self._move_more(more=more)
        if self._settled is None or self._settled[1] != finalized:
            self._stood_at = float("-inf")  # there may be a newer block to stand on
        self._settled = (safe, finalized, own_head)

    def _move_more(self, *, more: bool) -> None:
        """Let the other purchases and tips hear it; should we die meanwhile, whoever looks next goes on."""
        while more:
            with self._container.work() as work:
                more = _paid_moved(work)

    def _level(self, tag: Literal["safe", "finalized"], own_head: BlockRef) -> BlockRef | None:
        """Return the block up to which the node vouches; while we are behind it, the one at our own head's number."""
        block = self._container.chain.block(tag)
        if block is None or block.number <= own_head.number:
            return block
        return self._container.chain.block(own_head.number)


def _weight(events: Sequence[ChainEvent]) -> int:
    """Return how many transfers would take about as long."""
    light = list(map(type, events)).count(Transferred)
    return light + _HEAVY * (len(events) - light)


@contextmanager
def _ours() -> Iterator[None]:
    """Take what the books cannot hold for a chain that is not ours: our contracts, on our chain, never do it."""
    try:
        yield
    except Conflict as error:
        if error.code not in ("final_block_left", "balance_impossible"):
            raise
        raise ChainMismatch(error.message) from None


def _levels_moved(work: Work) -> bool:
    """Have everybody hear that blocks have become surer; ``True``: more was paid than one transaction takes."""
    work.gate.levels_moved()
    work.feed.levels_moved(work.stakes.terms.chain_id)
    work.giving.levels_moved(work.stakes.terms.chain_id)
    return _paid_moved(work)


def _paid_moved(work: Work) -> bool:
    more_sales, more_tips = work.sales.levels_moved(), work.tips.levels_moved()
    return more_sales or more_tips
