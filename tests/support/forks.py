"""A made-up chain that branches: blocks with events as our contracts emit them, and what the contracts hold after each.

The holdings are kept as the contracts keep them (one number an address), by other code than the ledger's, so that the
two can be held against each other.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from contracts.events import (
    BlockRef,
    ChainEvent,
    Expired,
    ForfeitAnnounced,
    Forfeited,
    Opened,
    Position,
    Returned,
    Terms,
    Transferred,
)
from kit.identifiers import ZERO_ADDRESS, Address, Hash32
from ledger import syncing
from ledger.book import Book
from ledger.model import BURN, MINT, UNSOLICITED, Account, wallet
from ledger.model import stake as stake_account

CHAIN_ID = 31337
TOKEN = Address(b"\x70" * 20)
ESCROW = Address(b"\xe5" * 20)
SUPPLY = 10**24
START = 7
"""The first block that holds anything of ours; it mints the whole supply to the first of ``WALLETS``."""
WALLETS = tuple(Address(bytes([0xA0 + number]) * 20) for number in range(6))

Recipe = tuple[int, int, int, int]
"""What one transaction does, whom it concerns and how much, as small numbers that any state can make sense of."""


@dataclass(frozen=True)
class Holdings:
    """What the contracts hold: tokens by address, tokens ever made, and the terms of open stakes."""

    tokens: dict[Address, int] = field(default_factory=dict)
    minted: int = 0
    burned: int = 0
    open_stakes: dict[Hash32, Terms] = field(default_factory=dict)

    def balances(self) -> dict[Account, int]:
        """The same as the ledger must tell it."""
        inside = {identity: terms.amount + terms.fee for identity, terms in self.open_stakes.items()}
        found = {wallet(address): amount for address, amount in self.tokens.items() if address != ESCROW}
        found |= {stake_account(identity): amount for identity, amount in inside.items()}
        found |= {UNSOLICITED: self.tokens.get(ESCROW, 0) - sum(inside.values())}
        found |= {MINT: -self.minted, BURN: self.burned}
        return {account: amount for account, amount in found.items() if amount}


@dataclass(frozen=True)
class Block:
    """A block, its events that are ours, and what the contracts hold after it."""

    ref: BlockRef
    events: tuple[ChainEvent, ...]
    after: Holdings
    parent: Block | None


class Forks:
    """A node: knows every branch there ever was, and follows one of them."""

    def __init__(self) -> None:
        """Begin with the block that mints the supply."""
        self._made = 0
        self.head = self._make(None, [])
        self.tips = [self.head]
        self.final = self.head

    def grow(self, recipes: Sequence[Recipe], on: Block | None = None) -> Block:
        """Mine a block on the head (or on any other block, which makes it the head's branch)."""
        parent = on or self.head
        self.head = self._make(parent, recipes)
        self.tips = [*(tip for tip in self.tips if tip is not parent), self.head]
        return self.head

    def canonical(self) -> list[Block]:
        """The blocks of the node's branch, ascending."""
        found: list[Block] = []
        block: Block | None = self.head
        while block is not None:
            found.append(block)
            block = block.parent
        return found[::-1]

    def at(self, number: int) -> Block:
        """The block of that number on the node's branch."""
        return self.canonical()[number - START]

    def may_leave(self, depth: int) -> Block:
        """The block ``depth`` below the head, but never below the final one: where another branch may begin."""
        return self.at(max(self.head.ref.number - depth, self.final.ref.number))

    def switch(self, choice: int) -> None:
        """Follow another branch that keeps the final block, whatever its length, if there is one."""
        others = [tip for tip in self.tips if tip is not self.head and self._keeps(tip, self.final)]
        if others:
            self.head = others[choice % len(others)]

    def finalize(self, behind: int) -> Block:
        """Let all but the last ``behind`` blocks of the branch be final."""
        number = max(self.head.ref.number - behind, self.final.ref.number)
        self.final = self.at(number)
        return self.final

    def _keeps(self, tip: Block, kept: Block) -> bool:
        block: Block | None = tip
        while block is not None and block is not kept:
            block = block.parent
        return block is kept

    def _make(self, parent: Block | None, recipes: Sequence[Recipe]) -> Block:
        self._made += 1
        digest = Hash32(hashlib.sha256(f"block {self._made}".encode()).digest())
        number = START if parent is None else parent.ref.number + 1
        parent_hash = Hash32(b"\x99" * 32) if parent is None else parent.ref.hash
        ref = BlockRef(CHAIN_ID, number, digest, parent_hash, 1_800_000_000 + 12 * number)
        miner = _Miner(ref, parent.after if parent else Holdings())
        if parent is None:
            miner.transfer(ZERO_ADDRESS, WALLETS[0], SUPPLY)
        for recipe in recipes:
            miner.cook(recipe)
        return Block(ref, tuple(miner.events), miner.holdings, parent)


class _Miner:
    """Does transactions one after the other, and writes down what the contracts would log."""

    def __init__(self, ref: BlockRef, before: Holdings) -> None:
        self._ref = ref
        self.events: list[ChainEvent] = []
        self.holdings = replace(before, tokens=dict(before.tokens), open_stakes=dict(before.open_stakes))
        self._index = 3  # other people's logs stand between ours
        self._transactions = 0

    def _at(self) -> Position:
        self._index += 1
        seed = f"{self._ref.hash.hex()} {self._transactions}"
        return Position(self._ref, self._index, Hash32(hashlib.sha256(seed.encode()).digest()))

    def transfer(self, sender: Address, recipient: Address, amount: int) -> None:
        tokens = self.holdings.tokens
        self.events.append(Transferred(self._at(), TOKEN, sender, recipient, amount))
        if sender == ZERO_ADDRESS:
            self.holdings = replace(self.holdings, minted=self.holdings.minted + amount)
        else:
            tokens[sender] = tokens.get(sender, 0) - amount
            assert tokens[sender] >= 0
        if recipient == ZERO_ADDRESS:
            self.holdings = replace(self.holdings, burned=self.holdings.burned + amount)
        else:
            tokens[recipient] = tokens.get(recipient, 0) + amount

    def cook(self, recipe: Recipe) -> None:
        """Do what a recipe says, as far as the state allows it."""
        kind, who, whom, much = recipe
        self._transactions += 1
        self._index += much % 3
        sender = WALLETS[who % len(WALLETS)]
        has = self.holdings.tokens.get(sender, 0)
        target = (*WALLETS, ESCROW, ZERO_ADDRESS)[whom % (len(WALLETS) + 2)]
        if kind % 3 == 0 or not (self.holdings.open_stakes or has):
            self.transfer(sender, target, has * (much % 5) // 4)
        elif kind % 3 == 1 and has:
            self._open(sender, whom, max(1, has * (1 + much % 4) // 8))
        elif self.holdings.open_stakes:
            chosen = sorted(self.holdings.open_stakes)[who % len(self.holdings.open_stakes)]
            self._resolve(chosen, much)

    def _open(self, payer: Address, choice: int, due: int) -> None:
        relay_fee = due // 10 if choice % 3 == 0 else 0
        fee = (due - relay_fee) // 4 if choice % 2 else 0
        terms = Terms(
            payer=payer,
            return_to=WALLETS[choice % len(WALLETS)],
            amount=due - relay_fee - fee,
            fee=fee,
            fee_payee=WALLETS[(choice + 1) % len(WALLETS)],
            relay_fee=relay_fee,
            relay_receiver=WALLETS[(choice + 2) % len(WALLETS)],
            resolver=Address(b"\x11" * 20),
            guardian=Address(b"\x12" * 20),
            answer_by=self._ref.timestamp + 1000,
            quote_expiry=self._ref.timestamp + 100,
            commitment=Hash32(hashlib.sha256(f"{self._ref.hash.hex()} {self._index}".encode()).digest()),
        )
        self.transfer(payer, ESCROW, due)
        if relay_fee:
            self.transfer(ESCROW, terms.relay_receiver, relay_fee)
        self.events.append(Opened(self._at(), ESCROW, terms.commitment, terms))
        self.holdings.open_stakes[terms.commitment] = terms

    def _resolve(self, identity: Hash32, choice: int) -> None:
        if choice % 5 == 4:
            self.events.append(ForfeitAnnounced(self._at(), ESCROW, identity, self._ref.timestamp))
            return
        terms = self.holdings.open_stakes.pop(identity)
        match choice % 5:
            case 0:
                self.events.append(Expired(self._at(), ESCROW, identity))
                self.transfer(ESCROW, terms.return_to, terms.amount + terms.fee)
            case 1:
                self.events.append(Returned(self._at(), ESCROW, identity, answered=False))
                self.transfer(ESCROW, terms.return_to, terms.amount + terms.fee)
            case outcome:
                event = Returned(self._at(), ESCROW, identity, answered=True)
                self.events.append(event if outcome == 2 else Forfeited(event.at, ESCROW, identity))
                self.transfer(ESCROW, terms.return_to if outcome == 2 else ZERO_ADDRESS, terms.amount)
                if terms.fee:
                    self.transfer(ESCROW, terms.fee_payee, terms.fee)


def step(book: Book, node: Forks) -> bool:
    """Take one step towards the node, as the chain loop does; ``False`` where there is none to take."""
    window = book.window()
    match syncing.plan(window, node.head.ref, START):
        case syncing.Read(number):
            block = node.at(number)
            if syncing.joins(window, block.ref):
                return book.record(block.ref, block.events)
            return book.rewind(window[-1])
        case syncing.Rewind(block=ref):
            return book.rewind(ref)
        case syncing.Rest():
            return False
