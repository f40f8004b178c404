"""Amounts: whole numbers of base units; decimals exist only at the rim, in ``parse`` and ``show``."""

from __future__ import annotations

import re
from dataclasses import dataclass

from kit.errors import Invalid

UINT256_MAX = 2**256 - 1
"""The largest amount that an EVM word holds."""

_DECIMAL = re.compile(r"[0-9]{1,78}(?:\.[0-9]{1,78})?")


@dataclass(frozen=True, slots=True, order=True)
class Amount:
    """A non-negative whole number of base units (at 18 decimals 10**18 of them are one ERN), at most 2**256 - 1."""

    base_units: int

    def __post_init__(self) -> None:
        """Hold only what an EVM word can hold."""
        if isinstance(self.base_units, bool) or not isinstance(self.base_units, int):
            raise Invalid("amount_not_whole", "An amount is a whole number of base units.")
        if not 0 <= self.base_units <= UINT256_MAX:
            raise Invalid("amount_out_of_range", "An amount lies between 0 and 2**256 - 1 base units.")

    def __add__(self, other: Amount) -> Amount:
        """Add; a sum beyond 2**256 - 1 raises ``Invalid``."""
        return Amount(self.base_units + other.base_units)

    def __sub__(self, other: Amount) -> Amount:
        """Subtract; a result below zero raises ``Invalid``."""
        return Amount(self.base_units - other.base_units)

    def __bool__(self) -> bool:
        """Tell whether there is anything."""
        return self.base_units > 0


ZERO = Amount(0)


def parse(text: str, decimals: int) -> Amount:
    """Read a decimal number such as ``"5"`` or ``"0.25"`` into base units.

    Accepts ASCII digits with one optional point; no sign, exponent, grouping or rounding: a number finer than
    ``decimals`` places raises ``Invalid``, as does anything malformed or beyond 2**256 - 1.
    """
    stripped = text.strip()
    if not _DECIMAL.fullmatch(stripped):
        raise Invalid("amount_malformed", "Write an amount in plain digits, such as 5 or 0.25.")
    whole, _, fraction = stripped.partition(".")
    fraction = fraction.rstrip("0")
    if len(fraction) > decimals:
        raise Invalid("amount_too_fine", f"An amount has at most {decimals} decimal places.", decimals=decimals)
    return Amount(int(whole) * 10**decimals + int(fraction.ljust(decimals, "0") or "0"))


def show(amount: Amount, decimals: int) -> str:
    """Write base units as the shortest exact decimal number: ``"5"``, ``"0.25"``."""
    return show_signed(amount.base_units, decimals)


def show_signed(base_units: int, decimals: int) -> str:
    """Write base units that may be below zero, and beyond what a word holds, in the same way: ``"-0.25"``."""
    whole, fraction = divmod(abs(base_units), 10**decimals)
    digits = str(fraction).zfill(decimals).rstrip("0") if fraction else ""
    sign = "-" if base_units < 0 else ""
    return f"{sign}{whole}.{digits}" if digits else f"{sign}{whole}"
