"""Turning away: keeps out at the gate whom lists keep out of rooms that are looked after, as the plan for them says.

Whether a room is one of those, and whether a list that acts there may speak of somebody, is told from memory alone;
only then is the database asked what the plan for them would be. What cannot be told in time keeps nobody out, for in
the room the bot does what the plan says.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from typing import Final

import structlog
from prometheus_client import Counter, Gauge

from app.container import Container, Work
from app.waiting import Line
from kit.changes import counters
from kit.errors import NotFound, Unavailable
from kit.identifiers import RoomId, UserId, server_of
from reputation import followed, subscribing
from reputation.causes import find_words
from reputation.enforcement import arriving
from reputation.enforcement.arriving import TurnedAway
from reputation.enforcement.model import Mode
from reputation.enforcement.shares import Counted
from reputation.lists.labels import LIMITED, Labels
from reputation.pricing import origin_of

LOG = structlog.get_logger(__name__)

_READ_EVERY: Final = 0.25
"""Seconds between two looks at what changed."""
_MOST_WORK: Final = 0.1
"""Of one core, what those of whom lists speak may take in the long run."""
_PATIENCE: Final = 0.4
"""Of the gate's deadline, how long somebody may expect to wait."""
_KEPT_OUT: Final = 30.0
"""Seconds for which somebody is kept out again from memory, though nothing changed."""
_LET_IN: Final = 1.0
_MOST_REMEMBERED: Final = 10_000
_SHARE: Final = 8
"""Of one homeserver, who wait at the same time."""
_ACTING: Final = frozenset({Mode.ACT, Mode.APPROVE})

GUARDED = Gauge("earnest_gate_guarded_rooms", "Rooms at whose lists the gate looks, once it knows what is on them")
TURNED = Counter("earnest_gate_turned_away", "Calls refused by what lists say that act in a room", ["source"])


@dataclass(frozen=True, slots=True)
class _Guarded:
    """A room that is looked after, and the labels by which a list that acts there may speak of somebody."""

    management: int
    labels: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Told:
    answer: TurnedAway | None
    generation: int
    until: float


Answer = Future[TurnedAway | None]
"""Who is kept out and why, or ``None``."""


