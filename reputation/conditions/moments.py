"""Moments and durations as texts (pure): RFC 3339 and the form of durations that CEL has from Go."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

_MOMENT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?(?:Z|[+-][0-9]{2}:[0-9]{2})"
)
_SPAN = re.compile(r"([+-]?)((?:[0-9]{1,12}(?:\.[0-9]{1,6})?(?:h|ms|us|m|s)){1,5})")
_PIECE = re.compile(r"([0-9]+)(?:\.([0-9]+))?(h|ms|us|m|s)")
_MICROSECONDS = {"h": 3_600_000_000, "m": 60_000_000, "s": 1_000_000, "ms": 1_000, "us": 1}
_LONGEST = timedelta(seconds=315_576_000_000)


def read_moment(text: str) -> datetime | None:
    """Read ``2026-12-31T18:00:00Z``, in UTC; ``None`` for what is none."""
    if not _MOMENT.fullmatch(text):
        return None
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def read_span(text: str) -> timedelta | None:
    """Read ``1h30m`` or ``36h``; ``None`` for what is none, or is finer than a microsecond."""
    if text in ("0", "+0", "-0"):
        return timedelta()
    whole = _SPAN.fullmatch(text)
    if not whole:
        return None
    total = 0
    for digits, fraction, unit in _PIECE.findall(whole[2]):
        size = _MICROSECONDS[unit]
        total += int(digits) * size
        if fraction:
            part, rest = divmod(int(fraction) * size, 10 ** len(fraction))
            if rest:
                return None
            total += part
    try:
        span = timedelta(microseconds=-total if whole[1] == "-" else total)
    except OverflowError:
        return None
    return span if abs(span) <= _LONGEST else None


def show_moment(moment: datetime) -> str:
    """Write a moment so that ``read_moment`` reads it."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def show_span(span: timedelta) -> str:
    """Write a duration so that ``read_span`` reads it."""
    microseconds = span // timedelta(microseconds=1)
    sign = "-" if microseconds < 0 else ""
    seconds, rest = divmod(abs(microseconds), 1_000_000)
    fraction = f".{rest:06d}".rstrip("0") if rest else ""
    return f"{sign}{seconds}{fraction}s"
