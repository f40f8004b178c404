"""The logs that we read (pure): of all contracts of a deployment, each with what its events are and what reads them."""

from __future__ import annotations

from contracts import checkout, codec, rewards
from contracts.chain import Deployment, RawLog
from contracts.events import BlockRef, ChainEvent
from kit.identifiers import Address, Hash32


def wanted(place: Deployment) -> dict[Address, frozenset[Hash32]]:
    """Return what is read: each contract with the first topics of its logs that ``decode`` knows."""
    found = codec.wanted(place.token, place.escrow, place.pledges)
    if place.checkout is not None:
        found[place.checkout] = checkout.TOPICS
    if place.distributor is not None:
        found[place.distributor] = rewards.TOPICS
    return found


def decode(raw: RawLog, block: BlockRef, place: Deployment) -> ChainEvent | None:
    """Read a log of ``block``; ``None`` for whatever is not read. Raises ``Invalid`` as ``codec.decode`` does."""
    event = codec.decode(raw, block, token=place.token, escrow=place.escrow, pledges=place.pledges)
    if event is not None:  # nearly always: the token's transfers
        return event
    if place.checkout is not None and raw.address == place.checkout:
        return checkout.decode_log(raw, block, checkout=place.checkout)
    if place.distributor is not None and raw.address == place.distributor:
        return rewards.decode_log(raw, block, distributor=place.distributor)
    return None
