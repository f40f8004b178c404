"""Judging: how people stand with each other, in a process that keeps everybody's words in memory and follows them."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock
from typing import Final, overload

import numpy as np
from sqlalchemy.orm import Session

from kit.changes import news_since
from kit.clock import Clock, unix
from kit.database import Database
from kit.errors import Unavailable
from kit.identifiers import PersonId
from ledger import holders
from reputation import evidence
from reputation.bonds import Bond, bonds, payers, summed
from reputation.outlook import USUAL, Outlook
from reputation.outlooks import outlooks
from reputation.tenants import TOPIC
from reputation.trust.caching import Views
from reputation.trust.explaining import Explanation, Turn
from reputation.trust.formula import MOST_QUORUM, prior_with_stake
from reputation.trust.graph import Audience, Edge, Graph
from reputation.words import Word, words

_ANEW: Final = timedelta(days=1)
"""How long a vouch that ran out, which nobody tells of, may still be heard: then all words are read again."""
_DAY: Final = 86_400
_PATIENCE: Final = 1.0
"""Seconds to wait for another who asks: the first one takes many, and the API's threads are few."""
_HALF: Final = 0.5
_AT_ONCE: Final = 0.05
"""The same for a knock: of two at one moment neither may find that nobody knows how anybody stands."""
_NOBODY: Final = PersonId(0)
_AUDIENCES: Final = {
    evidence.Audience.EVERYBODY: Audience.EVERYONE,
    evidence.Audience.TRUSTED: Audience.TRUSTED,
    evidence.Audience.MYSELF: Audience.NOBODY,
}


@dataclass(frozen=True, slots=True)
class Judged:
    """How somebody stands with a viewer, why, and what would bring their reputation to the other side of one half."""

    explanation: Explanation
    turn: Turn
    outlook: Outlook
    quorum: int
    """The one that this was asked with."""
    prior: float
    """What the viewer thinks of them before anybody's word: their outlook's, or nearer to a half by a stake."""


