"""The clock: the one place that reads the time of day."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

Clock = Callable[[], datetime]
"""Tells the time as an aware UTC ``datetime``. The real one is ``system_clock``; tests pass their own."""


def system_clock() -> datetime:
    """Return the machine's time, aware, in UTC."""
    return datetime.now(UTC)


def unix(moment: datetime) -> int:
    """Return ``moment`` as whole Unix seconds, as a chain counts them."""
    return int(moment.timestamp())


def from_unix(seconds: int) -> datetime:
    """Return the aware UTC moment of ``seconds`` since the Unix epoch."""
    return datetime.fromtimestamp(seconds, UTC)


def growing(first: timedelta, failures: int, latest: timedelta) -> timedelta:
    """Return how long to wait after a failure: ``first``, doubled by each before it in a row, up to ``latest``."""
    wait = first
    for _ in range(failures):
        if wait >= latest:
            break
        wait *= 2
    return min(wait, latest)


def zone_of(name: str | None) -> tzinfo:
    """Return the time zone of an IANA name; UTC where there is none of that name, or none any more."""
    try:
        return ZoneInfo(name) if name else UTC
    except (KeyError, ValueError, OSError):
        return UTC
