"""Budgets: reads what keys may spend in a day, as settings write it."""

from __future__ import annotations

from typing import Final

from kit.amounts import parse
from kit.errors import Invalid

GWEI_DECIMALS: Final = 9
_MOST_GWEI: Final = 1_000 * 10**GWEI_DECIMALS


def gwei(ether: str, setting: str) -> int:
    """Read an amount of ether, in gwei. Raises ``Invalid``, which names the setting, for more than a thousand ether."""
    found = parse(ether, GWEI_DECIMALS).base_units
    if found > _MOST_GWEI:
        raise Invalid("budget_too_high", f"{setting} is at most a thousand ether a day.")
    return found
