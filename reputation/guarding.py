"""Protections of rooms, in one transaction: what the moderators of a management room set, with versions to go back to.

Whoever changes them touches ``TOPIC``, so that the process which is in the rooms notices; it reads what stands then.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from functools import lru_cache
from typing import Final

import structlog
from pydantic import ValidationError
from sqlalchemy import delete, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from kit import changes
from kit.errors import Invalid
from reputation.policy import ProtectionsDocument
from reputation.policy_rules import Guard, guard_of
from reputation.protections.presets import NOTHING
from reputation.tables import ProtectionsRow
from reputation.versions import OF_ROOMS, Versions

LOG = structlog.get_logger(__name__)
TOPIC: Final = "rooms"
_READ_ONCE: Final = 64


class Protections:
    """The protections of management rooms, which are known by their numbers."""

    def __init__(self, session: Session, now: datetime) -> None:
        """Work in ``session``, at ``now``."""
        self._session = session
        self._now = now
        self.versions = Versions(session, now, ProtectionsDocument, OF_ROOMS)

    def show(self, management: int) -> ProtectionsDocument:
        """Return what stands; where nobody ever said anything, a document without rules."""
        guard = self._newest(management)
        return NOTHING if guard is None else guard.document

    def write(
        self, management: int, document: ProtectionsDocument, *, based_on: int | None = None
    ) -> ProtectionsDocument:
        """Let this stand; without rules nothing is done in the rooms by any.

        Raises ``Invalid`` for a document that cannot be read, ``Conflict`` where it is ``based_on`` another version
        than stands now.
        """
        read_guard(document.model_dump_json())
        self._lock(management)
        self.versions.check(management, based_on)
        self.versions.add(management, document)
        if document.rules:
            row = self._session.get_one(ProtectionsRow, management, populate_existing=True)
            row.number, row.since = self.versions.number(management), self._now
        else:
            self._off(management)
        changes.touch(self._session, TOPIC)
        return document

    def back(self, management: int, number: int | None = None) -> ProtectionsDocument:
        """Let stand again what did: in that version, else before the last change.

        It is a new version, so that this can be undone as well. Raises ``NotFound``.
        """
        return self.write(management, self.versions.earlier(management, number, first=NOTHING))

    def standing(self, managements: Collection[int] | None = None) -> dict[int, int]:
        """Return which management rooms (of these) have rules, and the number of the version that stands."""
        query = select(ProtectionsRow.management, ProtectionsRow.number).where(ProtectionsRow.number > 0)
        if managements is not None:
            query = query.where(ProtectionsRow.management.in_(managements))
        return {row.management: row.number for row in self._session.execute(query)}

    def guard(self, management: int) -> Guard | None:
        """Return what stands, read; ``None`` where there are no rules, or none that can be read any more."""
        guard = self._newest(management)
        return guard if guard is not None and guard.document.rules else None

    def forget(self, management: int) -> None:
        """Take out all of a management room that is no more."""
        self._off(management)
        self.versions.forget(management)
        changes.touch(self._session, TOPIC)

    def _newest(self, management: int) -> Guard | None:
        newest = self.versions.newest(management)
        if newest is None:
            return None
        try:
            return read_guard(newest[1])
        except (ValidationError, Invalid):  # of a release that knew more, say: nothing is done by what nobody can read
            LOG.exception("protections_unreadable", management=management, number=newest[0])
            return None

    def _lock(self, management: int) -> None:
        """Let nobody else change these before the commit."""
        insert = postgresql.insert if self._session.get_bind().dialect.name == "postgresql" else sqlite.insert
        row = insert(ProtectionsRow).values(management=management, number=0, since=self._now)
        self._session.execute(row.on_conflict_do_nothing())
        mine = select(ProtectionsRow.management).where(ProtectionsRow.management == management)
        self._session.execute(mine.with_for_update())

    def _off(self, management: int) -> None:
        gone = delete(ProtectionsRow).where(ProtectionsRow.management == management)
        self._session.execute(gone.execution_options(synchronize_session=False))


@lru_cache(maxsize=_READ_ONCE)
def read_guard(document: str) -> Guard:
    """Return the protections of a document that was kept; one that is asked often is read once. Raises ``Invalid``."""
    return guard_of(ProtectionsDocument.model_validate_json(document))
