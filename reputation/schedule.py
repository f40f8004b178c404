"""Schedules: when somebody's next digest is due, by the clock on their own wall. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo
from enum import StrEnum

from kit.errors import Invalid

APART = timedelta(hours=20)
"""What lies between two digests at least, whatever is changed: a day, but for what a change of clocks takes from it."""
_HOURS, _DAYS = 24, 7
_AHEAD = 3 * _DAYS


class Every(StrEnum):
    """How often a digest comes."""

    DAILY = "daily"
    WEEKLY = "weekly"
    OFF = "off"


@dataclass(frozen=True, slots=True)
class Schedule:
    """When a digest comes: at a full hour, and where it is weekly on a day of the week (0 is Monday)."""

    every: Every = Every.WEEKLY
    weekday: int = 0
    hour: int = 9

    def __post_init__(self) -> None:
        """Raise ``Invalid`` for a day or an hour that is none."""
        if not (0 <= self.weekday < _DAYS and 0 <= self.hour < _HOURS):
            raise Invalid("digest_time", "A digest comes on a day of the week, at a full hour from 0 to 23.")


USUAL = Schedule()
"""What holds for whoever said nothing else."""


def next_due(schedule: Schedule, zone: tzinfo, *, now: datetime, told: datetime | None) -> datetime | None:
    """Return the next moment after ``now`` that is on the schedule in this zone; ``None`` where none ever is.

    An hour that the clocks leave out comes when it would have by the clocks of before; of one that they show twice, the
    first counts.
    Never twice on one day, nor within 20 hours, of ``told``, when the last one was sent: however the zone or the
    schedule was changed since.
    """
    if schedule.every is Every.OFF:
        return None
    today = now.astimezone(zone).date()
    for ahead in range(-1, _AHEAD):  # from yesterday: a day that the clocks leave out whole is over when it comes
        day = today + timedelta(days=ahead)
        if schedule.every is Every.WEEKLY and day.weekday() != schedule.weekday:
            continue
        due = datetime.combine(day, time(schedule.hour), tzinfo=zone).astimezone(UTC)
        if due > now and not (told is not None and _too_soon(due, told, zone)):
            return due
    message = "some day of three weeks is on every schedule"
    raise AssertionError(message)


def _too_soon(due: datetime, told: datetime, zone: tzinfo) -> bool:
    return due - told < APART or due.astimezone(zone).date() <= told.astimezone(zone).date()
