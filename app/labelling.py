"""Labelling: which followed lists speak of somebody, in a process that keeps their entries in memory."""

from __future__ import annotations

import time
from typing import Final

from app.aside import Aside
from kit.changes import counters
from kit.clock import Clock
from kit.database import Database
from reputation.followed import TOPIC, Followed
from reputation.lists.labels import Labels

_REST: Final = 5.0
"""Times as long as making labels took, none are made anew: whoever changes a list all the time keeps nobody busy."""


class Labelling:
    """One process's ``Labels``, made when first needed and made anew when a list changed; nobody waits for that."""

    def __init__(self, database: Database, clock: Clock) -> None:
        """Read the lists in ``database``."""
        self._database = database
        self._clock = clock
        self._labels: Labels | None = None
        self._seen = -1
        self._rests_until = 0.0
        self._making = Aside("labelling", self.prepare)

    def told(self) -> Labels | None:
        """Return the labels as they are, or while they are made anew as they were; ``None`` before the first time."""
        with self._database.read() as session:
            counter = counters(session).get(TOPIC, 0)
        if counter == 0:
            return _NONE
        if counter != self._seen and time.monotonic() >= self._rests_until:
            self._making.begin()
        return self._labels

    def current(self) -> Labels:
        """Return the labels as they are now: for who can wait until a list that changed is read anew."""
        with self._database.read() as session:
            counter = counters(session).get(TOPIC, 0)
        if counter == 0:
            return _NONE
        labels = self._labels if counter == self._seen else None
        return self.prepare() if labels is None else labels

    def prepare(self) -> Labels:
        """Return the labels as they are, however long that takes."""
        began = time.monotonic()
        with self._database.read(one_moment=True) as session:
            counter = counters(session).get(TOPIC, 0)
            followed = Followed(session, self._clock())
            labels = Labels({one.name: followed.entries(one.id) for one in followed.all()})
        self._labels, self._seen = labels, counter
        self._rests_until = time.monotonic() + _REST * (time.monotonic() - began)
        return labels


_NONE = Labels({})
