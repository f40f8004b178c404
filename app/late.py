"""Late: what is read again of blocks that were booked before we knew of the contract that tells of it."""

from __future__ import annotations

import structlog

from app import reading
from app.container import Container
from app.reactions import react_late
from contracts.chain import BlockLogs
from kit.errors import ChainUnavailable, Conflict
from kit.identifiers import Address, show_address
from ledger import syncing

LOG = structlog.get_logger(__name__)


def read(container: Container) -> bool:
    """Read some of the blocks that lack what a later contract told, the newest first; ``True`` where none is left.

    A contract that came later than the others may have stood for a while before our deployment named it. Final blocks
    alone are read, so that nothing of it is ever taken back. Raises ``ChainUnavailable``, once each had its turn.
    """
    # From now on it is known from where each is read, whatever becomes of the others.
    with container.work() as work:
        since = {contract: work.book.reads(contract, lowest) for contract, lowest in container.deployment.later.items()}
        final = work.book.finalized_number()
    done, failed = True, None
    for contract, lowest in container.deployment.later.items():
        try:
            done = _read(container, contract, lowest, since[contract], final) and done
        except ChainUnavailable as error:
            failed = error
    if failed is not None:
        raise failed
    return done


def _read(container: Container, contract: Address, lowest: int, since: int, final: int | None) -> bool:
    if since <= lowest:
        return True
    if final is None or final < since - 1:
        return False
    first, found = _newest(container, lowest, since - 1)
    blocks = [(block.ref, reading.events_of(container, block)) for block in found]
    with container.work() as work:
        try:
            told = work.book.add_late(contract, first, blocks)
        except Conflict as error:  # another node, or another chain: that is found out elsewhere
            raise ChainUnavailable(error.message) from None
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
