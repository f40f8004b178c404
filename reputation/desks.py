"""Desks, in one transaction: what is still to be told in management rooms, and which message asks about what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from reputation.desk_tables import QuestionRow, ToldRow
from reputation.enforcement.model import State
from reputation.room_tables import ConsequenceRow

SETTLED: Final = timedelta(seconds=3)
"""How long ago something changed before it is told: whoever wrote it then has committed it, and one message tells all
that changed together."""
GOES_ON: Final = timedelta(seconds=60)
"""How long what goes on and on waits: then what is settled of it is told."""
ASKED_FOR: Final = timedelta(days=30)
"""How long a message can be answered by a reaction; what it asks about waits on."""
MOST_ASKED: Final = 1_000
"""Consequences that one message asks about."""


@dataclass(frozen=True, slots=True)
class Span:
    """What changed after ``since`` and up to ``until`` is to be told next."""

    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Question:
    """A message that asks about some consequences of a management room."""

    management: int
    consequences: tuple[int, ...]


class Desks:
    """What management rooms are told and asked."""

    def __init__(self, session: Session, now: datetime) -> None:
        """Work in ``session``, at ``now``."""
        self._session = session
        self._now = now

    def untold(self, management: int, since: datetime) -> Span | None:
        """Return what is to be told next; ``None`` while there is nothing, or it has just begun and still goes on.

        ``since`` is when the management room was made.
        """
        row = self._session.get(ToldRow, management)
        told = since if row is None else row.until
        new = ConsequenceRow.management == management, ConsequenceRow.changed_at > told
        oldest = self._session.scalar(select(func.min(ConsequenceRow.changed_at)).where(*new))
        newest = self._session.scalar(select(func.max(ConsequenceRow.changed_at)).where(*new))
        settled = self._now - SETTLED
        if newest is not None and newest <= settled:
            return Span(told, newest)
        return Span(told, settled) if oldest is not None and oldest <= self._now - GOES_ON else None

    def owes(self, management: int) -> bool:
        """Tell whether it is still to be told that something cannot be undone: a room may go a minute later."""
        row = self._session.get(ToldRow, management)
        since = self._now - GOES_ON if row is None else max(row.until, self._now - GOES_ON)
        stuck = ConsequenceRow.management == management, ConsequenceRow.state == State.STUCK.value
        return (
            self._session.scalar(select(ConsequenceRow.id).where(*stuck, ConsequenceRow.changed_at > since).limit(1))
            is not None
        )

    def told(self, management: int, until: datetime) -> None:
        """Note that what changed up to ``until`` was told."""
        row = self._session.get(ToldRow, management)
        if row is None:
            self._session.add(ToldRow(management=management, until=until))
        else:
            row.until = max(row.until, until)
        self._session.flush()

    def ask(self, management: int, event: str, consequences: Sequence[int]) -> None:
        """Note that a message asks about some consequences, the first thousand of them."""
        old = delete(QuestionRow).where(QuestionRow.management == management)
        self._session.execute(old.where(QuestionRow.asked_at < self._now - ASKED_FOR))
        if self._session.get(QuestionRow, event) is None:
            asked = list(consequences[:MOST_ASKED])
            self._session.add(QuestionRow(event=event, management=management, consequences=asked, asked_at=self._now))
            self._session.flush()

    def question(self, event: str) -> Question | None:
        """Return what a message asks about."""
        row = self._session.get(QuestionRow, event)
        return None if row is None else Question(row.management, tuple(row.consequences))
