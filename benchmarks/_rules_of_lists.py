"""Names and patterns in the mix of shapes that large policy lists have, for the benchmarks of lists."""

from __future__ import annotations

import random
from collections.abc import Sequence

_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"
_NAMES = 0.72
"""How many entries are plain names."""
_OF_FEW = 50
"""Servers of which a list has many patterns each."""


def word(chance: random.Random, length: int) -> str:
    """Make a word."""
    return "".join(chance.choices(_LETTERS, k=length))


def servers(chance: random.Random, count: int = 20_000) -> list[str]:
    """Make some servers."""
    return [f"{word(chance, chance.randint(4, 12))}.{chance.choice(('org', 'com', 'net', 'io'))}" for _ in range(count)]


def name(chance: random.Random, of: Sequence[str]) -> str:
    """Make a person's name."""
    return f"@{word(chance, 8)}:{chance.choice(of)}"


def pattern(chance: random.Random, of: Sequence[str]) -> str:
    """Make a pattern for people."""
    shape = chance.choices(range(5), (50, 21, 15, 10, 4))[0]
    return (
        lambda: f"@*:{word(chance, 9)}.org",
        lambda: f"@*:*.{word(chance, 8)}.com",
        lambda: f"@{word(chance, 5)}*:{chance.choice(of[:_OF_FEW])}",
        lambda: f"@*{word(chance, 6)}*:*",
        lambda: f"@{word(chance, 3)}?{word(chance, 2)}*:{chance.choice(of)}",
    )[shape]()


def one(chance: random.Random, of: Sequence[str]) -> str:
    """Make an entry about people."""
    return name(chance, of) if chance.random() < _NAMES else pattern(chance, of)
