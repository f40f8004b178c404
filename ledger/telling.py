"""Telling (pure): events as values: what happened, as one person may know it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from contracts.events import BlockRef, Transferred
from kit.identifiers import ZERO_ADDRESS, Address, Hash32, PersonId, show_address, show_hash
from ledger.model import Level, erc20

REVERSED = ".reversed"
"""The end of the type of an event that takes another back."""


TYPES = frozenset(
    {
        "stake.opened",
        "stake.answered",
        "stake.forfeit_announced",
        "stake.returned",
        "stake.forfeited",
        "stake.expired",
        "grant.opened",
        "grant.closed",
        "knock.held",
        "transfer.sent",
        "transfer.received",
    }
)
"""Every type of an event, but those that take another back, and the one that tries a webhook."""


class Mode(StrEnum):
    """Which events a reader wants."""

    ALL = "all"
    """Everything, and what was told when it was seen a second time when it is final."""
    INSTANT = "instant"
    """What is seen, at once, and what is taken back."""
    FINALIZED = "finalized"
    """What nothing can take back any more, and nothing else."""


@dataclass(frozen=True, slots=True)
class Event:
    """One event of one person's; ``other`` is who else is concerned. ``data`` holds amounts as texts of base units."""

    person: PersonId
    number: int
    type: str
    at: datetime
    subject: str
    level: Level
    data: Mapping[str, Any]
    other: PersonId | None
    confirms: int | None
    takes_back: int | None


@dataclass(frozen=True, slots=True)
class Page:
    """Some events, ascending; ``next`` is the cursor for what follows, ``more`` tells whether something does."""

    events: tuple[Event, ...]
    next: int
    more: bool


@dataclass(frozen=True, slots=True)
class Fact:
    """What is to be told: ``block`` is the one it rests on, ``None`` where no block can take it back."""

    type: str
    subject: str
    data: Mapping[str, Any]
    block: tuple[int, Hash32] | None = None
    """The chain's id and the block's hash."""
    level: Level = Level.SEEN

    @property
    def surest(self) -> Level:
        """How sure it is when it is told."""
        return Level.FINALIZED if self.block is None else self.level


Telling = tuple[PersonId, Fact, PersonId | None]
"""Who is told what, and who else is concerned."""


def transfer(kind: str, event: Transferred, wallet: Address, other: Address) -> Fact:
    """Return what the owner of ``wallet`` is told of a transfer."""
    at = event.at
    data = {
        "wallet": show_address(wallet),
        "counterparty": None if other == ZERO_ADDRESS else show_address(other),
        "amount": str(event.amount),
        "asset": erc20(at.block.chain_id, event.token),
        "transaction": show_hash(at.transaction),
        "log_index": at.log_index,
        **block_data(at.block),
    }
    return Fact(kind, f"transaction:{show_hash(at.transaction)}", data, (at.block.chain_id, at.block.hash))


def block_data(block: BlockRef) -> dict[str, Any]:
    """Return what an event says of the block that it rests on."""
    return {"block_number": block.number, "block_hash": show_hash(block.hash), "block_time": block.timestamp}
