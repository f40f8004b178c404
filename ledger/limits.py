"""Limits of our keys: how many transactions, and how much gas, each may send in 24 hours; and what that comes to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from kit.amounts import Amount, show

DAY = timedelta(hours=24)
LIMITED = "daily_limit: "
"""How the reason begins why a call waits that nothing but its key's limit holds up."""
UNSIGNED = "signer_unavailable: "
"""How it begins where nothing but whoever holds its key does."""

_WEI_DECIMALS = 18


@dataclass(frozen=True, slots=True)
class DayLimit:
    """What one key may send in 24 hours: so many transactions, and so much for gas, in wei."""

    transactions: int
    wei: int


@dataclass(frozen=True, slots=True)
class Sent:
    """One of the transactions signed with one nonce of a key, only one of which the chain takes.

    ``most_wei`` is its gas at the fee cap; ``cost_wei`` what the nonce cost once that was final.
    """

    nonce: int
    most_wei: int
    cost_wei: int | None


@dataclass(frozen=True, slots=True)
class Day:
    """What a key has sent in the last 24 hours, and what of before may still be mined: wei by nonce.

    A nonce counts once, however often its transaction was made dearer: with what it cost where that is final, else with
    the dearest of what was signed.
    """

    costs: Mapping[int, int]

    @property
    def transactions(self) -> int:
        """How many transactions those are."""
        return len(self.costs)

    @property
    def wei(self) -> int:
        """What they cost, or may cost, all together."""
        return sum(self.costs.values())

    def lacking(self, limit: DayLimit, nonce: int, wei: int) -> str | None:
        """Say why no transaction with this nonce that may cost ``wei`` is to be signed now; ``None``: it may be."""
        if nonce not in self.costs and self.transactions >= limit.transactions:
            return f"{LIMITED}{self.transactions} of {limit.transactions} transactions are sent"
        if self.wei - self.costs.get(nonce, 0) + wei > limit.wei:
            spent = f"{ether(self.wei)} of {ether(limit.wei)} ETH for gas are spent"
            return f"{LIMITED}{spent}, and this may take {ether(wei)}"
        return None


@dataclass(frozen=True, slots=True)
class Held:
    """Calls of one role that wait for their key alone, and why the first of them does."""

    why: str
    calls: int


def day_of(sent: Iterable[Sent]) -> Day:
    """Sum up what was signed, by nonce."""
    costs: dict[int, int] = {}
    final: dict[int, int] = {}
    for one in sent:
        costs[one.nonce] = max(costs.get(one.nonce, 0), one.most_wei)
        if one.cost_wei is not None:
            final[one.nonce] = one.cost_wei
    return Day(costs | final)


def ether(wei: int) -> str:
    """Write wei as ether."""
    return show(Amount(wei), _WEI_DECIMALS)


def _nobody(role: str, why: str) -> None:
    _ = role, why


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of our keys by role (a role without one has none), and who hears that a key does not sign, and why."""

    by_role: Mapping[str, DayLimit] = field(default_factory=dict)
    hear: Callable[[str, str], None] = _nobody


WITHOUT_LIMITS = Limits()
"""For tests and tools: whatever is owed is sent."""
