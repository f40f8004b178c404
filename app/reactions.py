"""The table of reactions: what each chain event means to us, on one screen; a test asserts that none is missing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import structlog
from prometheus_client import Counter
from sqlalchemy.exc import OperationalError

from app.container import Work
from contracts.events import (
    Bought,
    ChainEvent,
    Claimed,
    EarlierJoined,
    Expired,
    ForfeitAnnounced,
    Forfeited,
    Given,
    Opened,
    Refunded,
    Returned,
    RewardEvent,
    RootAccepted,
    RootCancelled,
    RootProposed,
    SaleEvent,
    StakeEvent,
    Transferred,
)
from kit.identifiers import show_hash

LOG = structlog.get_logger(__name__)

UNTAKEN = Counter("earnest_chain_events_untaken", "Events of sales and rewards that could not be acted on")
Reaction = Callable[[Work, Any], None]
"""Acts on one event in the transaction that books it; touches the database alone, effects go to the outbox."""


def only_told(work: Work, event: Transferred | Given) -> None:
    """Do nothing more: the book has it, and whom it concerns is told of all of its kind at once (``react``)."""


def stake_moved(work: Work, event: StakeEvent) -> None:
    """Carry what became of stakes on to the doors they open or close: one log may change several on one quote."""
    for change in work.stakes.apply(event):
        work.happenings.stake_moved(change, event)
        work.gate.stake_changed(change)


def sold(work: Work, event: SaleEvent) -> None:
    """Let whoever paid have what they bought, or whoever was paid back have it no more; or take in a tip."""
    work.sales.told(event)
    if isinstance(event, Bought):
        work.tips.told(event)


def paid_out(work: Work, event: RewardEvent) -> None:
    """Keep how roots stand, and who was paid by which."""
    work.distribution.told(event)


REACTIONS: Mapping[type[ChainEvent], Reaction] = {
    Transferred: only_told,
    Opened: stake_moved,
    Returned: stake_moved,
    ForfeitAnnounced: stake_moved,
    Forfeited: stake_moved,
    Expired: stake_moved,
    Given: only_told,
    RootProposed: paid_out,
    RootAccepted: paid_out,
    RootCancelled: paid_out,
    Claimed: paid_out,
    EarlierJoined: paid_out,
    Bought: sold,
    Refunded: sold,
}


def _act(work: Work, event: ChainEvent) -> None:
    """Act on one event. Of what a contract tells at anybody's word one that we cannot take stops none of the others.

    It is told in the log with what it takes to find it again; nothing of it stays half done.
    """
    if not isinstance(event, SaleEvent | RewardEvent):
        REACTIONS[type(event)](work, event)
        return
    try:
        with work.session.begin_nested():
            REACTIONS[type(event)](work, event)
    except OperationalError:  # the database, not the event
        raise
    except Exception:
        UNTAKEN.inc()
        LOG.exception(
            "event_not_taken",
            kind=type(event).__name__,
            block=event.at.block.number,
            transaction=show_hash(event.at.transaction),
        )


def react(work: Work, events: Iterable[ChainEvent]) -> None:
    """Act on the events of blocks that were just booked, in their order."""
    events, moved = list(events), []
    for event in events:
        if isinstance(event, Transferred):  # what nearly every event is; it is only told
            moved.append(event)
        else:
            _act(work, event)
    work.feed.transfers(moved)
    work.giving.heard(events)


def react_late(work: Work, told: Sequence[ChainEvent], around: Sequence[ChainEvent]) -> None:
    """Act on what a later contract told in blocks that were booked without it.

    ``around`` is all of those blocks, the transfers by which a gift came, too; what else it is of was acted on then.
    """
    for event in told:
        _act(work, event)
    if any(isinstance(event, Given) for event in told):
        work.giving.heard(around, late=True)
        work.giving.levels_moved(work.stakes.terms.chain_id)
