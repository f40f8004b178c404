"""Double entry as values: accounts, assets, postings, and entries that sum to zero."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from types import MappingProxyType
from typing import Final, NamedTuple, NewType, cast

from contracts.events import Position
from kit.errors import Conflict
from kit.identifiers import Address, Hash32, show_hash

Account = NewType("Account", str)
"""Whose the money is; made by ``wallet`` and ``stake``, or one of the constants below."""
Asset = NewType("Asset", str)
"""What the money is: ``erc20:<chain id>:0x…`` or ``ether:<chain id>``."""

UNSOLICITED: Final = Account("unsolicited")
"""What the escrow holds that is in no stake: sent there unasked, or on its way between two logs of one transaction."""
MINT: Final = Account("mint")
"""Where tokens come from; its balance is what was ever made, negative."""
BURN: Final = Account("burn")
"""Where burned tokens went."""

_REMEMBERED: Final = 2**14
_A_PAIR: Final = 2
_DIGITS: Final = 40
"""Those of an address."""

_WALLET: Final = "wallet:"
_STAKE: Final = "stake:"
_GIVER: Final = "giver:"
_CAUSE: Final = "cause:"


class Level(StrEnum):
    """How surely a block stays in the chain."""

    SEEN = "seen"
    SAFE = "safe"
    FINALIZED = "finalized"
    ORPHANED = "orphaned"
    """It left the chain; it may come back."""

    def reaches(self, wanted: Level) -> bool:
        """Tell whether this level is at least as sure as ``wanted``; what left the chain is sure of nothing."""
        return _SURER.index(self) >= _SURER.index(wanted)


_SURER: Final = (Level.ORPHANED, Level.SEEN, Level.SAFE, Level.FINALIZED)
"""Every level, each one surer than those before it."""


class Kind(StrEnum):
    """Why an entry was made."""

    TRANSFER = "transfer"
    MINT = "mint"
    BURN = "burn"
    STAKE_OPENED = "stake_opened"
    STAKE_RETURNED = "stake_returned"
    STAKE_FORFEITED = "stake_forfeited"
    STAKE_EXPIRED = "stake_expired"
    GIFT = "gift"


def wallet(address: Address) -> Account:
    """Return the account of what an address holds."""
    return Account(f"{_WALLET}0x{address.hex()}")


def wallets(addresses: Collection[Address]) -> dict[Address, Account]:
    """Return the account of each address, all at once."""
    digits = b"".join(addresses).hex()
    names = [f"{_WALLET}0x{digits[start : start + _DIGITS]}" for start in range(0, len(digits), _DIGITS)]
    return dict(zip(addresses, cast("list[Account]", names), strict=True))


def stake(stake_id: Hash32) -> Account:
    """Return the account of what a stake holds, fee included."""
    return Account(f"{_STAKE}{show_hash(stake_id)}")


def is_stake(account: Account) -> bool:
    """Tell whether the account is a stake's."""
    return account.startswith(_STAKE)


def address_of(account: Account) -> Address | None:
    """Return the address of a wallet's account; ``None`` for any other."""
    return Address(bytes.fromhex(account[len(_WALLET) + 2 :])) if account.startswith(_WALLET) else None


def stake_of(account: Account) -> Hash32 | None:
    """Return the stake whose account this is; ``None`` for any other."""
    return Hash32(bytes.fromhex(account[len(_STAKE) + 2 :])) if account.startswith(_STAKE) else None


def giver(address: Address) -> Account:
    """Return the account of what an address has given of what we do not follow: below zero, by all of it."""
    return Account(f"{_GIVER}0x{address.hex()}")


def cause(address: Address) -> Account:
    """Return the account of what a cause was ever given of what we do not follow, whatever it still has of it."""
    return Account(f"{_CAUSE}0x{address.hex()}")


def ether(chain_id: int) -> Asset:
    """Return the asset that a chain's own coin is, in wei."""
    return Asset(f"ether:{chain_id}")


def given_asset(chain_id: int, asset: Address) -> Asset:
    """Return the asset of a gift, whose zero address stands for ether."""
    return erc20(chain_id, asset) if any(asset) else ether(chain_id)


@lru_cache(_REMEMBERED)
def erc20(chain_id: int, token: Address) -> Asset:
    """Return the asset that a token on a chain is."""
    return Asset(f"erc20:{chain_id}:0x{token.hex()}")


class Posting(NamedTuple):
    """One line: what an account gains (or loses, where negative), in base units."""

    account: Account
    asset: Asset
    amount: int


@dataclass(frozen=True, slots=True)
class Entry:
    """What one log did. Its postings sum to zero in every asset, else making it raises ``Conflict``."""

    at: Position
    kind: Kind
    postings: tuple[Posting, ...]

    def __post_init__(self) -> None:
        """Refuse to be out of balance."""
        if len(self.postings) == _A_PAIR:  # what nearly every entry is, seen at a glance
            one, other = self.postings
            if one.asset == other.asset and one.amount == -other.amount:
                return
        for asset, total in totals(self.postings).items():
            if total:
                raise Conflict("entry_unbalanced", f"The entry's postings in {asset} sum to {total}, not to zero.")


def totals(postings: tuple[Posting, ...]) -> Mapping[Asset, int]:
    """Sum postings per asset."""
    sums: defaultdict[Asset, int] = defaultdict(int)
    for posting in postings:
        sums[posting.asset] += posting.amount
    return MappingProxyType(sums)


def move(asset: Asset, amount: int, source: Account, target: Account) -> tuple[Posting, Posting]:
    """Return the two postings that carry ``amount`` from one account to another."""
    return Posting(source, asset, -amount), Posting(target, asset, amount)


@dataclass(slots=True)
class Moves:
    """Entries that carry an amount from one account to another, all in one asset, column by column.

    In each list the same place is of the same entry. Each is in balance, for what one account gives the other takes.
    """

    at: list[Position] = field(default_factory=list)
    kinds: list[Kind] = field(default_factory=list)
    sources: list[Account] = field(default_factory=list)
    targets: list[Account] = field(default_factory=list)
    amounts: list[int] = field(default_factory=list)

    def add(self, more: Moves) -> None:
        """Append other entries to these."""
        self.at += more.at
        self.kinds += more.kinds
        self.sources += more.sources
        self.targets += more.targets
        self.amounts += more.amounts

    def append(self, entry: Entry) -> None:
        """Append an entry that ``move`` made."""
        (source, _, _), (target, _, amount) = entry.postings
        self.add(Moves([entry.at], [entry.kind], [source], [target], [amount]))
