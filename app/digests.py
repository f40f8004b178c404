"""Digests by and by: every turn takes a bounded part of those who are due, in transactions that are short."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

from app.container import Work

Opens = Callable[[], AbstractContextManager[Work]]
_TOGETHER = 5
"""How many are told in one transaction: each takes some 10 ms, and nobody else writes to SQLite meanwhile."""
_MOST_TURNS = 400


def regular(read: Opens, work: Opens) -> int:
    """Tell those whose digest is due, 2,000 at most, and return how many were; it is done again soon."""
    told = 0
    for _ in range(_MOST_TURNS):
        with read() as look:
            if not look.digests.owed():
                break
        with work() as newcomers:
            newcomers.digests.enrol(limit=_TOGETHER)
        with work() as some:
            told += some.digests.tell(limit=_TOGETHER)
    return told
