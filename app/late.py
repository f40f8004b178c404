"""Late: gifts read again from blocks that were booked before we knew of the contract that tells of them."""

from __future__ import annotations

import structlog

from app import reading
from app.container import Container
from app.reactions import react_late
from ledger import syncing

LOG = structlog.get_logger(__name__)


def read(container: Container) -> bool:
    """Read some of the blocks that lack their gifts, the newest first; ``True`` where none is left.

    A contract that came later than the others may have stood for a while before our deployment named it. Final blocks
    alone are read, so that nothing of it is ever taken back. Raises ``ChainUnavailable``.
    """
    place = container.deployment
    if place.pledges is None or place.pledges_block is None:
        return True
    with container.work() as work:
        since = work.book.reads_pledges(place.pledges_block)
        final = work.book.finalized_number()
    if since <= place.pledges_block:
        return True
    if final is None or final < since - 1:
        return False
    first = max(place.pledges_block, since - syncing.LONGEST)
    found = reading.stretch(container, first, since - 1)
    blocks = [(block.ref, reading.events_of(container, block.ref, block.logs)) for block in found]
    with container.work() as work:
        work.book.add_gifts(first, blocks)
        react_late(work, [event for _, events in blocks for event in events])
    LOG.info("late_gifts_read", first=first, last=since - 1)
    return first <= place.pledges_block
