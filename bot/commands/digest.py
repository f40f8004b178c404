"""``digest``: at which hour a person is told who knocked, if at all."""

from __future__ import annotations

from app.container import Work
from app.wording import digests
from app.wording.buttons import Letter
from app.wording.catalogue import marked
from bot.commands.command import Asked, Command, Unclear
from reputation.schedule import Every, Schedule

_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_SHORTEST_DAY, _LONGEST_HOUR = 3, 2


def run(work: Work, asked: Asked) -> Letter:
    """Show the schedule, change it, or show what would be told now."""
    words = [word.lower() for word in asked.words]
    if words == ["now"]:
        found = work.digests.content(asked.person)
        if found.empty:
            return Letter(digests.nothing_yet(asked.reader, found))
        return Letter(digests.digest(asked.reader, found, work.people.mxids(digests.people_in(found))))
    times = work.digests.set(asked.person, _read(words)) if words else work.digests.show(asked.person)
    return Letter(digests.times(asked.reader, times, stopped=not work.people.wants_notices(asked.person)))


def _read(words: list[str]) -> Schedule:
    """Read ``off``, ``daily 18`` or ``weekly monday 9``."""
    match words:
        case ["off"]:
            return Schedule(Every.OFF)
        case ["daily", hour]:
            return Schedule(Every.DAILY, hour=_hour(hour))
        case ["weekly", day, hour]:
            return Schedule(Every.WEEKLY, weekday=_day(day), hour=_hour(hour))
    raise Unclear


def _day(word: str) -> int:
    found = [number for number, day in enumerate(_DAYS) if day.startswith(word) and len(word) >= _SHORTEST_DAY]
    if len(found) != 1:
        raise Unclear
    return found[0]


def _hour(word: str) -> int:
    digits = word.removesuffix(":00")
    if not (digits.isascii() and digits.isdecimal() and len(digits) <= _LONGEST_HOUR):
        raise Unclear
    return int(digits)


COMMAND = Command(
    "digest",
    ("digest", "digest weekly monday 9", "digest daily 18", "digest off", "digest now"),
    marked("tells you at your own hour who knocked in vain and who waits; where nothing happened I write nothing"),
    run,
)
