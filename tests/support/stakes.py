"""Stakes made up: chains of blocks, and stakes that are opened and resolved on them, as the escrow would tell it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from typing import Final

from contracts import codec
from contracts.events import (
    BlockRef,
    Expired,
    ForfeitAnnounced,
    Forfeited,
    Opened,
    Position,
    Returned,
    StakeEvent,
    Terms,
)
from kit.identifiers import Address, Hash32
from payments.stakes.model import FORFEIT_DELAY, EscrowTerms, Quote, terms_of

CHAIN_ID: Final = 31337
ESCROW: Final = Address(bytes.fromhex("e5" * 20))
TOKEN: Final = Address(bytes.fromhex("70" * 20))
PAYER: Final = Address(bytes.fromhex("a1" * 20))
OTHER_PAYER: Final = Address(bytes.fromhex("a2" * 20))
PAYEE: Final = Address(bytes.fromhex("fe" * 20))
GENESIS: Final = 1_800_000_000

ESCROW_TERMS: Final = EscrowTerms(
    chain_id=CHAIN_ID,
    token=TOKEN,
    escrow=ESCROW,
    resolver=Address(bytes.fromhex("0a" * 20)),
    guardian=Address(bytes.fromhex("0b" * 20)),
    symbol="ERN",
    decimals=18,
)


def hash_of(*parts: object) -> Hash32:
    """A hash that stands for these parts."""
    return Hash32(hashlib.sha256(repr(parts).encode()).digest())


def block(number: int, branch: str = "main", *, time: int | None = None, parent: Hash32 | None = None) -> BlockRef:
    """A block of a branch; by default 12 s after the one before it."""
    above = hash_of(number - 1, branch) if parent is None else parent
    return BlockRef(CHAIN_ID, number, hash_of(number, branch), above, GENESIS + 12 * number if time is None else time)


def at(where: BlockRef, index: int = 0) -> Position:
    """A place in a block."""
    return Position(where, index, hash_of(where.hash, index))


def opened(terms: Terms, where: BlockRef, index: int = 0) -> Opened:
    """The log of an opening."""
    return Opened(at(where, index), ESCROW, codec.stake_id(terms, chain_id=CHAIN_ID, escrow=ESCROW), terms)


def returned(stake: Hash32, where: BlockRef, index: int = 0, *, answered: bool = True) -> Returned:
    """The log of a return."""
    return Returned(at(where, index), ESCROW, stake, answered)


def announced(stake: Hash32, where: BlockRef, index: int = 0) -> ForfeitAnnounced:
    """The log of a forfeit's announcement."""
    return ForfeitAnnounced(at(where, index), ESCROW, stake, where.timestamp + int(FORFEIT_DELAY.total_seconds()))


def forfeited(stake: Hash32, where: BlockRef, index: int = 0) -> Forfeited:
    """The log of a forfeit."""
    return Forfeited(at(where, index), ESCROW, stake)


def expired(stake: Hash32, where: BlockRef, index: int = 0) -> Expired:
    """The log of an expiry."""
    return Expired(at(where, index), ESCROW, stake)


def terms_on(quote: Quote, payer: Address = PAYER) -> Terms:
    """The terms under which somebody opens on a quote."""
    return terms_of(quote, payer=payer)


@dataclass
class Branch:
    """A chain that grows block by block and can be cut back; it remembers which logs stand in which block."""

    name: str = "main"
    blocks: list[tuple[BlockRef, list[StakeEvent]]] = field(default_factory=list)
    grown: int = 0

    def grow(self, *, time: int | None = None) -> BlockRef:
        """Add an empty block and return it."""
        self.grown += 1
        number = len(self.blocks) + 1
        parent = self.blocks[-1][0].hash if self.blocks else hash_of("genesis")
        before = self.blocks[-1][0].timestamp if self.blocks else GENESIS
        made = block(number, f"{self.name}-{self.grown}", parent=parent, time=before + 12 if time is None else time)
        self.blocks.append((made, []))
        return made

    def add(self, event: StakeEvent) -> StakeEvent:
        """Put a log into the last block, after those that stand there; return it in its place."""
        where, logs = self.blocks[-1]
        placed = replace(event, at=at(where, len(logs)))
        logs.append(placed)
        return placed

    def cut(self) -> BlockRef:
        """Take the last block off and return it."""
        return self.blocks.pop()[0]
