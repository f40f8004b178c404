"""Wearing: whose flair shows, as anybody may ask, from the memory of a process that follows the database's changes."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, Final, Generic, NamedTuple, TypeVar

from app.container import Container, Work
from kit.changes import counters
from kit.clock import unix
from kit.errors import Invalid, NotFound
from kit.identifiers import UserId, parse_user_id
from payments.flair.flairs import TOPICS
from payments.flair.statement import Statement

_FRESH_SECONDS: Final = 0.25
"""How long what changed meanwhile may be unheard of."""
_NOBODY_SECONDS: Final = 60
"""How long it is remembered that somebody shows nothing, for a gift may begin to count by time alone."""
_MOST_KEPT: Final = 20_000

Shaped = TypeVar("Shaped")
Shape = Callable[[Statement, Mapping[str, Any]], Shaped]


class Answer(NamedTuple, Generic[Shaped]):
    """What is answered of somebody: their flair in the asker's shape, or ``None`` for nothing; good until a moment."""

    shaped: Shaped | None
    until: int


class Wearing(Generic[Shaped]):
    """Flairs by Matrix id. ``at_once`` touches memory alone; where that is not enough, ``look`` asks the database."""

    def __init__(self, container: Container, shape: Shape[Shaped]) -> None:
        """Answer from the container's database; ``shape`` makes of a statement and its signed form what is kept."""
        self._container = container
        self._shape = shape
        self._kept: OrderedDict[str, Answer[Shaped]] = OrderedDict()
        self._counters: tuple[int, ...] = ()
        self._read_at = float("-inf")
        self._lock = threading.Lock()

    def at_once(self, mxid: str) -> Answer[Shaped] | None:
        """Return what is known of somebody; ``None`` where that is not known, or may have changed."""
        found = self._kept.get(mxid)
        if found is None or time.monotonic() - self._read_at > _FRESH_SECONDS:
            return None
        return found if unix(self._container.clock()) < found.until else None

    def look(self, mxid: str) -> Answer[Shaped]:
        """Return what the database knows of somebody. Raises ``DatabaseUnavailable``."""
        seen = self._refresh()
        found = self.at_once(mxid) or self._found(mxid)
        with self._lock:
            if seen == self._counters:  # else it may be what was so before
                self._kept[mxid] = found
                self._kept.move_to_end(mxid)
                while len(self._kept) > _MOST_KEPT:
                    self._kept.popitem(last=False)
        return found

    def _refresh(self) -> tuple[int, ...]:
        with self._lock:
            began = time.monotonic()
            if began - self._read_at > _FRESH_SECONDS:
                with self._container.database.read() as session:
                    now = counters(session)
                seen = tuple(now.get(topic, 0) for topic in TOPICS)
                if seen != self._counters:
                    self._kept.clear()
                self._counters, self._read_at = seen, began
            return self._counters

    def _found(self, mxid: str) -> Answer[Shaped]:
        try:
            user = parse_user_id(mxid)
        except Invalid:
            return self._nothing()
        try:
            with self._container.read(one_moment=True) as work:
                return self._answer(work, user)
        except NotFound:  # there is no key yet: the first flair that shows makes it
            with self._container.work() as work:
                work.flairs.keys.make()
                return self._answer(work, user)

    def _answer(self, work: Work, user: UserId) -> Answer[Shaped]:
        statement = work.flairs.statement(user)
        if statement is None:
            return self._nothing()
        shaped = self._shape(statement, statement.signed(work.flairs.keys.current()))
        return Answer(shaped, work.flairs.good_until(user))

    def _nothing(self) -> Answer[Shaped]:
        return Answer(None, unix(self._container.clock()) + _NOBODY_SECONDS)
