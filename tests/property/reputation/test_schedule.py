"""When a digest is due: at the hour on one's own wall, whatever the clocks do, and never twice in a day."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kit.errors import Invalid
from reputation.schedule import APART, Every, Schedule, next_due

ZONES = sorted(
    name for name in available_timezones() if not name.startswith(("posix", "right")) and name != "localtime"
)
VIENNA, APIA, HAVANA = (ZoneInfo(name) for name in ("Europe/Vienna", "Pacific/Apia", "America/Havana"))
QUARTER = timedelta(minutes=15)

zones = st.sampled_from(ZONES).map(ZoneInfo) | st.sampled_from([VIENNA, APIA, HAVANA, ZoneInfo("Antarctica/Troll")])
moments = st.datetimes(datetime(1995, 1, 1), datetime(2037, 12, 1), timezones=st.just(UTC)).map(  # noqa: DTZ001
    lambda moment: moment.replace(second=0, microsecond=0)
)
schedules = st.builds(Schedule, st.sampled_from([Every.DAILY, Every.WEEKLY]), st.integers(0, 6), st.integers(0, 23))


def shows(schedule: Schedule, zone: ZoneInfo, moment: datetime) -> bool:
    """Whether the clocks of a zone show the scheduled time, for the first time on that day."""
    local = moment.astimezone(zone)
    day = schedule.every is Every.DAILY or local.weekday() == schedule.weekday
    return day and local.fold == 0 and (local.hour, local.minute) == (schedule.hour, 0)


def left_out(schedule: Schedule, zone: ZoneInfo, due: datetime) -> bool:
    """Whether the scheduled time of that day, or of the one before, does not exist."""
    for back in (0, 1):
        wall = datetime.combine(due.astimezone(zone).date() - timedelta(days=back), time(schedule.hour), tzinfo=zone)
        if wall.astimezone(UTC) == due and wall.astimezone(UTC).astimezone(zone).replace(fold=0) != wall:
            return True
    return False


@given(schedules, zones, moments)
@example(Schedule(Every.DAILY, hour=2), VIENNA, datetime(2026, 3, 28, 12, tzinfo=UTC))
@example(Schedule(Every.DAILY, hour=2), VIENNA, datetime(2026, 10, 25, 0, 30, tzinfo=UTC))
@example(Schedule(Every.DAILY, hour=0), HAVANA, datetime(2026, 11, 1, 3, tzinfo=UTC))
@example(Schedule(Every.WEEKLY, 4, 9), APIA, datetime(2011, 12, 29, 12, tzinfo=UTC))
def test_it_is_due_when_the_clock_on_the_wall_first_shows_it(schedule: Schedule, zone: ZoneInfo, now: datetime) -> None:
    due = next_due(schedule, zone, now=now, told=None)
    assert due is not None
    assert now < due <= now + timedelta(days=2 if schedule.every is Every.DAILY else 8)
    assert shows(schedule, zone, due) or left_out(schedule, zone, due)
    moment = now - timedelta(minutes=now.minute % 15) + QUARTER
    while moment < due:
        assert not shows(schedule, zone, moment), f"it was due at {moment}"
        moment += QUARTER


@pytest.mark.parametrize(
    ("now", "due"),
    [
        (datetime(2026, 3, 28, 12, tzinfo=UTC), datetime(2026, 3, 29, 1, tzinfo=UTC)),  # 02:00 is left out: 03:00
        (datetime(2026, 10, 24, 12, tzinfo=UTC), datetime(2026, 10, 25, 0, tzinfo=UTC)),  # the first of two
        (datetime(2026, 10, 25, 0, 30, tzinfo=UTC), datetime(2026, 10, 26, 1, tzinfo=UTC)),  # the second is none
    ],
)
def test_the_nights_on_which_clocks_change(now: datetime, due: datetime) -> None:
    assert next_due(Schedule(Every.DAILY, hour=2), VIENNA, now=now, told=None) == due


changes = st.tuples(st.timedeltas(timedelta(minutes=1), timedelta(days=3)), schedules, zones)


@given(moments, schedules, zones, st.lists(changes, min_size=1, max_size=12))
def test_nobody_is_told_twice_in_a_day_whatever_they_change(
    now: datetime, schedule: Schedule, zone: ZoneInfo, steps: list[tuple[timedelta, Schedule, ZoneInfo]]
) -> None:
    told: list[datetime] = []
    due = next_due(schedule, zone, now=now, told=None)
    for passed, changed, moved in steps:
        until = now + passed
        while due is not None and due <= until:
            now = max(now, due)
            if told:
                assert now - told[-1] >= APART
                assert now.astimezone(zone).date() != told[-1].astimezone(zone).date()
            told.append(now)
            due = next_due(schedule, zone, now=now, told=now)
        now, schedule, zone = until, changed, moved
        due = next_due(schedule, zone, now=now, told=told[-1] if told else None)


@given(schedules, zones, moments)
def test_whoever_changes_nothing_is_told_each_time(schedule: Schedule, zone: ZoneInfo, now: datetime) -> None:
    for _ in range(3):
        due = next_due(schedule, zone, now=now, told=now)
        assert due is not None
        assert due - now <= timedelta(days=3 if schedule.every is Every.DAILY else 15)
        alone = next_due(schedule, zone, now=due, told=None)
        after = next_due(schedule, zone, now=due, told=due)
        assert after == alone, "what was told keeps nothing back that is on the schedule"
        now = due


def test_off_is_never_due_and_no_time_is_refused() -> None:
    assert next_due(Schedule(Every.OFF), VIENNA, now=datetime(2026, 1, 1, tzinfo=UTC), told=None) is None
    for weekday, hour in ((7, 9), (-1, 9), (0, 24), (0, -1)):
        with pytest.raises(Invalid):
            Schedule(Every.WEEKLY, weekday, hour)
