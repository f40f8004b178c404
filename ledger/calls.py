"""Calls that we owe the chain, as values: where each stands, how far we go for it, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from contracts.chain import Fees
from contracts.signer import Signer
from kit.identifiers import Address, Hash32

_FIRST_PAUSE = timedelta(seconds=2)
_LONGEST_PAUSE = timedelta(minutes=10)
_MOST_DOUBLINGS = 10


class OutgoingState(StrEnum):
    """Where a call stands."""

    WAITING = "waiting"
    """Nothing is signed: its block is not final, it is not due, or the node says that it would revert now."""
    SENT = "sent"
    """Signed, with a nonce that is its own; broadcast, and again until it is mined."""
    MINED = "mined"
    """In a block that may still leave the chain; then it is sent again, with the same nonce."""
    DONE = "done"
    """Succeeded in a final block."""
    WITHDRAWN = "withdrawn"
    """Not wanted any more before it was ever signed, or its block left the chain."""
    GIVEN_UP = "given_up"
    """Reverted too often, or not worth a try any more: as its ``Bounds`` say."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How far we go for a call.

    It is given up at its ``most_reverts``-th mined revert and, unless ``patient``, as soon as the node says that it
    would revert. Nothing is signed for it after ``not_after``, or for more than ``most_wei`` (gas times fee).
    """

    most_reverts: int = 5
    patient: bool = True
    not_after: datetime | None = None
    most_wei: int | None = None


WITHOUT_END = Bounds()
"""For what must be done in the end, whatever it takes."""


@dataclass(frozen=True, slots=True)
class Call:
    """A call that we owe, as it is stored.

    ``signer``: the one key that can do it, whichever is its role's key by then; ``None``: whichever that is.
    ``spent_wei``: what its mined transactions cost, as far as they are final; the last of those, if it was ours, is in
    block ``final_block``, of ``final_time`` (Unix; only where it reverted).
    """

    id: int
    key: str
    role: str
    to: Address
    data: bytes
    after_block: Hash32 | None
    state: OutgoingState
    tries: int
    reverts: int
    last_error: str | None
    sender: Address | None
    nonce: int | None
    signer: Address | None = None
    bounds: Bounds = WITHOUT_END
    spent_wei: int = 0
    final_block: int | None = None
    final_time: int | None = None


@dataclass(frozen=True, slots=True)
class Pen:
    """A key and its role; the ``current`` one of a role signs whatever names no key of its own."""

    role: str
    signer: Signer
    current: bool = True


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a final transaction came to: its cost in wei, its block's number, and (of a revert) the block's time."""

    cost: int
    block: int
    time: int | None = None


@dataclass(frozen=True, slots=True)
class Attempt:
    """One transaction signed for a call; fees in wei per gas."""

    hash: Hash32
    raw: bytes
    gas: int
    max_fee: int
    priority_fee: int
    made_at: datetime
    broadcast_at: datetime | None


def too_dear(call: Call, gas: int, fees: Fees) -> bool:
    """Tell whether so much gas at this fee is more than may be spent on a call."""
    return call.bounds.most_wei is not None and gas * fees.max_fee > call.bounds.most_wei


def pause(call: Call) -> timedelta:
    """Return how long a call waits that failed once more: longer each time."""
    doubled: timedelta = _FIRST_PAUSE * 2 ** min(call.tries, _MOST_DOUBLINGS)
    return min(doubled, _LONGEST_PAUSE)
