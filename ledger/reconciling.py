"""Reconciling (pure): the books held against what the chain itself says, line by line, each with its two sides."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from contracts.events import BlockRef
from kit.identifiers import Address
from ledger.model import BURN, MINT, UNSOLICITED, Account, Level, address_of, is_stake


@dataclass(frozen=True, slots=True)
class Check:
    """One invariant: what the books say and what they are held against, in base units."""

    name: str
    ledger: int
    chain: int

    @property
    def holds(self) -> bool:
        """Whether both sides are equal."""
        return self.ledger == self.chain


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """The books at one block, checked; ``level`` is the block's."""

    block: BlockRef
    level: Level
    checks: tuple[Check, ...]
    stakes: int
    unsolicited: int

    @property
    def holds(self) -> bool:
        """Whether every invariant holds."""
        return all(check.holds for check in self.checks)


def checks(
    balances: Mapping[Account, int], *, total_supply: int, escrow: int, wallets: Mapping[Address, int]
) -> Iterator[Check]:
    """Hold balances (all of one asset, at one block) against the token's own words at the same block.

    ``total_supply``, ``escrow`` (its token balance) and ``wallets`` (token balances of those that were asked for) are
    base units as the chain tells them.
    """
    yield Check("every entry sums to zero", sum(balances.values()), 0)
    held = sum(amount for account, amount in balances.items() if account not in (MINT, BURN))
    yield Check("all balances are the total supply", held, total_supply)
    yield Check("open stakes and unsolicited are the escrow's balance", stakes(balances) + strays(balances), escrow)
    for account, amount in sorted(balances.items()):
        address = address_of(account)
        if address is not None and address in wallets:
            yield Check(f"balance of 0x{address.hex()}", amount, wallets[address])


def stakes(balances: Mapping[Account, int]) -> int:
    """Sum what open stakes hold."""
    return sum(amount for account, amount in balances.items() if is_stake(account))


def strays(balances: Mapping[Account, int]) -> int:
    """Return what the escrow holds for nobody."""
    return balances.get(UNSOLICITED, 0)
