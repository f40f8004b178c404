"""A room's last minutes (pure): who wrote how much and who came, in windows that slide; bounded, quick in any flood.

Each message costs the same few steps, however many there were: it goes to the end of two lines, one for each window,
and what has become too old goes from their beginnings. Of texts only a number is kept that is the same for the same.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterator
from enum import Enum, auto
from itertools import islice
from typing import Final, NamedTuple

from kit.identifiers import UserId

SHORT: Final = 10.0
"""Seconds of the short window of messages. What is exactly so old is not in it any more."""
MINUTE: Final = 60.0
TEN_MINUTES: Final = 600.0
MOST_PEOPLE: Final = 5_000
"""People of one room who are remembered; of the others, those who were quiet longest, nothing is known."""
MOST_MESSAGES: Final = 10_000
"""Messages of one room in a minute that are counted; beyond it the oldest go before their time."""
MOST_JOINS: Final = 5_000
"""The same of those who come in ten minutes."""


class Reach(Enum):
    """Which of somebody's messages a rule speaks of."""

    THIS = auto()
    """The one that it was asked about."""
    SAME = auto()
    """All of the last minute that say the same."""
    SHORT = auto()
    MINUTE = auto()


class Counts(NamedTuple):
    """What is known of the moment somebody wrote or came; the message or arrival itself counts."""

    first: bool | None
    """Whether it is their first here; unknown of those who were here before us, or were forgotten."""
    in_room: float | None
    """Seconds since they came; unknown likewise."""
    short: int
    minute: int
    same: int | None
    """Messages of the last minute that say the same; unknown where it says nothing."""
    joins_minute: int
    joins_ten_minutes: int


class _Person:
    """What is remembered of somebody; ``last`` is their newest message of the last minute."""

    __slots__ = ("came", "fresh", "last", "minute", "short", "texts")

    def __init__(self) -> None:
        self.came: float | None = None
        self.fresh: bool | None = None
        self.last: _Message | None = None
        self.minute = 0
        self.short = 0
        self.texts: dict[int, int] | None = None
        """How many of the last minute say what; there is none for one message alone."""


class _Message:
    """A message of the last minute, between those that the same person wrote before and after it."""

    __slots__ = ("after", "at", "before", "event", "person", "taken", "text")

    def __init__(self, at: float, person: _Person, text: int | None, event: str) -> None:
        self.at = at
        self.person = person
        self.text = text
        self.event = event
        self.taken = False
        self.before = person.last
        self.after: _Message | None = None


class Recently:
    """One room's last minutes; times are seconds that never go back, whatever clock they are of."""

    def __init__(self) -> None:
        """Remember nothing."""
        self._now = float("-inf")
        self._people: OrderedDict[UserId, _Person] = OrderedDict()
        self._short: deque[_Message] = deque()
        self._minute: deque[_Message] = deque()
        self._joins_minute: deque[float] = deque()
        self._joins: deque[float] = deque()

    def posted(self, user: UserId, text: int | None, event: str, now: float, *, speaks: bool = True) -> Counts:
        """Count a message; ``text`` stands for what it says, ``None`` where it says nothing.

        Where nothing ``speaks`` (a reaction), whoever is new stays so.
        """
        now = self._move_to(now)
        person = self._person(user)
        if len(self._minute) >= MOST_MESSAGES:
            if self._short and self._short[0] is self._minute[0]:
                self._leave_short()
            self._leave_minute()
        message = _Message(now, person, text, event)
        self._short.append(message)
        self._minute.append(message)
        same = self._repeated(person, text)
        if person.last is not None:
            person.last.after = message
        person.last = message
        person.short += 1
        person.minute += 1
        first = person.fresh if speaks else False
        if speaks:
            person.fresh = False
        return self._counts(person, same, first=first)

    def came(self, user: UserId, now: float) -> Counts:
        """Count somebody who comes."""
        now = self._move_to(now)
        person = self._person(user)
        person.came, person.fresh = now, True
        for line in (self._joins, self._joins_minute):
            if len(line) >= MOST_JOINS:
                line.popleft()
            line.append(now)
        return self._counts(person, None, first=None)

    def missed(self, user: UserId, *, came: bool) -> None:
        """Note what comes too late to be counted: who wrote is not new any more, and of who came nobody knows when."""
        person = self._person(user)
        person.fresh = None if came else False
        if came:
            person.came = None

    def left(self, user: UserId) -> None:
        """Note that somebody went: when they come again they are new. What they wrote stays counted."""
        person = self._people.get(user)
        if person is not None:
            person.came = person.fresh = None

    def forget(self, user: UserId) -> None:
        """Forget somebody."""
        self._people.pop(user, None)

    def take(self, user: UserId, reach: Reach, most: int) -> list[str]:
        """Return the newest events of somebody, up to this moment, that are to be taken out, oldest first; each once.

        ``reach`` says which; their last message is the one that it is about.
        """
        person = self._people.get(user)
        if person is None or person.last is None:
            return []
        found = list(islice((one for one in self._reached(person.last, reach) if not one.taken), most))
        for message in found:
            message.taken = True
        return [message.event for message in reversed(found)]

    def _reached(self, last: _Message, reach: Reach) -> Iterator[_Message]:
        yield last
        one = None if reach is Reach.THIS or (reach is Reach.SAME and last.text is None) else last.before
        while one is not None:
            if reach is Reach.SHORT and self._now - one.at >= SHORT:
                return
            if reach is not Reach.SAME or one.text == last.text:
                yield one
            one = one.before

    def __len__(self) -> int:
        """Count the people who are remembered."""
        return len(self._people)

    def _person(self, user: UserId) -> _Person:
        person = self._people.get(user)
        if person is None:
            person = self._people[user] = _Person()
            if len(self._people) > MOST_PEOPLE:
                self._people.popitem(last=False)
        else:
            self._people.move_to_end(user)
        return person

    @staticmethod
    def _repeated(person: _Person, text: int | None) -> int | None:
        """Count what somebody says, and return how often they do; ``None`` where it says nothing."""
        last = person.last
        if last is None:
            return None if text is None else 1
        if person.texts is None:
            person.texts = {} if last.text is None else {last.text: 1}
        if text is None:
            return None
        same = person.texts[text] = person.texts.get(text, 0) + 1
        return same

    def _counts(self, person: _Person, same: int | None, *, first: bool | None) -> Counts:
        in_room = None if person.came is None else self._now - person.came
        come, came = len(self._joins_minute), len(self._joins)
        return Counts(first, in_room, person.short, person.minute, same, come, came)

    def _move_to(self, now: float) -> float:
        """Let what is too old at this moment go; a clock that was set back stands still."""
        now = max(now, self._now)
        self._now = now
        short, minute, come, came = self._short, self._minute, self._joins_minute, self._joins
        while short and now - short[0].at >= SHORT:
            self._leave_short()
        while minute and now - minute[0].at >= MINUTE:
            self._leave_minute()
        while come and now - come[0] >= MINUTE:
            come.popleft()
        while came and now - came[0] >= TEN_MINUTES:
            came.popleft()
        return now

    def _leave_short(self) -> None:
        self._short.popleft().person.short -= 1

    def _leave_minute(self) -> None:
        message = self._minute.popleft()
        person, after, text = message.person, message.after, message.text
        person.minute -= 1
        if after is None:
            person.last = person.texts = None
            return
        after.before = None
        if text is not None and person.texts is not None:
            left = person.texts[text] - 1
            if left:
                person.texts[text] = left
            else:
                del person.texts[text]