class Judgements:
    """One process's views. The first one takes seconds: everything is read, and the loops are compiled.

    Safe to use from several threads. Nothing is asked of the database but what changed since.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        """Judge by what stands in ``database``."""
        self._database = database
        self._clock = clock
        self._lock = Lock()
        self._views: Views | None = None
        self._graph = Graph()
        self._outlooks: dict[PersonId, Outlook] = {}
        self._bonded: dict[PersonId, set[PersonId]] = {}
        """At whose door which authors have put money down for somebody."""
        self._seen = dict.fromkeys((TOPIC, evidence.TOPIC, holders.TOPIC), 0)
        self._read_at = clock()

    def judge(self, viewer: PersonId, subject: PersonId, *, quorum: int | None = None, staked: float = 0.0) -> Judged:
        """Return how somebody stands with a viewer, and why: of what the viewer may know, and nothing else.

        ``quorum``: 1 to 3, how many must have a word for whoever is no contact before they are heard; the viewer's own
        where it is ``None``. ``staked``: how many times the viewer's price somebody has at stake with them.
        """
        if quorum is not None and not 1 <= quorum <= MOST_QUORUM:
            message = f"a quorum is 1 to {MOST_QUORUM}"
            raise ValueError(message)
        now = self._clock()
        if not self._lock.acquire(timeout=_PATIENCE):
            message = "standings are being read for somebody else"
            raise Unavailable(message)
        try:
            views, day = self._follow(now), unix(now) / _DAY
            self._graph.reserve(viewer + 1)
            outlook = self._outlooks.get(viewer, USUAL)
            quorum = outlook.quorum if quorum is None else quorum
            prior = prior_with_stake(outlook.prior, staked)
            return Judged(
                views.explain(viewer, subject, day, quorum=quorum, prior=prior),
                views.turn(viewer, subject, day, _HALF, quorum=quorum, prior=prior),
                outlook,
                quorum,
                prior,
            )
        finally:
            self._lock.release()

    def prepare(self) -> None:
        """Read everybody's words where that is due, and have the loops compiled that tell how somebody stands."""
        with self._lock:
            now = self._clock()
            views = self._follow(now)
            self._graph.reserve(_NOBODY + 1)  # where nobody has said anything yet
            views.standing(_NOBODY, _NOBODY, unix(now) / _DAY)

    def at_once(self, viewer: PersonId, subject: PersonId, staked: float = 0.0) -> tuple[float, float] | None:
        """Return reputation and confidence, or ``None`` where all words had to be read, for it or for somebody else.

        Whoever gets ``None`` has ``prepare`` called, by a thread that may take its time.
        """
        if not self._lock.acquire(timeout=_AT_ONCE):
            return None
        try:
            now = self._clock()
            views = self._follow(now, wait=False)
            if views is None:
                return None
            self._graph.reserve(viewer + 1)
            outlook = self._outlooks.get(viewer, USUAL)
            prior = prior_with_stake(outlook.prior, staked)
            found = views.standing(viewer, subject, unix(now) / _DAY, quorum=outlook.quorum, prior=prior)
            return found.reputation, found.confidence
        finally:
            self._lock.release()

    @overload
    def _follow(self, now: datetime) -> Views: ...

    @overload
    def _follow(self, now: datetime, *, wait: bool) -> Views | None: ...

    def _follow(self, now: datetime, *, wait: bool = True) -> Views | None:
        """Bring the words to where the database is; ``None`` where all of them had to be read and nobody can wait."""
        with self._database.read() as session:
            news = {topic: news_since(session, topic, seen) for topic, seen in self._seen.items()}
            views = self._views
            anybody = any(one.subjects is None for one in news.values())
            anew = views is None or anybody or now - self._read_at > _ANEW
            if anew and not wait:
                return None
            if views is None or anew:
                put_down = bonds(session)
                self._bonded = _at_doors(put_down)
                self._graph = _graph(words(session, now, put_down=summed(put_down)))
                self._outlooks = outlooks(session)
                views, self._read_at = Views(self._graph), now
            else:
                changed = {PersonId(number) for one in news.values() for number in one.subjects or ()}
                self._read(session, views, now, changed)
            self._views, self._seen = views, {topic: one.counter for topic, one in news.items()}
        return views

    def _read(self, session: Session, views: Views, now: datetime, changed: set[PersonId]) -> None:
        """Read again what these people say and think, and what those say who have, or had, money at their doors."""
        if not changed:
            return
        authors = changed | payers(session, changed) | {one for door in changed for one in self._bonded.get(door, ())}
        put_down = bonds(session, authors)
        said: dict[int, list[Edge]] = {author: [] for author in authors}
        for word in words(session, now, authors, put_down=summed(put_down)):
            said[word.author].append(_edge(word))
        for author, edges in said.items():
            views.say(author, edges)
        kept = {person: outlook for person, outlook in self._outlooks.items() if person not in changed}
        self._outlooks = kept | outlooks(session, changed)
        bonded = {door: left for door, who in self._bonded.items() if (left := who - authors)}
        for door, who in _at_doors(put_down).items():
            bonded[door] = bonded.get(door, set()) | who
        self._bonded = bonded


def _at_doors(put_down: Iterable[Bond]) -> dict[PersonId, set[PersonId]]:
    found: dict[PersonId, set[PersonId]] = {}
    for bond in put_down:
        found.setdefault(bond.recipient, set()).add(bond.author)
    return found


def _graph(said: Iterable[Word]) -> Graph:
    """Make a graph of all words; in columns, for as objects a million of them would take half a gigabyte."""
    by, of, audience = array("q"), array("q"), array("q")
    weight, day, bond = array("d"), array("d"), array("d")
    for word in said:
        by.append(word.author)
        of.append(word.subject)
        weight.append(word.said)
        day.append(unix(word.at) / _DAY)
        audience.append(_AUDIENCES[word.audience])
        bond.append(word.bond)
    return Graph.of_arrays(*map(np.asarray, (by, of, weight, day, audience, bond)))


def _edge(word: Word) -> Edge:
    return Edge(word.author, word.subject, word.said, unix(word.at) / _DAY, _AUDIENCES[word.audience], word.bond)