class TurningAway:
    """Answers for one process; ``start`` before use, ``stop`` after."""

    def __init__(self, container: Container) -> None:
        """Answer from the container's database."""
        self._container = container
        self._line = Line("gate-lists", 1, self._patience, most=_MOST_WORK)
        self._stop = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="gate-lists-watcher", daemon=True)
        self._rooms: Mapping[RoomId, _Guarded] = {}
        self._labels: Labels | None = None
        self._seen = (-1, -1)
        self._generation = 0
        self._told: OrderedDict[tuple[RoomId, UserId], _Told] = OrderedDict()
        self._lock = threading.Lock()

    def _patience(self) -> float:
        return self._container.settings.gate_deadline_ms / 1000 * _PATIENCE

    def start(self) -> None:
        """Follow the database from now on."""
        self._watcher.start()

    def stop(self) -> None:
        """Stop following; what is under way is finished."""
        self._stop.set()
        if self._watcher.is_alive():
            self._watcher.join()
        self._line.stop()

    # -------------------------------------------------------------------------------------------- from memory

    def suspects(self, room: RoomId, users: Iterable[UserId]) -> list[UserId]:
        """Return those of whom a list that acts in this room speaks; touches memory alone."""
        guarded, labels = self._rooms.get(room), self._labels
        if guarded is None or labels is None:
            return []
        return [user for user in users if not guarded.labels.isdisjoint(labels.of_user(user))]

    def ask(self, room: RoomId, user: UserId) -> Answer | None:
        """Have the plan for somebody made, and remember that they are kept out; ``None``: there is no time for that."""
        answer: Answer = Future()
        now = time.monotonic()
        with self._lock:
            told = self._told.get((room, user))
        if told is not None and told.generation == self._generation and now < told.until:
            if told.answer is not None:
                TURNED.labels("memory").inc()
            answer.set_result(told.answer)
            return answer
        job = partial(self._decide, answer, room, user)
        return answer if self._line.join(job, party=origin_of(server_of(user)), share=_SHARE) else None

    # -------------------------------------------------------------------------------------------- by the database

    def _decide(self, answer: Answer, room: RoomId, user: UserId) -> bool:
        if not answer.set_running_or_notify_cancel():
            return False
        generation, guarded, labels = self._generation, self._rooms.get(room), self._labels
        try:
            found = None if guarded is None or labels is None else self._found(guarded.management, labels, room, user)
        except Unavailable as error:
            answer.set_exception(error)
            return False
        except Exception:
            LOG.exception("gate_lists_failed")
            answer.set_result(None)
            return False
        if found is not None:
            TURNED.labels("database").inc()
        until = time.monotonic() + (_LET_IN if found is None else _KEPT_OUT)
        with self._lock:
            self._told[room, user] = _Told(found, generation, until)
            self._told.move_to_end((room, user))
            while len(self._told) > _MOST_REMEMBERED:
                self._told.popitem(last=False)
        answer.set_result(found)
        return True

    def _found(self, management: int, labels: Labels, room: RoomId, user: UserId) -> TurnedAway | None:
        with self._container.read(one_moment=True) as work:
            found = _planned(work, self._container.bot_id, management, labels, room, user)
        if found is None:
            return None
        with self._container.work() as work:
            work.moderation.turning.note(management, room, found)
        return found

    # -------------------------------------------------------------------------------------------- following

    def _watch(self) -> None:
        while True:
            self.refresh()
            if self._stop.wait(_READ_EVERY):
                return

    def refresh(self) -> None:
        """Bring memory to where the database is."""
        try:
            self._refresh()
        except Unavailable as error:
            LOG.warning("gate_lists_read_nothing", waits_for=type(error).__name__)
        except Exception:
            LOG.exception("gate_lists_watcher_failed")

    def _refresh(self) -> None:
        with self._container.database.read() as session:
            now = counters(session)
        seen = now.get(subscribing.TOPIC, 0), now.get(followed.TOPIC, 0)
        if seen[0] != self._seen[0]:
            with self._container.read() as work:
                self._rooms = _rooms(work)
        labels = self._container.labelling.told() if self._rooms else None
        if seen != self._seen or labels is not self._labels:
            self._labels, self._seen = labels, seen
            self._generation += 1
            GUARDED.set(0 if labels is None else len(self._rooms))


def _rooms(work: Work) -> dict[RoomId, _Guarded]:
    acting: dict[int, frozenset[str]] = {}
    for one in work.moderation.all(ended=False):
        names = {each.name for each in work.moderation.lists.subscriptions(one.id) if each.mode in _ACTING}
        acting[one.id] = frozenset(names | {name + LIMITED for name in names})
    return {
        one.room: _Guarded(one.management, labels)
        for one in work.moderation.rooms()
        if (labels := acting.get(one.management))
    }


def _planned(
    work: Work, me: UserId | None, management: int, labels: Labels, room: RoomId, user: UserId
) -> TurnedAway | None:
    """Return what the plan for somebody is, on the ground that the last plan for the rooms left behind."""
    known = work.moderation.protected(room)
    ground = work.moderation.turning.ground(management)
    if me is None or known is None or known.management != management or ground is None:
        return None
    try:
        rules = work.moderation.rules(management, me)
    except NotFound:
        return None
    words = find_words(work.session, labels, {one.name: one.list for one in rules.subscriptions}, [user])
    done = work.moderation.consequences.standing(management, room)
    spent = _together(work.moderation.consequences.spent(management), work.moderation.turning.spent(management))
    return arriving.turned_away(user, room, words, rules, done, ground, now=work.now, spent=spent)


def _together(one: Mapping[int, Counted], other: Mapping[int, Counted]) -> dict[int, Counted]:
    """Return on whom lists acted, in rooms and at the gate; whoever is in both counts for as much as in the rooms."""
    return {number: {**other.get(number, {}), **one.get(number, {})} for number in {*one, *other}}
