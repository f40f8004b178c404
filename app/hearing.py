"""Hearing: how people stand with each other, for whoever asks once or all the time; nothing is loaded before that."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING

from app.aside import Aside
from kit.clock import Clock
from kit.database import Database
from kit.identifiers import PersonId

if TYPE_CHECKING:
    from app.judging import Judgements


class Hearing:
    """One process's ``Judgements``, made when first needed: what compiles them takes seconds and much memory."""

    def __init__(self, database: Database, clock: Clock) -> None:
        """Hear what stands in ``database``."""
        self._database = database
        self._clock = clock
        self._making = Lock()
        self._judgements: Judgements | None = None
        self._warming = Aside("hearing", self._prepare)

    @property
    def judgements(self) -> Judgements:
        """The views; two who are first at once share them."""
        with self._making:
            if self._judgements is None:
                from app.judging import Judgements  # noqa: PLC0415

                self._judgements = Judgements(self._database, self._clock)
            return self._judgements

    def told(self, viewer: PersonId, subject: PersonId, staked: float = 0.0) -> tuple[float, float] | None:
        """Return standing and confidence where that takes no time; else ``None``, and it is made ready for the next.

        ``staked``: how many times the viewer's price somebody has at stake with them.

        Whoever decides on a knock holds a transaction, and cannot wait until everybody's words are read.
        """
        found = self._judgements.at_once(viewer, subject, staked) if self._judgements is not None else None
        if found is None:
            self._warming.begin()
        return found

    def _prepare(self) -> None:
        self.judgements.prepare()
