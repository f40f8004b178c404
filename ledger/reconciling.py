"""Reconciling (pure): the books held against what the chain itself says, line by line, each with its two sides."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from contracts.events import BlockRef
from kit.identifiers import Address
from ledger.model import BURN, MINT, UNSOLICITED, Account, Level, address_of, is_stake, wallet


class Line(StrEnum):
    """An invariant. Its two sides are amounts in base units, or numbers of things: see ``Check.counts``."""

    ENTRIES = "entries"
    KEPT = "kept"
    ZERO = "zero"
    SUPPLY = "supply"
    ESCROW = "escrow"
    STAKES = "stakes"
    WALLET = "wallet"


SAYS: Final[Mapping[Line, str]] = {
    Line.ENTRIES: "entries whose postings sum to zero = entries",
    Line.KEPT: "balances that are kept = sums of their postings",
    Line.ZERO: "sum of all accounts = nothing",
    Line.SUPPLY: "sum of all holdings = totalSupply",
    Line.ESCROW: "open stakes + unsolicited = balanceOf(escrow)",
    Line.STAKES: "accounts of stakes = terms of those that stand open",
    Line.WALLET: "balance of a wallet = balanceOf(wallet)",
}
"""What each line says, left side = right side."""


@dataclass(frozen=True, slots=True)
class Check:
    """One invariant (of one ``account``, where it is about one): what the books say, and what that is held against."""

    line: Line
    ledger: int
    other: int
    account: Account | None = None

    @property
    def holds(self) -> bool:
        """Whether both sides are equal."""
        return self.ledger == self.other

    @property
    def counts(self) -> bool:
        """Whether both sides count entries or accounts; else they are base units."""
        return self.account is None and self.line in (Line.ENTRIES, Line.KEPT)


@dataclass(frozen=True, slots=True)
class Standing:
    """The books of one token at one block, as far as they can be told without the chain.

    ``checks`` are the lines that need no chain; ``full`` tells whether every posting ever made was summed for them.
    """

    block: BlockRef
    level: Level
    token: Address
    escrow: Address
    balances: Mapping[Account, int]
    checks: tuple[Check, ...]
    full: bool

    @property
    def wallets(self) -> list[Address]:
        """The addresses that hold something, in their own order."""
        return sorted(address for account in self.balances if (address := address_of(account)) is not None)


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """The books at one block, checked; ``level`` is the block's.

    ``asked``: the wallets that the chain was asked for, out of ``wallets`` that hold something.
    """

    block: BlockRef
    level: Level
    checks: tuple[Check, ...]
    stakes: int
    unsolicited: int
    full: bool
    wallets: int
    asked: tuple[Address, ...]

    @property
    def holds(self) -> bool:
        """Whether every invariant holds."""
        return all(check.holds for check in self.checks)

    @property
    def differences(self) -> list[Check]:
        """The lines that do not hold."""
        return [check for check in self.checks if not check.holds]


@dataclass(frozen=True, slots=True)
class Kept:
    """The last reconciliation, as it is kept: all lines but those of wallets that agree.

    ``differs_since``: since when something has differed; ``asked_to``: the last wallet of the turn through all of them.
    """

    block: BlockRef
    level: Level
    checked_at: datetime
    full_at: datetime | None
    differs_since: datetime | None
    wallets: int
    asked: int
    asked_to: Address | None
    checks: tuple[Check, ...]

    @property
    def differences(self) -> list[Check]:
        """The lines that do not hold."""
        return [check for check in self.checks if not check.holds]

    @property
    def doubted(self) -> list[Address]:
        """The wallets whose balance is not what the chain says."""
        found = [address_of(one.account) for one in self.differences if one.line is Line.WALLET and one.account]
        return [address for address in found if address is not None]


def inner_checks(balances: Mapping[Account, int]) -> Iterator[Check]:
    """Hold balances against themselves."""
    yield Check(Line.ZERO, sum(balances.values()), 0)


def folded_checks(
    kept: Mapping[Account, int], folded: Mapping[Account, int], *, entries: int, in_balance: int
) -> Iterator[Check]:
    """Hold every entry against zero, and every balance that is kept against the sum of its postings."""
    yield Check(Line.ENTRIES, in_balance, entries)
    accounts = sorted(kept.keys() | folded.keys())
    wrong = [account for account in accounts if kept.get(account, 0) != folded.get(account, 0)]
    yield Check(Line.KEPT, len(accounts) - len(wrong), len(accounts))
    for account in wrong:
        yield Check(Line.KEPT, kept.get(account, 0), folded.get(account, 0), account)


def outer_checks(
    balances: Mapping[Account, int], *, total_supply: int, escrow: int, wallets: Mapping[Address, int]
) -> Iterator[Check]:
    """Hold balances (all of one asset, at one block) against the token's own words at the same block.

    ``total_supply``, ``escrow`` (its token balance) and ``wallets`` (token balances of those that were asked for) are
    base units as the chain tells them.
    """
    held = sum(amount for account, amount in balances.items() if account not in (MINT, BURN))
    yield Check(Line.SUPPLY, held, total_supply)
    yield Check(Line.ESCROW, stakes(balances) + strays(balances), escrow)
    for address, told in sorted(wallets.items()):
        account = wallet(address)
        yield Check(Line.WALLET, balances.get(account, 0), told, account)


def stake_checks(accounts: Mapping[Account, int], terms: Mapping[Account, int]) -> Iterator[Check]:
    """Hold the stakes' accounts against what the terms of those that stand open put there; one by one where unequal."""
    yield Check(Line.STAKES, stakes(accounts), sum(terms.values()))
    for account in sorted({account for account in accounts if is_stake(account)} | terms.keys()):
        if accounts.get(account, 0) != terms.get(account, 0):
            yield Check(Line.STAKES, accounts.get(account, 0), terms.get(account, 0), account)


def turn(
    wallets: Sequence[Address], *, after: Address | None, doubted: Collection[Address], most: int
) -> list[Address]:
    """Choose the wallets whose turn it is: those in doubt, and the next ones after ``after``, at most ``most`` of them.

    ``wallets`` are in order; beyond the last one it goes on with the first, so that every one has its turn.
    """
    if len(wallets) <= most:
        return sorted({*wallets, *doubted})
    start = next((place for place, address in enumerate(wallets) if after is None or address > after), 0)
    following = [*wallets[start:], *wallets[:start]][:most]
    return [*sorted(set(doubted) - set(following)), *following]


def stakes(balances: Mapping[Account, int]) -> int:
    """Sum what open stakes hold."""
    return sum(amount for account, amount in balances.items() if is_stake(account))


def strays(balances: Mapping[Account, int]) -> int:
    """Return what the escrow holds for nobody."""
    return balances.get(UNSOLICITED, 0)
