"""Late: what is read again of blocks that were booked before we knew of the contract that tells of it."""

from __future__ import annotations

import structlog

from app import reading
from app.container import Container
from app.reactions import react_late
from contracts.chain import BlockLogs
from kit.errors import ChainUnavailable
from kit.identifiers import Address, show_address
from ledger import syncing

LOG = structlog.get_logger(__name__)


def read(container: Container) -> bool:
    """Read some of the blocks that lack what a later contract told, the newest first; ``True`` where none is left.

    A contract that came later than the others may have stood for a while before our deployment named it. Final blocks
    alone are read, so that nothing of it is ever taken back. Raises ``ChainUnavailable``.
    """
    # Each has its turn, and from now on is known from where it is read, whatever another still lacks.
    done = [_read(container, contract, block) for contract, block in container.deployment.later.items()]
    return all(done)


def _read(container: Container, contract: Address, lowest: int) -> bool:
    with container.work() as work:
        since = work.book.reads(contract, lowest)
        final = work.book.finalized_number()
    if since <= lowest:
        return True
    if final is None or final < since - 1:
        return False
    first, found = _newest(container, lowest, since - 1)
    blocks = [(block.ref, reading.events_of(container, block.ref, block.logs)) for block in found]
    with container.work() as work:
        told = work.book.add_late(contract, first, blocks)
        react_late(work, told, [event for _, events in blocks for event in events])
    LOG.info("late_events_read", contract=show_address(contract), first=first, last=since - 1)
    return first <= lowest


def _newest(container: Container, lowest: int, last: int) -> tuple[int, list[BlockLogs]]:
    """Return the longest stretch that the node gives of those that end with ``last``, and its first block's number."""
    length = syncing.LONGEST
    while True:
        first = max(lowest, last - length + 1)
        try:
            return first, reading.stretch(container, first, last)
        except ChainUnavailable:
            length = (last - first + 1) // 2
            if length:
                continue
        found = reading.block(container, last)
        if found is None:
            raise ChainUnavailable(f"The node has no block {last}, which it once called final.")
        return last, [found]
