"""What the distributor tells, put together (pure): which root counts, which waits, and who was paid by which."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from contracts.events import EarlierJoined, RewardEvent, RootAccepted, RootCancelled, RootProposed
from kit.identifiers import Address, Hash32


class RootState(StrEnum):
    """How a root stands."""

    WAITING = "waiting"
    """It can be disputed still, or nobody has made it count yet."""
    COUNTS = "counts"
    EARLIER = "earlier"
    """It counts beside the newest, for what was left of the epochs before."""
    OVER = "over"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Root:
    """A root that was proposed for an epoch of the contract; ``budget`` in base units, ``counts_from`` Unix seconds."""

    epoch: int
    root: Hash32
    budget: int
    counts_from: int
    replaces: bool
    state: RootState
    block: Hash32
    """The block that holds the newest that is known of it."""


@dataclass(frozen=True, slots=True)
class Payment:
    """A claim that was paid: ``amount`` base units now, ``cumulative`` in all."""

    payee: Address
    root: Hash32
    amount: int
    cumulative: int
    transaction: Hash32
    block: Hash32
    at: int
    """Unix seconds of its block."""


def roots(events: Iterable[RewardEvent]) -> list[Root]:
    """Return all roots, oldest first, as events in the chain's order leave them."""
    known: list[Root] = []
    for event in events:
        block = event.at.block.hash
        if isinstance(event, RootProposed):
            made = Root(
                event.epoch, event.root, event.budget, event.counts_from, event.replaces, RootState.WAITING, block
            )
            known.append(made)
        elif isinstance(event, RootCancelled):
            known = [_ended(one, event.root, RootState.CANCELLED, block) for one in known]
        elif isinstance(event, RootAccepted):
            known = _accepted(known, event)
        elif isinstance(event, EarlierJoined):
            earlier = [one.state is RootState.EARLIER for one in known]
            over = [replace(one, state=RootState.OVER, block=block) for one in known]
            known = [new if was else one for one, new, was in zip(known, over, earlier, strict=True)]
    return known


def _accepted(known: list[Root], event: RootAccepted) -> list[Root]:
    replaces = any(one.root == event.root and one.state is RootState.WAITING and one.replaces for one in known)
    after = {RootState.COUNTS: RootState.OVER} if replaces else _PASSED
    passed = [replace(one, state=after.get(one.state, one.state)) for one in known]
    return [_ended(one, event.root, RootState.COUNTS, event.at.block.hash) for one in passed]


_PASSED = {RootState.COUNTS: RootState.EARLIER, RootState.EARLIER: RootState.OVER}


def _ended(one: Root, root: Hash32, state: RootState, block: Hash32) -> Root:
    waits = one.root == root and one.state is RootState.WAITING
    return replace(one, state=state, block=block) if waits else one
