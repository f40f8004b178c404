"""Counting: a number with what is counted, in the singular where it is one."""

from __future__ import annotations


def counted(number: int, one: str, many: str | None = None) -> str:
    """Write ``1 room`` and ``2,000 rooms``; ``many`` where it is not ``one`` with an s."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"
