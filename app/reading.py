"""Reading the chain: what our contracts wrote, as events; a node that tells of what cannot be is not believed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress

import structlog
from prometheus_client import Counter

from app.container import Container
from contracts import logs as chain_logs
from contracts.chain import BlockLogs, Deployment
from contracts.events import BlockRef, ChainEvent, ForfeitAnnounced, Opened, StakeEvent, Transferred
from kit.errors import ChainUnavailable, Invalid
from kit.identifiers import Address, Hash32

LOG = structlog.get_logger(__name__)

UNPROVED = Counter(
    "earnest_chain_blocks_unproved", "Blocks with too many logs to prove that those of ours which came are all"
)
_LAST_TIME = 2**63 - 1
"""What a database counts to; our escrow takes none that is more than 60 days away."""


def wanted(place: Deployment) -> Mapping[Address, Collection[Hash32]]:
    """Return what is read where our contracts stand: each with the first topics of its logs that matter."""
    return chain_logs.wanted(place)


def events_of(container: Container, block: BlockLogs) -> Sequence[ChainEvent]:
    """Return what a block's logs mean. Raises ``ChainUnavailable`` for logs that cannot be."""
    if block.events is None:
        block.events = _events(container.deployment, block)
    return block.events


def _events(place: Deployment, block: BlockLogs) -> list[ChainEvent]:
    try:
        events = chain_logs.decode_all(block.logs, block.ref, place)
    except Invalid as error:  # our contracts cannot have written it, so it is the node that is wrong
        raise ChainUnavailable(f"The node tells of a log that cannot be: {error}") from error
    stakes = [event for event in events if not isinstance(event, Transferred) and isinstance(event, StakeEvent)]
    if any(time > _LAST_TIME for event in stakes for time in _times(event)):
        raise ChainUnavailable("The node tells of a log that cannot be: its time is beyond all times.")
    return events


def _times(event: StakeEvent) -> tuple[int, ...]:
    if isinstance(event, Opened):
        return event.terms.answer_by, event.terms.quote_expiry
    return (event.executable_at,) if isinstance(event, ForfeitAnnounced) else ()


def block(container: Container, number: int) -> BlockLogs | None:
    """Return a block with our contracts' logs; ``None`` where the node has none of this number."""
    found = container.chain.read(number, wanted(container.deployment))
    if found is not None:
        _tell_of_doubts([found])
    return found


def stretch(
    container: Container, first: int, last: int, of: Mapping[Address, Collection[Hash32]] | None = None
) -> list[BlockLogs]:
    """Return final blocks with our contracts' logs (or those of some of them), all in one question."""
    found = container.chain.stretch(first, last, wanted(container.deployment) if of is None else of)
    _tell_of_doubts(found)
    return found


def expect(container: Container, first: int, last: int, make: Callable[[Sequence[BlockLogs]], None]) -> None:
    """Have the node begin to tell of final blocks that are the next stretch, and ``make`` of them what can be, ahead.

    So where the database is a server, which is waited for meanwhile; where it works in this very process, that would
    only take time from a transaction that nobody else can write in.
    """

    def read(found: Sequence[BlockLogs]) -> None:
        with suppress(ChainUnavailable, Invalid):  # whoever wants it reads it again, and hears what is wrong
            make(found)

    container.chain.expect(first, last, wanted(container.deployment), read=None if container.database.alone else read)


def _tell_of_doubts(blocks: Sequence[BlockLogs]) -> None:
    for found in blocks:
        if found.doubtful:
            UNPROVED.inc()
            LOG.warning(
                "block_unproved", number=found.ref.number, mend="`earnest ledger verify` shows what is lacking."
            )


def final_events(container: Container, first: int, last: int) -> list[tuple[BlockRef, list[ChainEvent]]]:
    """Return final blocks with what happened in them: as a stretch where the node gives one, else block by block."""
    try:
        found = stretch(container, first, last)
    except ChainUnavailable:
        found = [_final(container, number) for number in range(first, last + 1)]
    return [(block.ref, list(events_of(container, block))) for block in found]


def _final(container: Container, number: int) -> BlockLogs:
    found = block(container, number)
    if found is None:
        raise ChainUnavailable(f"The node has no block {number}, which it once called final.")
    return found
